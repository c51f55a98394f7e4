/** Folders of a source: entry by entry, for there may be very many. */

import { opendir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { damagedInSource, reasonOf, requireFits, unusableSource } from "./source.ts";

export interface Entry {
  readonly name: string;
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * What is in a folder, in no particular order; hidden entries, whose names begin with a dot, are passed over.
 * Rejects with SOURCE_UNUSABLE (never retry) when it cannot be read.
 */
export async function* entriesOf(folder: string): AsyncGenerator<Entry> {
  try {
    for await (const entry of await opendir(folder)) {
      const { name } = entry;
      if (name.startsWith(".")) continue;
      const path = join(folder, name);
      const isFolder = entry.isSymbolicLink() ? (await stat(path)).isDirectory() : entry.isDirectory();
      yield { name, path, isFolder };
    }
  } catch (error) {
    throw hasCode(error, "ENOENT")
      ? unusableSource(folder, "there is no such folder", error)
      : unreadable(folder, error);
  }
}

/** How many entries {@link entriesOf} gives. */
export async function countEntries(folder: string): Promise<number> {
  let count = 0;
  for await (const _ of entriesOf(folder)) count++;
  return count;
}

/** Whether there is something at a path. Rejects with SOURCE_UNUSABLE (never retry) when that cannot be told. */
export async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return false;
    throw unreadable(path, error);
  }
}

/**
 * Reads a file. Rejects with DOCUMENT_FULL when it is too large, and with DOCUMENT_DAMAGED when it cannot be read.
 */
export async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    requireFits((await stat(path)).size, maxBytes);
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && "syscall" in error)
      throw damagedInSource(reasonOf(error), error);
    throw error;
  }
}

function unreadable(path: string, error: unknown): Error {
  return unusableSource(path, reasonOf(error), error);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
