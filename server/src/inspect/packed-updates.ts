/**
 * Updates one behind the other in few buffers. A log may have hundreds of thousands of them, and an object for each
 * takes more memory than its bytes. Every byte has a position by which it can be found again.
 */

import { JoineryError, UpdateReader } from "@joinery/shared";
import { Numbers } from "./numbers.ts";

/** Larger updates keep the buffer that they came in. */
const COPIED_BYTES = 32 * 1024;
const BUFFER_BYTES = 1024 * 1024;
/** Positions are kept in 32 bits, with a sign. */
const MAX_BYTES = 2 ** 31 - 1;

export class PackedUpdates implements Iterable<Uint8Array> {
  readonly #readers: UpdateReader[] = [];
  /** Position of the first byte of each buffer. */
  readonly #starts: number[] = [];
  /** Position behind each update. */
  readonly #ends = new Numbers(Uint32Array);
  #bytes = 0;
  /** The buffer that small updates are copied into, and how much of it is used. */
  #open: Uint8Array | null = null;
  #openUsed = 0;
  /** The buffer that was read from last. */
  #last = 0;

  static of(updates: Iterable<Uint8Array>): PackedUpdates {
    if (updates instanceof PackedUpdates) return updates;
    const packed = new PackedUpdates();
    for (const update of updates) packed.add(update);
    return packed;
  }

  /** How many there are. */
  get count(): number {
    return this.#ends.length;
  }

  /** Of all together. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds an update behind the others. A large one is kept as it is: nobody may change it.
   *
   * @throws JoineryError REPLICA_FAILED (backoff) above 2 GiB.
   */
  add(update: Uint8Array): void {
    const { length } = update;
    this.#requireRoom(length);
    if (length >= COPIED_BYTES) this.#addBuffer(update);
    else this.#copy(update);
    this.#bytes += length;
    this.#ends.push(this.#bytes);
  }

  /** Adds an update before all others, which is kept as it is. Cost: linear in updates. */
  addFirst(update: Uint8Array): void {
    const { length } = update;
    this.#requireRoom(length);
    this.#readers.unshift(new UpdateReader(update, "update"));
    for (let i = 0; i < this.#starts.length; i++) this.#starts[i] = (this.#starts[i] as number) + length;
    this.#starts.unshift(0);
    this.#bytes += length;
    this.#ends.push(0);
    for (let i = this.count - 1; i > 0; i--) this.#ends.set(i, this.#ends.at(i - 1) + length);
    this.#ends.set(0, length);
  }

  /** Views of the updates, in order. */
  *[Symbol.iterator](): Generator<Uint8Array> {
    for (let i = 0; i < this.count; i++) {
      const start = this.startOf(i);
      const buffer = this.#bufferAt(start);
      const from = start - (this.#starts[buffer] as number);
      const { bytes } = this.#readers[buffer] as UpdateReader;
      yield bytes.subarray(from, from + this.#ends.at(i) - start);
    }
  }

  /** Position of the first byte of an update. */
  startOf(update: number): number {
    return update === 0 ? 0 : this.#ends.at(update - 1);
  }

  /** A reader that stands there, until it is asked for again. Its own position is another one: see {@link startAt}. */
  readerAt(position: number): UpdateReader {
    const buffer = this.#bufferAt(position);
    const reader = this.#readers[buffer] as UpdateReader;
    reader.position = position - (this.#starts[buffer] as number);
    return reader;
  }

  /** Position of the first byte that the reader for a position has. */
  startAt(position: number): number {
    return this.#starts[this.#bufferAt(position)] as number;
  }

  #bufferAt(position: number): number {
    const starts = this.#starts;
    const last = this.#last;
    if ((starts[last] as number) <= position && position < (starts[last + 1] ?? this.#bytes)) return last;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] as number) <= position) low = middle;
      else high = middle - 1;
    }
    this.#last = low;
    return low;
  }

  #requireRoom(bytes: number): void {
    if (this.#bytes + bytes > MAX_BYTES)
      throw new JoineryError("REPLICA_FAILED", "its updates have more than 2 GiB");
  }

  #addBuffer(bytes: Uint8Array): void {
    this.#open = null;
    this.#starts.push(this.#bytes);
    this.#readers.push(new UpdateReader(bytes, "update"));
  }

  #copy(update: Uint8Array): void {
    if (this.#open === null || this.#openUsed + update.length > BUFFER_BYTES) {
      const buffer = new Uint8Array(BUFFER_BYTES);
      this.#addBuffer(buffer);
      this.#open = buffer;
      this.#openUsed = 0;
    }
    this.#open.set(update, this.#openUsed);
    this.#openUsed += update.length;
  }
}
