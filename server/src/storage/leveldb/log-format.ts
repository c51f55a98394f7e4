/**
 * The format of LevelDB's write-ahead logs and of its MANIFEST: blocks of 32 KiB, filled with physical records that
 * have a checksum each; a record is a FULL one, or a FIRST, any number of MIDDLEs and a LAST. Source: LevelDB's
 * doc/log_format.md.
 *
 * LevelDB's own reader drops the rest of a block at the first checksum that does not match, and takes what runs
 * beyond the end of the file for a write that was cut off; it tells nobody. This one goes on behind what is damaged,
 * puts a single flipped bit right, and says what it could not read.
 */

import { check, maskedChecksum } from "./checksum.ts";

/** What one write of LevelDB's put into a log. */
interface LogRecord {
  readonly offset: number;
  readonly payload: Uint8Array;
  /** A flipped bit of it was put right. */
  readonly isRepaired: boolean;
}

/** One or more records that cannot be read as they were written. */
export interface UnreadableRecord {
  readonly offset: number;
  /** What is there, in order, with the bytes that are not to be trusted where they are; headers left out. */
  readonly remains: Uint8Array;
  /** How many records in {@link LogContents.records} come before it. */
  readonly recordsBefore: number;
}

export interface LogContents {
  readonly records: readonly LogRecord[];
  readonly unreadable: readonly UnreadableRecord[];
  /** A record that the end of the file cuts off; `null` when there is none. */
  readonly torn: UnreadableRecord | null;
}

export const BLOCK_BYTES = 32 * 1024;
export const HEADER_BYTES = 7; // Checksum 4, length 2, type 1; integers are little-endian.
/** Not in files: bytes that are no physical record. */
const UNREADABLE = 0;
export const FULL = 1;
export const FIRST = 2;
const MIDDLE = 3;
export const LAST = 4;

/** A physical record, or bytes that are none. */
interface Piece {
  readonly offset: number;
  readonly end: number;
  readonly type: number;
  readonly payload: Uint8Array;
  readonly isRepaired: boolean;
}

/** Reads a whole file. Cost: one pass over it; some milliseconds more for each block with damage. */
export function readLog(bytes: Uint8Array): LogContents {
  const pieces = [...piecesOf(bytes)];
  const last = pieces.at(-1);
  const isCutOff = last !== undefined && last.type === UNREADABLE && isUnfinished(bytes, last);
  if (isCutOff) pieces.pop();
  const assembly = new Assembly();
  for (const piece of pieces) assembly.add(piece);
  const { records, unreadable, open } = assembly.end();
  if (!isCutOff) return { records, unreadable, torn: open };
  const offset = open?.offset ?? last.offset;
  const remains = concat(open === null ? [last.payload] : [open.remains, last.payload]);
  return { records, unreadable, torn: { offset, remains, recordsBefore: records.length } };
}

/** A record of which not all pieces were seen yet. */
interface OpenRecord {
  readonly offset: number;
  readonly payloads: Uint8Array[];
  isBroken: boolean;
  isRepaired: boolean;
}

/** Puts pieces together to records. */
class Assembly {
  readonly #records: LogRecord[] = [];
  readonly #unreadable: UnreadableRecord[] = [];
  #open: OpenRecord | null = null;

  add({ offset, type, payload, isRepaired }: Piece): void {
    const isStart = type === FULL || type === FIRST;
    // A record that is still open where another begins has lost its end.
    if (isStart) this.#giveUp();
    this.#open ??= { offset, payloads: [], isBroken: !isStart, isRepaired: false };
    const open = this.#open;
    open.isBroken ||= type === UNREADABLE;
    open.isRepaired ||= isRepaired;
    open.payloads.push(payload);
    if (type !== FULL && type !== LAST) return;
    if (open.isBroken) this.#giveUp();
    else
      this.#records.push({
        offset: open.offset,
        payload: concat(open.payloads),
        isRepaired: open.isRepaired,
      });
    this.#open = null;
  }

  /** `open` is a record of which all is sound but the end is not there. */
  end(): Pick<LogContents, "records" | "unreadable"> & { readonly open: UnreadableRecord | null } {
    const isSound = this.#open !== null && !this.#open.isBroken;
    this.#giveUp();
    const open = isSound ? (this.#unreadable.pop() as UnreadableRecord) : null;
    return { records: this.#records, unreadable: this.#unreadable, open };
  }

  #giveUp(): void {
    if (this.#open === null) return;
    const { offset, payloads } = this.#open;
    this.#unreadable.push({ offset, remains: concat(payloads), recordsBefore: this.#records.length });
    this.#open = null;
  }
}

function* piecesOf(bytes: Uint8Array): Generator<Piece> {
  let offset = 0;
  while (offset < bytes.length) {
    const blockEnd = Math.min(offset - (offset % BLOCK_BYTES) + BLOCK_BYTES, bytes.length);
    // Too little for a header: the rest of a block is not used. At the end of the file it may be half a header.
    if (blockEnd - offset < HEADER_BYTES) {
      if (blockEnd % BLOCK_BYTES !== 0) yield unreadablePiece(bytes, offset, blockEnd);
      offset = blockEnd;
      continue;
    }
    const sound = soundPiece(bytes, offset, blockEnd);
    const piece = sound ?? damagedPiece(bytes, offset, blockEnd);
    yield piece;
    offset = piece.end;
  }
}

/** The physical record at an offset, if it is sound. */
export function soundPiece(bytes: Uint8Array, offset: number, blockEnd: number): Piece | null {
  if (offset + HEADER_BYTES > blockEnd) return null;
  const type = bytes[offset + 6] as number;
  const end = offset + HEADER_BYTES + lengthAt(bytes, offset);
  if (type < FULL || type > LAST || end > blockEnd) return null;
  if (maskedChecksum(bytes.subarray(offset + 6, end)) !== checksumAt(bytes, offset)) return null;
  return { offset, end, type, payload: bytes.subarray(offset + HEADER_BYTES, end), isRepaired: false };
}

/** What is at an offset where there is no sound record: one with a flipped bit, or bytes up to the next sound one. */
function damagedPiece(bytes: Uint8Array, offset: number, blockEnd: number): Piece {
  const isEndOfRecord = (at: number) =>
    at === blockEnd ||
    (at < blockEnd && (soundPiece(bytes, at, blockEnd) !== null || isPadding(at, blockEnd)));
  // Its length is believed as long as something follows it: what a record holds may look like a record.
  const ownEnd = offset + HEADER_BYTES + lengthAt(bytes, offset);
  if (isEndOfRecord(ownEnd))
    return withFlippedBit(bytes, offset, ownEnd) ?? unreadablePiece(bytes, offset, ownEnd);
  let end = offset + 1;
  while (end < blockEnd && soundPiece(bytes, end, blockEnd) === null) end++;
  return withWrongLength(bytes, offset, end) ?? unreadablePiece(bytes, offset, end);
}

function withFlippedBit(bytes: Uint8Array, offset: number, end: number): Piece | null {
  const verdict = check(bytes.subarray(offset + 6, end), checksumAt(bytes, offset));
  if (verdict.kind !== "one bit") return null;
  const type = verdict.repaired[0] as number;
  if (type < FULL || type > LAST) return null;
  return { offset, end, type, payload: verdict.repaired.subarray(1), isRepaired: true };
}

/** A checksum covers all but the length: when it matches up to where the record must end, only the length is wrong. */
function withWrongLength(bytes: Uint8Array, offset: number, end: number): Piece | null {
  const stored = checksumAt(bytes, offset);
  const type = bytes[offset + 6] as number;
  const maxPadding = end % BLOCK_BYTES === 0 ? HEADER_BYTES - 1 : 0;
  for (let padding = 0; padding <= maxPadding; padding++) {
    const payloadEnd = end - padding;
    if (payloadEnd < offset + HEADER_BYTES || type < FULL || type > LAST) return null;
    if (maskedChecksum(bytes.subarray(offset + 6, payloadEnd)) !== stored) continue;
    const payload = bytes.subarray(offset + HEADER_BYTES, payloadEnd);
    return { offset, end, type, payload, isRepaired: true };
  }
  return null;
}

function unreadablePiece(bytes: Uint8Array, offset: number, end: number): Piece {
  const payload = bytes.subarray(Math.min(offset + HEADER_BYTES, end), end);
  return { offset, end, type: UNREADABLE, payload, isRepaired: false };
}

/** Whether the last bytes of a file are the beginning of a record, or space that was never written. */
function isUnfinished(bytes: Uint8Array, { offset, end }: Piece): boolean {
  if (end - offset < HEADER_BYTES || bytes.subarray(offset, end).every((byte) => byte === 0)) return true;
  return end === bytes.length && offset + HEADER_BYTES + lengthAt(bytes, offset) > end;
}

function isPadding(offset: number, blockEnd: number): boolean {
  return blockEnd % BLOCK_BYTES === 0 && blockEnd - offset < HEADER_BYTES;
}

/** Writes records as LevelDB does. */
export function encodeLog(payloads: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  const push = (part: Uint8Array) => {
    parts.push(part);
    length += part.length;
  };
  for (const payload of payloads) {
    let written = 0;
    let isFirst = true;
    for (let isLast = false; !isLast; isFirst = false) {
      let left = BLOCK_BYTES - (length % BLOCK_BYTES);
      if (left < HEADER_BYTES) {
        push(new Uint8Array(left));
        left = BLOCK_BYTES;
      }
      // Where there is room for a header only, the first piece is empty.
      const fragment = payload.subarray(written, written + left - HEADER_BYTES);
      written += fragment.length;
      isLast = written === payload.length;
      push(encodePiece(isFirst ? (isLast ? FULL : FIRST) : isLast ? LAST : MIDDLE, fragment));
    }
  }
  return concat(parts);
}

function encodePiece(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes[6] = type;
  bytes.set(payload, HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, payload.length, true);
  view.setUint32(0, maskedChecksum(bytes.subarray(6)), true);
  return bytes;
}

function checksumAt(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, true);
}

function lengthAt(bytes: Uint8Array, offset: number): number {
  return (bytes[offset + 4] as number) | ((bytes[offset + 5] as number) << 8);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0] as Uint8Array;
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
