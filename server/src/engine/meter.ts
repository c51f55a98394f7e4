/**
 * What the engine counts. Plain numbers that are added to: whoever wants to know reads them, and nobody is told. All of
 * them only grow.
 */

import type { DocumentName } from "@joinery/shared";
import type { Dialect } from "./ports.ts";

/** What came and went by one dialect. */
export class Traffic {
  /** Sessions that were opened; of those, by clients that said how far they had been in the document before. */
  sessions = 0;
  resumedSessions = 0;
  /** Edits, as clients sent them. */
  updatesIn = 0;
  updateBytesIn = 0;
  /** What clients had when they were asked for what the server misses. */
  answerBytesIn = 0;
  presenceBytesIn = 0;
  /** Batches, each once a session that it was sent to. */
  updatesOut = 0;
  updateBytesOut = 0;
  presenceBytesOut = 0;
  catchUps = 0;
  catchUpBytesOut = 0;
}

/** How many values fell into which bucket. */
export class Distribution {
  /** The greatest value of each bucket, ascending; one more has what is beyond. */
  readonly bounds: readonly number[];
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Cost: linear in bounds; allocates nothing. */
  add(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    counts[bucket] = (counts[bucket] as number) + 1;
    this.sum += value;
  }
}

/** A batch of a document's log, as it was handed to the storage. */
export interface MeteredBatch {
  readonly document: DocumentName;
  readonly seq: number;
  readonly updates: number;
  readonly bytes: number;
  /** How long ago the first of its updates was received, in milliseconds. */
  readonly ageMs: number;
}

/** Somebody follows one batch. */
export interface BatchSpan {
  /** It was sent to everybody. */
  sent(): void;
  /** Called once, and last: it is on disk, or it is not known to be. */
  end(isDurable: boolean): void;
}

/** Seconds: from a flush at the end of the turn to a disk that does not answer. */
export const LATENCY_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const UPDATES_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const BYTES_BOUNDS = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304];

export class Meter {
  readonly batchUpdates = new Distribution(UPDATES_BOUNDS);
  readonly batchBytes = new Distribution(BYTES_BOUNDS);
  /** From the moment the first update of a batch was received until it was sent; until it was on disk. */
  readonly deliverySeconds = new Distribution(LATENCY_BOUNDS);
  readonly durableSeconds = new Distribution(LATENCY_BOUNDS);
  /** Asked once a batch whether somebody follows it; `null` while nobody follows any. */
  follow: ((batch: MeteredBatch) => BatchSpan | null) | null = null;
  readonly #traffic = new Map<string, Traffic>();

  /** By the dialect's name. */
  get traffic(): ReadonlyMap<string, Traffic> {
    return this.#traffic;
  }

  trafficOf({ name }: Dialect): Traffic {
    const known = this.#traffic.get(name);
    if (known) return known;
    const traffic = new Traffic();
    this.#traffic.set(name, traffic);
    return traffic;
  }
}
