/** Data folders for the commands that write: each test has copies of its own. */

import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { vi } from "vitest";
import { joineryCommand } from "../../../cli/src/main.ts";
import { pageOf } from "../../../cli/src/output/command-page.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey, type RecordPlace } from "../../../server/src/storage/keys.ts";
import { TYPED, UNICODE, withStorage, writeDocuments } from "../inspect/folder-stage.ts";
import { type Ended, joinery } from "./stage.ts";

// Each command opens a database, syncs what it writes, and starts a worker: many at once take their time.
vi.setConfig({ testTimeout: 30_000 });

export class WritingStage {
  readonly #parent: string;
  #copies = 0;

  private constructor(parent: string) {
    this.#parent = parent;
  }

  static async open(): Promise<WritingStage> {
    const stage = new WritingStage(await mkdtemp(join(tmpdir(), "joinery-writing-")));
    await withStorage(stage.path("sound"), writeDocuments);
    await cp(stage.path("sound"), stage.path("damaged"), { recursive: true });
    await flipIn(stage.path("damaged"), [
      { document: TYPED as DocumentName, kind: "log", seq: 25 },
      { document: UNICODE as DocumentName, kind: "log", seq: 1 },
    ]);
    return stage;
  }

  path(...parts: readonly string[]): string {
    return join(this.#parent, ...parts);
  }

  /** A folder with the documents of `writeDocuments`, sound or damaged. */
  async folder(kind: "sound" | "damaged" = "sound"): Promise<string> {
    const copy = this.path(`copy ${++this.#copies}`);
    await cp(this.path(kind), copy, { recursive: true });
    return copy;
  }

  async file(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), content);
    return this.path(name);
  }

  async close(): Promise<void> {
    await rm(this.#parent, { recursive: true, force: true });
  }
}

/** Flips a bit in each of these records. */
export async function flipIn(folder: string, places: readonly RecordPlace[]): Promise<void> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  for (const place of places) {
    const key = encodeKey(place);
    const value = Uint8Array.from((await database.get(key)) ?? []);
    value[value.length - 3] = (value[value.length - 3] as number) ^ 0x10;
    await database.batch([{ type: "put", key, value }], { sync: true });
  }
  await database.close();
}

/** Runs a command on a data folder. Behind `--` there are no options. */
export function on(
  data: string,
  [command = "", ...args]: readonly string[],
  columns?: number,
): Promise<Ended> {
  return joinery([command, "--data", data, ...args], columns);
}

export function jsonLines({ stdout }: Pick<Ended, "stdout">): Record<string, unknown>[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Fields that the page of a command names, without `[]` and what is below it. */
export async function namedFields(command: string): Promise<string[]> {
  const { commands } = await joineryCommand();
  const found = commands.find((it) => it.name() === command);
  const fields = Object.keys((found && pageOf(found)?.json.fields) ?? {});
  return [...new Set(fields.map((field) => field.split(/[.[]/)[0] as string))].sort();
}
