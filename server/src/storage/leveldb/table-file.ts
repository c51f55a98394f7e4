/**
 * Reads the data of a table that is known to be sound, block by block. Entries of a block have the form that `table.ts`
 * describes; a key has eight bytes of LevelDB's own behind it: what the entry is, and the number of the change that it
 * was written by.
 */

import { ByteReader } from "@joinery/shared";
import { compareBytes } from "../keys.ts";
import { FilePieces, withFile } from "./file-pieces.ts";
import type { LiveTable } from "./manifest.ts";
import { dataBlocks, decompressed, FOOTER_BYTES, type Place, readFooter, userKey } from "./table.ts";

/** What a database holds of a key since some change. Of one key, what was written last comes first. */
export interface Entry {
  readonly key: Uint8Array;
  /** The number of the change; later ones are higher. */
  readonly sequence: number;
  /** `null` where the key was deleted. */
  readonly value: Uint8Array | null;
}

export type Entries = readonly Entry[];

const PUT = 1;

/** Where a block is, and what none of its keys is above. */
interface IndexEntry extends Place {
  readonly last: Uint8Array;
}

export class TableFile {
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly #path: string;
  readonly #bytes: number;
  #index: readonly IndexEntry[] | null = null;

  constructor(path: string, { bytes, smallest, largest }: LiveTable) {
    this.#path = path;
    this.#bytes = bytes;
    this.smallest = smallest;
    this.largest = largest;
  }

  /** Entries whose keys are not below one, block by block, in order: views of a block that has memory of its own. */
  async *from(key: Uint8Array): AsyncGenerator<Entries> {
    const pieces = await FilePieces.open(this.#path);
    try {
      const index = await this.#readIndex(pieces);
      for (let i = firstNotBelow(index, key); i < index.length; i++) {
        const { offset, size } = index[i] as IndexEntry;
        const entries = entriesOf(decompressed(await pieces.readOn(offset, size + 1)));
        yield entries.filter((entry) => compareBytes(entry.key, key) >= 0);
      }
    } finally {
      await pieces.close();
    }
  }

  /** The newest entry of a key. */
  get(key: Uint8Array): Promise<Entry | null> {
    return withFile(this.#path, async (pieces) => {
      const index = await this.#readIndex(pieces);
      // The entries of a key may go on in another block, but the newest comes first.
      const block = index[firstNotBelow(index, key)];
      if (block === undefined) return null;
      const entries = entriesOf(decompressed(await readBlock(pieces, block)));
      return entries.find((entry) => compareBytes(entry.key, key) === 0) ?? null;
    });
  }

  /** Forgets where its blocks are; it is found again. */
  forget(): void {
    this.#index = null;
  }

  async #readIndex(pieces: FilePieces): Promise<readonly IndexEntry[]> {
    if (this.#index !== null) return this.#index;
    const start = this.#bytes - FOOTER_BYTES;
    const footer = readFooter(await pieces.read(start, FOOTER_BYTES), start);
    if (footer === null) throw new Error(`${this.#path}: its footer cannot be read`);
    const blocks = dataBlocks(await readBlock(pieces, footer.index));
    this.#index = Array.from(blocks, ({ offset, size, separator }) => {
      return { offset, size, last: userKey(separator) };
    });
    return this.#index;
  }
}

/** The first block that may have a key or one above it. */
function firstNotBelow(index: readonly IndexEntry[], key: Uint8Array): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes((index[middle] as IndexEntry).last, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A block's content, and the byte that says how it is compressed. */
function readBlock(pieces: FilePieces, { offset, size }: Place): Promise<Uint8Array> {
  return pieces.read(offset, size + 1);
}

function entriesOf(block: Uint8Array): Entry[] {
  const restarts = new DataView(block.buffer, block.byteOffset).getUint32(block.length - 4, true);
  const reader = new ByteReader(block.subarray(0, block.length - 4 - restarts * 4), "block");
  const entries: Entry[] = [];
  let key = new Uint8Array(0);
  while (reader.remaining > 0) {
    const [shared, own, valueBytes] = [reader.varUint(), reader.varUint(), reader.varUint()];
    const next = new Uint8Array(shared + own);
    next.set(key.subarray(0, shared));
    next.set(reader.raw(own), shared);
    key = next;
    const value = reader.raw(valueBytes);
    const end = key.length - 8;
    const tag = new DataView(key.buffer, end, 8).getBigUint64(0, true);
    const isPut = Number(tag & 0xffn) === PUT;
    entries.push({ key: key.subarray(0, end), sequence: Number(tag >> 8n), value: isPut ? value : null });
  }
  return entries;
}
