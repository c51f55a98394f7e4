/**
 * The offline store on `level`: LevelDB in Node and Electron, IndexedDB in browsers. This file is the only way to it,
 * and is imported when a client is told to keep documents on its device, so that others need not load it.
 */

import type { JoineryError } from "@joinery/shared";
import { Connection } from "./connection.ts";
import {
  failure,
  messageOf,
  type OfflineDatabase,
  type OpenDatabase,
  type Operation,
  openLevelDatabase,
} from "./database.ts";
import { DocumentWriter } from "./document-writer.ts";
import {
  decodeDocument,
  documentRange,
  inSection,
  newWriterId,
  sectionRange,
  type WriterId,
} from "./keys.ts";
import { type DocumentHost, type DocumentLimits, LevelDocument } from "./level-document.ts";
import type { OfflineDocument, OfflineStore, OnCopyState, PendingDocument } from "./ports.ts";
import {
  decodeRecord,
  decodeUnsavedEntry,
  isUnsound,
  type StoredRecord,
  type UnsavedEntry,
} from "./record.ts";
import { readStoredCopy, type StoredCopy } from "./stored-copy.ts";
import { WriteLoop } from "./write-loop.ts";

/** Time as the store needs it; the client's clock fits. */
export interface OfflineClock {
  now(): number;
  monotonicMs(): number;
  setTimer(delayMs: number, run: () => void): { cancel(): void };
}

export interface LevelStoreOptions {
  /** Default: the system's. */
  readonly clock?: OfflineClock;
  /** At least 0 and below 1. Default: `Math.random`, which is random enough for ids that also have the time in them. */
  readonly random?: () => number;
  readonly limits?: Partial<DocumentLimits>;
  /** Opens the database; by default `level`. A test puts faults here. */
  readonly openDatabase?: OpenDatabase;
}

const DEFAULT_LIMITS: DocumentLimits = {
  // As much as a catch-up may bring at once while a slow disk is busy.
  maxQueueBytes: 8 * 1024 * 1024,
  minLogBytes: 64 * 1024,
  // IndexedDB loads about twenty small records in a millisecond.
  minLogRecords: 500,
};

const SYSTEM_CLOCK: OfflineClock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** How many damaged records a message names. */
const MAX_NAMED = 5;

/**
 * Opens the offline store of this name; creates it when there is none.
 *
 * @param name A folder in Node and Electron, a database's name in browsers. Several tabs may have it open, but only
 * one process a folder.
 * Rejects with OFFLINE_STORE_FAILED (never retry) when it cannot be opened, and says why: another process has it, it
 * is damaged, the browser allows no storage.
 */
export async function openLevelStore(name: string, options: LevelStoreOptions = {}): Promise<OfflineStore> {
  const store = new LevelStore(name, options);
  await store.start();
  return store;
}

class LevelStore implements OfflineStore {
  readonly #name: string;
  readonly #clock: OfflineClock;
  readonly #random: () => number;
  readonly #documents = new Set<LevelDocument>();
  readonly #connection: Connection;
  readonly #writes: WriteLoop;
  readonly #host: DocumentHost;
  #closed: Promise<void> | null = null;

  constructor(name: string, options: LevelStoreOptions) {
    const { clock = SYSTEM_CLOCK, random = Math.random, limits, openDatabase = openLevelDatabase } = options;
    this.#name = name;
    this.#clock = clock;
    this.#random = random;
    this.#connection = new Connection({
      name,
      openDatabase,
      reopened: (database) => this.#checkDocuments(database),
    });
    const connection = this.#connection;
    this.#writes = new WriteLoop({
      sources: this.#documents,
      batch: (operations, how) => connection.batch(operations, how),
      clock,
    });
    this.#host = {
      limits: { ...DEFAULT_LIMITS, ...limits },
      monotonicMs: () => clock.monotonicMs(),
      newWriter: (after) => this.#newWriter(after),
      wake: () => this.#writes.wake(),
      flush: () => this.#writes.flush(),
      forget: (document) => this.#documents.delete(document),
    };
  }

  start(): Promise<void> {
    return this.#connection.open();
  }

  async open(document: string, onState: OnCopyState): Promise<OfflineDocument> {
    // A handle that is closing may have something that waits.
    if (this.#isOpen(document)) await this.#settled();
    const stored = await this.#read(document);
    const damage = stored.strays.length > 0 ? strayError(document, stored) : null;
    if (damage !== null) onState(damage);
    const opened = new LevelDocument({ document, stored, damage, onState, host: this.#host });
    this.#documents.add(opened);
    return opened;
  }

  async pending(): Promise<readonly PendingDocument[]> {
    await this.#settled();
    const pending = new Map<string, PendingDocument>();
    for (const record of await this.#all("the list of unsaved edits", sectionRange("unsaved"))) {
      const document = decodeDocument(record.key);
      if (document === null) continue;
      const { unsaved, bytes } = pending.get(document) ?? { unsaved: 0, bytes: 0 };
      const entry = await this.#unsavedEntry(record);
      pending.set(document, { document, unsaved: unsaved + entry.count, bytes: bytes + entry.bytes });
    }
    return [...pending.values()];
  }

  async copyTo(document: string, name: string): Promise<void> {
    this.#requireClosed(name);
    await this.#settled();
    for (const open of this.#documents) if (open.document === document) await open.flush();
    const { updates } = await this.#read(document);
    const taken = await this.#read(name);
    if (taken.updates.length > 0 || taken.strays.length > 0)
      throw failure(
        `document ${JSON.stringify(document)} cannot be copied: there is a local copy of ${JSON.stringify(name)}`,
      );
    const writer = new DocumentWriter(name, { ...taken, lineage: null }, (after) => this.#newWriter(after));
    const operations: Operation[] = [];
    if (updates.length > 0) {
      const bytes = updates.reduce((sum, { length }) => sum + length, 0);
      writer.putPack(operations, { key: writer.nextKey("local"), updates, bytes });
    }
    await this.#batch(`a copy of document ${JSON.stringify(document)}`, operations);
  }

  async remove(document: string): Promise<void> {
    this.#requireClosed(document);
    const records = await Promise.all(
      (["records", "unsaved", "aside"] as const).map((section) =>
        this.#all(`document ${JSON.stringify(document)}`, documentRange(section, document)),
      ),
    );
    const operations = records.flat().map(({ key }): Operation => ({ type: "del", key }));
    if (operations.length > 0) await this.#batch(`document ${JSON.stringify(document)}`, operations);
  }

  writeNow(): void {
    this.#writes.writeNow();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const closed = await Promise.allSettled([...this.#documents].map((document) => document.close()));
    this.#writes.stop();
    await this.#connection.close();
    for (const result of closed) if (result.status === "rejected") throw result.reason;
  }

  async #read(document: string): Promise<StoredCopy> {
    const what = `the local copy of document ${JSON.stringify(document)}`;
    const stored = readStoredCopy(await this.#all(what, documentRange("records", document)));
    const newer = stored.strays.find(({ kind }) => kind === "newer");
    if (newer !== undefined) throw failure(`${what} cannot be read: ${newer.reason}; nothing was changed`);
    return stored;
  }

  async #all(what: string, range: Parameters<Connection["all"]>[0]): Promise<StoredRecord[]> {
    try {
      return await this.#connection.all(range);
    } catch (cause) {
      throw failure(`${what} cannot be read: ${messageOf(cause)}`, cause);
    }
  }

  async #batch(what: string, operations: readonly Operation[]): Promise<void> {
    try {
      await this.#connection.batch(operations, { sync: true });
    } catch (cause) {
      throw failure(`${what} cannot be written: ${messageOf(cause)}`, cause);
    }
  }

  /** How many edits are unsaved; where the list is damaged, the edits themselves say it. */
  async #unsavedEntry(record: StoredRecord): Promise<UnsavedEntry> {
    const entry = decodeUnsavedEntry(record);
    if (!isUnsound(entry)) return entry;
    const key = inSection("records", record.key);
    const value = await this.#connection.get(key);
    const content = value === undefined ? null : decodeRecord({ key, value }, "local");
    // Damaged too, or gone: somebody should open the document, which says so.
    if (content === null || isUnsound(content) || !("updates" in content))
      return { count: 1, bytes: value?.length ?? 0 };
    return {
      count: content.updates.length,
      bytes: content.updates.reduce((sum, { length }) => sum + length, 0),
    };
  }

  /** Waits for what was given before; that it failed was told already. */
  #settled(): Promise<void> {
    return this.#documents.size > 0 ? this.#writes.flush() : Promise.resolve();
  }

  async #checkDocuments(database: OfflineDatabase): Promise<void> {
    for (const document of this.#documents) if (!(await document.isIntact(database))) document.startAnew();
  }

  #newWriter(after: WriterId | null): WriterId {
    return newWriterId(this.#clock.now(), this.#random, after);
  }

  #isOpen(document: string): boolean {
    return [...this.#documents].some((open) => open.document === document);
  }

  #requireClosed(document: string): void {
    const store = JSON.stringify(this.#name);
    if (this.#isOpen(document))
      throw failure(`document ${JSON.stringify(document)} is open in the offline store ${store}`);
  }
}

/** Says which records of a document are no part of what is shown. */
function strayError(document: string, { strays }: StoredCopy): JoineryError {
  const named = strays.slice(0, MAX_NAMED).map(({ reason }) => reason);
  if (strays.length > MAX_NAMED) named.push(`and ${strays.length - MAX_NAMED} more`);
  const what = `${strays.length} ${strays.length === 1 ? "record" : "records"} of the local copy of document ${JSON.stringify(document)}`;
  return failure(
    `${what} cannot be used and ${strays.length === 1 ? "is" : "are"} kept aside: ${named.join("; ")}`,
  );
}
