import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Database } from "../../server/src/storage/database.ts";
import type { RecordKind } from "../../server/src/storage/keys.ts";
import { encodeLogEntry, encodeSnapshot } from "../../server/src/storage/record.ts";
import { allRows, doc, keyOf, open, other, withDatabase } from "./level-stage.ts";
import { appendEntries, entriesOf, entryOf, namesOf, snapshotOf } from "./storage-content.ts";
import { temporaryFolder } from "./temporary-folder.ts";

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
