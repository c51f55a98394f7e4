import { mkdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { type OpenDatabase, openLevelDatabase } from "./database.ts";
import { openFiles } from "./leveldb/files-database.ts";

/**
 * Opens a database to read it, with little memory. It has to be a copy, beside which there is room: the lock of the
 * database that its LOCK leads to is held as long as it is open.
 */
export const openReadOnly: OpenDatabase = async (folder) => {
  const lock = await openLock(folder);
  try {
    const files = await openFiles(folder);
    return {
      get: (key) => files.get(key),
      iterator: (range) => files.iterator(range),
      view: () => ({
        get: (key) => files.get(key),
        iterator: (range) => files.iterator(range),
        close: async () => undefined,
      }),
      batch: () => Promise.reject(new Error("the database was opened to be read")),
      compactRange: () => Promise.reject(new Error("the database was opened to be read")),
      close: () => lock.close(),
    };
  } catch (error) {
    await lock.close();
    throw error;
  }
};

/** Only LevelDB can take its lock: so an empty database is opened that has this one's. */
async function openLock(folder: string) {
  const beside = `${folder}.lock`;
  await mkdir(beside);
  await symlink(await realpath(join(folder, "LOCK")), join(beside, "LOCK"));
  return openLevelDatabase(beside, { createIfMissing: true });
}
