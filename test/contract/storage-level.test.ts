import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type Database, openLevelDatabase } from "../../server/src/storage/database.ts";
import { encodeKey, type RecordKind } from "../../server/src/storage/keys.ts";
import { LevelStorage, type StorageEvent } from "../../server/src/storage/level.ts";
import { encodeLogEntry, encodeSnapshot } from "../../server/src/storage/record.ts";
import { startAppender } from "./appender-process.ts";
import { FaultyDatabases } from "./faulty-database.ts";
import {
  appendEntries,
  entriesOf,
  entryOf,
  expectAllRejected,
  namesOf,
  snapshotOf,
  storageContract,
} from "./storage.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folders = new WeakMap<object, string>();

function storageIn(folder: string): LevelStorage {
  const storage = new LevelStorage({ folder });
  folders.set(storage, folder);
  return storage;
}

storageContract({
  name: "level",
  create: async () => storageIn(await temporaryFolder()),
  reopen: async (closed) => storageIn(folders.get(closed) as string),
});

const doc = "notes" as DocumentName;
const other = "other" as DocumentName;

async function open(folder: string, databases = new FaultyDatabases()) {
  const events: StorageEvent[] = [];
  const storage = new LevelStorage({
    folder,
    openDatabase: databases.open,
    report: (event) => events.push(event),
  });
  onTestFinished(() => storage.close());
  await storage.open();
  return { storage, databases, events };
}

/** Works on the database of a folder that no storage has open. */
async function withDatabase<T>(folder: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/** Every row of the database, in hex. */
function allRows(folder: string): Promise<string[]> {
  return withDatabase(folder, async (database) => {
    const cursor = database.iterator({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) });
    const rows = await cursor.nextv(10_000);
    await cursor.close();
    return rows.map((row) => row.map((bytes) => Buffer.from(bytes).toString("hex")).join(" "));
  });
}

const keyOf = (kind: RecordKind, seq: number, document = doc) => encodeKey({ document, kind, seq });

function isAvailableAgain(events: StorageEvent[]): Promise<unknown> {
  return vi.waitFor(() => expect(events.at(-1)).toEqual({ type: "storage-recovered" }), { timeout: 5000 });
}

describe("group commit", () => {
  test("what is appended in one turn is one write, what comes during it is the next", async () => {
    const { storage, databases } = await open(await temporaryFolder());
    const documents = Array.from({ length: 50 }, (_, i) => `document ${i}` as DocumentName);
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    databases.batchFault = async (write) => {
      await released;
      return write();
    };
    const first = documents.map((document) => appendEntries(storage, document, 1, 1));
    await vi.waitFor(() => expect(databases.batchSizes).toEqual([100])); // A birth and an entry each.
    const second = [2, 3, 4].flatMap((seq) =>
      documents.map((document) => appendEntries(storage, document, seq, seq)),
    );
    release();
    await Promise.all([...first, ...second]);
    expect(databases.batchSizes).toEqual([100, 150]);
  });

  test("appends resolve in order, and not before their write returned", async () => {
    const { storage, databases } = await open(await temporaryFolder());
    const happened: string[] = [];
    databases.batchFault = async (write, operations) => {
      await write();
      happened.push(`written ${operations.length}`);
    };
    await Promise.all(
      [1, 2, 3].map((seq) =>
        appendEntries(storage, doc, seq, seq).then(() => happened.push(`acknowledged ${seq}`)),
      ),
    );
    expect(happened).toEqual(["written 4", "acknowledged 1", "acknowledged 2", "acknowledged 3"]);
  });
});

describe("a write that fails", () => {
  test("rejects all that waits, then recovers by itself with nothing lost that was acknowledged", async () => {
    const folder = await temporaryFolder();
    const { storage, databases, events } = await open(folder);
    await appendEntries(storage, doc, 1, 5);
    databases.failWrites(1);
    await expectAllRejected([appendEntries(storage, doc, 6, 9), appendEntries(storage, other, 1, 3)]);
    expect(events).toMatchObject([{ type: "storage-unavailable", error: { code: "STORAGE_UNAVAILABLE" } }]);
    await expectAllRejected([
      storage.read(doc, 0, 9),
      appendEntries(storage, doc, 6, 6),
      storage.delete(doc),
    ]);
    await expect(storage.load(doc)).rejects.toThrow("no space left on device");
    await isAvailableAgain(events);
    expect(databases.openCount).toBe(2);
    expect((await storage.load(doc))?.tail).toEqual(entriesOf(1, 5));
    expect(await storage.load(other)).toBeNull();
    await appendEntries(storage, doc, 6, 7);
    await storage.close();
    const again = await open(folder);
    expect((await again.storage.load(doc))?.tail).toEqual(entriesOf(1, 7));
  });

  test("also rejects what was given while it was under way, so that the log gets no hole", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 1);
    let fail: (error: Error) => void = () => undefined;
    databases.batchFault = () =>
      new Promise((_, reject) => {
        databases.batchFault = null;
        fail = reject;
      });
    const failing = appendEntries(storage, doc, 2, 2);
    await vi.waitFor(() => expect(databases.batchSizes).toHaveLength(2));
    const later = [appendEntries(storage, doc, 3, 3), storage.delete(other)];
    fail(new Error("disk gone"));
    await expectAllRejected([failing, ...later]);
    await isAvailableAgain(events);
    expect((await storage.load(doc))?.tail).toEqual(entriesOf(1, 1));
  });

  test("may have happened: loading again tells", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 1);
    databases.batchFault = async (write) => {
      databases.batchFault = null;
      await write();
      throw new Error("the answer was lost");
    };
    await expectAllRejected([storage.delete(doc)]); // Erases the very record that a recovery looks for.
    await isAvailableAgain(events);
    expect(await storage.load(doc)).toBeNull();
  });

  test("is tried to recover from until the database opens again", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 1);
    databases.failWrites(1);
    let left = 2;
    databases.openFault = () => {
      if (left-- > 0) throw new Error("still no space");
    };
    await expectAllRejected([appendEntries(storage, doc, 2, 2)]);
    await isAvailableAgain(events);
    expect(events.map(({ type }) => type)).toEqual([
      "storage-unavailable",
      "storage-unavailable",
      "storage-unavailable",
      "storage-recovered",
    ]);
    expect(events[2]).toMatchObject({ error: { message: expect.stringContaining("still no space") } });
  });

  test("keeps the storage shut when the database then lacks what was acknowledged", async () => {
    const folder = await temporaryFolder();
    const { storage, databases, events } = await open(folder);
    await appendEntries(storage, doc, 1, 3);
    databases.failWrites(1);
    databases.openFault = () => {
      databases.openFault = null;
      databases.getFault = () => undefined; // As LevelDB does after an error in its log.
    };
    await expectAllRejected([appendEntries(storage, doc, 4, 4)]);
    await vi.waitFor(() => expect(events).toHaveLength(2), { timeout: 5000 });
    expect(events[1]).toMatchObject({
      type: "storage-unavailable",
      error: { message: expect.stringContaining("no longer holds what was acknowledged") },
    });
    await expectAllRejected([storage.load(doc)]);
    await storage.close();
    // It let go of the folder, for a person to look at.
    expect(await allRows(folder)).toHaveLength(4);
  });

  test("closing ends the attempts to recover", async () => {
    const folder = await temporaryFolder();
    const { storage, databases } = await open(folder);
    databases.failWrites(1);
    databases.openFault = () => {
      throw new Error("never again");
    };
    await expectAllRejected([appendEntries(storage, doc, 1, 1)]);
    await storage.close();
    expect(await allRows(folder)).toEqual([]);
  });

  test("never lets a new database take the place of one that vanished", async () => {
    const folder = await temporaryFolder();
    const { storage, databases, events } = await open(folder);
    databases.failWrites(1);
    await expectAllRejected([appendEntries(storage, doc, 1, 1)]);
    await rm(folder, { recursive: true });
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(1), { timeout: 5000 });
    expect(events[1]).toMatchObject({
      error: { message: expect.stringContaining("its database is missing") },
    });
    await expect(stat(folder)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("compaction", () => {
  test("a crash before the log is dropped leaves a document that loads to the same", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 4);
    await storage.compact(doc, snapshotOf(2));
    databases.batchFault = async (write, operations) => {
      if (operations.every(({ type }) => type === "del")) throw new Error("power cut");
      return write();
    };
    await expectAllRejected([storage.compact(doc, snapshotOf(4))]);
    databases.batchFault = null;
    await isAvailableAgain(events);
    // The older snapshot and entries 3 and 4 are still there, and passed over.
    expect(await storage.load(doc)).toMatchObject({ snapshot: snapshotOf(4), tail: [] });
    await appendEntries(storage, doc, 5, 6);
    expect(await storage.load(doc)).toMatchObject({ snapshot: snapshotOf(4), tail: entriesOf(5, 6) });
    expect(await storage.read(doc, 3, 1000)).toEqual(entriesOf(4, 6));
    await storage.compact(doc, snapshotOf(5));
    expect(await storage.read(doc, 0, 1000)).toEqual(entriesOf(6, 6));
  });

  test("what it replaced is gone from the database", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 5);
    await storage.compact(doc, snapshotOf(2));
    await storage.compact(doc, snapshotOf(4));
    await storage.close();
    const keys = (await allRows(folder)).map((row) => row.split(" ")[0]);
    expect(keys).toEqual(
      [keyOf("birth", 0), keyOf("snapshot", 4), keyOf("log", 5)].map((key) =>
        Buffer.from(key).toString("hex"),
      ),
    );
  });

  test("a snapshot that does not read back as written is taken away again, and the log kept", async () => {
    const { storage, databases } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 4);
    databases.getFault = (value) => value?.with(-1, 0xee);
    await expect(storage.compact(doc, snapshotOf(4))).rejects.toMatchObject({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringContaining("did not read back"),
    });
    databases.getFault = null;
    expect(await storage.load(doc)).toMatchObject({ snapshot: null, tail: entriesOf(1, 4) });
  });
});

describe("damage", () => {
  /** A folder with two documents of which `doc` has a snapshot at 2 and entries 3 to 6; then `change` is done to it. */
  async function damaged(change: (database: Database) => Promise<void>) {
    const folder = await temporaryFolder();
    const first = await open(folder);
    await appendEntries(first.storage, doc, 1, 6);
    await first.storage.compact(doc, snapshotOf(2));
    await appendEntries(first.storage, other, 1, 3);
    await first.storage.close();
    await withDatabase(folder, change);
    const rows = await allRows(folder);
    const { storage } = await open(folder);
    return { folder, rows, storage };
  }

  const put = (database: Database, key: Uint8Array, value: Uint8Array) =>
    database.batch([{ type: "put", key, value }], { sync: true });

  const flipBit = (kind: RecordKind, seq: number) => async (database: Database) => {
    const key = keyOf(kind, seq);
    const value = Uint8Array.from((await database.get(key)) ?? []);
    value[value.length - 1] = (value[value.length - 1] as number) ^ 1;
    await put(database, key, value);
  };

  const remove = (kind: RecordKind, seq: number) => (database: Database) =>
    database.batch([{ type: "del", key: keyOf(kind, seq) }], { sync: true });

  test.each<[string, (database: Database) => Promise<void>, number, string]>([
    ["a flipped bit in a log entry", flipBit("log", 4), 4, "the checksum does not match"],
    ["a flipped bit in the snapshot", flipBit("snapshot", 2), 2, "the checksum does not match"],
    ["a flipped bit in the birth", flipBit("birth", 0), 0, "the checksum does not match"],
    [
      "an entry under the key of another",
      (database) => put(database, keyOf("log", 5), encodeLogEntry(doc, entryOf(4)).value),
      5,
      "the checksum does not match",
    ],
    [
      "an entry of another document",
      (database) => put(database, keyOf("log", 5), encodeLogEntry(other, entryOf(5)).value),
      5,
      "the checksum does not match",
    ],
    [
      "a snapshot among the log",
      (database) => put(database, keyOf("log", 5), encodeSnapshot(doc, snapshotOf(5)).value),
      5,
      "the record is of type 18, not 19",
    ],
    ["a missing entry in the middle", remove("log", 5), 5, "the record is missing"],
    ["a missing first entry after the snapshot", remove("log", 3), 3, "the record is missing"],
    ["a missing snapshot", remove("snapshot", 2), 1, "the record is missing"],
    ["a missing birth", remove("birth", 0), 0, "the record of its birth is missing"],
    [
      "an empty value",
      (database) => put(database, keyOf("log", 6), new Uint8Array(0)),
      6,
      "the record has only 0 bytes",
    ],
    [
      "a key that is none of ours",
      (database) => put(database, Buffer.concat([keyOf("log", 6), Buffer.of(1)]), new Uint8Array(9)),
      0,
      "names no record",
    ],
  ])("%s is named, other documents load, and nothing stored changes", async (_, change, seq, reason) => {
    const { folder, rows, storage } = await damaged(change);
    const error = {
      code: "DOCUMENT_DAMAGED",
      message: expect.stringMatching(new RegExp(`^document "notes" is damaged at seq ${seq}: .*${reason}`)),
    };
    await expect(storage.load(doc)).rejects.toMatchObject(error);
    await expect(storage.load(doc)).rejects.toMatchObject(error);
    expect((await storage.load(other))?.tail).toEqual(entriesOf(1, 3));
    await appendEntries(storage, "third" as DocumentName, 1, 1);
    await storage.delete("third" as DocumentName);
    await storage.close();
    expect(await allRows(folder)).toEqual(rows);
  });

  test("a document whose entries are all gone is not taken for an empty one", async () => {
    const { storage } = await damaged(async (database) => {
      for (const seq of [3, 4, 5, 6]) await remove("log", seq)(database);
      await remove("snapshot", 2)(database);
    });
    await expect(storage.load(doc)).rejects.toMatchObject({
      message: expect.stringContaining("at seq 1: the record"),
    });
  });

  test("a hole in the log is noticed by reading a range of it, also at its start", async () => {
    const { storage } = await damaged(remove("log", 4));
    const error = {
      code: "DOCUMENT_DAMAGED",
      message: expect.stringContaining("at seq 4: the record is missing"),
    };
    await expect(storage.read(doc, 2, 1000)).rejects.toMatchObject(error);
    await expect(storage.read(doc, 3, 1000)).rejects.toMatchObject(error);
    expect(await storage.read(doc, 4, 1000)).toEqual(entriesOf(5, 6));
  });

  test("a list names the damaged document after it gave all the others", async () => {
    const { storage } = await damaged(flipBit("birth", 0));
    const listed: string[] = [];
    const list = async () => {
      for await (const { document } of storage.list("")) listed.push(document);
    };
    await expect(list()).rejects.toMatchObject({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringContaining('"notes"'),
    });
    expect(listed).toEqual(["other"]);
  });

  test("what a crash left behind of what was replaced is not looked at", async () => {
    const { storage } = await damaged(async (database) => {
      await put(database, keyOf("log", 1), Uint8Array.of(1));
      await put(database, keyOf("snapshot", 1), Uint8Array.of(1));
    });
    expect(await storage.load(doc)).toMatchObject({ snapshot: snapshotOf(2), tail: entriesOf(3, 6) });
  });

  test("a damaged document can be deleted", async () => {
    const { storage } = await damaged(flipBit("birth", 0));
    await storage.delete(doc);
    expect(await namesOf(storage)).toEqual(["other"]);
  });
});

describe("data folder", () => {
  const refusal = (folder: string) => new LevelStorage({ folder }).open();

  test("has a sentinel beside the database, and is created with the folders above it", async () => {
    const folder = join(await temporaryFolder(), "a", "b");
    const { storage } = await open(folder);
    expect(await readdir(folder)).toEqual(["joinery.json", "level"]);
    const sentinel = JSON.parse(await readFile(join(folder, "joinery.json"), "utf8"));
    expect(sentinel).toEqual({ format: 1, created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) });
    await storage.close();
    await (await open(folder)).storage.close();
    expect(JSON.parse(await readFile(join(folder, "joinery.json"), "utf8"))).toEqual(sentinel);
  });

  test("that lost its CURRENT file is refused, and nothing in it is changed", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 3);
    await storage.close();
    await rm(join(folder, "level", "CURRENT"));
    const before = await readdir(folder, { recursive: true });
    const message = `data folder "${folder}" cannot be used: its database is missing (level/CURRENT); nothing was changed.`;
    await expect(refusal(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringContaining(message),
    });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    // The same without the sentinel, as long as there are a database's files.
    await rm(join(folder, "joinery.json"));
    await expect(refusal(folder)).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    await rm(join(folder, "level"), { recursive: true });
    await (await open(folder)).storage.close();
  });

  test("whose database is gone altogether is refused", async () => {
    const folder = await temporaryFolder();
    await (await open(folder)).storage.close();
    await rm(join(folder, "level"), { recursive: true });
    await expect(refusal(folder)).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    expect(await readdir(folder)).toEqual(["joinery.json"]);
  });

  test("where a first start was cut off is completed by the next", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 3);
    await storage.close();
    await rm(join(folder, "joinery.json")); // As if it had ended just before the sentinel.
    const again = await open(folder);
    expect((await again.storage.load(doc))?.tail).toEqual(entriesOf(1, 3));
    expect(await readdir(folder)).toContain("joinery.json");
  });

  test.each([
    ["of a later format", '{"format":2}', "says format 2, this version reads and writes format 1"],
    ["of another program", '{"name":"x"}', "is not one that Joinery wrote"],
    ["that is no JSON", "", "is not one that Joinery wrote"],
  ])("with a sentinel %s is refused", async (_, text, reason) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "joinery.json"), text);
    await expect(refusal(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringContaining(reason),
    });
    expect(await readdir(folder)).toEqual(["joinery.json"]);
  });

  test("that cannot be created or written is refused in one line, and can be tried again", async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, "file"), "");
    const below = join(parent, "file", "data");
    await expect(refusal(below)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringMatching(
        new RegExp(`^data folder "${below}" cannot be used: it cannot be created: ENOTDIR.*$`),
      ),
    });
    const data = join(parent, "data");
    await mkdir(data);
    await writeFile(join(data, "level"), "");
    const storage = new LevelStorage({ folder: data });
    await expect(storage.open()).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    await rm(join(data, "level"));
    await storage.open();
    await storage.close();
  });
});

describe("another process", () => {
  test("cannot open the same folder, and is told who has it", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    const unknown = await startAppender(folder).ended;
    expect(unknown).toEqual([`DATA_FOLDER_IN_USE data folder "${folder}" is in use by another process`]);
    await writeFile(join(folder, "server.json"), '{"pid":123,"url":"http://127.0.0.1:4321"}');
    const known = await startAppender(folder).ended;
    expect(known[0]).toContain("is in use by another process (pid 123, http://127.0.0.1:4321)");
    await appendEntries(storage, doc, 1, 1);
  });

  test.each([1, 2, 3])(
    "that is killed in the middle of appending loses nothing acknowledged (%d)",
    async (round) => {
      const folder = await temporaryFolder();
      const appender = startAppender(folder);
      await vi.waitFor(() => expect(appender.lines.length).toBeGreaterThan(200 * round), { timeout: 10_000 });
      appender.kill();
      const acknowledged = { left: 0, right: 0 };
      for (const line of (await appender.ended).slice(1)) {
        const [document, seq] = line.split(" ");
        acknowledged[document as "left" | "right"] = Number(seq);
      }
      const { storage } = await open(folder);
      for (const [document, seq] of Object.entries(acknowledged)) {
        const tail = (await storage.load(document as DocumentName))?.tail ?? [];
        expect(tail.length).toBeGreaterThanOrEqual(seq);
        expect(seq).toBeGreaterThan(50);
        expect(tail.map((entry) => entry.seq)).toEqual(Array.from(tail, (_, i) => i + 1));
      }
    },
  );
});
