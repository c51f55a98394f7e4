/**
 * A LevelDB database that is only read, from its files. LevelDB itself holds a large value four times over while it is
 * read, and writes whenever it opens a database; here it is held once, and nothing is written. The files have to be
 * sound: what does not match its checksum is for `database-check.ts` to find.
 */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CursorRange, Operation } from "../database.ts";
import { compareBytes } from "../keys.ts";
import { readLog } from "./log-format.ts";
import { readSoundLog } from "./log-stream.ts";
import { readManifest } from "./manifest.ts";
import { type EntrySource, MergedEntries } from "./merged-entries.ts";
import { type Entries, type Entry, TableFile } from "./table-file.ts";
import { readWriteBatch } from "./write-batch.ts";

/** Tables of which it is known where their blocks are. */
const MAX_KNOWN_TABLES = 16;
/** Of rows that are read at once. */
const ROWS_BYTES = 16 * 1024;
const NO_KEY = new Uint8Array(0);

/** Opens a database. Rejects with an Error where a file is missing or is not as it was written. */
export async function openFiles(folder: string): Promise<FilesDatabase> {
  const current = await readFile(join(folder, "CURRENT"), "utf8");
  const manifest = await readFile(join(folder, current.trimEnd()));
  const { tables, logNumber } = readManifest(readLog(manifest).records.map(({ payload }) => payload));
  const names = await readdir(folder);
  const changes: Entry[] = [];
  for (const name of names) {
    if (/^\d+\.log$/.test(name) && Number.parseInt(name, 10) >= logNumber)
      await readChanges(join(folder, name), changes);
  }
  const files = tables.map((table) => {
    const name = names.find((any) => /\.(ldb|sst)$/.test(any) && Number.parseInt(any, 10) === table.number);
    if (name === undefined) throw new Error(`table ${table.number} is missing`);
    return new TableFile(join(folder, name), table);
  });
  return new FilesDatabase(files, changes);
}

/** What a log has. At its end there may be a write that was cut off. */
async function readChanges(path: string, changes: Entry[]): Promise<void> {
  const add = (operation: Operation, sequence: number) => {
    const value = operation.type === "put" ? operation.value : null;
    changes.push({ key: operation.key, sequence, value });
  };
  const before = changes.length;
  if (await readSoundLog(path, { batch: () => undefined, operation: add })) return;
  changes.length = before;
  for (const { payload } of readLog(await readFile(path)).records) {
    const batch = readWriteBatch(payload);
    if (batch?.shape !== "whole") continue;
    for (const [i, operation] of batch.operations.entries()) add(operation, batch.sequence + i);
  }
}

interface Source extends EntrySource {
  /** The newest entry of a key. */
  readonly get: (key: Uint8Array) => Promise<Entry | null>;
}

/** What was written last, which is in no table yet. */
class Changes implements Source {
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly #entries: Entries;

  constructor(entries: readonly Entry[]) {
    this.#entries = entries.toSorted((a, b) => compareBytes(a.key, b.key) || b.sequence - a.sequence);
    this.smallest = this.#entries[0]?.key ?? NO_KEY;
    this.largest = this.#entries.at(-1)?.key ?? NO_KEY;
  }

  async *from(key: Uint8Array): AsyncGenerator<Entries> {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#entries[middle] as Entry).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    yield this.#entries.slice(low);
  }

  readonly get = async (key: Uint8Array): Promise<Entry | null> => {
    for await (const [first] of this.from(key))
      return first !== undefined && compareBytes(first.key, key) === 0 ? first : null;
    return null;
  };
}

type Row = [key: Uint8Array, value: Uint8Array];

export class FilesDatabase {
  readonly #sources: readonly Source[];
  /** Those that were read last come last. */
  readonly #lastRead = new Set<TableFile>();

  constructor(tables: readonly TableFile[], changes: readonly Entry[]) {
    const known = tables.map((table): Source => {
      const { smallest, largest } = table;
      return {
        smallest,
        largest,
        from: (key) => this.#known(table).from(key),
        get: (key) => this.#known(table).get(key),
      };
    });
    this.#sources = [...known, new Changes(changes)];
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    let newest: Entry | null = null;
    for (const { smallest, largest, get } of this.#sources) {
      if (compareBytes(smallest, key) > 0 || compareBytes(largest, key) < 0) continue;
      const entry = await get(key);
      if (entry !== null && (newest === null || entry.sequence > newest.sequence)) newest = entry;
    }
    return newest?.value ?? undefined;
  }

  iterator(range: CursorRange): FilesCursor {
    return new FilesCursor(this, this.#sources, range);
  }

  #known(table: TableFile): TableFile {
    this.#lastRead.delete(table);
    this.#lastRead.add(table);
    const [oldest] = this.#lastRead;
    if (oldest !== undefined && this.#lastRead.size > MAX_KNOWN_TABLES) {
      this.#lastRead.delete(oldest);
      oldest.forget();
    }
    return table;
  }
}

/** Backwards, the keys of the range are read first; they are few where somebody reads backwards. */
class FilesCursor {
  readonly #database: FilesDatabase;
  readonly #sources: readonly EntrySource[];
  readonly #range: CursorRange;
  #entries: MergedEntries;
  #keysBackwards: Uint8Array[] | null = null;
  #left: number;

  constructor(database: FilesDatabase, sources: readonly EntrySource[], range: CursorRange) {
    const { lt } = range;
    this.#database = database;
    this.#sources = sources.filter(({ smallest }) => compareBytes(smallest, lt) < 0);
    this.#range = range;
    this.#entries = new MergedEntries(this.#sources, range.gte);
    this.#left = range.limit === undefined || range.limit < 0 ? Number.POSITIVE_INFINITY : range.limit;
  }

  async next(): Promise<Row | undefined> {
    if (this.#left <= 0) return undefined;
    this.#left--;
    return this.#range.reverse ? this.#nextBackwards() : this.#nextForwards();
  }

  async nextv(size: number): Promise<Row[]> {
    const rows: Row[] = [];
    const { highWaterMarkBytes = ROWS_BYTES } = this.#range;
    for (let bytes = 0; rows.length < size && bytes < highWaterMarkBytes; ) {
      const row = await this.next();
      if (row === undefined) break;
      rows.push(row);
      bytes += row[0].length + row[1].length;
    }
    return rows;
  }

  /** Only forwards. */
  seek(key: Uint8Array): void {
    const { gte } = this.#range;
    const left = this.#entries;
    this.#entries = new MergedEntries(this.#sources, compareBytes(key, gte) < 0 ? gte : key);
    // Its files are closed when their turn comes; nobody waits for that.
    this.#closing = Promise.all([this.#closing, left.close()]);
  }

  #closing: Promise<unknown> = Promise.resolve();

  async close(): Promise<void> {
    await this.#entries.close();
    await this.#closing;
  }

  async #nextForwards(): Promise<Row | undefined> {
    for (;;) {
      const entry = await this.#entries.next();
      if (entry === null || compareBytes(entry.key, this.#range.lt) >= 0) return undefined;
      if (entry.value !== null) return [entry.key, this.#range.values === false ? NO_KEY : entry.value];
    }
  }

  async #nextBackwards(): Promise<Row | undefined> {
    this.#keysBackwards ??= await this.#readKeys();
    const key = this.#keysBackwards.pop();
    if (key === undefined) return undefined;
    if (this.#range.values === false) return [key, NO_KEY];
    const value = await this.#database.get(key);
    return value && [key, value];
  }

  /** Keys that do not keep their blocks. */
  async #readKeys(): Promise<Uint8Array[]> {
    const keys: Uint8Array[] = [];
    for (let entry = await this.#entries.next(); entry !== null; entry = await this.#entries.next()) {
      if (compareBytes(entry.key, this.#range.lt) >= 0) break;
      if (entry.value !== null) keys.push(entry.key);
    }
    return keys;
  }
}
