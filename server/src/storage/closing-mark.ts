/**
 * The mark that a database was closed in peace: how long its files were then. LevelDB takes the end of a log that it
 * cannot read for a write that was cut off, which nobody was told had happened. After a clean close there are none,
 * so with this mark that end is damage.
 */

import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "@joinery/shared";
import { replaceFile, syncFolder } from "./durable-file.ts";

const MARK = "closed.json";

/** Length in bytes of each MANIFEST and write-ahead log, by name. */
export type ClosedFiles = ReadonlyMap<string, number>;

/** Marks the database as closed. Nobody may have it open. */
export async function writeClosingMark(folder: string, database: string): Promise<void> {
  const files = Object.fromEntries(await sizesOf(database));
  await replaceFile(join(folder, MARK), `${JSON.stringify({ files, checksum: checksumOf(files) })}\n`);
}

/**
 * Reads the mark.
 *
 * @returns `null` when there is none, or when the database was opened and written since, which replaces its files.
 */
export async function readClosingMark(folder: string, database: string): Promise<ClosedFiles | null> {
  const text = await readFile(join(folder, MARK), "utf8").catch(() => "");
  const files = parse(text);
  if (files === null) return null;
  const now = await sizesOf(database);
  const isStale = [...files].some(([name, bytes]) => (now.get(name) ?? Number.POSITIVE_INFINITY) > bytes);
  return isStale ? null : files;
}

/** Takes the mark away: from now on the end of a log may be a write that was cut off. */
export async function removeClosingMark(folder: string): Promise<void> {
  await rm(join(folder, MARK), { force: true });
  await syncFolder(folder);
}

async function sizesOf(database: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(database)) {
    if (/^MANIFEST-\d+$|^\d+\.log$/.test(name)) sizes.set(name, (await stat(join(database, name))).size);
  }
  return sizes;
}

function parse(text: string): Map<string, number> | null {
  try {
    const { files, checksum } = JSON.parse(text) as { files: Record<string, number>; checksum: number };
    return checksum === checksumOf(files) ? new Map(Object.entries(files)) : null;
  } catch {
    return null; // Damaged, as much as a mark with a wrong checksum: what it would have told is not known.
  }
}

function checksumOf(files: Record<string, number>): number {
  return crc32c(new TextEncoder().encode(JSON.stringify(files)));
}
