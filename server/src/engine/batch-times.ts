import type { DocumentName } from "@joinery/shared";
import type { BatchSpan, Meter } from "./meter.ts";
import type { Clock } from "./ports.ts";

interface Appended {
  readonly seq: number;
  readonly receivedAtMs: number;
  readonly span: BatchSpan | null;
}

export interface BatchTimesOptions {
  readonly document: DocumentName;
  readonly clock: Clock;
  readonly meter: Meter;
}

/**
 * How long a room's batches take until they are sent, and until they are on disk. The clock is read once a batch, when
 * its first update comes: what an update costs is an addition.
 */
export class BatchTimes {
  readonly #options: BatchTimesOptions;
  /** Of the batch that is open. */
  #updates = 0;
  #receivedAtMs = Number.POSITIVE_INFINITY;
  /** Those that are not on disk yet, in order: as many as the journal waits for. */
  #appended: Appended[] = [];

  constructor(options: BatchTimesOptions) {
    this.#options = options;
  }

  /** An update was put into the batch. */
  added(): void {
    if (this.#updates++ === 0) this.#receivedAtMs = this.#options.clock.monotonicMs();
  }

  /** The update that was added last came then, in an earlier turn. */
  cameAt(atMs: number): void {
    if (atMs < this.#receivedAtMs) this.#receivedAtMs = atMs;
  }

  /** The batch was handed to the storage. */
  appended(seq: number, bytes: number): void {
    const { document, clock, meter } = this.#options;
    const receivedAtMs = this.#receivedAtMs;
    const updates = this.#updates;
    this.#updates = 0;
    this.#receivedAtMs = Number.POSITIVE_INFINITY;
    meter.batchUpdates.add(updates);
    meter.batchBytes.add(bytes);
    const { follow } = meter;
    const ageMs = follow ? clock.monotonicMs() - receivedAtMs : 0;
    const span = follow ? follow({ document, seq, updates, bytes, ageMs }) : null;
    this.#appended.push({ seq, receivedAtMs, span });
  }

  /** What was appended last has been sent to everybody. */
  sent(seq: number): void {
    const batch = this.#appended.findLast((appended) => appended.seq === seq);
    if (!batch) return;
    this.#options.meter.deliverySeconds.add(this.#secondsSince(batch.receivedAtMs));
    batch.span?.sent();
  }

  /** Everything up to `seq` is on disk. */
  durable(seq: number): void {
    for (let first = this.#appended[0]; first && first.seq <= seq; first = this.#appended[0]) {
      this.#options.meter.durableSeconds.add(this.#secondsSince(first.receivedAtMs));
      first.span?.end(true);
      this.#appended.shift();
    }
  }

  /** The room ended: of what is left it is not known whether it is on disk. */
  close(): void {
    for (const { span } of this.#appended) span?.end(false);
    this.#appended = [];
  }

  #secondsSince(atMs: number): number {
    return (this.#options.clock.monotonicMs() - atMs) / 1000;
  }
}
