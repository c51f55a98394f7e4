/**
 * Bits flipped in copies of a data folder, wherever its files have any. Whatever is flipped, all documents load as
 * they were, or somebody is told; never is one silently shorter or different. `FLIPS` asks for more of them,
 * `FLIPS_SEED` for those of an earlier run; the counts are printed when `FLIPS` is given.
 */

import { existsSync } from "node:fs";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type DocumentName, toJoineryError } from "@joinery/shared";
import { create, int31, type PRNG } from "lib0/prng";
import { describe, expect, test } from "vitest";
import type { StoredDocument } from "../../server/src/engine/ports.ts";
import { LevelStorage, type StorageEvent } from "../../server/src/storage/level.ts";
import { appendEntries, snapshotOf } from "./storage-content.ts";
import { byAnn } from "./storage-deletions.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const FLIPS = Number(process.env.FLIPS ?? 200);
const SEED = Number(process.env.FLIPS_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Nothing has to outlive the test, and hundreds of folders are written and synced. */
const MEMORY = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

const DOCUMENTS = Array.from({ length: 12 }, (_, i) => `document ${i}` as DocumentName);

/** Deleted, and restored when somebody looks. */
const ASIDE = Array.from({ length: 4 }, (_, i) => `set aside ${i}` as DocumentName);

/** What somebody sees who opens a folder: each document as it loads, or why it does not. */
type Seen = ReadonlyMap<DocumentName, StoredDocument | string | null>;

type Ending = "closed" | "killed";

/** Makes a data folder with tables and a log in it, as it is when its server was closed, or killed. */
async function makeFolder(parent: string, ending: Ending): Promise<string> {
  const folder = join(parent, "made");
  // Opening puts what the log holds into a table.
  for (let round = 0; round < 4; round++) {
    const storage = new LevelStorage({ folder });
    await storage.open();
    const [from, to] = [round * 40 + 1, round * 40 + 40];
    for (let seq = from; seq <= to; seq += 8)
      await Promise.all(DOCUMENTS.map((document) => appendEntries(storage, document, seq, seq + 7)));
    for (const document of DOCUMENTS.slice(0, 6)) await storage.compact(document, snapshotOf(to - 5));
    await appendEntries(storage, `deleted ${round}` as DocumentName, 1, 9);
    await storage.erase(`deleted ${round}` as DocumentName);
    const aside = ASIDE[round] as DocumentName;
    await appendEntries(storage, aside, 1, 9);
    await storage.compact(aside, snapshotOf(5));
    await storage.delete(aside, byAnn(1));
    // Everything is on disk before anything is acknowledged: a copy is what a process leaves that is killed.
    if (round === 3 && ending === "killed") await copy(folder, join(parent, "killed"));
    await storage.close();
  }
  return ending === "killed" ? join(parent, "killed") : folder;
}

function copy(from: string, to: string): Promise<void> {
  return cp(from, to, { recursive: true });
}

/** Opens a folder and loads everything in it. */
async function look(folder: string): Promise<{ seen: Seen | string; events: StorageEvent[] }> {
  const events: StorageEvent[] = [];
  const storage = new LevelStorage({ folder, report: (event) => events.push(event), minFreeBytes: 0 });
  try {
    await storage.open();
  } catch (error) {
    return { seen: toJoineryError(error).message, events };
  }
  const seen = new Map<DocumentName, StoredDocument | string | null>();
  for (const document of [...DOCUMENTS, ...[0, 1, 2, 3].map((i) => `deleted ${i}` as DocumentName)]) {
    seen.set(document, await storage.load(document).catch((error) => toJoineryError(error).message));
  }
  for (const document of ASIDE) {
    const restored = storage.restore(document, 1).then(() => storage.load(document));
    seen.set(document, await restored.catch((error) => toJoineryError(error).message));
  }
  await storage.close();
  return { seen, events };
}

/** How many flips go to which files: at least some to each kind, the rest by size. */
async function plan(folder: string, count: number): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(join(folder, "level"))) {
    if (/^CURRENT$|^MANIFEST|\.log$|\.ldb$/.test(name))
      sizes.set(name, (await readFile(join(folder, "level", name))).length);
  }
  const files = [...sizes].filter(([, size]) => size > 0);
  const least = Math.ceil(count / 20);
  const left = count - least * files.length;
  const total = files.reduce((sum, [, size]) => sum + size, 0);
  return new Map(files.map(([name, size]) => [name, least + Math.ceil((left * size) / total)]));
}

type Damage = (bytes: Buffer, random: PRNG) => { readonly bytes: Buffer; readonly at: number };

const flip: Damage = (bytes, random) => {
  const at = int31(random, 0, bytes.length - 1);
  bytes[at] = (bytes[at] as number) ^ (1 << int31(random, 0, 7));
  return { bytes, at };
};

const scribble: Damage = (bytes, random) => {
  const at = int31(random, 0, bytes.length - 1);
  const length = Math.min(int31(random, 2, 600), bytes.length - at);
  for (let i = at; i < at + length; i++) bytes[i] = int31(random, 0, 255);
  return { bytes, at };
};

/** A sector that was never written. */
const blank: Damage = (bytes, random) => {
  const at = Math.floor(int31(random, 0, bytes.length - 1) / 512) * 512;
  return { bytes: bytes.fill(0, at, Math.min(at + 512, bytes.length)), at };
};

const cut: Damage = (bytes, random) => {
  const at = int31(random, 0, bytes.length - 1);
  return { bytes: bytes.subarray(0, at), at };
};

function classify(expected: Seen, seen: Seen | string, events: readonly StorageEvent[]): string {
  if (typeof seen === "string") return "refused";
  const said = [...new Set(events.map((event) => ("outcome" in event ? event.outcome : event.type)))].sort();
  const different = [...expected].filter(([name, document]) => !isDeepStrictEqual(seen.get(name), document));
  if (different.length === 0) return said.length === 0 ? "did not matter" : said.join(" ");
  const isNamed = different.every(([name]) => {
    const found = seen.get(name) ?? null;
    return typeof found === "string" || found?.damage;
  });
  if (isNamed) return "named";
  return said.length > 0 ? `told: ${said.join(" ")}` : "SILENT";
}

interface Outcome {
  readonly class: string;
  /** The class with the file, the place and what was said. */
  readonly story: string;
}

/** Damages copies of a folder, each at one place, and says what came of it. */
async function run(ending: Ending, damage: Damage, count: number): Promise<Outcome[]> {
  const random = create(ending === "closed" ? SEED : SEED + 1);
  const parent = await temporaryFolder(MEMORY);
  const folder = await makeFolder(parent, ending);
  await copy(folder, join(parent, "expected"));
  const expected = (await look(join(parent, "expected"))).seen as Seen;
  const outcomes: Outcome[] = [];
  const damaged = join(parent, "damaged");
  for (const [name, times] of await plan(folder, count)) {
    // The end of a killed server's log may be missing: that is what a write looks like that was cut off.
    if (damage === cut && ending === "killed" && name.endsWith(".log")) continue;
    for (let i = 0; i < times; i++) {
      await copy(folder, damaged);
      const path = join(damaged, "level", name);
      const { bytes, at } = damage(await readFile(path), random);
      await writeFile(path, bytes);
      const { seen, events } = await look(damaged);
      await rm(damaged, { recursive: true });
      const found = classify(expected, seen, events);
      const said = typeof seen === "string" ? seen : JSON.stringify(events);
      outcomes.push({ class: found, story: `${found}: ${name} at byte ${at}: ${said}` });
    }
  }
  if (process.env.FLIPS !== undefined) print(`${damage.name}, ${ending}`, outcomes);
  return outcomes;
}

function print(title: string, outcomes: readonly Outcome[]): void {
  const counts = new Map<string, number>();
  for (const { class: found, story } of outcomes) {
    const file = /: ([A-Z]*)[-\d]*(\.\w+)? at/.exec(story)?.slice(1).join("");
    counts.set(`${file}: ${found}`, (counts.get(`${file}: ${found}`) ?? 0) + 1);
  }
  const lines = [...counts].map(([name, count]) => `  ${name}: ${count}`).sort();
  process.stderr.write(`${title}, FLIPS_SEED=${SEED}\n${lines.join("\n")}\n`);
}

const storiesOf = (outcomes: readonly Outcome[], isMeant: (found: string) => boolean) =>
  outcomes.filter((outcome) => isMeant(outcome.class)).map(({ story }) => story);

describe(`damage to copies of a data folder (FLIPS_SEED=${SEED})`, () => {
  test.each<Ending>(["closed", "killed"])(
    "one flipped bit, wherever it is, is put right and told (%s)",
    async (ending) => {
      const outcomes = await run(ending, flip, FLIPS / 2);
      expect(outcomes.length).toBeGreaterThanOrEqual(FLIPS / 2);
      const isFine = (found: string) => found === "repaired" || found === "did not matter";
      expect(storiesOf(outcomes, (found) => !isFine(found))).toEqual([]);
    },
    600_000,
  );

  test.each<[string, Damage, Ending]>([
    ["random bytes", scribble, "closed"],
    ["random bytes", scribble, "killed"],
    ["an empty sector", blank, "closed"],
    ["an empty sector", blank, "killed"],
    ["a file that was cut off", cut, "closed"],
    ["a file that was cut off", cut, "killed"],
  ])(
    "%s: no document is silently shorter or different",
    async (_, damage, ending) => {
      const outcomes = await run(ending, damage, FLIPS / 10);
      expect(storiesOf(outcomes, (found) => found === "SILENT")).toEqual([]);
    },
    600_000,
  );
});
