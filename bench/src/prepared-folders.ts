import { rmSync } from "node:fs";
import { cp, mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../.cache/", import.meta.url));

/** Folders that were filled, by what they are filled with; gone when the process ends. */
const filled = new Map<string, Promise<string>>();
const made: string[] = [];
process.on("exit", () => {
  // A database that is being filled has threads, which write for a moment more.
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/**
 * Fills a folder with what takes long to make: that is made once, and copied for every server, which writes into its own.
 *
 * @param key Says what it is filled with.
 */
export async function copyPrepared(
  key: string,
  target: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  let source = filled.get(key);
  if (!source) {
    source = prepare(fill);
    filled.set(key, source);
  }
  await cp(await source, target, { recursive: true });
}

async function prepare(fill: (folder: string) => Promise<void>): Promise<string> {
  await mkdir(ROOT, { recursive: true });
  const folder = await mkdtemp(join(ROOT, "prepared-"));
  made.push(folder);
  await fill(folder);
  return folder;
}
