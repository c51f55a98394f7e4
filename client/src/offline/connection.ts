/**
 * The database of the offline store, closed and opened again when it cannot be believed any more: after a write that
 * failed, LevelDB may acknowledge others and lose them; and a browser closes a database whose site data was cleared.
 */

import {
  failure,
  isQuotaError,
  type OfflineDatabase,
  type OpenDatabase,
  type Operation,
  openError,
} from "./database.ts";
import type { KeyRange } from "./keys.ts";
import type { StoredRecord } from "./record.ts";

export interface ConnectionOptions {
  /** Folder or name of the database. */
  readonly name: string;
  readonly openDatabase: OpenDatabase;
  /** Called when the database was opened again, before it is used: what was written may be gone. */
  readonly reopened: (database: OfflineDatabase) => Promise<void>;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #database: OfflineDatabase | null = null;
  #opening: Promise<OfflineDatabase> | null = null;
  #isSuspect = false;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Rejects with OFFLINE_STORE_FAILED (never) when the database cannot be opened. */
  async open(): Promise<void> {
    await this.#usable();
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#usable()).get(key);
  }

  /** All records in a range, as they were at one moment. */
  async all(range: KeyRange): Promise<StoredRecord[]> {
    return (await this.#usable()).all(range);
  }

  /** Rejects with the database's own error; whether the batch happened is then not known. */
  async batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void> {
    const database = await this.#usable();
    try {
      await database.batch(operations, options);
    } catch (error) {
      if (isQuotaError(error)) throw error;
      this.#isSuspect = true;
      // At once, to see whether what was written before is there. If it does not open, the next operation tries again.
      await Promise.allSettled([this.#usable()]);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([this.#opening]);
    await this.#database?.close();
    this.#database = null;
  }

  async #usable(): Promise<OfflineDatabase> {
    if (this.#isClosed) throw failure(`the offline store ${JSON.stringify(this.#options.name)} is closed`);
    if (this.#database !== null && !this.#isSuspect) return this.#database;
    this.#opening ??= this.#openAgain().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #openAgain(): Promise<OfflineDatabase> {
    const { name, openDatabase, reopened } = this.#options;
    const isFirst = !this.#isSuspect;
    // A database that does not close is given up for another connection all the same.
    await Promise.allSettled([this.#database?.close()]);
    this.#database = null;
    let database: OfflineDatabase;
    try {
      database = await openDatabase(name);
    } catch (error) {
      throw openError(name, error);
    }
    if (!isFirst) await reopened(database);
    this.#database = database;
    this.#isSuspect = false;
    return database;
  }
}
