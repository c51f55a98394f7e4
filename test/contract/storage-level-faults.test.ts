import { rm, stat } from "node:fs/promises";
import { describe, expect, test, vi } from "vitest";
import { allRows, doc, isAvailableAgain, open, other } from "./level-stage.ts";
import { appendEntries, entriesOf, expectAllRejected, namesOf } from "./storage-content.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("a write that fails", () => {
  test("rejects all that waits, then recovers by itself with nothing lost that was acknowledged", async () => {
    const folder = await temporaryFolder();
    const { storage, databases, events } = await open(folder);
    await appendEntries(storage, doc, 1, 5);
    databases.failWrites(1);
    await expectAllRejected([appendEntries(storage, doc, 6, 9), appendEntries(storage, other, 1, 3)]);
    expect(events).toMatchObject([{ type: "storage-unavailable", error: { code: "STORAGE_UNAVAILABLE" } }]);
    await expectAllRejected([storage.read(doc, 0, 9), appendEntries(storage, doc, 6, 6), storage.erase(doc)]);
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
    const later = [appendEntries(storage, doc, 3, 3), storage.erase(other)];
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
    await expectAllRejected([storage.erase(doc)]); // Erases the very record that a recovery looks for.
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
    expect(await allRows(folder)).toHaveLength(5);
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

  test("ends what is being read", async () => {
    const { storage, databases, events } = await open(await temporaryFolder());
    await appendEntries(storage, doc, 1, 1);
    await appendEntries(storage, other, 1, 1);
    const listed = storage.list("");
    expect((await listed.next()).value).toMatchObject({ document: doc });
    databases.failWrites(1);
    await expectAllRejected([appendEntries(storage, doc, 2, 2)]);
    await isAvailableAgain(events);
    await expectAllRejected([listed.next()]);
    expect(await namesOf(storage)).toEqual([doc, other]);
  });
});
