/**
 * All show the same also where somebody put an item where no editor puts one. This rule is known to break: what the
 * others show of it depends on the order in which they took it in. It is counted, and harms nothing else.
 */
export const MISPLACED = "misplaced items show the same";

/** The rules that hold whatever an attacker sends. */
export type Rule =
  /** Something was thrown that is no answer to a client. */
  | "nothing escapes"
  /** The server calls an input of a client its own mistake. */
  | "no mistake of ours"
  /** An attacker's connection hears nothing wrong, nor does anybody else's. */
  | "innocents stay connected"
  /** What innocents are sent can be taken in, and their documents still announce edits. */
  | "nobody is silenced"
  /** No innocent waits for something that never comes. */
  | "nothing is pending"
  /** An edit of an innocent reaches the others. */
  | "edits are relayed"
  /** What is stored loads, whichever way. */
  | "the document loads"
  /** The log can be folded into a snapshot. */
  | "the log folds"
  /** All have the same clocks. */
  | "all know the same"
  /** All show the same. */
  | "all show the same"
  | typeof MISPLACED
  /** Innocents are seen as they are, and nobody who has gone. */
  | "presence is true"
  /** Nobody takes another's client id. */
  | "ids stay with their owners"
  | "other documents are untouched"
  | "memory is bounded"
  | "the world comes to rest";

/** A rule that was broken, and how. */
export class Finding extends Error {
  readonly rule: Rule;

  constructor(rule: Rule, detail: string, options?: { cause?: unknown }) {
    super(`${rule}: ${detail}`, options);
    this.name = "Finding";
    this.rule = rule;
  }
}
