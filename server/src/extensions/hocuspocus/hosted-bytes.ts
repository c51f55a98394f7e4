import { JoineryError } from "@joinery/shared";

/**
 * How much of documents is kept as Y.Docs. Each takes about twelve times its encoded size, and each edit is integrated
 * on the event loop; costly ones were tried elsewhere before.
 */
/** What one document takes. */
interface Taken {
  /** Its size now. Cost: linear in its updates. */
  readonly measure: () => number;
  bytes: number;
  /** What was added since it was measured, and with how much it is measured again. */
  added: number;
  measuredAt: number;
}

/** A document is measured again when as much was added to it, and as much as it had: what was added may be folded. */
const MIN_ADDED_BYTES = 64 * 1024;

export class HostedBytes {
  readonly #maxBytes: number;
  readonly #taken = new Map<object, Taken>();
  #total = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get documents(): number {
    return this.#taken.size;
  }

  /** Encoded, with what was added since they were measured: at most twice as much as they are. */
  get total(): number {
    return this.#total;
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  take(document: object, measure: () => number): void {
    const bytes = measure();
    if (this.#total + bytes > this.#maxBytes) {
      const message = `extensions have ${this.#total} bytes of documents in memory, the option "maxHostedBytes" is ${this.#maxBytes}`;
      throw new JoineryError("SERVER_FULL", message);
    }
    this.#total += bytes;
    this.#taken.set(document, { measure, bytes, added: 0, measuredAt: measuredAfter(bytes) });
  }

  add(document: object, bytes: number): void {
    const taken = this.#taken.get(document);
    if (taken === undefined) return;
    taken.added += bytes;
    taken.bytes += bytes;
    this.#total += bytes;
    if (taken.added >= taken.measuredAt) this.#measure(taken);
  }

  release(document: object): void {
    this.#total -= this.#taken.get(document)?.bytes ?? 0;
    this.#taken.delete(document);
  }

  #measure(taken: Taken): void {
    const bytes = taken.measure();
    this.#total += bytes - taken.bytes;
    taken.bytes = bytes;
    taken.added = 0;
    taken.measuredAt = measuredAfter(bytes);
  }
}

function measuredAfter(bytes: number): number {
  return Math.max(MIN_ADDED_BYTES, bytes);
}
