import {
  type Database,
  type OpenDatabase,
  openLevelDatabase,
  type View,
} from "../../server/src/storage/database.ts";

type Batch = Parameters<Database["batch"]>;

/**
 * Opens real LevelDB databases, looks on at their writes, and lets a test make operations fail. A fault says what
 * happens instead, given the real operation.
 */
export class FaultyDatabases {
  /** Number of operations in each write that was asked for. */
  readonly batchSizes: number[] = [];
  openCount = 0;
  /** Keys whose values were read to load documents and ranges of their logs. */
  readonly keysRead: string[] = [];
  batchFault: ((write: () => Promise<void>, operations: Batch[0]) => Promise<void>) | null = null;
  getFault: ((value: Uint8Array | undefined) => Uint8Array | undefined) | null = null;
  openFault: (() => void) | null = null;

  readonly open: OpenDatabase = async (folder, options) => {
    this.openFault?.();
    const real = await openLevelDatabase(folder, options);
    this.openCount++;
    return {
      get: async (key) => {
        const value = await real.get(key);
        return this.getFault === null ? value : this.getFault(value);
      },
      batch: async (...batch: Batch) => {
        if (!batch[1].sync) throw new Error("a write without sync");
        this.batchSizes.push(batch[0].length);
        const write = () => real.batch(...batch);
        return this.batchFault === null ? write() : this.batchFault(write, batch[0]);
      },
      iterator: (range) => real.iterator(range),
      view: () => this.#watched(real.view()),
      compactRange: (first, last) => real.compactRange(first, last),
      close: () => real.close(),
    };
  };

  /** A view that remembers whose values were read: keys in hex. */
  #watched(view: View): View {
    const note = (key: Uint8Array) => this.keysRead.push(Buffer.from(key).toString("hex"));
    return {
      get: (key) => {
        note(key);
        return view.get(key);
      },
      iterator: (range) => {
        const cursor = view.iterator(range);
        return {
          next: () => cursor.next(),
          seek: (key) => cursor.seek(key),
          close: () => cursor.close(),
          nextv: async (size) => {
            const rows = await cursor.nextv(size);
            if (range.values !== false) for (const [key] of rows) note(key);
            return rows;
          },
        };
      },
      close: () => view.close(),
    };
  }

  /** The next `count` writes fail before anything of them is written. */
  failWrites(count: number): void {
    let left = count;
    this.batchFault = async (write) => {
      if (left-- > 0) throw new Error("no space left on device");
      return write();
    };
  }
}
