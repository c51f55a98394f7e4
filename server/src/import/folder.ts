/** Folders of a source: entry by entry, for there may be very many. */

import { constants, type Dirent } from "node:fs";
import { type FileHandle, open, opendir, stat } from "node:fs/promises";
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
      yield { name, path, isFolder: await isFolderAt(path, entry) };
    }
  } catch (error) {
    throw hasCode(error, "ENOENT")
      ? unusableSource(folder, "there is no such folder", error)
      : unreadable(folder, error);
  }
}

/** A link that leads nowhere is no folder: whoever reads it says of that one document what is wrong. */
async function isFolderAt(path: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );
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
    // A pipe would otherwise be waited for until somebody writes into it.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      return await readFileOf(file, maxBytes);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof Error && "code" in error && "syscall" in error)
      throw damagedInSource(reasonOf(error), error);
    throw error;
  }
}

/** Reads so many bytes as the file has at first; of a device that never ends, none. */
async function readFileOf(file: FileHandle, maxBytes: number): Promise<Uint8Array> {
  const stats = await file.stat();
  if (!stats.isFile()) throw damagedInSource("it is no file but a pipe, a socket or a device");
  requireFits(stats.size, maxBytes);
  const bytes = new Uint8Array(stats.size);
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at);
    if (bytesRead === 0) throw damagedInSource("it became shorter while it was being read");
    at += bytesRead;
  }
  const more = await file.read(new Uint8Array(1));
  if (more.bytesRead > 0) throw damagedInSource("it became longer while it was being read");
  return bytes;
}

function unreadable(path: string, error: unknown): Error {
  return unusableSource(path, reasonOf(error), error);
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
