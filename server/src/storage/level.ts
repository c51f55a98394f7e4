/**
 * The document store on LevelDB: one folder, one process. It keeps three promises that LevelDB alone does not:
 * a write is acknowledged only after an fsync, shared by all that is pending; after a failed write nothing more is
 * acknowledged until the database was closed, opened again and seen to hold what was acknowledged last; and a
 * record that is not as it was written is noticed and named. Formats and folder layout: docs/formats.md.
 */

import { setTimeout as pause } from "node:timers/promises";
import { DEFAULT_LIMITS, type DocumentName, equalBytes, JoineryError } from "@joinery/shared";
import type {
  Append,
  Deletion,
  DeletionRequest,
  DocumentSummary,
  LogEntry,
  Snapshot,
  Storage,
  StorageHealth,
  StoredDocument,
} from "../engine/ports.ts";
import { type DataFolderOptions, markClosed, openDataFolder, reopenDataFolder } from "./data-folder.ts";
import { bytesOf, type Database, type OpenDatabase, type Operation, openLevelDatabase } from "./database.ts";
import type { KeptFinding } from "./database-check.ts";
import { deletedKey, deletionsOfRange, deletionsRange } from "./deleted-keys.ts";
import {
  isOlder,
  planDeletion,
  planErasure,
  planPurge,
  planRestoration,
  readDeletions,
} from "./deletions.ts";
import { dispensableKeys, listDocuments, loadDocument, readLog } from "./document-reader.ts";
import { type CommitPace, GroupCommit } from "./group-commit.ts";
import { encodeKey } from "./keys.ts";
import { type Loss, lossesAfter, readLosses } from "./losses.ts";
import {
  damage,
  encodeBirth,
  encodeBranches,
  encodeLogEntry,
  encodeSnapshot,
  type StoredRecord,
} from "./record.ts";
import { SpaceGuard } from "./space-guard.ts";
import { messageOf, readError, reading, unavailable } from "./storage-errors.ts";

/** What happened to the store as a whole. */
export type StorageEvent =
  /** It stopped accepting operations, or another attempt to recover failed. */
  | { readonly type: "storage-unavailable"; readonly error: JoineryError }
  /** It accepts operations again; all that was acknowledged is there. */
  | { readonly type: "storage-recovered" }
  /** Something in the database's files was not as it was written. */
  | ({ readonly type: "storage-damaged" } & KeptFinding);

export interface LevelStorageOptions {
  /** The data folder; created when it is missing. */
  readonly folder: string;
  /** Told of what happens to the store as a whole; must not throw. */
  readonly report?: (event: StorageEvent) => void;
  /** Free bytes on the disk below which nothing is written; 0 for no bound. Default: the table of limits. */
  readonly minFreeBytes?: number;
  /** Told of every write that is durable: its bytes, and how long it took in milliseconds; must not throw. */
  readonly onCommit?: (bytes: number, ms: number) => void;
  /**
   * How long appends gather while more come all the time. Default: as long as the write before them takes, which suits
   * whoever waits for each.
   */
  readonly commitPace?: CommitPace;
  /** Opens the database; by default LevelDB. A test puts faults here. */
  readonly openDatabase?: OpenDatabase;
}

/** Pauses between attempts to open the database again; each is twice the one before. */
const MIN_RETRY_PAUSE_MS = 100;
const MAX_RETRY_PAUSE_MS = 5000;

// Keys that are never used, below and above all that are.
const LOWEST_KEY = encodeKey({ document: "" as DocumentName, kind: "birth", seq: 0 });
const HIGHEST_KEY = deletedKey(
  encodeKey({ document: "\u{10ffff}" as DocumentName, kind: "branches", seq: Number.MAX_SAFE_INTEGER }),
  Number.MAX_SAFE_INTEGER,
);

/** What is to be changed, found out from the database as it is then, and from what it is known to have lost. */
export type Plan = (database: Database, losses: readonly Loss[]) => Promise<readonly Operation[]>;

/** Keeps documents in a LevelDB database in a data folder. */
export class LevelStorage implements Storage {
  readonly #dataFolder: DataFolderOptions;
  readonly #space: SpaceGuard;
  readonly #report: (event: StorageEvent) => void;
  readonly #onCommit: LevelStorageOptions["onCommit"];
  readonly #commits: GroupCommit;
  readonly #closing = new AbortController();

  /** What operations run on, or why there is nothing to run on. */
  #database: Database | JoineryError = unavailable("it is not open");
  #opened: Promise<void> | null = null;
  #recovered: Promise<void> | null = null;
  #closed: Promise<void> | null = null;
  /** The last operation of the last write that was acknowledged: what a recovery looks for. */
  #lastWritten: Operation | null = null;
  /** What damage to the database's files may have taken without a trace. */
  #losses: readonly Loss[] = [];
  /** Documents that were loaded with damage: nothing is written over it. One entry for each such document. */
  readonly #damaged = new Map<DocumentName, JoineryError>();

  constructor(options: LevelStorageOptions) {
    const { folder, report = () => undefined, openDatabase = openLevelDatabase } = options;
    this.#report = report;
    this.#onCommit = options.onCommit;
    this.#commits = new GroupCommit((operations) => this.#write(operations), options.commitPace);
    this.#dataFolder = {
      folder,
      openDatabase,
      found: (finding) => report({ type: "storage-damaged", ...finding }),
    };
    const { minFreeBytes = DEFAULT_LIMITS.minFreeBytes } = options;
    this.#space = new SpaceGuard({ folder, minFreeBytes, report });
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
    try {
      const stored = await reading(document, loadDocument(this.#requireOpen(), document, this.#losses));
      this.#noteDamage(document, stored?.damage ?? null);
      return stored;
    } catch (error) {
      if (error instanceof JoineryError && error.code === "DOCUMENT_DAMAGED")
        this.#noteDamage(document, error);
      throw error;
    }
  }

  append(append: Append): Promise<void> {
    // Not async: of each batch of each room it would make two promises more.
    try {
      return this.#commit(this.#operationsOf(append));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #operationsOf({ document, entry, birth, branches }: Append): Operation[] {
    if ((entry.seq === 1) !== (birth !== undefined))
      throw new Error("birth goes with seq 1, and only with it");
    this.#requireSound(document);
    const operations = [put(encodeLogEntry(document, entry))];
    if (branches !== undefined) operations.unshift(put(encodeBranches(document, branches)));
    if (birth !== undefined) operations.unshift(put(encodeBirth(document, birth)));
    return operations;
  }

  hurry(): void {
    this.#commits.hurry();
  }

  async read(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    return reading(document, readLog(this.#requireOpen(), document, after, maxBytes));
  }

  async compact(document: DocumentName, snapshot: Snapshot): Promise<void> {
    this.#requireSound(document);
    const record = encodeSnapshot(document, snapshot);
    const { key, value } = record;
    const before = await reading(document, this.#requireOpen().get(key));
    await this.#commit([put(record)]);
    const stored = await reading(document, this.#requireOpen().get(key));
    if (stored === undefined || !equalBytes(stored, value)) {
      await this.#commit([before === undefined ? del(key) : put({ key, value: before })]);
      throw damage({ document, seq: snapshot.seq }, "its new snapshot did not read back as it was written");
    }
    const dispensable = await reading(document, dispensableKeys(this.#requireOpen(), document, snapshot.seq));
    await this.#commit(dispensable.map(del));
  }

  async *list(prefix: string): AsyncGenerator<DocumentSummary> {
    try {
      yield* listDocuments(this.#requireOpen(), prefix, this.#losses);
    } catch (error) {
      throw readError(`the list of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  async delete(document: DocumentName, by: DeletionRequest): Promise<Deletion | null> {
    let deletion: Deletion | null = null;
    // What was appended before this call goes too; what is appended after it is another life of the document.
    await this.change(document, async (database, losses) => {
      const plan = await planDeletion(database, document, by, losses);
      deletion = plan?.deletion ?? null;
      return plan?.operations ?? [];
    });
    return deletion;
  }

  erase(document: DocumentName): Promise<void> {
    return this.change(document, (database, losses) => planErasure(database, document, losses));
  }

  async *deletions(prefix: string): AsyncGenerator<Deletion> {
    try {
      yield* readDeletions(this.#requireOpen(), deletionsRange(prefix));
    } catch (error) {
      throw readError(`the list of deletions of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  async deletionsOf(document: DocumentName): Promise<readonly Deletion[]> {
    const deletions: Deletion[] = [];
    try {
      for await (const deletion of readDeletions(this.#requireOpen(), deletionsOfRange(document)))
        deletions.push(deletion);
    } catch (error) {
      throw readError(`what was deleted of document ${JSON.stringify(document)}`, error);
    }
    return deletions;
  }

  restore(document: DocumentName, number: number): Promise<void> {
    return this.change(document, (database, losses) =>
      planRestoration(database, { document, number }, losses),
    );
  }

  async purge(before: number): Promise<number> {
    let count = 0;
    for await (const deletion of this.deletions("")) {
      if (!isOlder(deletion, before)) continue;
      await this.#commitOf(deletion.document, async (database, losses) => {
        const operations = await planPurge(database, deletion, before, losses);
        if (operations.length > 0) count++;
        return operations;
      });
    }
    return count;
  }

  /** What it runs on now, for whoever looks into documents; to read only, and to be asked for anew each time. */
  inspect(): { readonly database: Database; readonly losses: readonly Loss[] } {
    return { database: this.#requireOpen(), losses: this.#losses };
  }

  /**
   * Changes a document as a whole, in one write that is ordered after all that was given before; then nothing is known
   * of damage to it until it is loaded. For those who repair documents.
   *
   * @param document `null` for what is no document's.
   */
  async change(document: DocumentName | null, plan: Plan): Promise<void> {
    await this.#commitOf(document, plan);
    if (document !== null) this.#damaged.delete(document);
  }

  /**
   * Has LevelDB write its files anew, without what was deleted or replaced. Cost: reads and writes all of the database.
   */
  async reclaim(): Promise<void> {
    const low = await this.#space.low(0);
    if (low !== null) throw low;
    await this.#compactFiles();
    // LevelDB leaves the lowest of its tables as they are unless something above them has keys on both sides.
    await this.#commit([LOWEST_KEY, HIGHEST_KEY].map(del));
    await this.#compactFiles();
  }

  async health(): Promise<StorageHealth> {
    if (this.#closing.signal.aborted || this.#database instanceof JoineryError) return "unavailable";
    return (await this.#space.low(0)) === null ? "sound" : "full";
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #open(): Promise<void> {
    const database = await openDataFolder(this.#dataFolder);
    try {
      this.#losses = await readLosses(database);
    } catch (error) {
      await database.close();
      throw readError("what is known to be lost", error);
    }
    this.#database = database;
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([this.#opened]);
    await this.#commits.idle();
    await this.#recovered;
    if (this.#database instanceof JoineryError) return;
    await this.#database.close();
    // Without the mark the next start trusts the end of the log a little less; nothing is lost.
    await markClosed(this.#dataFolder.folder).catch(() => undefined);
  }

  /** @throws JoineryError STORAGE_UNAVAILABLE (backoff), at once, when it is not open; it rejects with the write's error. */
  #commit(operations: Parameters<GroupCommit["add"]>[0]): Promise<void> {
    this.#requireOpen();
    return this.#commits.add(operations);
  }

  async #compactFiles(): Promise<void> {
    try {
      await this.#requireOpen().compactRange(LOWEST_KEY, HIGHEST_KEY);
    } catch (error) {
      throw unavailable(`its files cannot be written anew: ${messageOf(error)}`, error);
    }
  }

  /** Commits what a plan says, once all that was given before is written. */
  async #commitOf(document: DocumentName | null, plan: Plan): Promise<void> {
    await this.#commit(() => reading(document, plan(this.#usable(), this.#losses)));
  }

  async #write(operations: Operation[]): Promise<void> {
    const database = this.#usable();
    await this.#space.require(operations);
    const startMs = performance.now();
    try {
      await database.batch(operations, { sync: true });
    } catch (cause) {
      const error = unavailable(`a write failed: ${messageOf(cause)}`, cause);
      this.#becomeUnavailable(error);
      this.#recovered = this.#recover(database, operations);
      throw error;
    }
    this.#lastWritten = operations.at(-1) ?? null;
    // Before the next plan is made: that one must not bring back what this one has forgotten.
    if (this.#losses.length > 0) this.#losses = lossesAfter(this.#losses, operations);
    this.#onCommit?.(bytesOf(operations), performance.now() - startMs);
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
        database = await reopenDataFolder(this.#dataFolder, this.#lastWritten);
        if (await this.#holdsLastWrite(database, failed)) {
          this.#losses = await readLosses(database);
          return this.#becomeAvailable(database);
        }
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

  #noteDamage(document: DocumentName, error: JoineryError | null): void {
    if (error === null) this.#damaged.delete(document);
    else this.#damaged.set(document, error);
  }

  #requireSound(document: DocumentName): void {
    const error = this.#damaged.get(document);
    if (error !== undefined) throw error;
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
