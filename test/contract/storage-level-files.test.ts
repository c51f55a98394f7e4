import { appendFile, cp, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { StorageEvent } from "../../server/src/storage/level.ts";
import { doc, open, other } from "./level-stage.ts";
import { appendEntries, entriesOf, entryOf, namesOf, soundDocument } from "./storage-content.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const third = "third" as DocumentName;

/** Makes a folder as a killed process leaves it: `doc` and `other` have entries up to 20, `third` came last. */
async function killed(): Promise<string> {
  const folder = await temporaryFolder();
  const { storage } = await open(join(folder, "running"));
  for (let seq = 1; seq <= 20; seq++) {
    await appendEntries(storage, doc, seq, seq);
    await appendEntries(storage, other, seq, seq);
  }
  await appendEntries(storage, third, 1, 3);
  // Everything is on disk before anything is acknowledged.
  await cp(join(folder, "running"), join(folder, "data"), { recursive: true });
  return join(folder, "data");
}

/** The same, closed in peace. */
async function closed(): Promise<string> {
  const folder = await killed();
  // Opening puts what the log holds into a table; a second log is begun.
  const { storage } = await open(folder);
  for (let seq = 21; seq <= 40; seq++) {
    await appendEntries(storage, doc, seq, seq);
    await appendEntries(storage, other, seq, seq);
  }
  await appendEntries(storage, third, 4, 6);
  await storage.close();
  return folder;
}

/** The one file of LevelDB's with this ending. */
async function fileOf(folder: string, ending: string): Promise<string> {
  const names = (await readdir(join(folder, "level"))).filter((name) => name.endsWith(ending));
  expect(names).toHaveLength(1);
  return join(folder, "level", names[0] as string);
}

async function change(path: string, at: number, length: number): Promise<void> {
  const bytes = await readFile(path);
  const from = at < 0 ? bytes.length + at : at;
  for (let i = from; i < from + length; i++) bytes[i] = (bytes[i] as number) ^ 0x35;
  await writeFile(path, bytes);
}

/** Where an entry's update begins in a file; it is found by what comes before it. */
async function placeOf(path: string, document: DocumentName, seq: number): Promise<number> {
  const bytes = await readFile(path);
  const { author = "" } = entryOf(seq).parts[0] ?? {};
  const name = Buffer.from(`${document}\u0000\u0001\u0003`);
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(seq));
  const key = bytes.indexOf(Buffer.concat([name, number]));
  expect(key).toBeGreaterThan(0);
  return bytes.indexOf(author, key) + author.length;
}

const found = (events: readonly StorageEvent[]) => events.filter(({ type }) => type === "storage-damaged");

describe("a write that a crash cut off", () => {
  test.each([1, 20, 60, 130])("is passed over without a word when %d bytes are missing", async (bytes) => {
    const folder = await killed();
    const log = await fileOf(folder, ".log");
    const { length } = await readFile(log);
    await truncate(log, length - bytes);
    const { storage, events } = await open(folder);
    expect(events).toEqual([]);
    expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 20)));
    // It was one write, which has happened as a whole or not at all.
    expect(await storage.load(third)).toBeNull();
  });

  test("may have left space that was never written", async () => {
    const folder = await killed();
    await appendFile(await fileOf(folder, ".log"), new Uint8Array(5000));
    const { storage, events } = await open(folder);
    expect(events).toEqual([]);
    expect(await storage.load(third)).toEqual(soundDocument(null, entriesOf(1, 3)));
  });

  test("is told and kept aside when it may be damage as well", async () => {
    const folder = await killed();
    const log = await fileOf(folder, ".log");
    const before = await readFile(log);
    await change(log, -20, 8);
    const damaged = await readFile(log);
    const { storage, events } = await open(folder);
    expect(events).toMatchObject([
      {
        type: "storage-damaged",
        outcome: "unsure",
        documents: [third],
        reason: expect.stringContaining("cut off"),
      },
    ]);
    const [event] = found(events) as Extract<StorageEvent, { type: "storage-damaged" }>[];
    expect(event?.offset).toBeGreaterThan(before.length / 2);
    expect(await readFile(join(folder, event?.keptAs as string))).toEqual(damaged);
    expect(await storage.load(other)).toEqual(soundDocument(null, entriesOf(1, 20)));
    expect(await storage.load(third)).toBeNull();
  });

  test("is damage when the database was closed in peace", async () => {
    const folder = await closed();
    const log = await fileOf(folder, ".log");
    const { length } = await readFile(log);
    await truncate(log, length - 20);
    const { storage, events } = await open(folder);
    expect(events).toMatchObject([
      { outcome: "lost", reason: expect.stringContaining("2 of its changes could be kept") },
    ]);
    expect(await storage.load(third)).toEqual(soundDocument(null, entriesOf(1, 5)));
  });

  test("is damage when the database was closed in peace, also where a whole record is gone", async () => {
    const folder = await closed();
    const log = await fileOf(folder, ".log");
    await truncate(log, (await placeOf(log, third, 4)) - 55);
    const { events } = await open(folder);
    expect(events).toMatchObject([{ outcome: "lost", file: expect.stringMatching(/^level\/\d+\.log$/) }]);
  });
});

describe("one flipped bit in LevelDB's log", () => {
  test("is put right, told once, and the file kept as it was found", async () => {
    const folder = await killed();
    const log = await fileOf(folder, ".log");
    const bytes = await readFile(log);
    const at = await placeOf(log, doc, 5);
    bytes[at] = (bytes[at] as number) ^ 4;
    await writeFile(log, bytes);
    const { storage, events } = await open(folder);
    expect(events).toMatchObject([{ type: "storage-damaged", outcome: "repaired", documents: [] }]);
    const [event] = found(events) as Extract<StorageEvent, { type: "storage-damaged" }>[];
    expect(await readFile(join(folder, event?.keptAs as string))).toEqual(bytes);
    for (const [document, last] of [
      [doc, 20],
      [other, 20],
      [third, 3],
    ] as const)
      expect(await storage.load(document)).toEqual(soundDocument(null, entriesOf(1, last)));
    await storage.close();
    expect((await open(folder)).events).toEqual([]);
  });
});

describe("more damage in LevelDB's log", () => {
  test("takes what it hit, and not what comes after it in the same block", async () => {
    const folder = await killed();
    const log = await fileOf(folder, ".log");
    await change(log, await placeOf(log, doc, 5), 2);
    const { storage, events } = await open(folder);
    expect(events).toMatchObject([{ type: "storage-damaged", outcome: "lost", documents: [doc] }]);
    expect(await storage.load(doc)).toMatchObject({
      tail: entriesOf(1, 4),
      damage: { code: "DOCUMENT_DAMAGED" },
    });
    expect(await storage.load(other)).toEqual(soundDocument(null, entriesOf(1, 20)));
    expect(await storage.load(third)).toEqual(soundDocument(null, entriesOf(1, 3)));
  });

  test("is remembered where it took the newest entry, until the document is deleted", async () => {
    const folder = await killed();
    const log = await fileOf(folder, ".log");
    await change(log, await placeOf(log, other, 20), 2);
    const damage = {
      code: "DOCUMENT_DAMAGED",
      message: expect.stringMatching(
        /"other" is damaged at seq 20: the record may be lost: level\/\d+.log was damaged/,
      ),
    };
    for (let start = 0; start < 3; start++) {
      const { storage, events } = await open(folder);
      expect(found(events)).toHaveLength(start === 0 ? 1 : 0);
      expect(await storage.load(other)).toMatchObject({ tail: entriesOf(1, 19), damage });
      await expect(appendEntries(storage, other, 20, 20)).rejects.toMatchObject(damage);
      await appendEntries(storage, doc, 21 + start, 21 + start);
      await storage.close();
    }
    const { storage } = await open(folder);
    await storage.erase(other);
    expect(await storage.load(other)).toBeNull();
    await appendEntries(storage, other, 1, 1);
    await storage.close();
    const again = await open(folder);
    expect(await again.storage.load(other)).toEqual(soundDocument(null, entriesOf(1, 1)));
  });
});

describe("a block of a table that cannot be read", () => {
  /** All documents are in one table; its first blocks are damaged. */
  async function damaged() {
    const folder = await killed();
    await (await open(folder)).storage.close();
    const table = await fileOf(folder, ".ldb");
    await change(table, 10, 40);
    return folder;
  }

  test("takes its records and no others, and is told once", async () => {
    const folder = await damaged();
    for (let start = 0; start < 2; start++) {
      const { storage, events } = await open(folder);
      expect(found(events)).toHaveLength(start === 0 ? 1 : 0);
      // The block has the beginnings of all: what was in it is known by its keys only.
      await expect(storage.load(doc)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
      await expect(storage.load(third)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
      await expect(namesOf(storage)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
      await appendEntries(storage, `a new one ${start}` as DocumentName, 1, 1);
      await storage.close();
    }
  });

  test("is no obstacle to a new life once its document was deleted", async () => {
    const folder = await damaged();
    const { storage } = await open(folder);
    await storage.erase(other);
    expect(await storage.load(other)).toBeNull();
    await appendEntries(storage, other, 1, 2);
    await storage.close();
    const again = await open(folder);
    expect(await again.storage.load(other)).toEqual(soundDocument(null, entriesOf(1, 2)));
    await expect(again.storage.load(doc)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
  });
});

test("a folder that is open is not looked into by another process, whatever is in it", async () => {
  const folder = await killed();
  const { storage } = await open(folder);
  const log = await fileOf(folder, ".log");
  await appendEntries(storage, doc, 21, 30);
  const before = await readFile(log);
  await expect(open(folder)).rejects.toMatchObject({ code: "DATA_FOLDER_IN_USE" });
  expect(await readFile(log)).toEqual(before);
  expect(await readdir(folder)).not.toContain("damaged");
});

test("a mark of a clean close is not believed once the database was written to without it", async () => {
  const folder = await closed();
  const mark = await readFile(join(folder, "closed.json"));
  const { storage } = await open(folder);
  expect(await readdir(folder)).not.toContain("closed.json");
  await appendEntries(storage, third, 7, 8);
  // As if a backup's mark had been put back beside a newer database.
  await cp(folder, `${folder} copy`, { recursive: true });
  await writeFile(join(`${folder} copy`, "closed.json"), mark);
  const log = await fileOf(`${folder} copy`, ".log");
  await truncate(log, (await readFile(log)).length - 5);
  const again = await open(`${folder} copy`);
  expect(again.events).toEqual([]);
  expect(await again.storage.load(third)).toEqual(soundDocument(null, entriesOf(1, 6)));
});

test("the files that are kept aside do not become more and more", async () => {
  const folder = await killed();
  await (await open(folder)).storage.close();
  for (let i = 0; i < 36; i++) {
    const path = join(folder, "level", "CURRENT");
    await writeFile(path, (await readFile(path, "utf8")).replace("M", "L"));
    const { storage, events } = await open(folder);
    expect(events).toMatchObject([{ file: "level/CURRENT", outcome: "repaired" }]);
    await storage.close();
  }
  expect(await readdir(join(folder, "damaged"))).toHaveLength(32);
}, 20_000);
