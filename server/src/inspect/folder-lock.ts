/** Whether the lock of a database can be taken, and what else tells that somebody writes to it. */

import { access, constants, readdir, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";

/**
 * Whether this process can take a database's lock, for which LevelDB opens a file for writing.
 *
 * `read-only`: it lies on a file system that is mounted to be read. `denied`: permission is missing.
 */
export async function lockAccess(database: string): Promise<"granted" | "read-only" | "denied"> {
  try {
    await access(join(database, "LOCK"), constants.R_OK | constants.W_OK);
    return "granted";
  } catch (error) {
    const code = codeOf(error);
    // Then there is nothing to take; LevelDB makes one where it opens the copy.
    if (code === "ENOENT") return "granted";
    if (code === "EROFS") return "read-only";
    if (code !== "EACCES" && code !== "EPERM") throw error;
    return (await isReadOnly(database)) ? "read-only" : "denied";
  }
}

/** Where permission is missing too, that is told first. Linux refuses to remove what is not there only for this reason. */
async function isReadOnly(folder: string): Promise<boolean> {
  try {
    await rmdir(join(folder, "nothing-has-this-name"));
    return false;
  } catch (error) {
    return codeOf(error) === "EROFS";
  }
}

/** Of each file how long it is, and when it was last written. */
export type FileStates = ReadonlyMap<string, string>;

/** Rejects with the error of the file system. Cost: a look at each file, no content. */
export async function fileStates(folder: string): Promise<FileStates> {
  const states = new Map<string, string>();
  for (const name of await readdir(folder)) {
    const file = await stat(join(folder, name), { bigint: true }).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return null;
      throw error;
    });
    // One that is gone by now has changed as well: the other look does not find it.
    states.set(name, file === null ? "gone" : `${file.ino} ${file.size} ${file.mtimeNs}`);
  }
  return states;
}

export function isSame(a: FileStates, b: FileStates): boolean {
  return a.size === b.size && [...a].every(([name, state]) => b.get(name) === state);
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
