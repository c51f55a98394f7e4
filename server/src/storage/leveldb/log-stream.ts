/**
 * Reads a write-ahead log piece by piece, as far as it is as it was written: neither the file nor a record of it has to
 * be in memory as a whole.
 */

import type { Operation } from "../database.ts";
import { withFile } from "./file-pieces.ts";
import { BLOCK_BYTES, FIRST, FULL, HEADER_BYTES, LAST, soundPiece } from "./log-format.ts";
import { BATCH_HEADER_BYTES } from "./write-batch.ts";

/** What is told of a log. */
export interface LogVisitor {
  /** A batch that is whole. */
  batch(sequence: number, count: number): void;
  /** A change of a batch that may not be whole, with its own sequence number; without it, none is read. */
  readonly operation?: (operation: Operation, sequence: number) => void;
}

/**
 * Reads a log.
 *
 * @returns Whether all of it is as it was written, and no end is missing. Where it is not, it was read up to there.
 */
export function readSoundLog(path: string, visitor: LogVisitor): Promise<boolean> {
  return withFile(path, async (pieces) => {
    const batch = new BatchStream(visitor);
    // What is read begins with a block, and is whole blocks up to the last one.
    for (let offset = 0; ; ) {
      const piece = await pieces.from(offset);
      if (piece.length === 0) return !batch.isOpen;
      for (let at = 0; at < piece.length; at += BLOCK_BYTES) {
        if (!readBlock(piece, at, batch)) return false;
      }
      offset += piece.length;
    }
  });
}

function readBlock(bytes: Uint8Array, start: number, batch: BatchStream): boolean {
  const end = Math.min(start + BLOCK_BYTES, bytes.length);
  let offset = start;
  // Too little for a header at the end of a block is not used; at the end of the file it may be half a header.
  while (end - offset >= HEADER_BYTES) {
    const piece = soundPiece(bytes, offset, end);
    if (piece === null) return false;
    const isStart = piece.type === FULL || piece.type === FIRST;
    if (isStart === batch.isOpen) return false;
    if (isStart) batch.start();
    if (!batch.add(piece.payload)) return false;
    if ((piece.type === FULL || piece.type === LAST) && !batch.end()) return false;
    offset = piece.end;
  }
  return offset === end || end - start === BLOCK_BYTES;
}

const DELETE = 0;
const PUT = 1;

/** As LevelDB has it. */
const MAX_LENGTH = 2 ** 32 - 1;

/** What comes next in a batch. */
type Part = "header" | "type" | "key length" | "key" | "value length" | "value";

/** Takes a batch apart as it comes. */
class BatchStream {
  readonly #visitor: LogVisitor;
  readonly #header = new Uint8Array(BATCH_HEADER_BYTES);
  #part: Part = "header";
  #isPut = false;
  #key = new Uint8Array(0);
  /** What is being filled, if anybody wants it, and how much of it there is. */
  #target: Uint8Array | null = null;
  #filled = 0;
  #left = 0;
  #length = 0;
  #factor = 1;
  #operations = 0;
  isOpen = false;

  constructor(visitor: LogVisitor) {
    this.#visitor = visitor;
  }

  start(): void {
    this.isOpen = true;
    this.#operations = 0;
    this.#expect("header", BATCH_HEADER_BYTES, this.#header);
  }

  /** @returns Whether it can be a batch. */
  add(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.#part === "header" || this.#part === "key" || this.#part === "value") {
        const part = bytes.subarray(at, at + this.#left);
        this.#target?.set(part, this.#filled);
        this.#filled += part.length;
        this.#left -= part.length;
        at += part.length;
        if (this.#left === 0) this.#endPart();
      } else if (!this.#takeByte(bytes[at++] as number)) return false;
    }
    return true;
  }

  /** @returns Whether it was whole: as many changes as it says, and nothing else. */
  end(): boolean {
    this.isOpen = false;
    if (this.#part !== "type" || this.#operations !== this.#count) return false;
    this.#visitor.batch(this.#sequence, this.#count);
    return true;
  }

  get #sequence(): number {
    return Number(new DataView(this.#header.buffer).getBigUint64(0, true));
  }

  get #count(): number {
    return new DataView(this.#header.buffer).getUint32(8, true);
  }

  #takeByte(byte: number): boolean {
    if (this.#part === "type") {
      this.#isPut = byte === PUT;
      this.#expectLength("key length");
      return byte === PUT || byte === DELETE;
    }
    this.#length += (byte & 0x7f) * this.#factor;
    this.#factor *= 0x80;
    if (byte >= 0x80) return this.#factor <= 2 ** 28;
    if (this.#length > MAX_LENGTH) return false;
    if (this.#part === "key length") {
      this.#key = new Uint8Array(this.#length);
      this.#expect("key", this.#length, this.#key);
    } else {
      const isWanted = this.#visitor.operation !== undefined;
      this.#expect("value", this.#length, isWanted ? new Uint8Array(this.#length) : null);
    }
    if (this.#left === 0) this.#endPart();
    return true;
  }

  #endPart(): void {
    if (this.#part === "header") this.#part = "type";
    else if (this.#part === "key" && this.#isPut) this.#expectLength("value length");
    else {
      const key = this.#key;
      const sequence = this.#sequence + this.#operations++;
      const operation: Operation =
        this.#isPut && this.#target !== null
          ? { type: "put", key, value: this.#target }
          : { type: "del", key };
      this.#part = "type";
      this.#target = null;
      this.#visitor.operation?.(operation, sequence);
    }
  }

  #expect(part: Part, length: number, target: Uint8Array | null): void {
    this.#part = part;
    this.#left = length;
    this.#target = target;
    this.#filled = 0;
  }

  #expectLength(part: Part): void {
    this.#part = part;
    this.#length = 0;
    this.#factor = 1;
  }
}
