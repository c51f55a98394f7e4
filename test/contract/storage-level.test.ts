import type { DocumentName } from "@joinery/shared";
import { describe, expect, test, vi } from "vitest";
import { LevelStorage } from "../../server/src/storage/level.ts";
import { allRows, damageRecord, doc, isAvailableAgain, keyOf, open, withDatabase } from "./level-stage.ts";
import { type StorageDriver, storageContract } from "./storage.contract.ts";
import { appendEntries, entriesOf, expectAllRejected, snapshotOf, soundDocument } from "./storage-content.ts";
import { damageContract } from "./storage-damage.contract.ts";
import { deletionsContract } from "./storage-deletions.contract.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folders = new WeakMap<object, string>();

function storageIn(folder: string): LevelStorage {
  const storage = new LevelStorage({ folder, minFreeBytes: 0 });
  folders.set(storage, folder);
  return storage;
}

const driver: StorageDriver = {
  name: "level",
  create: async () => storageIn(await temporaryFolder()),
  reopen: async (closed) => storageIn(folders.get(closed) as string),
};

storageContract(driver);
deletionsContract(driver);

damageContract({
  ...driver,
  damage: async (storage, document, { kind, seq }) => {
    const folder = folders.get(storage) as string;
    await storage.close();
    await withDatabase(folder, (database) =>
      damageRecord(database, keyOf(kind, seq, document), (value) => value.with(-1, (value.at(-1) ?? 0) ^ 1)),
    );
    return storageIn(folder);
  },
});

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
    await vi.waitFor(() => expect(databases.batchSizes).toEqual([150])); // A birth, branches and an entry each.
    const second = [2, 3, 4].flatMap((seq) =>
      documents.map((document) => appendEntries(storage, document, seq, seq)),
    );
    release();
    await Promise.all([...first, ...second]);
    expect(databases.batchSizes).toEqual([150, 150]);
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
    expect(happened).toEqual(["written 5", "acknowledged 1", "acknowledged 2", "acknowledged 3"]);
  });
});

describe("compaction", () => {
  test("a crash before the log is dropped leaves a document that loads to the same", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 4);
    await storage.compact(doc, snapshotOf(1));
    await storage.compact(doc, snapshotOf(2));
    databases.batchFault = async (write, operations) => {
      if (operations.every(({ type }) => type === "del")) throw new Error("power cut");
      return write();
    };
    await expectAllRejected([storage.compact(doc, snapshotOf(4))]);
    databases.batchFault = null;
    await isAvailableAgain(events);
    // The older snapshots and the log since are still there, and passed over.
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(4), []));
    await appendEntries(storage, doc, 5, 6);
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(4), entriesOf(5, 6)));
    expect(await storage.read(doc, 3, 1000)).toEqual(entriesOf(5, 6));
    await storage.compact(doc, snapshotOf(5));
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(5), entriesOf(6, 6)));
  });

  test("the snapshot before stays, and the log since; all that is older is gone from the database", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 7);
    for (const seq of [2, 4, 6]) await storage.compact(doc, snapshotOf(seq));
    await storage.close();
    const keys = (await allRows(folder)).map((row) => row.split(" ")[0]);
    const snapshots = [4, 6].map((seq) => keyOf("snapshot", seq));
    const log = [5, 6, 7].map((seq) => keyOf("log", seq));
    expect(keys).toEqual(
      [keyOf("birth", 0), ...snapshots, ...log, keyOf("branches", 0)].map((key) =>
        Buffer.from(key).toString("hex"),
      ),
    );
  });

  test("loading reads the newest snapshot and the log after it, and nothing of what is kept besides", async () => {
    const { storage, databases } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 7);
    for (const seq of [2, 6]) await storage.compact(doc, snapshotOf(seq));
    databases.keysRead.length = 0;
    await storage.load(doc);
    const read = [keyOf("birth", 0), keyOf("snapshot", 6), keyOf("log", 7), keyOf("branches", 0)];
    expect(databases.keysRead).toEqual(read.map((key) => Buffer.from(key).toString("hex")));
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
