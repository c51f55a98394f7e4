/**
 * A database whose large records are looked at step by step: their checksums would hold up the event loop of a server.
 * Whoever reads through this finds them computed.
 */

import { setImmediate as endOfTurn } from "node:timers/promises";
import { computeChecksum } from "@joinery/shared";
import type { Database, View } from "../storage/database.ts";

/** What is read of a database. */
export type Reader = Pick<View, "get" | "iterator">;

/** What takes less than a millisecond. */
const STEP_BYTES = 512 * 1024;

/** A database as it is read, now or as it is at one moment. */
export type ReadDatabase = Reader & Pick<Database, "view">;

export function stepwise(database: ReadDatabase): ReadDatabase {
  return {
    ...stepwiseReader(database),
    view: () => {
      const view = database.view();
      return { ...stepwiseReader(view), close: () => view.close() };
    },
  };
}

/** Does something with a database as it is at this moment, whatever is written meanwhile. */
export async function withView<T>(database: ReadDatabase, work: (view: Reader) => Promise<T>): Promise<T> {
  const view = database.view();
  try {
    return await work(view);
  } finally {
    await view.close();
  }
}

function stepwiseReader(reader: Reader): Reader {
  return {
    get: async (key) => {
      const value = await reader.get(key);
      await lookAt(key, value);
      return value;
    },
    iterator: (range) => {
      const cursor = reader.iterator(range);
      return {
        next: async () => {
          const row = await cursor.next();
          if (row !== undefined) await lookAt(...row);
          return row;
        },
        nextv: async (size) => {
          const rows = await cursor.nextv(size);
          for (const row of rows) await lookAt(...row);
          return rows;
        },
        seek: (key) => cursor.seek(key),
        close: () => cursor.close(),
      };
    },
  };
}

async function lookAt(key: Uint8Array, value: Uint8Array | undefined): Promise<void> {
  // A cursor that reads keys alone has no values.
  if (value === undefined || value.length <= STEP_BYTES) return;
  const steps = computeChecksum({ key, value }, STEP_BYTES);
  while (!steps.next().done) await endOfTurn();
}
