/**
 * A document's past, out of a database: the log as far as it is kept, which goes further back than the newest
 * snapshot, and the document as it was at some point of it.
 */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { LogEntry, Snapshot, StoredDocument } from "../engine/ports.ts";
import type { CursorRange, Database } from "../storage/database.ts";
import { decodeKey, encodeKey, logRange, type RecordPlace, snapshotRange } from "../storage/keys.ts";
import {
  damage,
  decodeBirth,
  decodeBranches,
  decodeLogEntry,
  decodeSnapshot,
  type StoredRecord,
  updateBytes,
} from "../storage/record.ts";

type Reader = Pick<Database, "get" | "iterator">;

/** Which part of a log. */
interface LogPage {
  readonly after: number;
  readonly maxBytes: number;
}

/** See `DocumentSource.log`. */
export async function readKeptLog(
  database: Reader,
  document: DocumentName,
  { after, maxBytes }: LogPage,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  let bytes = 0;
  // What the oldest snapshot stands for may be gone; whatever else is not there is missing.
  let seq = Math.max(after, await oldestSnapshotSeq(database, document));
  const first = (await firstSeq(database, logRange(document, after + 1))) ?? seq + 1;
  if (first <= seq) seq = first - 1;
  try {
    for await (const { place, record } of rowsOf(database, document, logRange(document, after + 1))) {
      if (place.seq !== seq + 1) throw damage({ document, seq: seq + 1 }, "the record is missing");
      const entry = decodeLogEntry(place, record);
      bytes += updateBytes(entry);
      if (bytes > maxBytes && entries.length > 0) break;
      entries.push(entry);
      seq = place.seq;
    }
  } catch (error) {
    // Who goes on behind what is sound is told then.
    if (!(error instanceof JoineryError) || entries.length === 0) throw error;
  }
  return entries;
}

/** See `DocumentSource.load`. @param keep As of `loadDocument`. */
export async function loadUntil(
  database: Reader,
  document: DocumentName,
  until: number,
  keep: (entry: LogEntry) => LogEntry = (entry) => entry,
): Promise<StoredDocument | null> {
  const birth = await readBirth(database, document);
  if (birth === null && (await firstSeq(database, logRange(document, 1))) === null) return null;
  const found = await snapshotUntil(database, document, until);
  const { snapshot } = found;
  const from = snapshot?.seq ?? 0;
  const first = await firstSeq(database, logRange(document, from + 1));
  const oldest = await oldestSnapshotSeq(database, document);
  // It could be shown, were the snapshot there sound.
  if (found.damage !== null && until > 0 && first !== 1) throw found.damage;
  if (until < 1 || (snapshot === null && first !== 1))
    throw outside(document, until, `what is kept begins with seq ${Math.max(oldest, 1)}`);
  const tail: LogEntry[] = [];
  let worst: JoineryError | null = birth instanceof JoineryError ? birth : null;
  try {
    for await (const { place, record } of rowsOf(
      database,
      document,
      logRange(document, from + 1, until + 1),
    )) {
      if (place.seq !== from + tail.length + 1)
        throw damage({ document, seq: from + tail.length + 1 }, "the record is missing");
      tail.push(keep(decodeLogEntry(place, record)));
    }
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    worst = error;
  }
  const last = from + tail.length;
  if (last < until && worst === null) throw outside(document, until, `its last batch is seq ${last}`);
  const known = birth === null || birth instanceof JoineryError ? UNKNOWN_BIRTH : birth;
  return { ...known, snapshot, tail, branches: await readBranches(database, document), damage: worst };
}

export const UNKNOWN_BIRTH = { lineage: "0".repeat(32) as StoredDocument["lineage"], bornAt: 0 };

/** `null` when there is none; DOCUMENT_DAMAGED when it is not sound. */
export async function readBirth(database: Reader, document: DocumentName) {
  const place = { document, kind: "birth", seq: 0 } as const;
  const key = encodeKey(place);
  const value = await database.get(key);
  if (value === undefined) return null;
  try {
    return decodeBirth(place, { key, value });
  } catch (error) {
    return toJoineryError(error);
  }
}

/** Damage to them is told where the document is loaded as a whole: then they are empty. */
export async function readBranches(database: Reader, document: DocumentName) {
  const place = { document, kind: "branches", seq: 0 } as const;
  const key = encodeKey(place);
  const value = await database.get(key);
  try {
    return value === undefined ? [] : decodeBranches(place, { key, value });
  } catch (error) {
    if (error instanceof JoineryError) return [];
    throw error;
  }
}

/** The newest sound snapshot up to a batch; or what is wrong with the newest, where none is sound. */
async function snapshotUntil(
  database: Reader,
  document: DocumentName,
  until: number,
): Promise<{ readonly snapshot: Snapshot | null; readonly damage: JoineryError | null }> {
  const range = { ...snapshotRange(document, until + 1), reverse: true };
  let worst: JoineryError | null = null;
  for await (const { place, record } of rowsOf(database, document, range)) {
    try {
      return { snapshot: decodeSnapshot(place, record), damage: null };
    } catch (error) {
      // The one before it, and the log since, can do without it.
      if (!(error instanceof JoineryError)) throw error;
      worst ??= error;
    }
  }
  return { snapshot: null, damage: worst };
}

async function oldestSnapshotSeq(database: Reader, document: DocumentName): Promise<number> {
  return (await firstSeq(database, snapshotRange(document))) ?? 0;
}

/** The `seq` of the first record in a range; `null` when there is none. */
export async function firstSeq(database: Reader, range: CursorRange): Promise<number | null> {
  const cursor = database.iterator({ ...range, values: false, limit: 1 });
  try {
    const row = await cursor.next();
    return row === undefined ? null : (decodeKey(row[0])?.seq ?? null);
  } finally {
    await cursor.close();
  }
}

/** One at a time: each may be large. */
export async function* rowsOf(
  database: Pick<Database, "iterator">,
  document: DocumentName,
  range: CursorRange,
): AsyncGenerator<{ readonly place: RecordPlace; readonly record: StoredRecord }> {
  const cursor = database.iterator(range);
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const [key, value] = row;
      const place = decodeKey(key);
      if (place === null) throw damage({ document, seq: 0 }, `the key ${toHexString(key)} names no record`);
      yield { place, record: { key, value } };
    }
  } finally {
    await cursor.close();
  }
}

/** A document cannot be shown as it was then. */
export function outside(document: DocumentName, until: number, why: string): JoineryError {
  const message = `document ${JSON.stringify(document)} cannot be shown at seq ${until}: ${why}`;
  return new JoineryError("INVALID_OPTION", message);
}
