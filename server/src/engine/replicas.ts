import type { Clock, Timer } from "./ports.ts";
import { Replica } from "./replica.ts";

/** What a replica is built from: a document's log, as far as a room has it in memory. */
export interface ReplicaSource {
  readonly seq: number;
  /** The log after `seq`, or `null` when only the whole of it is to be had. */
  updatesSince(seq: number): readonly Uint8Array[] | null;
  wholeUpdates(): readonly Uint8Array[];
}

interface Held {
  readonly replica: Replica;
  usedAtMs: number;
}

/**
 * The replicas of all rooms. One is built when somebody needs it, brought up to date at each use, and let go
 * when it was not used for a while or when all together pass the memory budget, least recently used first.
 */
export class Replicas {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  readonly #idleMs: number;
  // In the order of their last use.
  readonly #held = new Map<ReplicaSource, Held>();
  #sweep: Timer | null = null;

  constructor(options: { clock: Clock; maxBytes: number; idleMs: number }) {
    this.#clock = options.clock;
    this.#maxBytes = options.maxBytes;
    this.#idleMs = options.idleMs;
  }

  get count(): number {
    return this.#held.size;
  }

  /** The source's replica, up to date. Valid until the next call of any method. */
  use(source: ReplicaSource): Replica {
    const replica = this.#current(source) ?? new Replica(source.seq, source.wholeUpdates());
    this.#hold(source, replica);
    return replica;
  }

  /** Replaces the source's replica, for instance by one that was read back from a snapshot. */
  replace(source: ReplicaSource, replica: Replica): void {
    if (this.#held.get(source)?.replica !== replica) this.drop(source);
    this.#hold(source, replica);
  }

  drop(source: ReplicaSource): void {
    this.#held.get(source)?.replica.release();
    this.#held.delete(source);
  }

  #current(source: ReplicaSource): Replica | null {
    const held = this.#held.get(source);
    if (!held) return null;
    const missing = source.updatesSince(held.replica.seq);
    if (missing === null) {
      this.drop(source);
      return null;
    }
    held.replica.advance(source.seq, missing);
    return held.replica;
  }

  #hold(source: ReplicaSource, replica: Replica): void {
    this.#held.delete(source);
    this.#held.set(source, { replica, usedAtMs: this.#clock.monotonicMs() });
    let bytes = 0;
    for (const held of this.#held.values()) bytes += held.replica.memoryBytes;
    for (const [other, held] of this.#held) {
      if (bytes <= this.#maxBytes || other === source) break;
      bytes -= held.replica.memoryBytes;
      this.drop(other);
    }
    this.#sweep ??= this.#clock.setTimer(this.#idleMs, () => this.#dropIdle());
  }

  #dropIdle(): void {
    this.#sweep = null;
    const now = this.#clock.monotonicMs();
    for (const [source, held] of this.#held) {
      if (now - held.usedAtMs < this.#idleMs) break;
      this.drop(source);
    }
    if (this.#held.size > 0) this.#sweep = this.#clock.setTimer(this.#idleMs, () => this.#dropIdle());
  }

  /** Lets all go and stops the timer. */
  close(): void {
    for (const source of [...this.#held.keys()]) this.drop(source);
    this.#sweep?.cancel();
    this.#sweep = null;
  }
}
