/**
 * What every driver of the `Storage` port does. A driver's own test calls `storageContract` and adds what is
 * particular to it.
 */

import type { DocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import type { Lineage, Storage } from "../../server/src/engine/ports.ts";
import {
  appendEntries,
  BIRTH,
  BRANCHES,
  entriesOf,
  entryOf,
  expectAllRejected,
  FIRST,
  namesOf,
  snapshotOf,
  soundDocument,
  UNAVAILABLE,
} from "./storage-content.ts";
import { modelProperty, type StorageSource } from "./storage-model.ts";

/** A driver of the `Storage` port, to be held to the contract. */
export interface StorageDriver extends StorageSource {
  readonly name: string;
}

const UNUSUAL_NAMES = [
  ["plain", "notes"],
  ["the beginning of another", "note"],
  ["emoji", "🧑‍🤝‍🧑 plans 🚀"],
  ["right to left", "مستند שלום"],
  ["composed", "caf\u00e9"],
  ["decomposed", "cafe\u0301"],
  ["slashes", "a/b//c/"],
  ["dots", ".."],
  ["path out of the folder", "../../etc/passwd"],
  ["prototype", "__proto__"],
  ["constructor", "constructor"],
  ["NUL", "a\0b"],
  ["NUL at the end", "a\0"],
  ["control characters", "a\u0001\u0002\u007f"],
  ["above the basic plane", "\u{10ffff}"],
  ["just below the surrogates' place", "\uffff"],
  ["space", " "],
  ["512 bytes", "n".repeat(512)],
  ["512 bytes in multi-byte characters", "é".repeat(256)],
  ["511 bytes, the beginning of another", "n".repeat(511)],
] as const;

const named = (name: string) => name as DocumentName;
const doc = named("notes");

/** Runs the contract as a suite of tests. */
export function storageContract({ name, ...source }: StorageDriver): void {
  const { create, reopen } = source;
  describe(`Storage contract: ${name}`, () => {
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

    describe("log", () => {
      test("a document that was never written is absent, which is not an error", async () => {
        const storage = await open(create());
        expect(await storage.load(doc)).toBeNull();
        expect(await storage.read(doc, 0, 1000)).toEqual([]);
        expect(await namesOf(storage)).toEqual([]);
        await storage.erase(doc);
      });

      test("what was appended is loaded: birth, order, times, authors, bytes", async () => {
        const storage = await open(create());
        const parts = [
          { author: "ann", update: Uint8Array.of(1, 2, 3) },
          { author: "", update: new Uint8Array(0) },
          { author: "العربية 🙂", update: new Uint8Array(100_000).fill(7) },
        ];
        await storage.append({ document: doc, entry: { seq: 1, time: 17, parts }, ...FIRST });
        await storage.append({ document: doc, entry: entryOf(2) });
        const tail = [{ seq: 1, time: 17, parts }, entryOf(2)];
        expect(await storage.load(doc)).toEqual(soundDocument(null, tail));
      });

      test("entries appended at once, without waiting, are in order and without a hole", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 500);
        expect((await storage.load(doc))?.tail).toEqual(entriesOf(1, 500));
      });

      test("appends of many documents at once do not mix", async () => {
        const storage = await open(create());
        const documents = Array.from({ length: 40 }, (_, i) => named(`document ${i}`));
        await Promise.all(documents.map((document, i) => appendEntries(storage, document, 1, i + 1)));
        for (const [i, document] of documents.entries()) {
          expect((await storage.load(document))?.tail).toEqual(entriesOf(1, i + 1));
        }
      });

      test("the bytes of an append are taken when it is called; what is loaded is the caller's", async () => {
        const storage = await open(create());
        const update = Uint8Array.of(1, 2, 3);
        const appended = storage.append({ document: doc, entry: entryOf(1, update), ...FIRST });
        update.fill(9);
        await appended;
        const first = await storage.load(doc);
        first?.tail[0]?.parts[0]?.update.fill(8);
        expect((await storage.load(doc))?.tail).toEqual([entryOf(1, Uint8Array.of(1, 2, 3))]);
      });

      test("updates are plain byte arrays", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 2);
        await storage.compact(doc, snapshotOf(1));
        const loaded = await storage.load(doc);
        for (const bytes of [loaded?.snapshot?.update, loaded?.tail[0]?.parts[0]?.update]) {
          expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
        }
      });
    });

    describe("names", () => {
      test("documents with unusual names are kept apart and listed in the order of their UTF-8", async () => {
        const storage = await open(create());
        const names = UNUSUAL_NAMES.map(([, text]) => named(text));
        await Promise.all(names.map((document, i) => appendEntries(storage, document, 1, i + 1)));
        for (const [i, document] of names.entries()) {
          expect(await storage.load(document), UNUSUAL_NAMES[i]?.[0]).toMatchObject({
            tail: entriesOf(1, i + 1),
          });
        }
        const inOrder = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect(await namesOf(storage)).toEqual(inOrder);
        for (const [i, document] of names.entries()) {
          await storage.erase(document);
          expect(await storage.load(document)).toBeNull();
          expect(await namesOf(storage)).toHaveLength(names.length - i - 1);
        }
      });

      test("half of a surrogate pair is refused", async () => {
        const storage = await open(create());
        await expect(appendEntries(storage, named("\ud83d"), 1, 1)).rejects.toMatchObject({
          code: "INVALID_NAME",
        });
        await expect(namesOf(storage, "\ud83d")).rejects.toMatchObject({ code: "INVALID_NAME" });
      });
    });

    describe("read", () => {
      test.each([
        ["all", 0, 1000, 1, 10],
        ["what comes after a seq", 7, 1000, 8, 10],
        ["as many as fit", 2, 30, 3, 5],
        ["as many as fit, with a byte to spare", 2, 39, 3, 5],
        ["one at least", 2, 0, 3, 3],
      ])("%s", async (_, after, maxBytes, from, to) => {
        const storage = await open(create());
        const entries = Array.from({ length: 10 }, (_, i) => entryOf(i + 1, new Uint8Array(10).fill(i)));
        for (const entry of entries) {
          await storage.append({ document: doc, entry, ...(entry.seq === 1 && FIRST) });
        }
        expect(await storage.read(doc, after, maxBytes)).toEqual(entries.slice(from - 1, to));
      });

      test("nothing at the end of the log", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 3);
        expect(await storage.read(doc, 3, 1000)).toEqual([]);
      });

      test("entries that a snapshot replaced are gone, those after it are there", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 6);
        await storage.compact(doc, snapshotOf(4));
        expect(await storage.read(doc, 1, 1000)).toEqual(entriesOf(5, 6));
      });

      test("a neighbour's log is never read", async () => {
        const storage = await open(create());
        await appendEntries(storage, named("a"), 1, 1);
        await appendEntries(storage, named("b"), 1, 3);
        expect(await storage.read(named("a"), 1, 1000)).toEqual([]);
        expect(await storage.read(named("a"), 0, 1000)).toEqual(entriesOf(1, 1));
      });
    });

    describe("list", () => {
      test("documents that start with a prefix, with their lineage and birth", async () => {
        const storage = await open(create());
        for (const text of ["ab", "a", "b", "a/1", "a/2", "A"])
          await appendEntries(storage, named(text), 1, 3);
        expect(await namesOf(storage)).toEqual(["A", "a", "a/1", "a/2", "ab", "b"]);
        expect(await namesOf(storage, "a")).toEqual(["a", "a/1", "a/2", "ab"]);
        expect(await namesOf(storage, "a/")).toEqual(["a/1", "a/2"]);
        expect(await namesOf(storage, "c")).toEqual([]);
        for await (const summary of storage.list("b")) expect(summary).toEqual({ document: "b", ...BIRTH });
      });

      test("a reader that stops early leaves the storage usable", async () => {
        const storage = await open(create());
        for (const text of ["a", "b", "c"]) await appendEntries(storage, named(text), 1, 1);
        for await (const { document } of storage.list("")) if (document === "b") break;
        await storage.close();
      });
    });

    describe("compact", () => {
      test("a snapshot replaces the log up to its seq and the snapshot before", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 5);
        await storage.compact(doc, snapshotOf(3));
        expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(3), entriesOf(4, 5)));
        await appendEntries(storage, doc, 6, 7);
        await storage.compact(doc, snapshotOf(7));
        expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(7), []));
        await appendEntries(storage, doc, 8, 8);
        expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(7), entriesOf(8, 8)));
      });

      test("what is appended meanwhile survives", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 100);
        const appended = appendEntries(storage, doc, 101, 200);
        const compacted = storage.compact(doc, snapshotOf(100));
        const appendedLater = appendEntries(storage, doc, 201, 300);
        await Promise.all([appended, compacted, appendedLater]);
        expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(100), entriesOf(101, 300)));
      });

      test("a snapshot at the seq of the one before takes its place", async () => {
        const storage = await open(create());
        await appendEntries(storage, doc, 1, 2);
        await storage.compact(doc, snapshotOf(2));
        await storage.compact(doc, { ...snapshotOf(2), update: Uint8Array.of(1, 1) });
        expect((await storage.load(doc))?.snapshot?.update).toEqual(Uint8Array.of(1, 1));
      });

      test("other documents are left alone", async () => {
        const storage = await open(create());
        for (const text of ["note", "notes", "notes2"]) await appendEntries(storage, named(text), 1, 3);
        await storage.compact(named("notes"), snapshotOf(3));
        for (const text of ["note", "notes2"]) {
          expect((await storage.load(named(text)))?.tail).toEqual(entriesOf(1, 3));
        }
      });
    });

    describe("erase", () => {
      test("erases log, snapshot and birth, and nothing of another document", async () => {
        const storage = await open(create());
        for (const text of ["note", "notes", "notes2"]) await appendEntries(storage, named(text), 1, 4);
        await storage.compact(named("notes"), snapshotOf(2));
        await storage.erase(named("notes"));
        expect(await storage.load(named("notes"))).toBeNull();
        expect(await storage.read(named("notes"), 0, 1000)).toEqual([]);
        expect(await namesOf(storage)).toEqual(["note", "notes2"]);
        expect((await storage.load(named("note")))?.tail).toEqual(entriesOf(1, 4));
      });

      test("takes what was appended before it, and leaves the life that is appended after it", async () => {
        const storage = await open(create());
        const birth = { lineage: "ffffffffffffffffffffffffffffffff" as Lineage, bornAt: 9 };
        await Promise.all([
          appendEntries(storage, doc, 1, 10),
          storage.erase(doc),
          storage.append({ document: doc, entry: entryOf(1), birth, branches: BRANCHES }),
        ]);
        expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 1), birth));
      });
    });

    describe("open and close", () => {
      test("before open, and after close, all operations reject", async () => {
        const storage = await create();
        const operations = (): Promise<unknown>[] => [
          storage.load(doc),
          storage.append({ document: doc, entry: entryOf(1), ...FIRST }),
          storage.read(doc, 0, 1),
          storage.compact(doc, snapshotOf(1)),
          storage.erase(doc),
          namesOf(storage),
        ];
        await expectAllRejected(operations());
        await storage.open();
        await storage.close();
        await expectAllRejected(operations());
        await expect(storage.open()).rejects.toEqual(UNAVAILABLE);
      });

      test("open and close may be called again", async () => {
        const storage = await open(create());
        await Promise.all([storage.open(), storage.open()]);
        await appendEntries(storage, doc, 1, 1);
        await Promise.all([storage.close(), storage.close()]);
        await storage.close();
      });

      test("close waits for what was appended before it", async () => {
        const storage = await open(create());
        let isAppended = false;
        const appended = appendEntries(storage, doc, 1, 50).then(() => {
          isAppended = true;
        });
        await storage.close();
        await appended;
        expect(isAppended).toBe(true);
      });
    });

    test("any sequence of operations gives what a simple model gives", async () => {
      await modelProperty(source);
    }, 30_000);

    describe.runIf(reopen)("what outlives close", () => {
      const again = async (storage: Storage) => {
        await storage.close();
        return open((reopen as NonNullable<typeof reopen>)(storage));
      };

      test("log, snapshots, births and deletions", async () => {
        const storage = await open(create());
        for (const text of ["kept", "compacted", "deleted"]) await appendEntries(storage, named(text), 1, 6);
        await storage.compact(named("compacted"), snapshotOf(4));
        await storage.erase(named("deleted"));
        const reopened = await again(storage);
        expect(await namesOf(reopened)).toEqual(["compacted", "kept"]);
        expect(await reopened.load(named("kept"))).toEqual(soundDocument(null, entriesOf(1, 6)));
        expect(await reopened.load(named("compacted"))).toEqual(
          soundDocument(snapshotOf(4), entriesOf(5, 6)),
        );
        expect(await reopened.load(named("deleted"))).toBeNull();
      });

      test("what was being appended when it closed, and a log that goes on after", async () => {
        const storage = await open(create());
        const appended = appendEntries(storage, doc, 1, 20);
        const reopened = await again(storage);
        await appended;
        await appendEntries(reopened, doc, 21, 30);
        expect((await reopened.load(doc))?.tail).toEqual(entriesOf(1, 30));
      });
    });
  });
}
