/** What every driver of the `Storage` port does with documents that are deleted so that they can be restored. */

import type { DocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import type { Deletion, DeletionRequest, Lineage, Storage } from "../../server/src/engine/ports.ts";
import type { StorageDriver } from "./storage.contract.ts";
import {
  appendEntries,
  BIRTH,
  BRANCHES,
  entriesOf,
  entryOf,
  expectAllRejected,
  namesOf,
  snapshotOf,
  soundDocument,
} from "./storage-content.ts";

const named = (name: string) => name as DocumentName;
const doc = named("notes");

/** Deleted at a time, by somebody who knew of some edits. */
export const byAnn = (time: number): DeletionRequest => ({
  time,
  author: "ann",
  stateVector: Uint8Array.of(1, 7, 3),
});

export async function deletionsIn(storage: Storage, prefix = ""): Promise<Deletion[]> {
  const deletions: Deletion[] = [];
  for await (const deletion of storage.deletions(prefix)) deletions.push(deletion);
  return deletions;
}

/** Runs the contract as a suite of tests. */
export function deletionsContract({ name, create, reopen }: StorageDriver): void {
  describe(`Storage contract, deleted documents: ${name}`, () => {
    const opened: Storage[] = [];

    async function open(storage: Promise<Storage>): Promise<Storage> {
      const made = await storage;
      opened.push(made);
      await made.open();
      return made;
    }

    afterEach(async () => {
      for (const storage of opened.splice(0)) await storage.close();
    });

    /** `doc` has a snapshot at 5 after one at 2, and entries up to 9; others have names around it. */
    const written = async () => {
      const storage = await open(create());
      for (const text of ["note", "notes", "notes2"]) await appendEntries(storage, named(text), 1, 9);
      for (const seq of [2, 5]) await storage.compact(doc, snapshotOf(seq));
      return storage;
    };
    const whole = soundDocument(snapshotOf(5), entriesOf(6, 9));

    test("a deleted document is nowhere but among the deletions, and its neighbours are as they were", async () => {
      const storage = await written();
      const deletion = await storage.delete(doc, byAnn(1000));
      const { lineage } = BIRTH;
      const { stateVector } = byAnn(0);
      const expected = {
        document: doc,
        number: 1,
        lineage,
        deletedAt: 1000,
        deletedBy: "ann",
        seq: 9,
        stateVector,
      };
      expect(deletion).toEqual({ ...expected, bytes: expect.any(Number) });
      expect(deletion?.bytes).toBeGreaterThan(0);
      expect(await storage.load(doc)).toBeNull();
      expect(await storage.read(doc, 0, 1000)).toEqual([]);
      expect(await namesOf(storage)).toEqual(["note", "notes2"]);
      for (const text of ["note", "notes2"])
        expect(await storage.load(named(text))).toEqual(soundDocument(null, entriesOf(1, 9)));
      expect(await deletionsIn(storage)).toEqual([deletion]);
      expect(await storage.deletionsOf(doc)).toEqual([deletion]);
      expect(await storage.deletionsOf(named("note"))).toEqual([]);
    });

    test("what is not there cannot be deleted", async () => {
      const storage = await open(create());
      expect(await storage.delete(doc, byAnn(1))).toBeNull();
      expect(await deletionsIn(storage)).toEqual([]);
    });

    test("a restored document is as it was, and goes on", async () => {
      const storage = await written();
      await storage.delete(doc, byAnn(1000));
      await storage.restore(doc, 1);
      expect(await storage.load(doc)).toEqual(whole);
      expect(await namesOf(storage)).toEqual(["note", "notes", "notes2"]);
      expect(await deletionsIn(storage)).toEqual([]);
      await appendEntries(storage, doc, 10, 12);
      await storage.compact(doc, snapshotOf(11));
      expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(11), entriesOf(12, 12)));
    });

    test("a name has another life meanwhile, which is deleted and restored by itself", async () => {
      const storage = await written();
      await storage.delete(doc, byAnn(1000));
      const birth = { lineage: "ffffffffffffffffffffffffffffffff" as Lineage, bornAt: 9 };
      await storage.append({ document: doc, entry: entryOf(1), birth, branches: BRANCHES });
      await expect(storage.restore(doc, 1)).rejects.toMatchObject({ code: "DOCUMENT_EXISTS" });
      const second = await storage.delete(doc, byAnn(2000));
      expect(second).toMatchObject({ number: 2, lineage: birth.lineage, seq: 1 });
      expect((await storage.deletionsOf(doc)).map(({ number }) => number)).toEqual([1, 2]);
      await storage.restore(doc, 2);
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 1), birth));
      expect((await storage.deletionsOf(doc)).map(({ number }) => number)).toEqual([1]);
      // The number of what was restored may be given again; that of what is kept never.
      expect(await storage.delete(doc, byAnn(3000))).toMatchObject({ number: 2 });
      await storage.restore(doc, 1);
      expect(await storage.load(doc)).toEqual(whole);
    });

    test("what is restored must have been deleted", async () => {
      const storage = await written();
      await expect(storage.restore(named("never"), 1)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
      await storage.delete(doc, byAnn(1));
      await expect(storage.restore(doc, 2)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
      expect(await storage.load(doc)).toBeNull();
    });

    test("a deletion takes what was appended before it, and leaves the life that is appended after it", async () => {
      const storage = await open(create());
      const birth = { lineage: "ffffffffffffffffffffffffffffffff" as Lineage, bornAt: 9 };
      await Promise.all([
        appendEntries(storage, doc, 1, 10),
        storage.delete(doc, byAnn(1)),
        storage.append({ document: doc, entry: entryOf(1), birth, branches: BRANCHES }),
      ]);
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 1), birth));
      await storage.erase(doc);
      expect(await storage.load(doc)).toBeNull();
    });

    test("erasing takes a document and its deletions, and nothing of another", async () => {
      const storage = await written();
      for (const text of ["note", "notes", "notes2"]) {
        await storage.delete(named(text), byAnn(1));
        await appendEntries(storage, named(text), 1, 2);
      }
      await storage.erase(doc);
      expect(await namesOf(storage)).toEqual(["note", "notes2"]);
      expect((await deletionsIn(storage)).map(({ document }) => document)).toEqual(["note", "notes2"]);
      await expect(storage.restore(doc, 1)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
    });

    test("deletions are listed by the UTF-8 of their names, then by number, from a prefix on", async () => {
      const storage = await open(create());
      for (const text of ["b", "a\0", "ab", "a", "é", "😀", "a"]) {
        await appendEntries(storage, named(text), 1, 1);
        await storage.delete(named(text), byAnn(1));
      }
      const listed = async (prefix: string) =>
        (await deletionsIn(storage, prefix)).map(({ document, number }) => `${document} ${number}`);
      expect(await listed("")).toEqual(["a 1", "a 2", "a\0 1", "ab 1", "b 1", "é 1", "😀 1"]);
      expect(await listed("a")).toEqual(["a 1", "a 2", "a\0 1", "ab 1"]);
      expect(await listed("c")).toEqual([]);
    });

    test("only so many deletions of a name are kept as whoever deletes says, and the oldest go", async () => {
      const storage = await written();
      for (const time of [1, 2, 3, 4]) {
        await storage.delete(doc, { ...byAnn(time), keep: 2 });
        if (time < 4) await appendEntries(storage, doc, 1, 2);
      }
      expect((await deletionsIn(storage)).map(({ document, number }) => [document, number])).toEqual([
        ["notes", 3],
        ["notes", 4],
      ]);
      await expect(storage.restore(doc, 2)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
      await storage.restore(doc, 3);
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 2)));
    });

    test("purging erases what was deleted before a time, and only that", async () => {
      const storage = await written();
      for (const [i, text] of ["note", "notes", "notes2"].entries())
        await storage.delete(named(text), byAnn(1000 * (i + 1)));
      await appendEntries(storage, named("note"), 1, 3);
      expect(await storage.purge(2000)).toBe(1);
      expect((await deletionsIn(storage)).map(({ document }) => document)).toEqual(["notes", "notes2"]);
      expect(await storage.load(named("note"))).toEqual(soundDocument(null, entriesOf(1, 3)));
      expect(await storage.purge(2000)).toBe(0);
      await storage.restore(doc, 1);
      expect(await storage.purge(Number.MAX_SAFE_INTEGER)).toBe(1);
      expect(await storage.load(doc)).toEqual(whole);
    });

    test("before open, and after close, all operations reject", async () => {
      const storage = await create();
      const operations = (): Promise<unknown>[] => [
        storage.delete(doc, byAnn(1)),
        storage.erase(doc),
        deletionsIn(storage),
        storage.deletionsOf(doc),
        storage.restore(doc, 1),
        storage.purge(1),
      ];
      await expectAllRejected(operations());
      await storage.open();
      await storage.close();
      await expectAllRejected(operations());
    });

    test.runIf(reopen)("deletions outlive close", async () => {
      const storage = await written();
      await storage.delete(doc, byAnn(1000));
      const before = await deletionsIn(storage);
      await storage.close();
      const again = await open((reopen as NonNullable<typeof reopen>)(storage));
      expect(await deletionsIn(again)).toEqual(before);
      await again.restore(doc, 1);
      expect(await again.load(doc)).toEqual(whole);
    });
  });
}
