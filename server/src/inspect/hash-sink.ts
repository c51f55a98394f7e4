import type { Hash } from "node:crypto";

const BYTES = 64 * 1024;
/** What a number takes at most. */
const NUMBER_BYTES = 8;

/** Collects small pieces for a hash: to hash each alone would take far longer than hashing does. */
export class HashSink {
  readonly #buffer = new Uint8Array(BYTES);
  readonly #view = new DataView(this.#buffer.buffer);
  #used = 0;

  number(value: number, hash: Hash): void {
    if (this.#used + NUMBER_BYTES > BYTES) this.flush(hash);
    this.#view.setFloat64(this.#used, value);
    this.#used += NUMBER_BYTES;
  }

  bytes(bytes: Uint8Array, hash: Hash): void {
    if (this.#used + bytes.length > BYTES) this.flush(hash);
    if (bytes.length > BYTES) {
      hash.update(bytes);
      return;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  flush(hash: Hash): void {
    if (this.#used === 0) return;
    hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
