import { JoineryError } from "@joinery/shared";

/**
 * How much of documents is kept as Y.Docs. Each takes about twelve times its encoded size, and each edit is integrated
 * on the event loop; costly ones were tried elsewhere before.
 */
export class HostedBytes {
  readonly #maxBytes: number;
  readonly #taken = new Map<object, number>();
  #total = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get documents(): number {
    return this.#taken.size;
  }

  /** Encoded, with what was added since they were loaded. */
  get total(): number {
    return this.#total;
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  take(document: object, bytes: number): void {
    if (this.#total + bytes > this.#maxBytes) {
      const message = `extensions have ${this.#total} bytes of documents in memory, the option "maxHostedBytes" is ${this.#maxBytes}`;
      throw new JoineryError("SERVER_FULL", message);
    }
    this.#taken.set(document, 0);
    this.add(document, bytes);
  }

  add(document: object, bytes: number): void {
    const taken = this.#taken.get(document);
    if (taken === undefined) return;
    this.#taken.set(document, taken + bytes);
    this.#total += bytes;
  }

  release(document: object): void {
    this.#total -= this.#taken.get(document) ?? 0;
    this.#taken.delete(document);
  }
}
