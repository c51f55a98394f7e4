/**
 * What a driver of the `Storage` port does with a document of which a record cannot be read. For drivers whose records
 * can be damaged by a test.
 */

import type { DocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import type { Lineage, Storage } from "../../server/src/engine/ports.ts";
import type { StorageDriver } from "./storage.contract.ts";
import { appendEntries, entriesOf, namesOf, snapshotOf, soundDocument } from "./storage-content.ts";
import { byAnn } from "./storage-deletions.contract.ts";

interface DamagedRecord {
  readonly kind: "birth" | "snapshot" | "log" | "branches";
  readonly seq: number;
}

interface DamageableDriver extends StorageDriver {
  /**
   * Closes a storage, damages a record so that it fails its check, and makes another storage on what is there, not
   * open yet.
   */
  readonly damage: (storage: Storage, document: DocumentName, record: DamagedRecord) => Promise<Storage>;
}

const named = (name: string) => name as DocumentName;
const doc = named("notes");

/** Runs the contract as a suite of tests. */
export function damageContract({ name, create, damage }: DamageableDriver): void {
  describe(`Storage contract, a damaged document: ${name}`, () => {
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

    /** `doc` has entries up to 9 and a snapshot at 5 after one at 2; one of its records is damaged. */
    const damaged = async (record: DamagedRecord) => {
      const storage = await open(create());
      for (const document of [doc, named("other")]) await appendEntries(storage, document, 1, 9);
      for (const seq of [2, 5]) await storage.compact(doc, snapshotOf(seq));
      return open(damage(storage, doc, record));
    };
    const damageAt = (seq: number) =>
      expect.objectContaining({
        code: "DOCUMENT_DAMAGED",
        message: expect.stringMatching(new RegExp(`"notes".* at seq ${seq}:`)),
      });

    test("is loaded up to the first record that is not sound, and says which that is", async () => {
      const storage = await damaged({ kind: "log", seq: 8 });
      const expected = { ...soundDocument(snapshotOf(5), entriesOf(6, 7)), damage: damageAt(8) };
      expect(await storage.load(doc)).toEqual(expected);
      expect(await storage.load(doc)).toEqual(expected);
    });

    test("does without its newest snapshot", async () => {
      const storage = await damaged({ kind: "snapshot", seq: 5 });
      const expected = { ...soundDocument(snapshotOf(2), entriesOf(3, 9)), damage: damageAt(5) };
      expect(await storage.load(doc)).toEqual(expected);
    });

    test("has no lineage when its birth is gone", async () => {
      const storage = await damaged({ kind: "birth", seq: 0 });
      const unknown = { lineage: "0".repeat(32) as Lineage, bornAt: 0 };
      const expected = { ...soundDocument(snapshotOf(5), entriesOf(6, 9), unknown), damage: damageAt(0) };
      expect(await storage.load(doc)).toEqual(expected);
    });

    test("has no branches when their record is not sound", async () => {
      const storage = await damaged({ kind: "branches", seq: 0 });
      const expected = {
        ...soundDocument(snapshotOf(5), entriesOf(6, 9)),
        branches: [],
        damage: damageAt(0),
      };
      expect(await storage.load(doc)).toEqual(expected);
    });

    test("rejects when nothing of it is sound", async () => {
      const storage = await open(create());
      await appendEntries(storage, doc, 1, 1);
      const after = await open(damage(storage, doc, { kind: "log", seq: 1 }));
      await expect(after.load(doc)).rejects.toEqual(damageAt(1));
    });

    test("is not written to, and others are", async () => {
      const storage = await damaged({ kind: "log", seq: 8 });
      await storage.load(doc);
      await expect(appendEntries(storage, doc, 8, 8)).rejects.toEqual(damageAt(8));
      await expect(storage.compact(doc, snapshotOf(7))).rejects.toEqual(damageAt(8));
      await appendEntries(storage, named("other"), 10, 10);
      expect(await storage.load(named("other"))).toEqual(soundDocument(null, entriesOf(1, 10)));
    });

    test.each<DamagedRecord>([
      { kind: "log", seq: 8 },
      { kind: "snapshot", seq: 5 },
      { kind: "birth", seq: 0 },
      { kind: "branches", seq: 0 },
    ])("can be deleted, and restored with its damage: $kind", async (record) => {
      const storage = await damaged(record);
      const before = await storage.load(doc);
      const lineage = record.kind === "birth" ? "0".repeat(32) : soundDocument(null, []).lineage;
      expect(await storage.delete(doc, byAnn(1))).toMatchObject({ number: 1, lineage, seq: 9 });
      expect(await storage.load(doc)).toBeNull();
      await appendEntries(storage, doc, 1, 2);
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 2)));
      await storage.delete(doc, byAnn(2));
      await storage.restore(doc, 1);
      expect(before?.damage).toMatchObject({ code: "DOCUMENT_DAMAGED" });
      expect(await storage.load(doc)).toEqual(before);
      await expect(appendEntries(storage, doc, 10, 10)).rejects.toEqual(before?.damage);
    });

    test("can be erased, and its name have another life", async () => {
      const storage = await damaged({ kind: "log", seq: 8 });
      await storage.load(doc);
      await storage.erase(doc);
      expect(await storage.load(doc)).toBeNull();
      expect(await namesOf(storage)).toEqual(["other"]);
      await appendEntries(storage, doc, 1, 2);
      expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 2)));
    });
  });
}
