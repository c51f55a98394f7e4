/** What the tests of the LevelDB driver share: storages on temporary folders, and the database below them. */

import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { expect, onTestFinished, vi } from "vitest";
import { type Database, openLevelDatabase } from "../../server/src/storage/database.ts";
import { encodeKey, type RecordKind } from "../../server/src/storage/keys.ts";
import { LevelStorage, type StorageEvent } from "../../server/src/storage/level.ts";
import { FaultyDatabases } from "./faulty-database.ts";

export const doc = "notes" as DocumentName;
export const other = "other" as DocumentName;

/** Opens a storage on real LevelDB, with what it reported and where to put faults; closed with the test. */
export async function open(folder: string, databases = new FaultyDatabases()) {
  const events: StorageEvent[] = [];
  const storage = new LevelStorage({
    folder,
    minFreeBytes: 0,
    openDatabase: databases.open,
    report: (event) => events.push(event),
  });
  onTestFinished(() => storage.close());
  await storage.open();
  return { storage, databases, events };
}

/** Works on the database of a folder that no storage has open. */
export async function withDatabase<T>(folder: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Every row of the database, in hex. */
export function allRows(folder: string): Promise<string[]> {
  return withDatabase(folder, async (database) => {
    const cursor = database.iterator({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) });
    const rows = await cursor.nextv(10_000);
    await cursor.close();
    return rows.map((row) => row.map((bytes) => Buffer.from(bytes).toString("hex")).join(" "));
  });
}

/** Changes the value under a key, whatever that does to the record. */
export async function damageRecord(
  database: Database,
  key: Uint8Array,
  change: (value: Uint8Array) => Uint8Array,
): Promise<void> {
  const value = change(Uint8Array.from((await database.get(key)) ?? []));
  await database.batch([{ type: "put", key, value }], { sync: true });
}

export const keyOf = (kind: RecordKind, seq: number, document = doc) => encodeKey({ document, kind, seq });

/** Resolves once a storage has recovered. */
export function isAvailableAgain(events: StorageEvent[]): Promise<unknown> {
  return vi.waitFor(() => expect(events.at(-1)).toEqual({ type: "storage-recovered" }), { timeout: 5000 });
}
