/**
 * Reads documents out of the database and believes nothing: each record's checksum, its place, and that none is
 * missing. It changes nothing.
 */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type {
  Branch,
  DocumentSummary,
  Lineage,
  LogEntry,
  Snapshot,
  StoredDocument,
} from "../engine/ports.ts";
import type { CursorRange, Database, View } from "./database.ts";
import {
  decodeKey,
  documentRange,
  encodeKey,
  intersection,
  type KeyRange,
  logRange,
  prefixRange,
  type RecordPlace,
  snapshotRange,
} from "./keys.ts";
import { type Loss, missingAfter, missingAt } from "./losses.ts";
import {
  type Birth,
  damage,
  decodeBirth,
  decodeBranches,
  decodeLogEntry,
  decodeSnapshot,
  type StoredRecord,
  updateBytes,
} from "./record.ts";

type Reader = Pick<View, "get" | "iterator">;

/** What could be read of something, and what was wrong with the first thing that could not. */
interface Found<T> {
  readonly sound: T;
  readonly damage: JoineryError | null;
}

const ROWS_AT_ONCE = 1000;
const READ_AHEAD_BYTES = 256 * 1024;

const UNKNOWN_BIRTH: Birth = { lineage: "0".repeat(32) as Lineage, bornAt: 0 };

/**
 * Reads a document: its newest sound snapshot and the log after it, up to the first record that is not sound.
 *
 * @param losses What may be missing without leaving a hole.
 * @param keep What is returned of an entry of the log: all of them may be more than there is room for.
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when nothing of it is sound. Cost: proportional to what
 * is returned; what the snapshot stands for is not looked at.
 */
export async function loadDocument(
  database: Pick<Database, "view">,
  document: DocumentName,
  losses: readonly Loss[],
  keep?: (entry: LogEntry) => LogEntry,
): Promise<StoredDocument | null> {
  const view = database.view();
  try {
    const birth = await readBirth(view, document);
    const snapshot = await newestSoundSnapshot(view, document);
    const from = snapshot.sound?.seq ?? 0;
    const tail = await readTail(view, document, from, keep);
    const branches = await readBranches(view, document, losses);
    const lastSeq = tail.sound.at(-1)?.seq ?? from;
    const missing = missingAfter(losses, document, lastSeq);
    if (lastSeq > 0) {
      const worst = tail.damage ?? missing ?? snapshot.damage ?? birth.damage ?? branches.damage;
      const log = { snapshot: snapshot.sound, tail: tail.sound, branches: branches.sound };
      return { ...(birth.sound ?? UNKNOWN_BIRTH), ...log, damage: worst };
    }
    const reason = snapshot.damage ?? tail.damage ?? missing;
    if (reason !== null) throw reason;
    if (birth.sound === null && !birth.isThere) return null;
    // A document is born with its first entry: one that has neither entry nor snapshot has lost them.
    throw damage({ document, seq: 1 }, "the record is missing");
  } finally {
    await view.close();
  }
}

async function readBirth(
  reader: Reader,
  document: DocumentName,
): Promise<Found<Birth | null> & { readonly isThere: boolean }> {
  const place = { document, kind: "birth", seq: 0 } as const;
  const key = encodeKey(place);
  const value = await reader.get(key);
  if (value === undefined) return { sound: null, damage: birthMissing(document), isThere: false };
  try {
    return { sound: decodeBirth(place, { key, value }), damage: null, isThere: true };
  } catch (error) {
    return { sound: null, damage: toJoineryError(error), isThere: true };
  }
}

/** Of a document that never had branches there is no record, and nothing is wrong with that. */
async function readBranches(
  reader: Reader,
  document: DocumentName,
  losses: readonly Loss[],
): Promise<Found<readonly Branch[]>> {
  const place = { document, kind: "branches", seq: 0 } as const;
  const key = encodeKey(place);
  const value = await reader.get(key);
  // The only record that is written again: where a newer one was lost, an older one is there.
  const lost = missingAt(losses, place);
  if (value === undefined || lost !== null) return { sound: [], damage: lost };
  try {
    return { sound: decodeBranches(place, { key, value }), damage: null };
  } catch (error) {
    return { sound: [], damage: toJoineryError(error) };
  }
}

/**
 * The newest snapshot that is sound, and what is wrong with the newest one if that is another.
 *
 * @param below Looks only at those with a lower `seq`.
 */
async function newestSoundSnapshot(
  reader: Reader,
  document: DocumentName,
  below?: number,
): Promise<Found<Snapshot | null>> {
  let firstDamage: JoineryError | null = null;
  // Each may be large, and the next one is of interest only when this one is damaged. An iterator would hold on to what
  // it read until it is collected as garbage, and, going backwards, have one copy more.
  const keys = await keysOf(reader, snapshotRange(document, below));
  for (const key of keys.reverse()) {
    const value = await reader.get(key);
    if (value === undefined) continue;
    try {
      return { sound: decodeSnapshot(requirePlace(document, key), { key, value }), damage: firstDamage };
    } catch (error) {
      firstDamage ??= toJoineryError(error);
    }
  }
  return { sound: null, damage: firstDamage };
}

async function readTail(
  reader: Reader,
  document: DocumentName,
  from: number,
  keep: (entry: LogEntry) => LogEntry = (entry) => entry,
): Promise<Found<LogEntry[]>> {
  const sound: LogEntry[] = [];
  try {
    for await (const { place, record } of rowsOf(reader, document, logRange(document, from + 1))) {
      requireNext(document, from + sound.length, place.seq);
      sound.push(keep(decodeLogEntry(place, record)));
    }
    return { sound, damage: null };
  } catch (error) {
    if (error instanceof JoineryError) return { sound, damage: error };
    throw error;
  }
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
  const view = database.view();
  try {
    const entries: LogEntry[] = [];
    let bytes = 0;
    let seq = Math.max(after, await lastReplaced(view, document));
    for await (const { place, record } of rowsOf(view, document, logRange(document, seq + 1))) {
      requireNext(document, seq, place.seq);
      const entry = decodeLogEntry(place, record);
      bytes += updateBytes(entry);
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push(entry);
      seq = place.seq;
    }
    return entries;
  } finally {
    await view.close();
  }
}

/**
 * Lists documents whose names start with `prefix`.
 *
 * @param losses What may be missing without a trace.
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) after all others were listed, for the first whose
 * record of birth fails its check or is missing. Cost: one seek a document, whatever their size.
 */
export async function* listDocuments(
  database: Database,
  prefix: string,
  losses: readonly Loss[],
): AsyncGenerator<DocumentSummary> {
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
  firstDamage ??= await firstUnlisted(database, prefix, losses);
  if (firstDamage !== undefined) throw firstDamage;
}

/** Says which document may have been lost as a whole. */
async function firstUnlisted(
  database: Database,
  prefix: string,
  losses: readonly Loss[],
): Promise<JoineryError | undefined> {
  for (const { keys, reason } of losses) {
    if (intersection(keys, prefixRange(prefix)) === null) continue;
    const document = decodeKey(keys.gte)?.document;
    if (document === undefined)
      return new JoineryError("DOCUMENT_DAMAGED", `documents may be missing from this list: ${reason}`);
    const birth = await readBirth(database, document);
    if (!birth.isThere) return missingAfter(losses, document, 0) ?? birthMissing(document);
  }
  return undefined;
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

/**
 * Keys of what a document no longer needs once it has a snapshot at `seq`: what came before the newest sound snapshot
 * below that, which stays, and with it the log since. So the document can do without its newest snapshot.
 */
export async function dispensableKeys(
  database: Database,
  document: DocumentName,
  seq: number,
): Promise<Uint8Array[]> {
  const previous = (await newestSoundSnapshot(database, document, seq)).sound?.seq ?? 0;
  const snapshots = await keysOf(database, snapshotRange(document, previous));
  return snapshots.concat(await keysOf(database, logRange(document, 0, previous + 1)));
}

/** All keys in a range. */
export async function keysOf(database: Reader, range: KeyRange): Promise<Uint8Array[]> {
  const keys: Uint8Array[] = [];
  for await (const [key] of entriesOf(database, { ...range, values: false })) keys.push(key);
  return keys;
}

async function* rowsOf(
  reader: Reader,
  document: DocumentName,
  range: KeyRange,
): AsyncGenerator<{ readonly place: RecordPlace; readonly record: StoredRecord }> {
  for await (const [key, value] of entriesOf(reader, { ...range, highWaterMarkBytes: READ_AHEAD_BYTES })) {
    yield { place: requirePlace(document, key), record: { key, value } };
  }
}

/** Keys and values in a range. */
export async function* entriesOf(
  reader: Pick<Reader, "iterator">,
  range: CursorRange,
  atOnce = ROWS_AT_ONCE,
): AsyncGenerator<[Uint8Array, Uint8Array]> {
  const cursor = reader.iterator(range);
  try {
    for (let rows = await cursor.nextv(atOnce); rows.length > 0; rows = await cursor.nextv(atOnce))
      yield* rows;
  } finally {
    await cursor.close();
  }
}

/** How far the log is replaced by the newest snapshot. */
async function lastReplaced(reader: Reader, document: DocumentName): Promise<number> {
  const newest = { ...snapshotRange(document), reverse: true, limit: 1, values: false };
  for await (const [key] of entriesOf(reader, newest)) return decodeKey(key)?.seq ?? 0;
  return 0;
}

function requirePlace(document: DocumentName, key: Uint8Array): RecordPlace {
  const place = decodeKey(key);
  if (place === null) throw damage({ document, seq: 0 }, `the key ${toHexString(key)} names no record`);
  return place;
}

function requireNext(document: DocumentName, seq: number, nextSeq: number): void {
  if (nextSeq !== seq + 1) throw damage({ document, seq: seq + 1 }, "the record is missing");
}

function birthMissing(document: DocumentName): JoineryError {
  return damage({ document, seq: 0 }, "the record of its birth is missing");
}
