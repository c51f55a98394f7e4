/**
 * LevelDB's tables: blocks of sorted records with a checksum each, which LevelDB does not look at when it reads. Here
 * every checksum of a file is. Source: LevelDB's doc/table_format.md.
 *
 *   data blocks, filter block, metaindex block, index block, footer      without anything between them
 *   block   = content, compression 1 byte, checksum 4 bytes of both      00 plain, 01 Snappy
 *   footer  = place of the metaindex, place of the index, zeros to 40 bytes, magic 8 bytes
 *   content = entries, offset of each restart, number of restarts        4 bytes each, little-endian
 *   entry   = bytes shared with the key before, bytes of its own, bytes of its value, key, value
 */

import { ByteReader, equalBytes, JoineryError } from "@joinery/shared";
import type { KeyRange } from "../keys.ts";
import { check, maskedChecksum, type Verdict } from "./checksum.ts";
import { decompressSnappy } from "./snappy.ts";

export interface TableCheck {
  /** Offsets of the blocks, or of the footer, in which a flipped bit was put right. */
  readonly flips: readonly number[];
  /** Blocks that nothing can be read from any more, and the keys that they may have held. */
  readonly lost: readonly { readonly offset: number; readonly keys: KeyRange }[];
  /** The file with flipped bits put right and lost blocks empty; `null` when it can stay as it is. */
  readonly repaired: Uint8Array | null;
}

/** Where a block is in its file. */
export interface Place {
  readonly offset: number;
  /** Of the content, without what follows it. */
  readonly size: number;
}

export interface DataBlock extends Place {
  /** At or above all of its keys, and below those of the next block; with LevelDB's own eight bytes. */
  readonly separator: Uint8Array;
}

export const AFTER_CONTENT_BYTES = 5;
export const FOOTER_BYTES = 48;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const SNAPPY = 1;
const DEFAULT_FILTER_BASE = 11;
const INTERNAL_KEY_BYTES = 8;

/**
 * Checks all of a table.
 *
 * @param bytes The whole file.
 * @param smallest The table's first key.
 * @throws JoineryError DATA_FOLDER_UNUSABLE (never retry) when its footer or index is gone: nothing can be found in it
 * then. Cost: 0.7 ns a byte.
 */
export function checkTable(bytes: Uint8Array, smallest: Uint8Array): TableCheck {
  const table = new TableRepair(bytes);
  const { metaindex, index } = footerOf(bytes) ?? table.repairFooter();
  const indexContent = table.block(index);
  if (indexContent === null) throw unreadable("its index");
  const lost: { offset: number; keys: KeyRange }[] = [];
  let gte = smallest;
  let offset = 0;
  for (const block of dataBlocks(indexContent)) {
    if (block.offset !== offset) throw unreadable("its index");
    const lt = after(userKey(block.separator));
    if (table.block(block) === null) {
      table.write(block, new Uint8Array(block.size + 1));
      lost.push({ offset, keys: { gte, lt } });
    }
    gte = userKey(block.separator);
    offset = endOf(block);
  }
  // Filters only save work, and so does the list of them: LevelDB does without.
  const filter = { offset, size: metaindex.offset - offset - AFTER_CONTENT_BYTES };
  if (filter.size > 0 && table.block(filter) === null) table.write(filter, filterOfNothing(filter.size));
  if (table.block(metaindex) === null) table.write(metaindex, new Uint8Array(metaindex.size + 1));
  return { flips: table.flips, lost, repaired: table.repaired };
}

/** Reads blocks of a table and writes them anew where that is needed. */
class TableRepair {
  readonly flips: number[] = [];
  repaired: Uint8Array | null = null;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The content of a block and the byte that says how it is compressed; `null` when it cannot be read. */
  block(place: Place): Uint8Array | null {
    if (place.size < 0 || endOf(place) > this.#bytes.length) throw unreadable("its index");
    const verdict = checkBlock(this.#bytes, place);
    if (verdict.kind === "damaged") return null;
    const content = contentOf(this.#bytes, place);
    if (verdict.kind === "sound") return content;
    this.write(place, verdict.repaired);
    this.flips.push(place.offset);
    return verdict.repaired;
  }

  /** @param content As {@link block} gives it. All zeros is a block without entries. */
  write({ offset }: Place, content: Uint8Array): void {
    this.repaired ??= this.#bytes.slice();
    this.repaired.set(content, offset);
    new DataView(this.repaired.buffer).setUint32(offset + content.length, maskedChecksum(content), true);
  }

  /** A footer has no checksum; but it is right when the blocks that it names have theirs, and fill the file. */
  repairFooter(): Footer {
    const start = this.#bytes.length - FOOTER_BYTES;
    if (start < 0) throw unreadable("its footer");
    const bytes = this.#bytes.slice();
    for (let bit = 0; bit < FOOTER_BYTES * 8; bit++) {
      const at = start + (bit >> 3);
      const was = bytes[at] as number;
      bytes[at] = was ^ (1 << (bit & 7));
      const footer = footerOf(bytes);
      if (footer !== null && isSound(bytes, footer.metaindex) && isSound(bytes, footer.index)) {
        this.flips.push(start);
        this.repaired = bytes;
        return footer;
      }
      bytes[at] = was;
    }
    throw unreadable("its footer");
  }
}

interface Footer {
  readonly metaindex: Place;
  readonly index: Place;
}

function footerOf(bytes: Uint8Array): Footer | null {
  const start = bytes.length - FOOTER_BYTES;
  return start < 0 ? null : readFooter(bytes.subarray(start), start);
}

/**
 * @param bytes The footer alone.
 * @param start Where it begins in its file.
 * @returns `null` when it is none.
 */
export function readFooter(bytes: Uint8Array, start: number): Footer | null {
  if (!equalBytes(bytes.subarray(-MAGIC.length), MAGIC)) return null;
  try {
    const reader = new ByteReader(bytes, "footer");
    const [metaindex, index] = [readPlace(reader), readPlace(reader)];
    return endOf(metaindex) === index.offset && endOf(index) === start ? { metaindex, index } : null;
  } catch {
    return null; // Not even numbers: as wrong as numbers that do not fit.
  }
}

/** A filter block that LevelDB takes for unusable, because its offsets begin beyond its end; it then reads everything. */
function filterOfNothing(size: number): Uint8Array {
  const content = new Uint8Array(size + 1).fill(0xff);
  content.set([DEFAULT_FILTER_BASE, 0], size - 1);
  return content;
}

/**
 * The blocks of a table that have its data, in order.
 *
 * @param index The block that names them, with the byte that says how it is compressed.
 * @throws JoineryError when it cannot be read.
 */
export function* dataBlocks(index: Uint8Array): Generator<DataBlock> {
  const content = decompressed(index);
  const restarts = new DataView(content.buffer, content.byteOffset).getUint32(content.length - 4, true);
  const reader = new ByteReader(content.subarray(0, content.length - 4 - restarts * 4), "index");
  let separator = new Uint8Array(0);
  while (reader.remaining > 0) {
    const [shared, own, valueBytes] = [reader.varUint(), reader.varUint(), reader.varUint()];
    const key = new Uint8Array(shared + own);
    key.set(separator.subarray(0, shared));
    for (let i = shared; i < key.length; i++) key[i] = reader.byte();
    separator = key;
    const end = reader.position + valueBytes;
    yield { ...readPlace(reader), separator };
    if (reader.position !== end) throw unreadable("its index");
  }
}

/** @param block Content and the byte that says how it is compressed. */
export function decompressed(block: Uint8Array): Uint8Array {
  const content = block.subarray(0, -1);
  return block.at(-1) === SNAPPY ? decompressSnappy(content) : content;
}

function readPlace(reader: ByteReader): Place {
  return { offset: reader.varUint(), size: reader.varUint() };
}

function checkBlock(bytes: Uint8Array, place: Place): Verdict {
  const content = contentOf(bytes, place);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + place.offset + content.length, 4);
  return check(content, stored.getUint32(0, true));
}

function isSound(bytes: Uint8Array, place: Place): boolean {
  return checkBlock(bytes, place).kind === "sound";
}

function contentOf(bytes: Uint8Array, { offset, size }: Place): Uint8Array {
  return bytes.subarray(offset, offset + size + 1);
}

export function endOf({ offset, size }: Place): number {
  return offset + size + AFTER_CONTENT_BYTES;
}

export function userKey(separator: Uint8Array): Uint8Array {
  return separator.subarray(0, -INTERNAL_KEY_BYTES);
}

/** The first key after this one. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

function unreadable(what: string): JoineryError {
  return new JoineryError("DATA_FOLDER_UNUSABLE", `${what} cannot be read`);
}
