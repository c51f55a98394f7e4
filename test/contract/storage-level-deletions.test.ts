/** What deleting and restoring documents is on LevelDB: one write, of records as they are, whole or not at all. */

import { cp, readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { describe, expect, test, vi } from "vitest";
import type { Storage } from "../../server/src/engine/ports.ts";
import type { Database } from "../../server/src/storage/database.ts";
import {
  type DeletionPlace,
  deletedKey,
  deletedRange,
  deletionKey,
} from "../../server/src/storage/deleted-keys.ts";
import type { RecordKind } from "../../server/src/storage/keys.ts";
import { documentRange, rangeOfKey } from "../../server/src/storage/keys.ts";
import { encodeLoss } from "../../server/src/storage/losses.ts";
import { startDeleter } from "./appender-process.ts";
import { damageRecord, doc, isAvailableAgain, keyOf, open, withDatabase } from "./level-stage.ts";
import {
  appendEntries,
  entriesOf,
  expectAllRejected,
  namesOf,
  snapshotOf,
  soundDocument,
} from "./storage-content.ts";
import { byAnn, deletionsIn } from "./storage-deletions.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const WHOLE = soundDocument(snapshotOf(5), entriesOf(6, 9));
const ABOVE_DOCUMENTS = { gte: Uint8Array.of(0xff), lt: Uint8Array.of(0xff, 0xff) };
const FIRST_DELETION: DeletionPlace = { document: doc, number: 1 };

/** `doc` has a snapshot at 5 after one at 2, and entries up to 9. */
async function written(folder: string) {
  const stage = await open(folder);
  await appendEntries(stage.storage, doc, 1, 9);
  for (const seq of [2, 5]) await stage.storage.compact(doc, snapshotOf(seq));
  return stage;
}

function rowsIn(folder: string, range: { readonly gte: Uint8Array; readonly lt: Uint8Array }) {
  return withDatabase(folder, async (database) => {
    const cursor = database.iterator(range);
    const rows = await cursor.nextv(1000);
    await cursor.close();
    return rows.map(([key, value]) => [Buffer.from(key).toString("hex"), Buffer.from(value).toString("hex")]);
  });
}

/** Expects the document to be there or deleted, whole in either case, and brings it back. */
async function expectWhole(storage: Storage): Promise<"there" | "deleted"> {
  const there = await storage.load(doc);
  const [deletion] = await storage.deletionsOf(doc);
  expect([there === null, deletion === undefined]).toEqual(there === null ? [true, false] : [false, true]);
  if (deletion !== undefined) await storage.restore(doc, deletion.number);
  expect(await storage.load(doc)).toEqual(WHOLE);
  expect(await storage.read(doc, 5, 1000)).toEqual(entriesOf(6, 9));
  return there === null ? "deleted" : "there";
}

describe("deleting a document", () => {
  test("is one write, moves its records as they are, and restoring moves them back", async () => {
    const folder = await temporaryFolder();
    const { storage, databases } = await written(folder);
    await storage.close();
    const before = await rowsIn(folder, documentRange(doc));
    const again = await open(folder, databases);
    databases.batchSizes.length = 0;
    await again.storage.delete(doc, byAnn(1000));
    expect(databases.batchSizes).toEqual([2 * before.length + 1]);
    await again.storage.close();
    expect(await rowsIn(folder, documentRange(doc))).toEqual([]);
    const moved = (key: string) => Buffer.from(deletedKey(Buffer.from(key, "hex"), 1)).toString("hex");
    expect(await rowsIn(folder, deletedRange(FIRST_DELETION))).toEqual(
      before.map(([key, value]) => [moved(key as string), value]),
    );
    const last = await open(folder);
    await last.storage.restore(doc, 1);
    await last.storage.close();
    expect(await rowsIn(folder, documentRange(doc))).toEqual(before);
    expect(await rowsIn(folder, ABOVE_DOCUMENTS)).toEqual([]);
  });

  test.each([
    ["that fails before anything is written", (write: () => Promise<void>) => void write, "there"],
    ["that fails after it was written", (write: () => Promise<void>) => write(), "deleted"],
  ])("by a write %s leaves it whole", async (_, happen, expected) => {
    const { storage, databases, events } = await written(await temporaryFolder());
    databases.batchFault = async (write) => {
      databases.batchFault = null;
      await happen(write);
      throw new Error("no space left on device");
    };
    await expectAllRejected([storage.delete(doc, byAnn(1))]);
    await isAvailableAgain(events);
    expect(await expectWhole(storage)).toBe(expected);
  });

  test("that a crash cuts off anywhere, or its restoring, leaves it whole", async () => {
    const folder = await temporaryFolder();
    const { storage } = await written(folder);
    const log = (await readdir(join(folder, "level"))).find((name) => name.endsWith(".log")) as string;
    const sizeOf = async () => (await stat(join(folder, "level", log))).size;
    const start = await sizeOf();
    await storage.delete(doc, byAnn(1));
    const deleted = await sizeOf();
    await storage.restore(doc, 1);
    const restored = await sizeOf();
    const found: string[] = [];
    // Everything is on disk before anything is acknowledged: a copy is what a process leaves that is killed.
    for (let size = start; size <= restored; size += Math.floor((restored - start) / 16)) {
      const copy = await temporaryFolder();
      await cp(folder, copy, { recursive: true });
      await truncate(join(copy, "level", log), size);
      const again = await open(copy);
      const state = await expectWhole(again.storage);
      expect(state).toBe(size >= deleted && size < restored ? "deleted" : "there");
      found.push(state);
    }
    expect(new Set(found)).toEqual(new Set(["there", "deleted"]));
  });

  test("and restoring it over and over in a process that is killed leaves it whole", async () => {
    const folder = await temporaryFolder();
    await (await written(folder)).storage.close();
    for (const lines of [20, 33, 46]) {
      const deleter = startDeleter(folder, doc);
      await vi.waitFor(() => expect(deleter.lines.length).toBeGreaterThan(lines), {
        timeout: 20_000,
        interval: 1,
      });
      deleter.kill();
      await deleter.ended;
      const { storage, events } = await open(folder);
      await expectWhole(storage);
      expect(events).toEqual([]);
      await storage.close();
    }
  }, 60_000);
});

describe("damage to what was deleted", () => {
  const flip = (value: Uint8Array) => value.with(-1, (value.at(-1) ?? 0) ^ 1);

  /** `doc` is deleted, and lives again; then something is done to the database. */
  async function deletedAndDamaged(change: (database: Database) => Promise<void>) {
    const folder = await temporaryFolder();
    const first = await written(folder);
    await first.storage.delete(doc, byAnn(1000));
    await appendEntries(first.storage, doc, 1, 3);
    await first.storage.close();
    await withDatabase(folder, change);
    return open(folder);
  }

  test.each<[RecordKind, number]>([
    ["birth", 0],
    ["snapshot", 5],
    ["log", 8],
    ["branches", 0],
  ])(
    "in its %s %i is none of the document that has the name now, and there when it is restored",
    async (kind, seq) => {
      const { storage } = await deletedAndDamaged((database) =>
        damageRecord(database, deletedKey(keyOf(kind, seq), 1), flip),
      );
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 3)));
      expect(await namesOf(storage)).toEqual([doc]);
      expect(await deletionsIn(storage)).toMatchObject([{ document: doc, number: 1, deletedAt: 1000 }]);
      await storage.erase(doc);
      expect(await deletionsIn(storage)).toEqual([]);
    },
  );

  test("is damage of the document when that is restored", async () => {
    const { storage } = await deletedAndDamaged((database) =>
      damageRecord(database, deletedKey(keyOf("log", 8), 1), flip),
    );
    await storage.delete(doc, byAnn(2000));
    await storage.restore(doc, 1);
    const damage = expect.objectContaining({
      message: expect.stringMatching(/^document "notes" is damaged at seq 8/),
    });
    expect(await storage.load(doc)).toEqual({ ...soundDocument(snapshotOf(5), entriesOf(6, 7)), damage });
  });

  test("in the record of the deletion itself is told by it, and keeps it from being purged, not from being restored", async () => {
    const { storage } = await deletedAndDamaged((database) =>
      damageRecord(database, deletionKey(FIRST_DELETION), flip),
    );
    const unknown = { deletedAt: 0, deletedBy: "", seq: 0, bytes: 0, stateVector: Uint8Array.of(0) };
    const deletion = { document: doc, number: 1, lineage: "0".repeat(32), ...unknown };
    expect(await storage.deletionsOf(doc)).toEqual([deletion]);
    expect(await storage.purge(Number.MAX_SAFE_INTEGER)).toBe(0);
    expect(await storage.delete(doc, byAnn(2000))).toMatchObject({ number: 2 });
    await storage.restore(doc, 1);
    expect(await storage.load(doc)).toEqual(WHOLE);
    expect(await storage.deletionsOf(doc)).toMatchObject([{ number: 2 }]);
  });

  test("that takes the record of the deletion leaves what was deleted: by its number it is restored", async () => {
    const { storage } = await deletedAndDamaged((database) =>
      database.batch([{ type: "del", key: deletionKey(FIRST_DELETION) }], { sync: true }),
    );
    expect(await storage.deletionsOf(doc)).toEqual([]);
    // Its number is not given to another one.
    expect(await storage.delete(doc, byAnn(2000))).toMatchObject({ number: 2 });
    await storage.restore(doc, 1);
    expect(await storage.load(doc)).toEqual(WHOLE);
  });

  test("that may concern several documents is forgotten of each as it is deleted, all at once and while it is closed", async () => {
    const folder = await temporaryFolder();
    const names = ["lute", "lyre", "mandolin"] as DocumentName[];
    const first = await open(folder);
    for (const name of names) await appendEntries(first.storage, name, 1, 3);
    await first.storage.close();
    const keys = { gte: keyOf("log", 4, names[0]), lt: keyOf("log", 9, names[2]) };
    await withDatabase(folder, (database) =>
      database.batch([{ type: "put", ...encodeLoss({ keys, time: 1, reason: "a disk fell" }) }], {
        sync: true,
      }),
    );
    const { storage } = await open(folder);
    const deleted = names.map((name) => storage.delete(name, byAnn(1)));
    const closed = storage.close();
    expect(await Promise.all(deleted)).toMatchObject(names.map((document) => ({ document, number: 1 })));
    await closed;
    const again = await open(folder);
    for (const name of names) {
      await appendEntries(again.storage, name, 1, 3);
      expect(await again.storage.load(name)).toEqual(soundDocument(null, entriesOf(1, 3)));
    }
    await again.storage.erase(names[0] as DocumentName);
    await again.storage.delete(names[1] as DocumentName, byAnn(2));
    await again.storage.restore(names[1] as DocumentName, 1);
    // What is said of it comes back with it.
    expect((await again.storage.load(names[1] as DocumentName))?.damage?.message).toContain("at seq 4");
  });

  test("that left keys which name no record goes with the document, and comes back with it", async () => {
    const folder = await temporaryFolder();
    await (await written(folder)).storage.close();
    const { gte } = documentRange(doc);
    const strays = [Uint8Array.of(...gte, 3, 1), Uint8Array.of(...keyOf("log", 8), 7, 7)];
    await withDatabase(folder, (database) =>
      database.batch(
        strays.map((key) => ({ type: "put", key, value: Uint8Array.of(1) }) as const),
        { sync: true },
      ),
    );
    const before = await rowsIn(folder, documentRange(doc));
    const { storage } = await open(folder);
    await storage.delete(doc, byAnn(1));
    await storage.restore(doc, 1);
    await storage.close();
    expect(await rowsIn(folder, documentRange(doc))).toEqual(before);
    const again = await open(folder);
    await again.storage.delete(doc, byAnn(1));
    expect(await again.storage.purge(2)).toBe(1);
    await again.storage.close();
    expect(await rowsIn(folder, ABOVE_DOCUMENTS)).toEqual([]);
  });

  test("that took records without a trace goes with the document, and comes back with it", async () => {
    const folder = await temporaryFolder();
    await (await written(folder)).storage.close();
    const next = "oboe" as DocumentName;
    await withDatabase(folder, async (database) => {
      // One of an entry, and one of a block in which the end of this document was, and the beginning of others.
      const losses = [rangeOfKey(keyOf("log", 10)), { gte: keyOf("log", 12), lt: keyOf("log", 3, next) }];
      const notes = losses.map(
        (keys) => ({ type: "put", ...encodeLoss({ keys, time: 1, reason: "a disk fell" }) }) as const,
      );
      await database.batch(notes, { sync: true });
    });
    const { storage } = await open(folder);
    const damaged = await storage.load(doc);
    expect(damaged?.damage?.message).toContain("at seq 10: the record may be lost: a disk fell");
    await storage.delete(doc, byAnn(1));
    expect(await storage.load(doc)).toBeNull();
    await appendEntries(storage, doc, 1, 3);
    expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 3)));
    // What it says of others stays.
    await expect(storage.load(next)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
    await storage.delete(doc, byAnn(2));
    await storage.close();
    const again = await open(folder);
    await again.storage.restore(doc, 1);
    expect(await again.storage.load(doc)).toEqual(damaged);
    await again.storage.erase(doc);
    expect(await again.storage.load(doc)).toBeNull();
  });
});

test("a data folder has nothing of what was erased any more, nor of what was purged", async () => {
  const folder = await temporaryFolder();
  const { storage } = await written(folder);
  await storage.delete(doc, byAnn(1));
  await appendEntries(storage, doc, 1, 3);
  await storage.erase(doc);
  await appendEntries(storage, doc, 1, 3);
  await storage.delete(doc, byAnn(1));
  expect(await storage.purge(2)).toBe(1);
  await storage.reclaim();
  await storage.close();
  expect(await rowsIn(folder, { gte: new Uint8Array(0), lt: Uint8Array.of(0xff, 0xff) })).toEqual([]);
  const tables = (await readdir(join(folder, "level"))).filter((name) => name.endsWith(".ldb"));
  const bytes = await Promise.all(tables.map((name) => readFile(join(folder, "level", name))));
  expect(Buffer.concat(bytes).includes("notes")).toBe(false);
});
