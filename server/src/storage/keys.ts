/**
 * The keys of the document store: a document's name, the kind of record, its `seq`. They sort, compared byte by
 * byte, in the order of the names' UTF-8, then kind, then `seq`; no key is the beginning of another, whatever the
 * names are. Laid out in docs/formats.md.
 */

import { type DocumentName, JoineryError, writeUint32 } from "@joinery/shared";
import { decodeUtf8, encodeUtf8 } from "lib0/string";
import { isAscii, writeAscii } from "./ascii.ts";
import { cutBytes } from "./slab.ts";

/** What a record holds. Their order is that of the records in a document's key range. */
export type RecordKind = "birth" | "snapshot" | "log" | "branches";

/** 4 and 6 are what the store notes for itself, under keys of its own. */
export const KIND_BYTES = { birth: 1, snapshot: 2, log: 3, branches: 5 } as const satisfies Record<
  RecordKind,
  number
>;

const KINDS: readonly (RecordKind | undefined)[] = [
  undefined,
  "birth",
  "snapshot",
  "log",
  undefined,
  "branches",
];

/** Which record of which document. */
export interface RecordPlace {
  readonly document: DocumentName;
  readonly kind: RecordKind;
  /** Position in the log, at most 2^53 - 1; 0 for the birth and the branches. */
  readonly seq: number;
}

/** A range of keys: from `gte`, up to but without `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

// A NUL in a name is written as 00 FF, and 00 01 ends the name: lower than anything that a longer name goes on
// with, so that a name sorts before those that it is the beginning of.
const NUL = 0x00;
const ESCAPED_NUL = 0xff;
const END_OF_NAME = 0x01;
const AFTER_END_OF_NAME = 0x02;

export const KIND_AND_SEQ_BYTES = 1 + 8;
const TWO_32 = 2 ** 32;

/** @throws JoineryError INVALID_NAME (never retry) when the name has half of a surrogate pair: it has no UTF-8. */
export function encodeKey({ document, kind, seq }: RecordPlace): Uint8Array {
  if (!Number.isSafeInteger(seq) || seq < 0)
    throw new RangeError(`seq ${seq} is not a whole number up to 2^53 - 1`);
  const name = isPlain(document) ? null : encodeName(document);
  const length = name?.length ?? document.length;
  const key = cutBytes(length + 2 + KIND_AND_SEQ_BYTES);
  if (name) key.set(name);
  else writeAscii(key, 0, document);
  key[length] = NUL;
  key[length + 1] = END_OF_NAME;
  key[length + 2] = KIND_BYTES[kind];
  writeUint32(key, length + 3, Math.floor(seq / TWO_32));
  writeUint32(key, length + 7, seq >>> 0);
  return key;
}

/** Whether a name stands in its key as it is: most do. */
function isPlain(name: string): boolean {
  return isAscii(name) && !name.includes("\0");
}

/** Takes a key apart. Returns `null` when it is none of ours. */
export function decodeKey(key: Uint8Array): RecordPlace | null {
  const nameEnd = key.length - KIND_AND_SEQ_BYTES - 2;
  if (nameEnd < 0 || key[nameEnd] !== NUL || key[nameEnd + 1] !== END_OF_NAME) return null;
  const document = decodeName(key.subarray(0, nameEnd));
  const kind = KINDS[key[nameEnd + 2] as number];
  const view = new DataView(key.buffer, key.byteOffset + nameEnd + 3, 8);
  const seq = view.getUint32(0) * TWO_32 + view.getUint32(4);
  if (document === null || kind === undefined || !Number.isSafeInteger(seq)) return null;
  return { document, kind, seq };
}

/**
 * Where what comes behind the name begins in a key, whatever that is.
 *
 * @param from Where the name begins.
 * @throws RangeError when there is no name.
 */
export function endOfName(key: Uint8Array, from = 0): number {
  for (let at = key.indexOf(NUL, from); at !== -1; at = key.indexOf(NUL, at + 1)) {
    if (key[at + 1] === END_OF_NAME) return at + 2;
  }
  throw new RangeError("the key has no name");
}

/** All records of a document. */
export function documentRange(document: DocumentName): KeyRange {
  const name = encodeName(document);
  return { gte: concat(name, NUL, END_OF_NAME), lt: concat(name, NUL, AFTER_END_OF_NAME) };
}

/** A document's log entries with `seq` from `first` on, up to but without `end` if given. */
export function logRange(document: DocumentName, first: number, end?: number): KeyRange {
  return {
    gte: encodeKey({ document, kind: "log", seq: first }),
    lt: encodeKey(
      end === undefined ? { document, kind: "branches", seq: 0 } : { document, kind: "log", seq: end },
    ),
  };
}

/** A document's snapshots with `seq` below `end`, or all. */
export function snapshotRange(document: DocumentName, end?: number): KeyRange {
  return {
    gte: encodeKey({ document, kind: "snapshot", seq: 0 }),
    lt: encodeKey(
      end === undefined ? { document, kind: "log", seq: 0 } : { document, kind: "snapshot", seq: end },
    ),
  };
}

/** Where what the store keeps for itself begins: above the names of all documents. */
export const OWN_KEYS = 0xff;
const LOSS = 0x01;

/** The key of the note that records in this range of keys may be lost. */
export function encodeLossKey({ gte, lt }: KeyRange): Uint8Array {
  return Uint8Array.of(OWN_KEYS, LOSS, ...gte, OWN_KEYS, ...lt);
}

/** All notes of losses. */
export function lossRange(): KeyRange {
  return { gte: Uint8Array.of(OWN_KEYS, LOSS), lt: Uint8Array.of(OWN_KEYS, LOSS + 1) };
}

/** Whether a key is that of a note of a loss. */
export function isLossKey(key: Uint8Array): boolean {
  return key[0] === OWN_KEYS && key[1] === LOSS;
}

/** The range of one key. */
export function rangeOfKey(key: Uint8Array): KeyRange {
  return { gte: key, lt: concat(key, 0) };
}

/** What two ranges have in common; `null` when that is nothing. */
export function intersection(a: KeyRange, b: KeyRange): KeyRange | null {
  const gte = compareBytes(a.gte, b.gte) >= 0 ? a.gte : b.gte;
  const lt = compareBytes(a.lt, b.lt) <= 0 ? a.lt : b.lt;
  return compareBytes(gte, lt) < 0 ? { gte, lt } : null;
}

/** What is left of a range without another one. */
export function difference(range: KeyRange, without: KeyRange): KeyRange[] {
  const below = { gte: range.gte, lt: without.gte };
  const above = { gte: without.lt, lt: range.lt };
  return [below, above].map((part) => intersection(range, part)).filter((part) => part !== null);
}

/** All records of all documents whose names start with `prefix`. */
export function prefixRange(prefix: string): KeyRange {
  const gte = encodeName(prefix);
  // No byte of UTF-8 is FF, so only the FF of an escaped NUL can be at the end and has to go before counting up.
  const lt = gte.at(-1) === ESCAPED_NUL ? gte.slice(0, -1) : gte.slice();
  if (lt.length === 0) return { gte, lt: Uint8Array.of(0xff) };
  lt[lt.length - 1] = (lt[lt.length - 1] as number) + 1;
  return { gte, lt };
}

/** Orders bytes as LevelDB does: by the first that differs, then by length. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function encodeName(name: string): Uint8Array {
  if (!name.isWellFormed()) throw new JoineryError("INVALID_NAME", "document name is not valid Unicode");
  const utf8 = encodeUtf8(name);
  if (!utf8.includes(NUL)) return utf8;
  return Uint8Array.from([...utf8].flatMap((byte) => (byte === NUL ? [NUL, ESCAPED_NUL] : [byte])));
}

function decodeName(escaped: Uint8Array): DocumentName | null {
  const utf8: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    const byte = escaped[i] as number;
    utf8.push(byte);
    if (byte === NUL && escaped[++i] !== ESCAPED_NUL) return null;
  }
  try {
    return decodeUtf8(Uint8Array.from(utf8)) as DocumentName;
  } catch {
    return null; // Not UTF-8, so no name of ours.
  }
}

function concat(bytes: Uint8Array, ...more: number[]): Uint8Array {
  const joined = new Uint8Array(bytes.length + more.length);
  joined.set(bytes);
  joined.set(more, bytes.length);
  return joined;
}
