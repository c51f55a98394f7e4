/**
 * Reads documents out of the database and believes nothing: each record's checksum, its place, and that none is
 * missing. It changes nothing.
 */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { DocumentSummary, LogEntry, StoredDocument } from "../engine/ports.ts";
import type { CursorRange, Database } from "./database.ts";
import {
  decodeKey,
  documentRange,
  type KeyRange,
  logRange,
  prefixRange,
  type RecordKind,
  type RecordPlace,
  snapshotRange,
} from "./keys.ts";
import {
  damage,
  decodeBirth,
  decodeLogEntry,
  decodeSnapshot,
  type StoredRecord,
  updateBytes,
} from "./record.ts";

interface Row {
  readonly place: RecordPlace;
  readonly record: StoredRecord;
}

const ROWS_AT_ONCE = 1000;
const READ_AHEAD_BYTES = 256 * 1024;

/**
 * Reads a document's newest snapshot and the log after it. What a crash may have left behind of what the snapshot
 * replaced is passed over.
 *
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff).
 */
export async function loadDocument(
  database: Database,
  document: DocumentName,
): Promise<StoredDocument | null> {
  const rows: Row[] = [];
  for await (const row of rowsOf(database, document, documentRange(document))) rows.push(row);
  if (rows.length === 0) return null;
  const birth = rows.find(isOf("birth"));
  if (birth === undefined) throw birthMissing(document);
  const { lineage, bornAt } = decodeBirth(birth.place, birth.record);
  const newest = rows.findLast(isOf("snapshot"));
  const snapshot = newest === undefined ? null : decodeSnapshot(newest.place, newest.record);
  const tail: LogEntry[] = [];
  let seq = snapshot?.seq ?? 0;
  for (const { place, record } of rows.filter(isOf("log"))) {
    if (place.seq <= seq) continue;
    requireNext(document, seq, place.seq);
    tail.push(decodeLogEntry(place, record));
    seq = place.seq;
  }
  // A document is born with its first entry: one that has neither entry nor snapshot has lost them.
  if (seq === 0) throw damage({ document, seq: 1 }, "the record is missing");
  return { lineage, bornAt, snapshot, tail };
}

/**
 * Reads log entries with `seq` greater than `after`: as many as have `maxBytes` of updates, but at least one.
 *
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff).
 */
export async function readLog(
  database: Database,
  document: DocumentName,
  after: number,
  maxBytes: number,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  let bytes = 0;
  let seq = after;
  for await (const { place, record } of rowsOf(database, document, logRange(document, after + 1))) {
    if (place.seq !== seq + 1 && entries.length === 0) seq = await lastReplaced(database, document, after);
    requireNext(document, seq, place.seq);
    const entry = decodeLogEntry(place, record);
    bytes += updateBytes(entry);
    if (bytes > maxBytes && entries.length > 0) break;
    entries.push(entry);
    seq = place.seq;
  }
  return entries;
}

/**
 * Lists documents whose names start with `prefix`.
 *
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) after all others were listed, for the first whose
 * record of birth fails its check. Cost: one seek a document, whatever their size.
 */
export async function* listDocuments(database: Database, prefix: string): AsyncGenerator<DocumentSummary> {
  const cursor = database.iterator(prefixRange(prefix));
  let firstDamage: JoineryError | undefined;
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const [key, value] = row;
      const summary = summaryOf({ key, value });
      if (summary instanceof JoineryError) firstDamage ??= summary;
      else yield summary;
      const place = decodeKey(key);
      if (place !== null) cursor.seek(documentRange(place.document).lt);
    }
  } finally {
    await cursor.close();
  }
  if (firstDamage !== undefined) throw firstDamage;
}

/** What the first record of a document says, or how it is damaged. */
function summaryOf(record: StoredRecord): DocumentSummary | JoineryError {
  const place = decodeKey(record.key);
  if (place === null)
    return new JoineryError("DOCUMENT_DAMAGED", `the key ${toHexString(record.key)} names no record`);
  if (place.kind !== "birth") return birthMissing(place.document);
  try {
    return { document: place.document, ...decodeBirth(place, record) };
  } catch (error) {
    return toJoineryError(error);
  }
}

/** Keys of all records of a document. */
export function documentKeys(database: Database, document: DocumentName): Promise<Uint8Array[]> {
  return keysOf(database, documentRange(document));
}

/** Keys of what a document's snapshot at `seq` replaces: older snapshots, and the log up to it. */
export async function replacedKeys(
  database: Database,
  document: DocumentName,
  seq: number,
): Promise<Uint8Array[]> {
  const snapshots = await keysOf(database, snapshotRange(document, seq));
  return snapshots.concat(await keysOf(database, logRange(document, 0, seq + 1)));
}

async function keysOf(database: Database, range: KeyRange): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const [key] of entriesOf(database, { ...range, values: false })) keys.push(key);
  return keys;
}

async function* rowsOf(database: Database, document: DocumentName, range: KeyRange): AsyncGenerator<Row> {
  for await (const [key, value] of entriesOf(database, { ...range, highWaterMarkBytes: READ_AHEAD_BYTES })) {
    const place = decodeKey(key);
    if (place === null) throw damage({ document, seq: 0 }, `the key ${toHexString(key)} names no record`);
    yield { place, record: { key, value } };
  }
}

async function* entriesOf(database: Database, range: CursorRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
  const cursor = database.iterator(range);
  try {
    for (
      let rows = await cursor.nextv(ROWS_AT_ONCE);
      rows.length > 0;
      rows = await cursor.nextv(ROWS_AT_ONCE)
    ) {
      yield* rows;
    }
  } finally {
    await cursor.close();
  }
}

/** How far the log is replaced by the newest snapshot, where that is further than `after`. */
async function lastReplaced(database: Database, document: DocumentName, after: number): Promise<number> {
  const newest = { ...snapshotRange(document), reverse: true, limit: 1, values: false };
  for await (const [key] of entriesOf(database, newest)) return Math.max(after, decodeKey(key)?.seq ?? 0);
  return after;
}

function requireNext(document: DocumentName, seq: number, nextSeq: number): void {
  if (nextSeq !== seq + 1) throw damage({ document, seq: seq + 1 }, "the record is missing");
}

function birthMissing(document: DocumentName): JoineryError {
  return damage({ document, seq: 0 }, "the record of its birth is missing");
}

function isOf(kind: RecordKind): (row: Row) => boolean {
  return (row) => row.place.kind === kind;
}
