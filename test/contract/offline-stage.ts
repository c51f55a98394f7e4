import type { JoineryError } from "@joinery/shared";
import { onTestFinished } from "vitest";
import type { Operation } from "../../client/src/offline/database.ts";
import { decodePlace, type RecordKind } from "../../client/src/offline/keys.ts";
import { type LevelStoreOptions, openLevelStore } from "../../client/src/offline/level-store.ts";
import type { OfflineCopy, OfflineDocument, OfflineStore } from "../../client/src/offline/ports.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { MemoryRows, WatchedDatabases } from "../support/offline-databases.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** One document in a database that a test can break, as one tab or several have it open. */
export class OfflineStage {
  readonly clock = new FakeClock();
  readonly databases: WatchedDatabases;
  /** What handles were told, oldest first. */
  readonly states: (JoineryError | null)[] = [];
  readonly #name: string;
  #stores: OfflineStore[] = [];

  constructor(databases: WatchedDatabases, name: string) {
    this.databases = databases;
    this.#name = name;
    onTestFinished(async () => {
      // What a test has broken may fail to close, and was looked at by it.
      await Promise.allSettled(this.#stores.map((store) => store.close()));
    });
  }

  /** Opens the document in a tab of its own. */
  async tab(limits: LevelStoreOptions["limits"] = {}): Promise<OfflineDocument> {
    const store = await this.store(limits);
    return store.open("notes", (error) => this.states.push(error));
  }

  /** What handles were told to be wrong, oldest first. */
  get errors(): JoineryError[] {
    return this.states.filter((error) => error !== null);
  }

  async store(limits: LevelStoreOptions["limits"] = {}): Promise<OfflineStore> {
    const { clock, databases } = this;
    const store = await openLevelStore(this.#name, { clock, openDatabase: databases.open, limits });
    this.#stores.push(store);
    return store;
  }

  /** What somebody finds who opens the document now, and what he is told. */
  async found(): Promise<OfflineCopy & { told: string[] }> {
    const told: string[] = [];
    const store = await this.store();
    const { copy } = await store.open("notes", (error) => told.push(error?.message ?? "well"));
    await store.close();
    return { ...copy, told };
  }

  /** All tabs are gone, without a word. */
  async crash(): Promise<void> {
    this.databases.batchFault = () => Promise.reject(new Error("gone"));
    await Promise.allSettled(this.#stores.map((store) => store.close()));
    this.#stores = [];
    this.databases.batchFault = null;
  }
}

export async function levelStage(): Promise<OfflineStage & { readonly folder: string }> {
  const folder = await temporaryFolder();
  return Object.assign(new OfflineStage(new WatchedDatabases(), folder), { folder });
}

export function memoryStage(): OfflineStage & { readonly rows: MemoryRows } {
  const rows = new MemoryRows();
  return Object.assign(new OfflineStage(new WatchedDatabases(rows.open), "memory"), { rows });
}

/** What a batch does to records, such as `put remote`. */
export function summary(operations: readonly Operation[]): string[] {
  return operations
    .filter(({ key }) => key[0] === 1)
    .map(({ type, key }) => `${type} ${decodePlace(key)?.kind}`);
}

/** Keys of the records of a kind, in hex. */
export function keysOf(rows: MemoryRows, kind: RecordKind): string[] {
  const keys = [...rows.rows.keys()].sort();
  return keys.filter((key) => key.startsWith("01") && decodePlace(Buffer.from(key, "hex"))?.kind === kind);
}

/** Holds batches up until they are released, or made to fail. */
export function held(stage: { readonly databases: WatchedDatabases }) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stage.databases.batchFault = async (write) => {
    await promise;
    await write();
  };
  const end = () => {
    stage.databases.batchFault = null;
  };
  return {
    release: () => {
      end();
      resolve();
    },
    fail: (error: Error) => {
      end();
      reject(error);
    },
  };
}
