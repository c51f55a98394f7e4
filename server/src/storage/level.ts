/**
 * The document store on LevelDB: one folder, one process. It keeps three promises that LevelDB alone does not:
 * a write is acknowledged only after an fsync, shared by all that is pending; after a failed write nothing more is
 * acknowledged until the database was closed, opened again and seen to hold what was acknowledged last; and a
 * record that is not as it was written is noticed and named. Formats and folder layout: docs/formats.md.
 */

import { setTimeout as pause } from "node:timers/promises";
import { type DocumentName, equalBytes, JoineryError } from "@joinery/shared";
import type {
  Append,
  DocumentSummary,
  LogEntry,
  Snapshot,
  Storage,
  StoredDocument,
} from "../engine/ports.ts";
import { openDataFolder, reopenDataFolder } from "./data-folder.ts";
import { type Database, type OpenDatabase, type Operation, openLevelDatabase } from "./database.ts";
import { documentKeys, listDocuments, loadDocument, readLog, replacedKeys } from "./document-reader.ts";
import { GroupCommit } from "./group-commit.ts";
import { damage, encodeBirth, encodeLogEntry, encodeSnapshot, type StoredRecord } from "./record.ts";

/** What happened to the store as a whole. */
export type StorageEvent =
  /** It stopped accepting operations, or another attempt to recover failed. */
  | { readonly type: "storage-unavailable"; readonly error: JoineryError }
  /** It accepts operations again; all that was acknowledged is there. */
  | { readonly type: "storage-recovered" };

export interface LevelStorageOptions {
  /** The data folder; created when it is missing. */
  readonly folder: string;
  /** Told of what happens to the store as a whole; must not throw. */
  readonly report?: (event: StorageEvent) => void;
  /** Opens the database; by default LevelDB. A test puts faults here. */
  readonly openDatabase?: OpenDatabase;
}

/** Pauses between attempts to open the database again; each is twice the one before. */
const MIN_RETRY_PAUSE_MS = 100;
const MAX_RETRY_PAUSE_MS = 5000;

/** Keeps documents in a LevelDB database in a data folder. */
export class LevelStorage implements Storage {
  readonly #folder: string;
  readonly #openDatabase: OpenDatabase;
  readonly #report: (event: StorageEvent) => void;
  readonly #commits = new GroupCommit((operations) => this.#write(operations));
  readonly #closing = new AbortController();

  /** What operations run on, or why there is nothing to run on. */
  #database: Database | JoineryError = unavailable("it is not open");
  #opened: Promise<void> | null = null;
  #recovered: Promise<void> | null = null;
  #closed: Promise<void> | null = null;
  /** The last operation of the last write that was acknowledged: what a recovery looks for. */
  #lastWritten: Operation | null = null;

  constructor({ folder, report = () => undefined, openDatabase = openLevelDatabase }: LevelStorageOptions) {
    this.#folder = folder;
    this.#report = report;
    this.#openDatabase = openDatabase;
  }

  async open(): Promise<void> {
    this.#refuseWhenClosed();
    this.#opened ??= this.#open().catch((error) => {
      this.#opened = null;
      throw error;
    });
    await this.#opened;
  }

  async load(document: DocumentName): Promise<StoredDocument | null> {
    return reading(document, loadDocument(this.#requireOpen(), document));
  }

  async append({ document, entry, birth }: Append): Promise<void> {
    if ((entry.seq === 1) !== (birth !== undefined))
      throw new Error("birth goes with seq 1, and only with it");
    const records = [encodeLogEntry(document, entry)];
    if (birth !== undefined) records.unshift(encodeBirth(document, birth));
    await this.#commit(records.map(put));
  }

  async read(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    return reading(document, readLog(this.#requireOpen(), document, after, maxBytes));
  }

  async compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    const record = encodeSnapshot(document, snapshot);
    const { key, value } = record;
    const before = await reading(document, this.#requireOpen().get(key));
    await this.#commit([put(record)]);
    const stored = await reading(document, this.#requireOpen().get(key));
    if (stored === undefined || !equalBytes(stored, value)) {
      await this.#commit([before === undefined ? del(key) : put({ key, value: before })]);
      throw damage({ document, seq: snapshot.seq }, "its new snapshot did not read back as it was written");
    }
    const replaced = await reading(document, replacedKeys(this.#requireOpen(), document, snapshot.seq));
    await this.#commit(replaced.map(del));
  }

  async *list(prefix: string): AsyncGenerator<DocumentSummary> {
    try {
      yield* listDocuments(this.#requireOpen(), prefix);
    } catch (error) {
      throw readError(`the list of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  async delete(document: DocumentName): Promise<void> {
    // What was appended before this call goes too; what is appended after it is another life of the document.
    await this.#commit(async () => {
      const keys = await reading(document, documentKeys(this.#usable(), document));
      return keys.map(del);
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #open(): Promise<void> {
    this.#database = await openDataFolder(this.#folder, this.#openDatabase);
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([this.#opened]);
    await this.#commits.idle();
    await this.#recovered;
    if (!(this.#database instanceof JoineryError)) await this.#database.close();
  }

  async #commit(operations: Parameters<GroupCommit["add"]>[0]): Promise<void> {
    this.#requireOpen();
    await this.#commits.add(operations);
  }

  async #write(operations: Operation[]): Promise<void> {
    const database = this.#usable();
    try {
      await database.batch(operations, { sync: true });
    } catch (cause) {
      const error = unavailable(`a write failed: ${messageOf(cause)}`, cause);
      this.#becomeUnavailable(error);
      this.#recovered = this.#recover(database, operations);
      throw error;
    }
    this.#lastWritten = operations.at(-1) ?? null;
  }

  /**
   * Closes and opens the database until that works. LevelDB keeps an error until it is closed, and may lose writes
   * that it acknowledges after one; whatever it says after a failed write is therefore not believed.
   */
  async #recover(broken: Database, failed: readonly Operation[]): Promise<void> {
    let database: Database | null = broken;
    for (let pauseMs = MIN_RETRY_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_RETRY_PAUSE_MS)) {
      await Promise.allSettled([pause(pauseMs, undefined, { signal: this.#closing.signal })]);
      try {
        await database?.close();
        database = null;
        if (this.#closing.signal.aborted) return;
        database = await reopenDataFolder(this.#folder, this.#openDatabase);
        if (await this.#holdsLastWrite(database, failed)) return this.#becomeAvailable(database);
        await database.close();
        return this.#becomeUnavailable(unavailable(LOST_WRITE));
      } catch (cause) {
        this.#becomeUnavailable(unavailable(`it cannot be opened again: ${messageOf(cause)}`, cause));
        if (this.#closing.signal.aborted) {
          await Promise.allSettled([database?.close()]);
          return;
        }
      }
    }
  }

  /** Whether what was acknowledged last is there. */
  async #holdsLastWrite(database: Database, failed: readonly Operation[]): Promise<boolean> {
    const last = this.#lastWritten;
    if (last === null) return true;
    const stored = await database.get(last.key);
    // A write that failed may have happened all the same, and have changed this very record.
    const rewritten = failed.filter(({ key }) => equalBytes(key, last.key));
    const found = [last, ...rewritten].find((operation) => isApplied(operation, stored));
    if (found !== undefined) this.#lastWritten = found;
    return found !== undefined;
  }

  #becomeAvailable(database: Database): void {
    this.#database = database;
    this.#report({ type: "storage-recovered" });
  }

  #becomeUnavailable(error: JoineryError): void {
    this.#database = error;
    this.#report({ type: "storage-unavailable", error });
  }

  #requireOpen(): Database {
    this.#refuseWhenClosed();
    return this.#usable();
  }

  #refuseWhenClosed(): void {
    if (this.#closing.signal.aborted) throw unavailable("it is closed");
  }

  #usable(): Database {
    if (this.#database instanceof JoineryError) throw this.#database;
    return this.#database;
  }
}

const LOST_WRITE =
  "after a failed write the database no longer holds what was acknowledged before; check the disk, then restart or restore a backup";

async function reading<T>(document: DocumentName, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    throw readError(`document ${JSON.stringify(document)}`, error);
  }
}

function readError(what: string, error: unknown): JoineryError {
  if (error instanceof JoineryError) return error;
  if (error instanceof Error && "code" in error && error.code === "LEVEL_CORRUPTION") {
    const message = `${what} is damaged: ${error.message}; what is stored was left as it is`;
    return new JoineryError("DOCUMENT_DAMAGED", message, { cause: error });
  }
  return unavailable(`${what} cannot be read: ${messageOf(error)}`, error);
}

function unavailable(why: string, cause?: unknown): JoineryError {
  return new JoineryError("STORAGE_UNAVAILABLE", `storage is not available: ${why}`, { cause });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isApplied(operation: Operation, stored: Uint8Array | undefined): boolean {
  if (operation.type === "del") return stored === undefined;
  return stored !== undefined && equalBytes(stored, operation.value);
}

function put({ key, value }: StoredRecord): Operation {
  return { type: "put", key, value };
}

function del(key: Uint8Array): Operation {
  return { type: "del", key };
}
