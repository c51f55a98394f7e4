/**
 * LevelDB rewrites its own files whenever it opens a database, so one that is to stay as it is, is opened as a copy
 * beside it: links to its tables, which LevelDB never changes, and copies of the few small files that it does.
 */

import { constants, mkdtempSync, rmSync } from "node:fs";
import { access, copyFile, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

/** At the end of a process LevelDB may still write a file while its folder is removed: then that is tried again. */
const REMOVAL = { recursive: true, force: true, maxRetries: 5 } as const;

const LOCK = "LOCK";

export interface DatabaseCopy {
  /** A folder for temporary files, in which the copy is. */
  readonly folder: string;
  /** Removes it; the end of the process does so too. What it was copied from is not touched. */
  remove(): Promise<void>;
}

/**
 * Copies a database into a temporary folder.
 *
 * @param from The database. Whoever opens the copy holds the lock of this one.
 * @param name Of the copy in the temporary folder.
 * @param beside Further files that are copied into the temporary folder, where they are there.
 * @param lock Its own only where that of the database cannot be taken: then it may be written to while it is copied.
 * Rejects with the error of the file system.
 * Cost: the write-ahead log and the manifest, a few megabytes.
 */
export async function copyDatabase(
  from: string,
  name: string,
  beside: readonly string[] = [],
  lock: "shared" | "own" = "shared",
): Promise<DatabaseCopy> {
  // At once: no end of the process comes between the folder and the promise to remove it.
  const folder = mkdtempSync(join(tmpdir(), "joinery-import-"));
  const removeAtExit = () => rmSync(folder, REMOVAL);
  process.once("exit", removeAtExit);
  const remove = async () => {
    await rm(folder, REMOVAL);
    process.off("exit", removeAtExit);
  };
  try {
    await mkdir(join(folder, name));
    for (const file of await readdir(from)) {
      if (file === LOCK && lock === "own") await writeFile(join(folder, name, file), "");
      else await copyPart(join(resolve(from), file), join(folder, name, file));
    }
    for (const path of beside) {
      if (await isThere(path)) await copyFile(path, join(folder, basename(path)));
    }
    return { folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function copyPart(from: string, to: string): Promise<void> {
  // A lock is held on what the link leads to: no server can open the database as long as the copy is open.
  if (/\.(ldb|sst)$|(^|[\\/])LOCK$/.test(from)) await symlink(from, to);
  else if (/(^|[\\/])(CURRENT|MANIFEST-\d+|\d+\.log)$/.test(from)) {
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false; // Then it is not copied; whoever needs it says so.
  }
}
