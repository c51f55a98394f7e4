/** Where results are kept. */
import { writeFileSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { resultsPage } from "./markdown.ts";
import { plot } from "./plot.ts";
import type { ScenarioRecord } from "./record.ts";

/** Kept with the code: whole runs. */
export const RESULTS = new URL("../../results/", import.meta.url);
/** Of smoke runs, and of those that compare two checkouts. */
export const SCRATCH = new URL("../../.cache/results/", import.meta.url);

// Results are written in one go: Ctrl-C would leave a half of one behind, which no later run could read.

/** Writes a scenario's numbers and its plot, in place of those that it had. */
export async function writeRecord(folder: URL, record: ScenarioRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  writeFileSync(new URL(`${record.id}.json`, folder), `${JSON.stringify(record, null, 2)}\n`);
  writeFileSync(new URL(`${record.id}.svg`, folder), plot(record));
}

/** Makes the page anew of what the folder has of these scenarios. */
export async function writePage(folder: URL, ids: readonly string[]): Promise<void> {
  writeFileSync(new URL("README.md", folder), resultsPage(await readRecords(folder, ids)));
}

/** Those that there are, in this order. */
export async function readRecords(folder: URL, ids: readonly string[]): Promise<ScenarioRecord[]> {
  const records = await Promise.all(ids.map((id) => readRecord(new URL(`${id}.json`, folder))));
  return records.filter((record) => record !== null);
}

async function readRecord(file: URL): Promise<ScenarioRecord | null> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as ScenarioRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`${fileURLToPath(file)} cannot be read`, { cause: error });
  }
}
