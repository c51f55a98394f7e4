/** Records of the offline store that are not as they were written, and databases that are not as they were left. */

import { existsSync, readdirSync, renameSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openLevelStore } from "../../client/src/offline/level-store.ts";
import { BRANCH } from "../support/branch.ts";
import { keysOf, levelStage, memoryStage, type OfflineStage } from "./offline-stage.ts";
import { LINEAGE, update } from "./offline-store.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const REVISION = { lineage: LINEAGE, seq: 7, branch: BRANCH };
const FIRST = update(1);

/** A snapshot, what came after it, an unsaved edit, and a revision. */
async function filled() {
  const stage = memoryStage();
  const document = await stage.tab();
  document.addRemote(FIRST);
  document.addLocal(update(2));
  document.compact(update(1, 2));
  await document.flush();
  document.addRemote(update(3));
  document.addLocal(update(4));
  document.addLocal(update(5));
  await document.flush();
  document.addLocal(update(6));
  document.saved(1);
  document.setRevision(REVISION, LINEAGE);
  await document.close();
  return stage;
}

function flip(value: string, bit: number): string {
  const bytes = Buffer.from(value, "hex");
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes.toString("hex");
}

describe("a damaged record", () => {
  test("is told, whichever bit of whichever record it is; the others are shown, and nothing is claimed", async () => {
    const { rows } = await filled();
    const sound = memoryStage();
    sound.rows.rows = new Map(rows.rows);
    const whole = await sound.found();
    expect(whole).toMatchObject({ revision: REVISION, unsaved: [update(4), update(5), update(6)] });
    const records = [...rows.rows].filter(([key]) => key.startsWith("01"));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...records), fc.nat(), async ([key, value], n) => {
        const stage = memoryStage();
        stage.rows.rows = new Map(rows.rows).set(key, flip(value, n % (value.length * 4)));
        const found = await stage.found();
        expect(found.told).toEqual([
          expect.stringMatching(
            /^1 record of the local copy of document "notes" cannot be used and is kept aside: \w+ \w+\/\d+: (?:it|the)/,
          ),
        ]);
        expect(found.revision).toBeNull();
        const missing = whole.updates.length - found.updates.length;
        expect(missing).toBeLessThanOrEqual(2);
        for (const one of found.updates) expect(whole.updates).toContainEqual(one);
      }),
      { numRuns: 300 },
    );
  });

  test("is kept aside as it is by the next fold, and the document is whole when it has synced", async () => {
    const stage = await filled();
    const [key] = keysOf(stage.rows, "snapshot") as [string];
    const bad = flip(stage.rows.rows.get(key) as string, 100);
    stage.rows.rows.set(key, bad);
    const document = await stage.tab();
    expect(stage.errors).toMatchObject([
      { code: "OFFLINE_STORE_FAILED", message: expect.stringContaining("snapshot") },
    ]);
    expect(document.copy).toMatchObject({ revision: null, lineage: LINEAGE });
    expect(document.copy.unsaved).toEqual([update(4), update(5), update(6)]);
    expect(document.compactionDueInMs).toBe(0);
    document.compact(update(3, 4, 5, 6));
    await document.flush();
    expect(await stage.found()).toMatchObject({ revision: null, told: [] });
    expect(stage.rows.rows.get(`03${key.slice(2)}`)).toBe(bad);
    document.addRemote(update(1, 2));
    document.setRevision({ lineage: LINEAGE, seq: 8, branch: BRANCH }, LINEAGE);
    await document.flush();
    expect(await stage.found()).toMatchObject({
      revision: { lineage: LINEAGE, seq: 8, branch: BRANCH },
      told: [],
    });
    await document.close();
    await (await stage.store()).remove("notes");
    expect(stage.rows.rows.size, "removing the document removes what was set aside").toBe(0);
  });

  test("keeps its place among the unsaved edits that are listed, until it is set aside", async () => {
    const stage = await filled();
    const [key] = keysOf(stage.rows, "local") as [string];
    stage.rows.rows.set(key, flip(stage.rows.rows.get(key) as string, 100));
    const store = await stage.store();
    expect(await store.pending()).toEqual([{ document: "notes", unsaved: 3, bytes: 3 }]);
    const document = await store.open("notes", () => undefined);
    expect(document.copy.unsaved).toEqual([update(6)]);
    document.compact(update(6));
    expect(await store.pending()).toEqual([{ document: "notes", unsaved: 1, bytes: 1 }]);
  });

  test("is not missed by the list of unsaved edits, whichever part of that is damaged", async () => {
    const { rows } = await filled();
    const entries = [...rows.rows].filter(([key]) => key.startsWith("02"));
    expect(entries.length).toBe(2);
    for (const [key, value] of entries) {
      for (let bit = 0; bit < value.length * 4; bit++) {
        const stage = memoryStage();
        stage.rows.rows = new Map(rows.rows).set(key, flip(value, bit));
        expect(await (await stage.store()).pending()).toEqual([{ document: "notes", unsaved: 3, bytes: 3 }]);
      }
    }
    const stage = memoryStage();
    stage.rows.rows = new Map(entries.map(([key]) => [key, "00"]));
    expect(await (await stage.store()).pending()).toMatchObject([{ document: "notes", unsaved: 2 }]);
  });

  test("is named, and of many the first few", async () => {
    const stage = memoryStage();
    const document = await stage.tab();
    for (let n = 0; n < 8; n++) {
      document.addRemote(update(n));
      await document.flush();
    }
    for (const [key, value] of stage.rows.rows) stage.rows.rows.set(key, flip(value, 0));
    const { told, updates } = await stage.found();
    expect(updates).toEqual([]);
    expect(told).toEqual([expect.stringMatching(/^8 records .*(remote \w+\/\d+: [^;]+; ){5}and 3 more$/)]);
  });

  test("under another record's key is told", async () => {
    const stage = await filled();
    const [first, second] = keysOf(stage.rows, "local") as [string, string];
    stage.rows.rows.set(second, stage.rows.rows.get(first) as string);
    const { told, unsaved } = await stage.found();
    expect(told).toEqual([expect.stringContaining("the checksum does not match")]);
    expect(unsaved).toEqual([update(4), update(5)]);
  });
});

describe("a record that a later version of Joinery wrote", () => {
  test("keeps the document from being opened, and nothing is changed", async () => {
    const stage = await filled();
    const [key] = keysOf(stage.rows, "remote") as [string];
    const value = Buffer.from(stage.rows.rows.get(key) as string, "hex");
    value[0] = 0x22;
    value.writeUInt32BE(
      crc32c(value.subarray(9), crc32c(value.subarray(0, 5), crc32c(Buffer.from(key, "hex")))),
      5,
    );
    stage.rows.rows.set(key, value.toString("hex"));
    const before = new Map(stage.rows.rows);
    await expect(stage.tab()).rejects.toMatchObject({
      code: "OFFLINE_STORE_FAILED",
      message: expect.stringContaining("it is of format 2, this version reads format 1; nothing was changed"),
    });
    expect(stage.rows.rows).toEqual(before);
  });
});

describe("a folder", () => {
  test("that another client has open is refused", async () => {
    const folder = await temporaryFolder();
    const store = await openLevelStore(folder);
    await expect(openLevelStore(folder)).rejects.toMatchObject({
      code: "OFFLINE_STORE_FAILED",
      message: `the offline store ${JSON.stringify(folder)} cannot be opened: another process, or another client in this one, has it open`,
    });
    await store.close();
    await (await openLevelStore(folder)).close();
  });

  test("that has lost its CURRENT is refused, and nothing in it is changed", async () => {
    const stage = await levelStage();
    const document = await stage.tab();
    document.addLocal(update(1));
    await document.close();
    await stage.crash();
    const current = join(stage.folder, "CURRENT");
    renameSync(current, `${current}.lost`);
    const before = readdirSync(stage.folder);
    await expect(openLevelStore(stage.folder)).rejects.toMatchObject({
      code: "OFFLINE_STORE_FAILED",
      message: expect.stringContaining("no file CURRENT"),
    });
    expect(readdirSync(stage.folder)).toEqual(before);
    renameSync(`${current}.lost`, current);
    expect((await stage.found()).unsaved).toEqual([update(1)]);
  });

  test("that cannot be made a database is refused", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    await expect(openLevelStore(join(folder, "file"))).rejects.toMatchObject({
      code: "OFFLINE_STORE_FAILED",
    });
    expect(existsSync(join(folder, "file"))).toBe(true);
  });

  test("whose log LevelDB reads with holes gives a copy that claims no more than it has", async () => {
    const log = await writtenLog();
    let withLess = 0;
    for (let n = 0; n < 40; n++) {
      const damaged = Buffer.from(log);
      // Its middle: a cut at the end is a crash like any other.
      const bit = Math.floor((0.05 + (n / 40) * 0.8) * log.length) * 8 + (n % 8);
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const stage = await levelStage();
      await writeLog(stage, damaged);
      const found = await stage.found();
      const numbers = new Set(found.updates.map((one) => Buffer.from(one).readUInt32BE()));
      if (numbers.size < EDITS) withLess++;
      for (let seq = 1; seq <= (found.revision?.seq ?? 0); seq++) expect(numbers).toContain(seq);
    }
    expect(withLess).toBeGreaterThan(10);
  });
});

const EDITS = 600;

/** The write-ahead log of a store to which each number was written, with the revision that it makes. */
async function writtenLog(): Promise<Buffer> {
  const stage = await levelStage();
  const document = await stage.tab();
  for (let seq = 1; seq <= EDITS; seq++) {
    document.addRemote(
      new Uint8Array(Buffer.alloc(100).fill(seq).fill(0, 0, 4)).map((byte, i) =>
        i < 4 ? (seq >>> (24 - 8 * i)) & 0xff : byte,
      ),
    );
    document.setRevision({ lineage: LINEAGE, seq, branch: BRANCH }, LINEAGE);
    await document.flush();
  }
  await stage.crash();
  return readFile(join(stage.folder, logOf(stage.folder)));
}

async function writeLog(stage: OfflineStage & { folder: string }, log: Buffer): Promise<void> {
  await (await stage.tab()).flush();
  await stage.crash();
  await writeFile(join(stage.folder, logOf(stage.folder)), log);
}

function logOf(folder: string): string {
  return readdirSync(folder).find((name) => /^\d+\.log$/.test(name)) as string;
}
