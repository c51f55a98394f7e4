/**
 * What somebody may do with a document. Whoever decides gives a set of actions; whatever a client does goes through
 * {@link Rights.demand}, and there is no other door.
 */

import { JoineryError } from "@joinery/shared";

/**
 * read: see the content, and who is here. write: change the content. presence: be seen. signal: say something to those
 * who are here. history: see what the document was, deleted text too. manage: delete it, and say who may be there.
 */
export const ACTIONS = ["read", "write", "presence", "signal", "history", "manage"] as const;

export type Action = (typeof ACTIONS)[number];

/** What clients are told of their rights: the two words that every dialect has. */
export type Permission = "read" | "write";

/** As people write it: a level, which stands for the usual actions, or the actions themselves. */
export type RightsSpec = Level | readonly Action[];

export type Level = "none" | "read" | "write" | "manage";

const BITS: Readonly<Record<Action, number>> = {
  read: 1,
  write: 2,
  presence: 4,
  signal: 8,
  history: 16,
  manage: 32,
};

const REFUSALS: Readonly<Record<Action, string>> = {
  read: "you may not read this document",
  write: "this session may read the document but not write to it",
  presence: "this session may not show presence",
  signal: "this session may not send signals",
  history: "you may not see the history of this document",
  manage: "you may not manage this document",
};

/** Somebody wanted to do what they may not. */
export class ActionDenied extends JoineryError {
  readonly action: Action;

  constructor(action: Action) {
    super("PERMISSION_DENIED", REFUSALS[action]);
    this.action = action;
  }
}

/** A set of actions. Immutable; there is one object of each set. */
export class Rights {
  static readonly #all = new Map<number, Rights>();
  static readonly NONE = Rights.of([]);
  /** Sees, is seen, and may say something. */
  static readonly READER = Rights.of(["read", "presence", "signal"]);
  static readonly WRITER = Rights.of(["read", "write", "presence", "signal", "history"]);
  static readonly MANAGER = Rights.of(ACTIONS);

  readonly actions: readonly Action[];
  /** Whether `write` is one of them; asked for each update. */
  readonly mayWrite: boolean;
  readonly #bits: number;

  private constructor(bits: number) {
    this.#bits = bits;
    this.actions = ACTIONS.filter((action) => (bits & BITS[action]) !== 0);
    this.mayWrite = this.actions.includes("write");
  }

  static from(spec: RightsSpec): Rights {
    return typeof spec === "string" ? LEVELS[spec] : Rights.of(spec);
  }

  /** A document that may not be read is none for whoever asks: without `read` there is nothing else. */
  static of(actions: readonly Action[]): Rights {
    const bits = actions.reduce((sum, action) => sum | BITS[action], 0);
    return Rights.#ofBits((bits & BITS.read) === 0 ? 0 : bits);
  }

  static #ofBits(bits: number): Rights {
    const known = Rights.#all.get(bits);
    if (known) return known;
    const rights = new Rights(bits);
    Rights.#all.set(bits, rights);
    return rights;
  }

  get isNone(): boolean {
    return this.#bits === 0;
  }

  /** As clients are told. */
  get permission(): Permission {
    return this.mayWrite ? "write" : "read";
  }

  has(action: Action): boolean {
    return (this.#bits & BITS[action]) !== 0;
  }

  /**
   * @throws ActionDenied PERMISSION_DENIED (never retry), saying which action is missing.
   * Cost: one test of a bit.
   */
  demand(action: Action): void {
    if (!this.has(action)) throw new ActionDenied(action);
  }

  /** What both allow. */
  and(other: Rights): Rights {
    return Rights.#ofBits(this.#bits & other.#bits);
  }
}

const LEVELS: Readonly<Record<Level, Rights>> = {
  none: Rights.NONE,
  read: Rights.READER,
  write: Rights.WRITER,
  manage: Rights.MANAGER,
};

/** Whether it is a {@link RightsSpec}: it may have come from JavaScript, or from a token. */
export function isRightsSpec(value: unknown): value is RightsSpec {
  if (typeof value === "string") return Object.hasOwn(LEVELS, value);
  return Array.isArray(value) && value.every((action) => ACTIONS.includes(action as Action));
}
