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

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read((database) => database.get(key));
  }

  /** All records in a range, as they were at one moment. */
  all(range: KeyRange): Promise<StoredRecord[]> {
    return this.#read((database) => database.all(range));
  }

  /**
   * Asks the database in the turn in which it is called, if it is open.
   *
   * Rejects with the database's own error; whether the batch happened is then not known.
   */
  async batch(operations: readonly Operation[], options: { readonly sync: boolean }): Promise<void> {
    const database = this.#open ?? (await this.#usable());
    try {
      await database.batch(operations, options);
    } catch (error) {
      if (isQuotaError(error)) throw error;
      this.#doubt(database);
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

  /** Once more when it fails: who only reads would otherwise never learn that a browser has closed it. */
  async #read<T>(read: (database: OfflineDatabase) => Promise<T>): Promise<T> {
    const database = await this.#usable();
    try {
      return await read(database);
    } catch {
      this.#doubt(database);
      return read(await this.#usable());
    }
  }

  /** Another operation may have noticed before, and it was opened again. */
  #doubt(database: OfflineDatabase): void {
    if (database === this.#database) this.#isSuspect = true;
  }

  /** The database, if it can be used at once. */
  get #open(): OfflineDatabase | null {
    return this.#isClosed || this.#isSuspect ? null : this.#database;
  }

  async #usable(): Promise<OfflineDatabase> {
    if (this.#isClosed) throw failure(`the offline store ${JSON.stringify(this.#options.name)} is closed`);
    if (this.#open !== null) return this.#open;
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
