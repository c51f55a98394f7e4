/**
 * Deleting documents so that they can be restored: all records of a document are moved under keys of their own, values as
 * they are, in one batch with a record of who did it and when. Here is what such a batch has to change; writing it is the
 * driver's.
 *
 * One batch, because a crash must leave all of it or nothing: so all records of a document are in memory meanwhile, with
 * LevelDB's copies about three times what is kept of it. That is bounded by `maxDocumentBytes` twice: the snapshot and
 * the log after it, and what is kept before them.
 */

import { ByteReader, type DocumentName, JoineryError } from "@joinery/shared";
import { fromHexString, toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import type { Deletion, DeletionRequest, Lineage } from "../engine/ports.ts";
import type { Operation, View } from "./database.ts";
import {
  type DeletionPlace,
  decodeDeletedKey,
  deletedKey,
  deletedOfRange,
  deletedPart,
  deletedRange,
  deletionKey,
  deletionsOfRange,
  keyBeforeDeletion,
  partBeforeDeletion,
} from "./deleted-keys.ts";
import { entriesOf, keysOf } from "./document-reader.ts";
import { decodeKey, documentRange, type KeyRange, rangeOfKey } from "./keys.ts";
import { forgetLosses, type Loss, moveLosses } from "./losses.ts";
import { decodeBirth, encodeRecord, readPayload, type StoredRecord } from "./record.ts";

type Reader = Pick<View, "get" | "iterator">;

const UNKNOWN_LINEAGE = "0".repeat(32) as Lineage;
/** A state vector of no clients. */
const NOTHING = Uint8Array.of(0);
/** Each may be large, and takes the event loop a moment. */
const ROWS_AT_ONCE = 16;
const LINEAGE_BYTES = 16;
const TIME_BYTES = 8;

/** The record of a deletion itself. */
export function encodeDeletion(deletion: Deletion): StoredRecord {
  return encodeRecord(deletionKey(deletion), "deletion", (encoder) => {
    encoding.writeFloat64(encoder, deletion.deletedAt);
    encoding.writeUint8Array(encoder, fromHexString(deletion.lineage));
    encoding.writeVarUint(encoder, deletion.seq);
    encoding.writeVarUint(encoder, deletion.bytes);
    encoding.writeVarString(encoder, deletion.deletedBy);
    encoding.writeVarUint8Array(encoder, deletion.stateVector);
  });
}

/** @returns `null` when the record is not as it was written. */
function decodeDeletion({ document, number }: DeletionPlace, record: StoredRecord): Deletion | null {
  const payload = readPayload(record, "deletion");
  if (typeof payload === "string") return null;
  const reader = new ByteReader(payload, "record of a deletion");
  const deletedAt = new DataView(payload.buffer, payload.byteOffset, TIME_BYTES).getFloat64(0);
  reader.skip(TIME_BYTES + LINEAGE_BYTES);
  return {
    document,
    number,
    deletedAt,
    lineage: toHexString(payload.subarray(TIME_BYTES, TIME_BYTES + LINEAGE_BYTES)) as Lineage,
    seq: reader.varUint(),
    bytes: reader.varUint(),
    deletedBy: reader.varString(),
    stateVector: reader.varBytes().slice(),
  };
}

/** Whether the record of a deletion itself is as it was written. */
export function isSoundDeletion(record: StoredRecord): boolean {
  return typeof readPayload(record, "deletion") !== "string";
}

/**
 * What deleting a document changes.
 *
 * @returns `null` when there is no such document. Cost: reads all of it into memory.
 */
export async function planDeletion(
  database: Reader,
  document: DocumentName,
  by: DeletionRequest,
  losses: readonly Loss[],
): Promise<{ readonly deletion: Deletion; readonly operations: readonly Operation[] } | null> {
  const number = (await highestNumber(database, document)) + 1;
  const operations: Operation[] = [];
  let [lineage, seq, bytes] = [UNKNOWN_LINEAGE, 0, 0];
  for await (const [key, value] of entriesOf(database, documentRange(document), ROWS_AT_ONCE)) {
    operations.push({ type: "del", key }, { type: "put", key: deletedKey(key, number), value });
    bytes += key.length + value.length;
    const place = decodeKey(key);
    seq = Math.max(seq, place?.seq ?? 0);
    if (place?.kind === "birth") lineage = lineageOf({ key, value }, document);
  }
  if (operations.length === 0) return null;
  const { time: deletedAt, author: deletedBy, stateVector } = by;
  const deletion = { document, number, lineage, deletedAt, deletedBy, seq, bytes, stateVector };
  const move = (keys: KeyRange) => deletedPart(keys, { document, number });
  operations.push(...moveLosses(losses, documentRange(document), move));
  operations.push({ type: "put", ...encodeDeletion(deletion) });
  operations.push(...(await eraseOldest(database, document, by.keep ?? Number.POSITIVE_INFINITY, losses)));
  return { deletion, operations };
}

/** What makes room for one more deletion of a name, where only so many are kept. */
async function eraseOldest(
  database: Reader,
  document: DocumentName,
  keep: number,
  losses: readonly Loss[],
): Promise<Operation[]> {
  const keys = await keysOf(database, deletionsOfRange(document));
  const places = keys.map(decodeDeletedKey).filter((place) => place !== null);
  const tooMany = places.slice(0, Math.max(0, places.length + 1 - keep));
  const ranges = tooMany.flatMap((place) => [rangeOfKey(deletionKey(place)), deletedRange(place)]);
  return eraseRanges(database, ranges, losses);
}

/**
 * What restoring a document changes.
 *
 * @throws JoineryError DOCUMENT_EXISTS, DOCUMENT_NOT_FOUND (never). Cost: reads all of it into memory.
 */
export async function planRestoration(
  database: Reader,
  place: DeletionPlace,
  losses: readonly Loss[],
): Promise<Operation[]> {
  const { document, number } = place;
  const named = `document ${JSON.stringify(document)}`;
  for await (const _ of entriesOf(database, { ...documentRange(document), limit: 1, values: false }))
    throw new JoineryError("DOCUMENT_EXISTS", `${named} is there already`);
  const operations: Operation[] = [];
  for await (const [key, value] of entriesOf(database, deletedRange(place), ROWS_AT_ONCE))
    operations.push({ type: "del", key }, { type: "put", key: keyBeforeDeletion(key), value });
  if (operations.length === 0)
    throw new JoineryError("DOCUMENT_NOT_FOUND", `${named} has no deletion ${number}`);
  const key = deletionKey(place);
  const move = (keys: KeyRange) => partBeforeDeletion(keys, place);
  return [
    ...operations,
    ...moveLosses(losses, deletedRange(place), move),
    ...forgetLosses(losses, [rangeOfKey(key)]),
    { type: "del", key },
  ];
}

/** What erasing a document, and all that was deleted under its name, changes. */
export async function planErasure(
  database: Reader,
  document: DocumentName,
  losses: readonly Loss[],
): Promise<Operation[]> {
  return eraseRanges(
    database,
    [documentRange(document), deletionsOfRange(document), deletedOfRange(document)],
    losses,
  );
}

/** What erasing a deletion changes, if it was made before a time: it may have been restored meanwhile. */
export async function planPurge(
  database: Reader,
  place: DeletionPlace,
  before: number,
  losses: readonly Loss[],
): Promise<Operation[]> {
  if (!isOlder(await readDeletion(database, place), before)) return [];
  return eraseRanges(database, [rangeOfKey(deletionKey(place)), deletedRange(place)], losses);
}

/** Whether a deletion is known to have been made before a time. */
export function isOlder({ deletedAt }: Deletion, before: number): boolean {
  return deletedAt > 0 && deletedAt < before;
}

/** What was deleted, in the order of names, then numbers. Cost: linear in deletions. */
export async function* readDeletions(database: Reader, range: KeyRange): AsyncGenerator<Deletion> {
  for await (const [key, value] of entriesOf(database, range)) {
    const place = decodeDeletedKey(key);
    if (place !== null) yield deletionOf(place, { key, value });
  }
}

async function readDeletion(database: Reader, place: DeletionPlace): Promise<Deletion> {
  const key = deletionKey(place);
  const value = await database.get(key);
  return deletionOf(place, value === undefined ? null : { key, value });
}

/** @param record `null` where damage has taken it. */
function deletionOf(place: DeletionPlace, record: StoredRecord | null): Deletion {
  return (record && decodeDeletion(place, record)) ?? unknownDeletion(place);
}

/** What is said of a deletion of which damage has taken the record. */
export function unknownDeletion({ document, number }: DeletionPlace): Deletion {
  return {
    document,
    number,
    lineage: UNKNOWN_LINEAGE,
    deletedAt: 0,
    deletedBy: "",
    seq: 0,
    bytes: 0,
    stateVector: NOTHING,
  };
}

/** The highest number of a name's deletions; 0 when there is none. Those count whose own record was lost. */
async function highestNumber(database: Reader, document: DocumentName): Promise<number> {
  let highest = 0;
  for (const range of [deletionsOfRange(document), deletedOfRange(document)]) {
    const last = { ...range, reverse: true, limit: 1, values: false };
    for await (const [key] of entriesOf(database, last))
      highest = Math.max(highest, decodeDeletedKey(key)?.number ?? 0);
  }
  return highest;
}

async function eraseRanges(
  database: Reader,
  ranges: readonly KeyRange[],
  losses: readonly Loss[],
): Promise<Operation[]> {
  const operations: Operation[] = [];
  for (const range of ranges) {
    for (const key of await keysOf(database, range)) operations.push({ type: "del", key });
  }
  return [...operations, ...forgetLosses(losses, ranges)];
}

function lineageOf(record: StoredRecord, document: DocumentName): Lineage {
  try {
    return decodeBirth({ document, kind: "birth", seq: 0 }, record).lineage;
  } catch (error) {
    if (error instanceof JoineryError) return UNKNOWN_LINEAGE;
    throw error;
  }
}
