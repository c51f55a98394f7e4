import { copyFile, link, mkdir, readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { syncFolder } from "./durable-file.ts";

/** The folder, in the data folder, where files are kept as they were found. */
export const KEPT = "damaged";

/** How many files are kept; the oldest go first. Enough to look at, and not a second database. */
const MAX_KEPT_FILES = 32;

/**
 * Keeps a file of the data folder as it is, whatever is done with the original: deleted or replaced.
 *
 * @returns Its name, from the data folder on.
 */
export async function keepAside(folder: string, path: string): Promise<string> {
  const keptIn = join(folder, KEPT);
  await mkdir(keptIn, { recursive: true });
  const name = `${new Date().toISOString().replaceAll(":", "-")}-${basename(path)}`;
  // A second name costs no space; where there are none, as on some network disks, a copy has to do.
  await link(path, join(keptIn, name)).catch(() => copyFile(path, join(keptIn, name)));
  await syncFolder(keptIn);
  const entries = await readdir(keptIn, { withFileTypes: true });
  // What repairs took out of documents lies in folders of their own, and stays.
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
  for (const oldest of names.slice(0, -MAX_KEPT_FILES)) await rm(join(keptIn, oldest));
  return `${KEPT}/${name}`;
}
