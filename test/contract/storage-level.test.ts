import type { DocumentName } from "@joinery/shared";
import { describe, expect, test, vi } from "vitest";
import { LevelStorage } from "../../server/src/storage/level.ts";
import { allRows, doc, isAvailableAgain, keyOf, open } from "./level-stage.ts";
import { storageContract } from "./storage.contract.ts";
import { appendEntries, entriesOf, expectAllRejected, snapshotOf } from "./storage-content.ts";
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
