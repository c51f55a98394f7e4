import { encodeStateVector, type Inspection } from "@joinery/shared";

/**
 * Which clock ticks of each client a document contains. Invariant: it contains every tick of a client below its
 * clock.
 */
export class Coverage {
  readonly #clocks = new Map<number, number>();
  #stateVector: Uint8Array | null = null;

  /** The Yjs v1 state vector. Cost: linear in clients after a change, else nothing. */
  get stateVector(): Uint8Array {
    this.#stateVector ??= encodeStateVector(this.#clocks);
    return this.#stateVector;
  }

  /** Number of clients that ever wrote. */
  get clients(): number {
    return this.#clocks.size;
  }

  clockOf(client: number): number {
    return this.#clocks.get(client) ?? 0;
  }

  /**
   * Whether an update brings only what is new, and builds only upon what is here or what it brings itself.
   *
   * Cost: linear in its ranges and references.
   */
  isNextTo({ structs, needs }: Inspection): boolean {
    // Ticks that the update itself brings.
    let reached: Map<number, number> | null = null;
    for (const { client, start, end } of structs) {
      if (start !== (reached?.get(client) ?? this.clockOf(client))) return false;
      reached ??= new Map();
      reached.set(client, end);
    }
    for (const [client, clock] of needs) {
      if (clock > (reached?.get(client) ?? this.clockOf(client))) return false;
    }
    return true;
  }

  add({ structs }: Inspection): void {
    for (const { client, end } of structs) {
      if (end <= this.clockOf(client)) continue;
      this.#clocks.set(client, end);
      this.#stateVector = null;
    }
  }
}
