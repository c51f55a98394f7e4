import type { DocumentName } from "@joinery/shared";
import type { BatchSpan, Meter } from "./meter.ts";
import type { Clock } from "./ports.ts";

interface Appended {
  readonly seq: number;
  readonly receivedAtMs: number;
  readonly span: BatchSpan | null;
  isSent: boolean;
  isDurable: boolean;
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
  /** Those that are not both on disk and sent to everybody, in order: as many as either is waited for. */
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
    this.#appended.push({ seq, receivedAtMs, span, isSent: false, isDurable: false });
  }

  /** It has been sent to everybody. */
  sent(seq: number): void {
    let last = this.#appended.length - 1;
    while (last >= 0 && this.#appended[last]?.seq !== seq) last--;
    const batch = this.#appended[last];
    if (!batch) return;
    this.#options.meter.deliverySeconds.add(this.#secondsSince(batch.receivedAtMs));
    batch.span?.sent();
    batch.isSent = true;
    this.#forgetOver();
  }

  /** Everything up to `seq` is on disk, which may be before a large audience was sent it. */
  durable(seq: number): void {
    for (const batch of this.#appended) {
      if (batch.seq > seq) break;
      if (batch.isDurable) continue;
      this.#options.meter.durableSeconds.add(this.#secondsSince(batch.receivedAtMs));
      batch.isDurable = true;
    }
    this.#forgetOver();
  }

  #forgetOver(): void {
    for (let first = this.#appended[0]; first?.isSent && first.isDurable; first = this.#appended[0]) {
      first.span?.end(true);
      this.#appended.shift();
    }
  }

  /** The room ended: of what is left it may not be known whether it is on disk. */
  close(): void {
    for (const { span, isDurable } of this.#appended) span?.end(isDurable);
    this.#appended = [];
  }

  #secondsSince(atMs: number): number {
    return (this.#options.clock.monotonicMs() - atMs) / 1000;
  }
}
