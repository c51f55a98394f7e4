/**
 * Reads what y-leveldb keeps: the folder that the y-websocket server is given as `YPERSISTENCE`. Its keys are lists
 * of strings (00, a length, UTF-8) and numbers (01, four bytes, big-endian): `"v1" name "update" clock` for each
 * update, `"v1_sv" name` for the state vector, which every document has, and `"v1" name "meta" key` for what
 * applications note.
 */

import { access } from "node:fs/promises";
import { basename, join } from "node:path";
import { ByteReader, JoineryError } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import { type Database, isDatabaseLocked, openLevelDatabase } from "../storage/database.ts";
import { checkDatabase } from "../storage/database-check.ts";
import { copyDatabase } from "./database-copy.ts";
import {
  damagedInSource,
  type OpenSource,
  reasonOf,
  requireFits,
  type SourceDocument,
  unusableSource,
} from "./source.ts";

/** The copy's folder. */
const COPY = "level";

const STRING = 0;
const NUMBER = 1;

/** Keys are read ahead by so many bytes, values by one at a time. */
const READ_AHEAD_BYTES = 64 * 1024;

/**
 * Opens a folder that y-leveldb wrote, 0.1 or 0.2, by a copy that leads to its tables: it stays as it is, and no
 * server can open it meanwhile.
 */
export const openYLeveldb: OpenSource = async (place) => {
  await requireDatabase(place);
  const copy = await copyDatabase(place, COPY).catch((error: unknown) => {
    throw unusableSource(place, reasonOf(error), error);
  });
  const folder = join(copy.folder, COPY);
  let database: Database | null = null;
  const close = async () => {
    await database?.close();
    await copy.remove();
  };
  try {
    if (await isDatabaseLocked(folder)) {
      throw unusableSource(place, "another process has it open; stop the server that writes to it");
    }
    const damage = await damageOf(folder);
    const opened = await openDatabase(folder, place);
    database = opened;
    return { count: await countNames(opened), damage, documents: () => documents(opened, place), close };
  } catch (error) {
    await close();
    throw error instanceof JoineryError ? error : unusableSource(place, reasonOf(error), error);
  }
};

async function requireDatabase(place: string): Promise<void> {
  await access(join(place, "CURRENT")).catch((error: unknown) => {
    throw unusableSource(place, "there is no LevelDB database in it (no file CURRENT)", error);
  });
}

/**
 * LevelDB returns flipped bits and drops what it cannot read, without a word; so its files are looked at before.
 */
async function damageOf(folder: string): Promise<string[]> {
  try {
    const { findings } = await checkDatabase({ folder, database: folder, closed: null, reopened: null });
    return findings.map(({ file, offset, outcome, reason }) => {
      const found = outcome === "repaired" ? "one bit is flipped" : reason;
      return `${basename(file)}: ${found}, near byte ${offset}; LevelDB does not notice`;
    });
  } catch (error) {
    // LevelDB may find its way in it all the same.
    return [reasonOf(error)];
  }
}

async function openDatabase(folder: string, place: string): Promise<Database> {
  try {
    return await openLevelDatabase(folder, { createIfMissing: false });
  } catch (error) {
    const reason = reasonOf(error instanceof Error && error.cause ? error.cause : error);
    throw unusableSource(place, reason.replaceAll(folder, place), error);
  }
}

async function countNames(database: Database): Promise<number> {
  const range = { gte: key("v1_sv"), lt: key("v1_sw") };
  const cursor = database.iterator({ ...range, values: false, highWaterMarkBytes: READ_AHEAD_BYTES });
  try {
    let count = 0;
    for (;;) {
      const rows = await cursor.nextv(1000);
      if (rows.length === 0) return count;
      count += rows.length;
    }
  } finally {
    await cursor.close();
  }
}

/**
 * Goes from document to document by their updates rather than by their state vectors: what was stored is what the
 * old server would load, listed or not.
 */
async function* documents(database: Database, place: string): AsyncGenerator<SourceDocument> {
  let from = key("v1");
  const end = after(key("v1"));
  for (;;) {
    const found = await firstKey(database, from, end, place);
    if (found === null) return;
    const name = nameIn(found);
    if (name === null) {
      throw unusableSource(
        place,
        `it has the key ${Buffer.from(found).toString("hex")}, which is none of y-leveldb's`,
      );
    }
    from = after(key("v1", name));
    yield { name, read: (maxBytes) => readUpdates(database, name, maxBytes) };
  }
}

async function firstKey(
  database: Database,
  gte: Uint8Array,
  lt: Uint8Array,
  place: string,
): Promise<Uint8Array | null> {
  const cursor = database.iterator({ gte, lt, values: false, limit: 1 });
  try {
    const row = await cursor.next();
    return row === undefined ? null : row[0];
  } catch (error) {
    throw unusableSource(place, reasonOf(error), error);
  } finally {
    await cursor.close();
  }
}

async function readUpdates(database: Database, name: string, maxBytes: number): Promise<Uint8Array[]> {
  const prefix = key("v1", name, "update");
  const cursor = database.iterator({ gte: prefix, lt: after(prefix) });
  const updates: Uint8Array[] = [];
  let bytes = 0;
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      bytes += row[1].length;
      requireFits(bytes, maxBytes);
      updates.push(row[1]);
    }
  } catch (error) {
    throw error instanceof JoineryError ? error : damagedInSource(reasonOf(error), error);
  } finally {
    await cursor.close();
  }
  return updates;
}

function key(...parts: readonly string[]): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const part of parts) {
    encoding.writeUint8(encoder, STRING);
    encoding.writeVarString(encoder, part);
  }
  return encoding.toUint8Array(encoder);
}

/** The first key after all that begin with this one: parts begin with {@link STRING} or {@link NUMBER}. */
function after(prefix: Uint8Array): Uint8Array {
  const end = new Uint8Array(prefix.length + 1);
  end.set(prefix);
  end[prefix.length] = NUMBER + 1;
  return end;
}

/** The document that a key is of; `null` when it is no key of y-leveldb. */
function nameIn(bytes: Uint8Array): string | null {
  const reader = new ByteReader(bytes, "key");
  try {
    if (reader.byte() !== STRING || reader.varString() !== "v1" || reader.byte() !== STRING) return null;
    return reader.varString();
  } catch {
    return null; // Cut off, or not UTF-8.
  }
}
