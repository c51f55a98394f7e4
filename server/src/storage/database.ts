import { setImmediate as endOfTurn } from "node:timers/promises";
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

interface Reader {
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  iterator(range: CursorRange): Cursor;
}

/** The database as it is at one moment, whatever is written meanwhile. */
export interface View extends Reader {
  /** Lets the database forget what only this view can still see; idempotent. */
  close(): Promise<void>;
}

/** What the driver uses of LevelDB, so that a test can put faults between the two. */
export interface Database extends Reader {
  batch(operations: Operation[], options: { readonly sync: boolean }): Promise<void>;
  view(): View;
  /** Writes files anew that have keys from the first to the last, without what was deleted or replaced. */
  compactRange(first: Uint8Array, last: Uint8Array): Promise<void>;
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
  const database = new Level<Uint8Array, Uint8Array>(folder, { ...BINARY, createIfMissing });
  await database.open();
  return {
    get: (key) => database.get(key),
    iterator: (range) => database.iterator(range),
    batch: (operations, options) =>
      isLarge(operations)
        ? writeStepwise(database, operations, options)
        : database.batch(operations, options),
    view: () => {
      const snapshot = database.snapshot();
      return {
        get: (key) => database.get(key, { snapshot }),
        iterator: (range) => database.iterator({ ...range, snapshot }),
        close: () => snapshot.close(),
      };
    },
    // What is typed is what every platform has; here there is more.
    compactRange: (first, last) => (database as unknown as Compactable).compactRange(first, last),
    close: () => database.close(),
  };
};

/** What is copied for LevelDB at one go, on the event loop: some milliseconds. */
const STEP_BYTES = 4 * 1024 * 1024;
const STEP_OPERATIONS = 1000;

function isLarge(operations: readonly Operation[]): boolean {
  if (operations.length > STEP_OPERATIONS) return true;
  return bytesOf(operations) > STEP_BYTES;
}

/** Writes one batch that is put together step by step: others may have their turn in between. */
async function writeStepwise(
  database: Level<Uint8Array, Uint8Array>,
  operations: readonly Operation[],
  options: { readonly sync: boolean },
): Promise<void> {
  const batch = database.batch();
  let [bytes, count] = [0, 0];
  for (const operation of operations) {
    if (operation.type === "put") batch.put(operation.key, operation.value);
    else batch.del(operation.key);
    bytes += sizeOf(operation);
    if (++count < STEP_OPERATIONS && bytes < STEP_BYTES) continue;
    [bytes, count] = [0, 0];
    await endOfTurn();
  }
  await batch.write(options);
}

/** Bytes of keys and values. */
export function bytesOf(operations: readonly Operation[]): number {
  return operations.reduce((sum, operation) => sum + sizeOf(operation), 0);
}

function sizeOf(operation: Operation): number {
  return operation.type === "put" ? operation.key.length + operation.value.length : operation.key.length;
}

/** Whether somebody has the database in a folder open, this process included. Changes nothing that LevelDB reads. */
export async function isDatabaseLocked(folder: string): Promise<boolean> {
  // LevelDB takes its lock before it looks at anything else, and then finds that it was told not to open this.
  const database = new Level(folder, { ...BINARY, createIfMissing: false, errorIfExists: true });
  try {
    await database.open();
  } catch (error) {
    return isLockedError(error);
  }
  await database.close();
  return false;
}

/** Whether a database could not be opened because somebody else has it open. */
export function isLockedError(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return cause instanceof Error && "code" in cause && cause.code === "LEVEL_LOCKED";
}

/** What LevelDB offers in Node, and IndexedDB does not. */
interface Compactable {
  compactRange(first: Uint8Array, last: Uint8Array): Promise<void>;
}

const BINARY = { keyEncoding: "view", valueEncoding: "view" } as const;
