/** What the commands that look at one document need of memory, as processes of their own: at most four times its bytes. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Written, withStorage } from "../spec/inspect/folder-stage.ts";
import { elements, type LargeDocument, pastedProse, words } from "../support/large-documents.ts";
import { type Exit, runCommand } from "../support/server-process.ts";

const NAME = "a large one";
const BYTES = 20_000_000;
const MAX_TIMES = 4;

const KINDS = { pastedProse, words, elements } as const;
type Kind = keyof typeof KINDS;
const KIND_NAMES = Object.keys(KINDS) as Kind[];

/** Folded: two snapshots, and the log between them. Or as a log, of batches as somebody makes who writes alone. */
const STORED = ["folded", "log"] as const;

let parent = "";

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-memory-"));
  await writeLog(join(parent, "tiny"), words(100, 100));
  for (const kind of KIND_NAMES) {
    await writeFolded(join(parent, `${kind} folded`), KINDS[kind](BYTES, BYTES / 50));
    await writeLog(join(parent, `${kind} log`), KINDS[kind](BYTES, 1000));
  }
}, 120_000);

afterAll(() => rm(parent, { recursive: true, force: true }));

async function writeFolded(folder: string, document: LargeDocument): Promise<void> {
  await withStorage(folder, async (storage) => {
    const written = new Written(storage, NAME);
    const half = Math.floor(document.count / 2);
    let count = 0;
    for (const update of document.updates()) {
      await written.append([{ author: "ann", update }]);
      count++;
      if (count === half || count === document.count) await written.compact(document.update(0, count));
    }
  });
}

async function writeLog(folder: string, document: LargeDocument): Promise<void> {
  await withStorage(folder, async (storage) => {
    const written = new Written(storage, NAME);
    let appends: Promise<void>[] = [];
    for (const update of document.updates()) {
      appends.push(written.append([{ author: "ann", update }]));
      if (appends.length < 500) continue;
      await Promise.all(appends);
      appends = [];
    }
    await Promise.all(appends);
  });
}

const REPORT_MEMORY =
  "--import=data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS*1024))";

/** How a command ended, and the most memory that its process had. */
async function measured(folder: string, args: readonly string[]): Promise<Exit & { readonly peak: number }> {
  const env = { NODE_OPTIONS: REPORT_MEMORY };
  const exit = await runCommand([...args, "--data", join(parent, folder), NAME], env);
  return { ...exit, peak: Number(/^peak (\d+)$/m.exec(exit.stderr)?.[1]) };
}

interface Case {
  readonly command: string;
  readonly args: readonly string[];
  /** Those that take most. */
  readonly kinds: readonly Kind[];
  readonly check: (stdout: string, folder: string) => void;
}

const CASES: readonly Case[] = [
  {
    command: "show",
    args: [],
    kinds: ["pastedProse", "words", "elements"],
    check: (stdout) => expect(stdout).toMatch(/words {2}text {2}[\d,]+ characters|prose {2}text|page {2}xml/),
  },
  {
    command: "stats",
    args: ["--json"],
    kinds: ["elements"],
    check: (stdout) => expect(JSON.parse(stdout).bytes).toBeGreaterThan(BYTES),
  },
  {
    command: "verify",
    args: ["--json"],
    kinds: ["words", "elements"],
    check: (stdout, folder) => {
      // The log before the older snapshot is gone.
      const comparedSnapshots = folder.endsWith("folded") ? 1 : 0;
      expect(JSON.parse(stdout)).toMatchObject({ isSound: true, comparedSnapshots });
    },
  },
];

test.each(CASES)(
  "$command of a document of 20 MB takes at most four times that",
  async ({ command, args, kinds, check }) => {
    const tiny = await measured("tiny", [command, ...args]);
    expect(tiny).toMatchObject({ code: 0, signal: null });
    const times: Record<string, number> = {};
    for (const kind of kinds) {
      const folders = STORED.map((stored) => `${kind} ${stored}`);
      const exits = await Promise.all(folders.map((folder) => measured(folder, [command, ...args])));
      for (const [i, exit] of exits.entries()) {
        const folder = folders[i] as string;
        expect({ folder, code: exit.code, signal: exit.signal }).toEqual({ folder, code: 0, signal: null });
        check(exit.stdout, folder);
        times[folder] = (exit.peak - tiny.peak) / BYTES;
      }
    }
    expect(Object.entries(times).filter(([, factor]) => !(factor <= MAX_TIMES))).toEqual([]);
  },
);
