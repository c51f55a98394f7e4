/**
 * The offline store of a process that is killed in the middle, again and again on the same folder. `CRASH_ROUNDS` asks
 * for more rounds.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../../client/src/offline/level-store.ts";
import { until } from "../support/until.ts";

const WRITER = fileURLToPath(new URL("./offline-writer.ts", import.meta.url));
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 12);

test("a process that is killed leaves all that it flushed, and what was unsaved is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "joinery-offline-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  let revisions = 0;
  let flushed = 1;
  let saving = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const writer = startWriter(folder);
    const lines = 1 + Math.floor(Math.random() * 300);
    await until("the writer to write", () => writer.lines.length >= lines);
    await expect(openLevelStore(folder), "while it runs").rejects.toMatchObject({
      message: expect.stringContaining("another process"),
    });
    await writer.kill();
    for (const line of writer.lines) {
      flushed = line.flushed ?? flushed;
      saving = line.saving ?? saving;
    }

    const store = await openLevelStore(folder);
    const { copy } = await store.open("notes", (error) => {
      throw error;
    });
    const has = new Set(copy.updates.flatMap(decode));
    const unsaved = new Set(copy.unsaved.flatMap(decode));
    expect(missing(has, flushed), `what was flushed, up to ${flushed}`).toEqual([]);
    const owed = [...has].filter((n) => n % 2 === 1 && n > saving && !unsaved.has(n));
    expect(owed, `what was not saved, after ${saving}`).toEqual([]);
    if (copy.revision !== null) {
      revisions++;
      expect(missing(has, copy.revision.seq), `what a revision of ${copy.revision.seq} covers`).toEqual([]);
      const received = [...has].filter((n) => n % 2 === 0);
      expect(Math.max(...received), "nothing came from the server since").toBe(copy.revision.seq);
    }
    const [pending] = await store.pending();
    expect(pending?.unsaved ?? 0).toBe(copy.unsaved.length);
    await store.close();
    // What was not flushed may be there all the same, and has to stay: not a later one without those before it.
    while (has.has(flushed + 1)) flushed++;
  }
  process.stdout.write(`${ROUNDS} kills, ${revisions} with a revision, ${flushed} numbers\n`);
});

interface Line {
  /** All numbers up to here are on disk. */
  readonly flushed?: number;
  /** The writer is about to say that its own numbers up to here are saved. */
  readonly saving?: number;
}

function startWriter(folder: string): { lines: Line[]; kill(): Promise<void> } {
  const child: ChildProcess = spawn(process.execPath, [WRITER, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const lines: Line[] = [];
  const ended = once(child, "close");
  createInterface(child.stdout as NodeJS.ReadableStream).on("line", (line) => {
    lines.push(JSON.parse(line) as Line);
  });
  return {
    lines,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function decode(update: Uint8Array): number[] {
  return [...new Uint32Array(update.slice().buffer)];
}

/** Numbers that are not there. The first is 2. */
function missing(has: ReadonlySet<number>, upTo: number): number[] {
  return Array.from({ length: Math.max(0, upTo - 1) }, (_, i) => i + 2).filter((n) => !has.has(n));
}
