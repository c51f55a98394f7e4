import type { AwarenessEntry } from "@joinery/shared";
import type { SentSignal } from "./signals.ts";

/** Something that a client sent. The bytes may be views, and must not be changed. */
export type SessionInput =
  /** It asks for what it misses; an empty state vector says that it has nothing. */
  | { readonly kind: "sync"; readonly stateVector: Uint8Array }
  /** An edit, or, as an answer, all that the server may miss. */
  | { readonly kind: "update"; readonly update: Uint8Array; readonly isAnswer: boolean }
  | { readonly kind: "presence"; readonly entries: readonly AwarenessEntry[] }
  | { readonly kind: "signal"; readonly signal: SentSignal };

/** Looks at what clients send, before it is let in. What the client sends after it waits meanwhile. */
export interface Guard<Session> {
  /**
   * @returns What is let in instead, of the same kind; `null` for the input as it is, at once. A promise of `null` says
   * that nothing is, and nobody told; not of an update, whose sender would never learn that it is not saved. A
   * rejection is the refusal that the client is told.
   */
  before<Input extends SessionInput>(session: Session, input: Input): Promise<Input | null> | null;
  /** It was let in; refused or not. */
  after(session: Session, input: SessionInput): void;
}
