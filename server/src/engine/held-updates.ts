/** Why an update waits: something that it builds upon is missing, or its client id has a live owner. */
export type HeldReason = "gap" | "owned";

export interface HeldUpdate<Sender> {
  readonly sender: Sender;
  readonly update: Uint8Array;
  /** Whether its sender was asked for it; then what can be added of it is. */
  readonly isAnswer: boolean;
  /** Whether it deletes what was not there when it came: that is not for what somebody writes later. */
  readonly ownDeletesOnly: boolean;
  readonly reason: HeldReason;
  readonly heldAtMs: number;
}

/**
 * Updates of one room that cannot be added yet. Bounded in bytes, number and time: what finds no room here, or was
 * here too long, is let go, because its sender has it still.
 */
export class HeldUpdates<Sender> {
  readonly #maxBytes: number;
  readonly #maxUpdates: number;
  /** Oldest first. */
  #held: HeldUpdate<Sender>[] = [];
  #bytes = 0;

  constructor(options: { maxBytes: number; maxUpdates: number }) {
    this.#maxBytes = options.maxBytes;
    this.#maxUpdates = options.maxUpdates;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  /** When the oldest came, on the monotonic clock. */
  get oldestAtMs(): number {
    return this.#held[0]?.heldAtMs ?? Number.POSITIVE_INFINITY;
  }

  /** Keeps a reference: give it a copy. @returns Whether there was room. */
  hold(held: HeldUpdate<Sender>): boolean {
    const { length } = held.update;
    if (this.#bytes + length > this.#maxBytes || this.#held.length >= this.#maxUpdates) return false;
    this.#held.push(held);
    this.#bytes += length;
    return true;
  }

  /** Takes all out, oldest first. */
  takeAll(): readonly HeldUpdate<Sender>[] {
    const all = this.#held;
    this.#held = [];
    this.#bytes = 0;
    return all;
  }

  /** Lets go what came before that moment, and returns it. */
  takeBefore(monotonicMs: number): readonly HeldUpdate<Sender>[] {
    return this.#takeWhere(({ heldAtMs }) => heldAtMs < monotonicMs);
  }

  /** Lets go what a sender sent, and returns it. */
  forget(sender: Sender): readonly HeldUpdate<Sender>[] {
    return this.#takeWhere((held) => held.sender === sender);
  }

  #takeWhere(isTaken: (held: HeldUpdate<Sender>) => boolean): readonly HeldUpdate<Sender>[] {
    const taken = this.#held.filter(isTaken);
    if (taken.length === 0) return taken;
    this.#held = this.#held.filter((held) => !isTaken(held));
    for (const { update } of taken) this.#bytes -= update.length;
    return taken;
  }
}
