import {
  type OfflineDatabase,
  type OpenDatabase,
  type Operation,
  openLevelDatabase,
} from "../../client/src/offline/database.ts";
import type { KeyRange } from "../../client/src/offline/keys.ts";
import type { StoredRecord } from "../../client/src/offline/record.ts";

/** What happens instead of a batch, given the real one. */
export type BatchFault = (write: () => Promise<void>, operations: readonly Operation[]) => Promise<void>;

/**
 * Opens a database several times over, as tabs of a browser do, looks on at what is written, and lets a test make
 * operations fail.
 */
export class WatchedDatabases {
  /** What was asked for, whether it happened or not. */
  readonly batches: { readonly operations: readonly Operation[]; readonly sync: boolean }[] = [];
  openCount = 0;
  batchFault: BatchFault | null = null;
  openFault: (() => void) | null = null;
  /** What the next read fails with. */
  readFault: Error | null = null;
  readonly #openReal: OpenDatabase;
  #real: Promise<OfflineDatabase> | null = null;
  #users = 0;

  /** @param openReal What is shared; by default LevelDB. */
  constructor(openReal: OpenDatabase = openLevelDatabase) {
    this.#openReal = openReal;
  }

  readonly open: OpenDatabase = async (name) => {
    this.openFault?.();
    this.openCount++;
    this.#users++;
    this.#real ??= this.#openReal(name);
    const real = await this.#real;
    let isOpen = true;
    return {
      get: async (key) => {
        this.#read();
        return real.get(key);
      },
      all: async (range) => {
        this.#read();
        return real.all(range);
      },
      batch: (operations, options) => {
        this.batches.push({ operations, sync: options.sync });
        const write = () => real.batch(operations, options);
        return this.batchFault === null ? write() : this.batchFault(write, operations);
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        if (--this.#users > 0) return;
        this.#real = null;
        await real.close();
      },
    };
  };

  #read(): void {
    const fault = this.readFault;
    this.readFault = null;
    if (fault !== null) throw fault;
  }

  /** The next `count` batches fail before anything of them is written. */
  failBatches(count: number, error: Error = new Error("no space left on device")): void {
    let left = count;
    this.batchFault = async (write) => {
      if (left-- > 0) throw error;
      return write();
    };
  }
}

/** A database that is nothing but its rows, for tests that look at it at many moments. */
export class MemoryRows {
  /** Keys and values in hex, so that keys sort as bytes do. */
  rows = new Map<string, string>();

  readonly open: OpenDatabase = async () => ({
    get: async (key) => {
      const value = this.rows.get(hex(key));
      return value === undefined ? undefined : bytes(value);
    },
    all: async ({ gte, lt }: KeyRange) => {
      const keys = [...this.rows.keys()].filter((key) => key >= hex(gte) && key < hex(lt)).sort();
      return keys.map(
        (key): StoredRecord => ({ key: bytes(key), value: bytes(this.rows.get(key) as string) }),
      );
    },
    batch: async (operations) => {
      for (const operation of operations) {
        if (operation.type === "del") this.rows.delete(hex(operation.key));
        else this.rows.set(hex(operation.key), hex(operation.value));
      }
    },
    close: async () => undefined,
  });

  /** As it is now, apart from what is written to this one later. */
  copy(): MemoryRows {
    const copy = new MemoryRows();
    copy.rows = new Map(this.rows);
    return copy;
  }
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}

function bytes(value: string): Uint8Array {
  return new Uint8Array(Buffer.from(value, "hex"));
}
