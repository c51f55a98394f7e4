/**
 * What one connection may do in one turn of the event loop, before all others get theirs. A frame of ten bytes may ask
 * for something that takes as long as the document is large, and a message may have thousands.
 */

import { LazySet } from "../engine/lazy-map.ts";
import type { Clock } from "../engine/ports.ts";
import type { TurnEnd, TurnTask } from "./turn-end.ts";

const MAX_TURN_MS = 25;

/** Tells when a turn is over. */
class Turn {
  readonly #clock: Pick<Clock, "monotonicMs">;
  #startMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  begin(): void {
    this.#startMs = this.#clock.monotonicMs();
  }

  get isOver(): boolean {
    return this.#clock.monotonicMs() - this.#startMs >= MAX_TURN_MS;
  }
}

/** Whose messages they are. */
export interface PartHandler<Part> {
  handlePart(part: Part): void;
}

/** Handles what a message has, in order; what takes too long is left for when somebody says go on. */
export class MessageParts<Part> {
  readonly #turn: Turn;
  readonly #handler: PartHandler<Part>;
  /** Most of the time there is none. */
  #rest: Part[] | null = null;
  #next = 0;

  constructor(clock: Pick<Clock, "monotonicMs">, handler: PartHandler<Part>) {
    this.#turn = new Turn(clock);
    this.#handler = handler;
  }

  /** Whether something was left for a later turn. */
  get hasRest(): boolean {
    return this.#rest !== null && this.#next < this.#rest.length;
  }

  /** A message begins. */
  begin(): void {
    this.#turn.begin();
  }

  /** Handles a part, or leaves it. */
  give(part: Part): void {
    if (this.hasRest || this.#turn.isOver) {
      this.#rest ??= [];
      this.#rest.push(part);
    } else this.#handler.handlePart(part);
  }

  /** Handles what was left: at least one part of it. */
  goOn(): void {
    this.#turn.begin();
    do {
      const part = this.#rest?.[this.#next++];
      if (part === undefined) break;
      this.#handler.handlePart(part);
    } while (!this.#turn.isOver);
    if (this.hasRest) return;
    this.#rest = null;
    this.#next = 0;
  }
}

/** Something with inputs that waited and need to no more. */
export interface Waiter {
  /** Takes in what has waited, the first one first, until that is all or the turn is over. @returns Whether it is all. */
  deliver(turn: { readonly isOver: boolean }): boolean;
}

/** Hands on what has waited, of all documents of a connection together, at the end of a turn and of those after it. */
export class Deliveries implements TurnTask {
  readonly #turn: Turn;
  readonly #turnEnd: TurnEnd;
  readonly #ready = new LazySet<Waiter>();

  constructor(clock: Pick<Clock, "monotonicMs">, turnEnd: TurnEnd) {
    this.#turn = new Turn(clock);
    this.#turnEnd = turnEnd;
  }

  add(waiter: Waiter): void {
    this.#ready.add(waiter);
    this.#turnEnd.add(this);
  }

  atTurnEnd(): void {
    this.#turn.begin();
    for (const waiter of this.#ready) {
      if (!waiter.deliver(this.#turn)) break;
      this.#ready.delete(waiter);
    }
    if (this.#ready.size > 0) this.#turnEnd.add(this);
    else this.#ready.clear();
  }
}
