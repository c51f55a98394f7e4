/**
 * Where a repair keeps the records that it takes out of documents: a folder for each time, in `damaged/` of the data
 * folder, with a file a document. Nothing removes them but people. Laid out in docs/formats.md.
 */

import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { toBase64, toHexString } from "lib0/buffer";
import { KEPT } from "./damaged-files.ts";
import type { View } from "./database.ts";
import { syncFolder } from "./durable-file.ts";
import type { ScannedRecord } from "./record-scan.ts";
import { messageOf, unavailable } from "./storage-errors.ts";

const FORMAT = 1;

/** Keeps what one run of repairs takes out. */
export class RemovedRecords {
  readonly #folder: string;
  readonly #name: string;
  #files = 0;

  /**
   * @param folder The data folder.
   * @param time When the run began, in milliseconds since 1970.
   */
  constructor(folder: string, time: number) {
    this.#folder = folder;
    this.#name = `${KEPT}/${new Date(time).toISOString().replaceAll(":", "-")}-repair`;
  }

  /**
   * Writes records as they are stored, and makes that durable. What a crash leaves of a file is a beginning of it.
   *
   * @param document `null` for records under keys that name none.
   * @returns The file's name, from the data folder on.
   * Rejects with STORAGE_UNAVAILABLE (backoff) when it cannot be written. Cost: one record at a time in memory.
   */
  async keep(
    document: DocumentName | null,
    removed: readonly ScannedRecord[],
    database: Pick<View, "get">,
  ): Promise<string> {
    try {
      return await this.#keep(document, removed, database);
    } catch (error) {
      throw unavailable(`what is damaged cannot be saved aside: ${messageOf(error)}`, error);
    }
  }

  async #keep(
    document: DocumentName | null,
    removed: readonly ScannedRecord[],
    database: Pick<View, "get">,
  ): Promise<string> {
    const keptIn = join(this.#folder, this.#name);
    await mkdir(keptIn, { recursive: true });
    const name = `${String(++this.#files).padStart(4, "0")}.jsonl`;
    const file = await open(join(keptIn, name), "w");
    try {
      // Appending writes all of it or rejects: on a disk that becomes full a single write may do a part, and say so.
      await file.appendFile(`${JSON.stringify({ format: FORMAT, document })}\n`);
      for (const { key, place, problem } of removed) {
        const value = (await database.get(key)) ?? new Uint8Array(0);
        const { kind: record, seq } = place ?? { kind: null, seq: 0 };
        const line = { record, seq, problem, key: toHexString(key), value: toBase64(value) };
        await file.appendFile(`${JSON.stringify(line)}\n`);
      }
      await file.sync();
    } catch (error) {
      // Nothing is taken out, and on a full disk it is in the way.
      await rm(join(keptIn, name), { force: true });
      throw error;
    } finally {
      await file.close();
    }
    for (const folder of [keptIn, join(this.#folder, KEPT), this.#folder]) await syncFolder(folder);
    return `${this.#name}/${name}`;
  }
}
