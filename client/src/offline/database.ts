/** What the offline store uses of `level`, so that a test can put faults between the two. */

import { JoineryError } from "@joinery/shared";
import { Level } from "level";
import type { KeyRange } from "./keys.ts";
import type { StoredRecord } from "./record.ts";

/** One change to the database; a batch of them happens as a whole or not at all. */
export type Operation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface OfflineDatabase {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** All records in a range, in order, as they were at one moment. */
  all(range: KeyRange): Promise<StoredRecord[]>;
  /**
   * Asks for all of it in the turn in which it is called, where the database can do that.
   *
   * @param options `sync`: not before the operating system has it on disk, where it can be asked for that.
   */
  batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void>;
  /** Waits for what is under way; idempotent. */
  close(): Promise<void>;
}

/** Opens the database of this name. Rejects with the error of the `level` package. */
export type OpenDatabase = (name: string) => Promise<OfflineDatabase>;

/** How much LevelDB reads ahead; it hands records over one such portion at a time. */
const READ_AHEAD_BYTES = 1024 * 1024;

/** Opens LevelDB in a folder of this name, or IndexedDB in a browser. */
export const openLevelDatabase: OpenDatabase = async (name) => {
  refuseFolderWithoutCurrent(name);
  const level = new Level<Uint8Array, Uint8Array>(name, { keyEncoding: "view", valueEncoding: "view" });
  await level.open();
  // As the `level` of browsers calls it; that of Node has none.
  const { db: indexedDb } = level as { readonly db?: IndexedDb };
  return {
    get: (key) => level.get(key),
    all: async (range) => {
      // All at once: page by page, IndexedDB would show each page at a moment of its own, and what another tab
      // folds in between might be seen neither before nor after.
      const entries = await level.iterator({ ...range, ...READ_AHEAD }).all();
      return entries.map(([key, value]) => ({ key, value }));
    },
    batch: (operations, options) =>
      indexedDb ? writeIndexedDb(indexedDb, name, operations) : level.batch([...operations], options),
    close: () => level.close(),
  };
};

const READ_AHEAD = { highWaterMarkBytes: READ_AHEAD_BYTES };

/** What is used of a browser's `IDBDatabase`; Node has no such types. */
interface IndexedDb {
  transaction(store: string, mode: "readwrite"): Transaction;
}

interface Transaction {
  readonly error: Error | null;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): {
    put(value: Uint8Array, key: Uint8Array): unknown;
    delete(key: Uint8Array): unknown;
  };
  commit(): void;
  abort(): void;
}

/**
 * Asks for everything, and for the commit, in the turn in which it is called. `level` waits for the answer to each
 * change before it asks for the next, and what a page has not asked for when it goes does not happen.
 *
 * Rejects with the transaction's error; nothing has happened then.
 */
async function writeIndexedDb(
  database: IndexedDb,
  name: string,
  operations: readonly Operation[],
): Promise<void> {
  const transaction = database.transaction(name, "readwrite");
  const isDone = new Promise<void>((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser has aborted the write"));
  });
  const records = transaction.objectStore(name);
  try {
    for (const operation of operations) {
      if (operation.type === "del") records.delete(operation.key);
      else records.put(operation.value, operation.key);
    }
    transaction.commit();
  } catch (thrown) {
    // What was asked for before must not happen either.
    isDone.catch(() => undefined);
    transaction.abort();
    throw thrown;
  }
  return isDone;
}

/** What opening the database failed with, as people may read it. */
export function openError(name: string, cause: unknown): JoineryError {
  if (cause instanceof JoineryError) return cause;
  const isLocked = chain(cause).some((error) => codeOf(error) === "LEVEL_LOCKED");
  const why = isLocked
    ? "another process, or another client in this one, has it open"
    : chain(cause).map(messageOf).join(": ");
  return failure(`the offline store ${JSON.stringify(name)} cannot be opened: ${why}`, cause);
}

/** Whether a write failed for want of space and left the database as it was. */
export function isQuotaError(thrown: unknown): boolean {
  return chain(thrown).some((error) => error instanceof Error && error.name === "QuotaExceededError");
}

export function failure(message: string, cause?: unknown): JoineryError {
  return new JoineryError("OFFLINE_STORE_FAILED", message, { cause });
}

export function messageOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message === "" ? thrown.name : thrown.message;
}

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}

/** An error and what caused it, and what caused that. */
function chain(thrown: unknown): unknown[] {
  const errors: unknown[] = [];
  for (let error = thrown; error !== undefined && errors.length < 5; ) {
    errors.push(error);
    error = error instanceof Error ? error.cause : undefined;
  }
  return errors;
}

/**
 * LevelDB takes a folder whose `CURRENT` is missing for a new one, and deletes the tables that it finds in it. Only
 * Node and Electron have such folders, and only they can look.
 */
function refuseFolderWithoutCurrent(folder: string): void {
  const files = fileSystem();
  if (files === null || !files.existsSync(folder) || files.existsSync(`${folder}/CURRENT`)) return;
  if (!files.readdirSync(folder).some((name) => /^(?:\d+\.(?:ldb|sst|log)|MANIFEST-\d+)$/.test(name))) return;
  const why = "it has files of LevelDB, but no file CURRENT that says which; nothing was changed";
  throw failure(`the offline store ${JSON.stringify(folder)} cannot be opened: ${why}`);
}

interface FileSystem {
  existsSync(path: string): boolean;
  readdirSync(path: string): string[];
}

function fileSystem(): FileSystem | null {
  // Not an import: bundlers for browsers would look for it.
  const host = globalThis as { process?: { getBuiltinModule?(name: string): FileSystem | undefined } };
  return host.process?.getBuiltinModule?.("node:fs") ?? null;
}
