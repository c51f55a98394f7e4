import { Level } from "level";

/** One change to the database; a batch of them happens as a whole or not at all. */
export type Operation =
  | { readonly type: "put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: Uint8Array };

export interface CursorRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly values?: boolean;
  /** How much it reads ahead. */
  readonly highWaterMarkBytes?: number;
}

/** Reads a range of the database as it was when the cursor was made. */
interface Cursor {
  /** @returns The next rows, at most `size`; none at the end. */
  nextv(size: number): Promise<[Uint8Array, Uint8Array][]>;
  next(): Promise<[Uint8Array, Uint8Array] | undefined>;
  /** Goes to the first key that is not below `key`. */
  seek(key: Uint8Array): void;
  close(): Promise<void>;
}

/** What the driver uses of LevelDB, so that a test can put faults between the two. */
export interface Database {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  batch(operations: Operation[], options: { readonly sync: boolean }): Promise<void>;
  iterator(range: CursorRange): Cursor;
  /** Waits for what is under way; idempotent. */
  close(): Promise<void>;
}

/** Opens the database in a folder. Rejects with the error of the `level` package. */
export type OpenDatabase = (
  folder: string,
  options: { readonly createIfMissing: boolean },
) => Promise<Database>;

/** Opens a LevelDB database with binary keys and values. */
export const openLevelDatabase: OpenDatabase = async (folder, { createIfMissing }) => {
  const database = new Level<Uint8Array, Uint8Array>(folder, {
    keyEncoding: "view",
    valueEncoding: "view",
    createIfMissing,
  });
  await database.open();
  return database;
};
