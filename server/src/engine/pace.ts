import * as Y from "yjs";
import { Replica } from "./replica.ts";

/** What integrating takes time for. */
export interface Work {
  readonly structs: number;
  readonly deletes: number;
  readonly clients: number;
  readonly bytes: number;
}

/** Bytes of contents that take as long as a struct: about 20 ns each, of JSON. Text takes less. */
const BYTES_A_STRUCT = 64;
/** Structs that take as long as what comes with a client. */
const STRUCTS_A_CLIENT = 4;

// Enough not to fit into the processor's caches, which real documents do not either.
const REFERENCE_STRUCTS = 20_000;
const REFERENCE_RUNS = 2;

/**
 * How fast this thread integrates honest work at the moment, measured on a document of its own: so that what takes
 * too long is told from a slow or busy machine.
 */
export class Pace {
  readonly #cpuMs: () => number;
  readonly #monotonicMs: () => number;
  #reference: Uint8Array | null = null;

  /**
   * @param clocks `cpuMs` is the CPU time of this thread so far, `monotonicMs` any clock that never goes back; both
   * in milliseconds.
   */
  constructor(clocks: { cpuMs: () => number; monotonicMs: () => number }) {
    this.#cpuMs = clocks.cpuMs;
    this.#monotonicMs = clocks.monotonicMs;
  }

  /** Runs something. Returns the CPU time that it took, in milliseconds. */
  time(run: () => void): number {
    const startMs = this.#cpuMs();
    run();
    return this.#cpuMs() - startMs;
  }

  /** Milliseconds of real time since some moment: finer than CPU time, to compare parts of one thing by. */
  nowMs(): number {
    return this.#monotonicMs();
  }

  /**
   * What honest work of this size takes now, in milliseconds: of real time, so that others who use the processor
   * make it more, not less. Cost: some 40 ms.
   */
  usualMs({ structs, deletes, clients, bytes }: Work): number {
    this.#reference ??= makeReference();
    const updates = [this.#reference];
    const startMs = this.#monotonicMs();
    for (let i = 0; i < REFERENCE_RUNS; i++) new Replica().apply(updates);
    const ms = this.#monotonicMs() - startMs;
    const inStructs = structs + deletes + clients * STRUCTS_A_CLIENT + bytes / BYTES_A_STRUCT;
    return (ms / REFERENCE_RUNS / REFERENCE_STRUCTS) * inStructs;
  }
}

/** Characters typed here and there in a text, none next to the one before. */
function makeReference(): Uint8Array {
  const doc = new Y.Doc();
  const text = doc.getText("text");
  doc.transact(() => {
    for (let i = 0; i < REFERENCE_STRUCTS; i++) text.insert((i * 7919) % (i + 1), "x");
  });
  return Y.encodeStateAsUpdate(doc);
}
