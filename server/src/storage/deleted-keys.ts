/**
 * The keys of what was deleted and can be restored. Each record keeps its own key in them, and its value as it is: the
 * checksum covers the key that it had. They are above the names of all documents, so that nobody who reads documents
 * comes across them. Laid out in docs/formats.md.
 */

import type { DocumentName } from "@joinery/shared";
import {
  compareBytes,
  decodeKey,
  documentRange,
  endOfName,
  type KeyRange,
  KIND_AND_SEQ_BYTES,
  KIND_BYTES,
  OWN_KEYS,
  prefixRange,
  type RecordPlace,
} from "./keys.ts";

/** Which deletion: the first of a name has number 1. */
export interface DeletionPlace {
  readonly document: DocumentName;
  /** At most 2^53 - 1. */
  readonly number: number;
}

const DELETION = Uint8Array.of(OWN_KEYS, 0x02);
const DELETED = Uint8Array.of(OWN_KEYS, 0x03);
const HEAD_BYTES = 2;
const NUMBER_BYTES = 8;
const ABOVE_ALL_KINDS = Uint8Array.of(0xff);

/**
 * The key under which a deletion itself is recorded. These are apart from the records that were deleted: whoever looks for
 * one must not have to pass over what LevelDB keeps of the many that were purged.
 */
export function deletionKey({ document, number }: DeletionPlace): Uint8Array {
  return join(DELETION, documentRange(document).gte, numberBytes(number));
}

/** Where a record of a document is moved to when that is deleted; so is what else is among its records. */
export function deletedKey(key: Uint8Array, number: number): Uint8Array {
  const nameEnd = endOfName(key);
  return join(DELETED, key.subarray(0, nameEnd), numberBytes(number), key.subarray(nameEnd));
}

/** The key that a deleted record had, and has when it is restored. */
export function keyBeforeDeletion(key: Uint8Array): Uint8Array {
  const nameEnd = endOfName(key, HEAD_BYTES);
  return join(key.subarray(HEAD_BYTES, nameEnd), key.subarray(nameEnd + NUMBER_BYTES));
}

/** Takes a key apart; `record` is `null` for that of the deletion itself. Returns `null` when it is none of these. */
export function decodeDeletedKey(
  key: Uint8Array,
): (DeletionPlace & { readonly record: RecordPlace | null }) | null {
  const isDeletion = startsWith(key, DELETION);
  if (!isDeletion && !startsWith(key, DELETED)) return null;
  const numberEnd = key.length - (isDeletion ? 0 : KIND_AND_SEQ_BYTES);
  const nameEnd = numberEnd - NUMBER_BYTES;
  if (nameEnd <= HEAD_BYTES) return null;
  const view = new DataView(key.buffer, key.byteOffset + nameEnd, NUMBER_BYTES);
  const number = Number(view.getBigUint64(0));
  // Any kind will do where there is none: it is the name that is wanted.
  const kindAndSeq = isDeletion ? ANY_KIND_AND_SEQ : key.subarray(numberEnd);
  const place = decodeKey(join(key.subarray(HEAD_BYTES, nameEnd), kindAndSeq));
  if (place === null || !Number.isSafeInteger(number)) return null;
  return { document: place.document, number, record: isDeletion ? null : place };
}

const ANY_KIND_AND_SEQ = new Uint8Array(KIND_AND_SEQ_BYTES).fill(KIND_BYTES.birth, 0, 1);

/** The document whose record a key is of, be it deleted or not; `undefined` when it is of none. */
export function documentOfKey(key: Uint8Array): DocumentName | undefined {
  return (decodeKey(key) ?? decodeDeletedKey(key))?.document;
}

/** All records of one deletion. */
export function deletedRange({ document, number }: DeletionPlace): KeyRange {
  const start = join(DELETED, documentRange(document).gte, numberBytes(number));
  return { gte: start, lt: join(start, ABOVE_ALL_KINDS) };
}

/** All records of what was deleted under one name. */
export function deletedOfRange(document: DocumentName): KeyRange {
  return behind(DELETED, documentRange(document));
}

/** The keys of all deletions of one name. */
export function deletionsOfRange(document: DocumentName): KeyRange {
  return behind(DELETION, documentRange(document));
}

/** The keys of all deletions of documents whose names start with `prefix`. */
export function deletionsRange(prefix: string): KeyRange {
  return behind(DELETION, prefixRange(prefix));
}

/** Where a range within a document's records comes to be when that is deleted. */
export function deletedPart({ gte, lt }: KeyRange, place: DeletionPlace): KeyRange {
  return moved({ gte, lt }, documentRange(place.document), deletedRange(place));
}

/** The reverse of {@link deletedPart}. */
export function partBeforeDeletion({ gte, lt }: KeyRange, place: DeletionPlace): KeyRange {
  return moved({ gte, lt }, deletedRange(place), documentRange(place.document));
}

function moved({ gte, lt }: KeyRange, from: KeyRange, to: KeyRange): KeyRange {
  const move = (key: Uint8Array) => join(to.gte, key.subarray(from.gte.length));
  return { gte: move(gte), lt: compareBytes(lt, from.lt) < 0 ? move(lt) : to.lt };
}

function behind(head: Uint8Array, { gte, lt }: KeyRange): KeyRange {
  return { gte: join(head, gte), lt: join(head, lt) };
}

function startsWith(key: Uint8Array, head: Uint8Array): boolean {
  return head.every((byte, i) => key[i] === byte);
}

function numberBytes(number: number): Uint8Array {
  if (!Number.isSafeInteger(number) || number < 0)
    throw new RangeError(`deletion ${number} is not a whole number up to 2^53 - 1`);
  const bytes = new Uint8Array(NUMBER_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
