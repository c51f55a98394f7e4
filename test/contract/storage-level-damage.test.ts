import { crc32c, type DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Snapshot } from "../../server/src/engine/ports.ts";
import type { Database } from "../../server/src/storage/database.ts";
import type { RecordKind } from "../../server/src/storage/keys.ts";
import { encodeLogEntry, encodeSnapshot } from "../../server/src/storage/record.ts";
import { allRows, damageRecord, doc, keyOf, open, other, withDatabase } from "./level-stage.ts";
import {
  appendEntries,
  BIRTH,
  BRANCHES,
  entriesOf,
  entryOf,
  namesOf,
  snapshotOf,
  soundDocument,
} from "./storage-content.ts";
import { temporaryFolder } from "./temporary-folder.ts";

type Change = (database: Database) => Promise<void>;

/**
 * A folder with two documents, of which `doc` has entries up to 9 and snapshots at 2 and 5, of which the older one
 * and the log since are kept; then `change` is done to it.
 */
async function damaged(change: Change) {
  const folder = await temporaryFolder();
  const first = await open(folder);
  await appendEntries(first.storage, doc, 1, 9);
  await first.storage.compact(doc, snapshotOf(2));
  await first.storage.compact(doc, snapshotOf(5));
  await appendEntries(first.storage, other, 1, 3);
  await first.storage.close();
  await withDatabase(folder, change);
  const rows = await allRows(folder);
  const { storage } = await open(folder);
  return { folder, rows, storage };
}

const put = (database: Database, key: Uint8Array, value: Uint8Array) =>
  database.batch([{ type: "put", key, value }], { sync: true });

/** Changes the value of a record. */
const changing =
  (kind: RecordKind, seq: number, change: (value: Uint8Array) => Uint8Array): Change =>
  (database) =>
    damageRecord(database, keyOf(kind, seq), change);

const flipping = (kind: RecordKind, seq: number, at: number) =>
  changing(kind, seq, (value) => value.with(at, (value.at(at) as number) ^ 1));

const cutting = (kind: RecordKind, seq: number, bytes: number) =>
  changing(kind, seq, (value) => value.slice(0, bytes));

const removing =
  (...keys: Uint8Array[]): Change =>
  (database) =>
    database.batch(
      keys.map((key) => ({ type: "del", key })),
      { sync: true },
    );

/** A record as another version of the format would write it, with a checksum that is right. */
const ofFormat = (format: number, kind: RecordKind, seq: number) =>
  changing(kind, seq, (value) => {
    const changed = value.with(0, (format << 4) | ((value[0] as number) & 15));
    const checksum = crc32c(changed.subarray(9), crc32c(changed.subarray(0, 5), crc32c(keyOf(kind, seq))));
    new DataView(changed.buffer).setUint32(5, checksum);
    return changed;
  });

const MISMATCH = "the checksum does not match";
const MISSING = "the record is missing";

/** Where damage is named, and in which words; what is served all the same. */
interface Expected {
  readonly seq: number;
  readonly reason: string;
  readonly snapshot?: Snapshot | null;
  /** The last entry of the tail. */
  readonly upTo: number;
  readonly branches?: readonly [];
  readonly birth?: object;
}

const inEntry = (seq: number, reason: string): Expected => ({ seq, reason, upTo: seq - 1 });
const inSnapshot = (reason: string): Expected => ({ seq: 5, reason, snapshot: snapshotOf(2), upTo: 9 });
const inBranches = (reason: string): Expected => ({ seq: 0, reason, upTo: 9, branches: [] });
const inBirth = (reason: string): Expected => ({
  seq: 0,
  reason,
  upTo: 9,
  birth: { lineage: "0".repeat(32), bornAt: 0 },
});

describe("a damaged record is named, and what is sound is served", () => {
  test.each<[string, Change, Expected]>([
    [
      "F95 a flipped bit in a log entry's type",
      flipping("log", 7, 0),
      inEntry(7, "the record is of type 18"),
    ],
    ["F95 a flipped bit in a log entry's length", flipping("log", 7, 4), inEntry(7, "bytes of payload, not")],
    ["F95 a flipped bit in a log entry's checksum", flipping("log", 7, 5), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in a log entry's time", flipping("log", 7, 9), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in a log entry's count", flipping("log", 7, 17), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in an author's length", flipping("log", 7, 18), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in an author", flipping("log", 7, 19), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in an update's length", flipping("log", 7, -3), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in an update", flipping("log", 7, -1), inEntry(7, MISMATCH)],
    ["F95 a flipped bit in a snapshot's time", flipping("snapshot", 5, 9), inSnapshot(MISMATCH)],
    ["F95 a flipped bit in a snapshot's update", flipping("snapshot", 5, -1), inSnapshot(MISMATCH)],
    ["F95 a flipped bit in a lineage", flipping("birth", 0, 9), inBirth(MISMATCH)],
    ["F95 a flipped bit in the time of birth", flipping("birth", 0, -1), inBirth(MISMATCH)],
    ["F95 a flipped bit in a branch", flipping("branches", 0, -1), inBranches(MISMATCH)],
    ["F96 cut branches", cutting("branches", 0, 20), inBranches("bytes of payload, not")],
    ["F100 branches of a newer format", ofFormat(2, "branches", 0), inBranches("is of format 2")],
    ["F96 a log entry cut in its update", cutting("log", 7, -1), inEntry(7, "bytes of payload, not")],
    ["F96 a log entry cut in its header", cutting("log", 7, 8), inEntry(7, "the record has only 8 bytes")],
    ["F96 a log entry of which nothing is left", cutting("log", 9, 0), inEntry(9, "has only 0 bytes")],
    ["F96 a cut snapshot", cutting("snapshot", 5, 12), inSnapshot("bytes of payload, not")],
    ["F96 a cut birth", cutting("birth", 0, 20), inBirth("bytes of payload, not")],
    [
      "F97 two entries in each other's place",
      async (database) => {
        await put(database, keyOf("log", 7), encodeLogEntry(doc, entryOf(8)).value);
        await put(database, keyOf("log", 8), encodeLogEntry(doc, entryOf(7)).value);
      },
      inEntry(7, MISMATCH),
    ],
    [
      "F97 an entry of another document",
      (database) => put(database, keyOf("log", 7), encodeLogEntry(other, entryOf(7)).value),
      inEntry(7, MISMATCH),
    ],
    [
      "F97 an older snapshot in the place of the newest",
      (database) => put(database, keyOf("snapshot", 5), encodeSnapshot(doc, snapshotOf(2)).value),
      inSnapshot(MISMATCH),
    ],
    [
      "F97 a snapshot among the log",
      (database) => put(database, keyOf("log", 7), encodeSnapshot(doc, snapshotOf(7)).value),
      inEntry(7, "the record is of type 18, not 19"),
    ],
    [
      "F97 a key that is none of ours",
      (database) => put(database, Buffer.concat([keyOf("log", 7), Buffer.of(1)]), new Uint8Array(9)),
      { seq: 0, reason: "names no record", upTo: 7 },
    ],
    [
      "F100 an entry of an older format",
      ofFormat(0, "log", 7),
      inEntry(7, "is of format 0, this version reads"),
    ],
    [
      "F100 an entry of a newer format",
      ofFormat(2, "log", 7),
      inEntry(7, "is of format 2, this version reads"),
    ],
    ["F100 a snapshot of a newer format", ofFormat(2, "snapshot", 5), inSnapshot("is of format 2")],
    ["F100 a birth of a newer format", ofFormat(2, "birth", 0), inBirth("is of format 2")],
    ["a missing entry in the middle", removing(keyOf("log", 7)), inEntry(7, MISSING)],
    ["a missing first entry after the snapshot", removing(keyOf("log", 6)), inEntry(6, MISSING)],
    ["a missing birth", removing(keyOf("birth", 0)), inBirth("the record of its birth is missing")],
  ])("%s", async (_, change, expected) => {
    const { seq, reason, snapshot = snapshotOf(5), upTo, branches = BRANCHES, birth = BIRTH } = expected;
    const { folder, rows, storage } = await damaged(change);
    const damage = expect.objectContaining({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringMatching(new RegExp(`^document "notes" is damaged at seq ${seq}: .*${reason}`)),
    });
    const served = { ...birth, snapshot, tail: entriesOf((snapshot?.seq ?? 0) + 1, upTo), branches, damage };
    expect(await storage.load(doc)).toEqual(served);
    await expect(appendEntries(storage, doc, upTo + 1, upTo + 1)).rejects.toEqual(damage);
    await expect(storage.compact(doc, snapshotOf(upTo))).rejects.toEqual(damage);
    expect(await storage.load(doc)).toEqual(served);
    expect(await storage.load(other)).toEqual(soundDocument(null, entriesOf(1, 3)));
    await appendEntries(storage, other, 4, 4);
    await storage.erase(other);
    await storage.close();
    expect(await allRows(folder)).toEqual(rows.filter((row) => !row.startsWith(hex("other"))));
  });

  test("F98 a missing snapshot is made up for by the one before and the log", async () => {
    const { storage } = await damaged(removing(keyOf("snapshot", 5)));
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(2), entriesOf(3, 9)));
    await appendEntries(storage, doc, 10, 10);
    await storage.compact(doc, snapshotOf(10));
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(10), []));
  });

  test("F98 log only, from the first entry on, is the whole document", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 4);
    await storage.compact(doc, snapshotOf(3));
    await storage.close();
    await withDatabase(folder, removing(keyOf("snapshot", 3)));
    const again = await open(folder);
    expect(await again.storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 4)));
  });

  test("F98 log only, without its beginning, is nothing to build upon", async () => {
    const { storage } = await damaged(removing(keyOf("snapshot", 2), keyOf("snapshot", 5)));
    const damage = { code: "DOCUMENT_DAMAGED", message: expect.stringContaining("at seq 1: the record is") };
    await expect(storage.load(doc)).rejects.toMatchObject(damage);
    await expect(appendEntries(storage, doc, 10, 10)).rejects.toMatchObject(damage);
  });
});

describe("of a damaged document", () => {
  test("nothing is served when nothing is sound", async () => {
    const everything = Array.from({ length: 9 }, (_, i) => keyOf("log", i + 1));
    const { storage } = await damaged(removing(keyOf("snapshot", 2), keyOf("snapshot", 5), ...everything));
    await expect(storage.load(doc)).rejects.toMatchObject({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringContaining("at seq 1: the record is missing"),
    });
  });

  test("a hole in the log is noticed by reading a range of it, also at its start", async () => {
    const { storage } = await damaged(removing(keyOf("log", 7)));
    const error = {
      code: "DOCUMENT_DAMAGED",
      message: expect.stringContaining("at seq 7: the record is missing"),
    };
    await expect(storage.read(doc, 5, 1000)).rejects.toMatchObject(error);
    await expect(storage.read(doc, 6, 1000)).rejects.toMatchObject(error);
    expect(await storage.read(doc, 7, 1000)).toEqual(entriesOf(8, 9));
  });

  test("whose birth cannot be read, the name is told after all the others were listed", async () => {
    const { storage } = await damaged(flipping("birth", 0, -1));
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

  test("what the newest snapshot stands for is not looked at", async () => {
    const { storage } = await damaged(async (database) => {
      await put(database, keyOf("log", 4), Uint8Array.of(1));
      await put(database, keyOf("snapshot", 2), Uint8Array.of(1));
    });
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(5), entriesOf(6, 9)));
  });

  test("a snapshot that cannot be read does not count as the one to fall back on", async () => {
    const { storage, folder } = await damaged(flipping("snapshot", 5, -1));
    // Whoever has the document in memory does not know, and folds it.
    await storage.compact(doc, snapshotOf(9));
    expect(await storage.load(doc)).toEqual(soundDocument(snapshotOf(9), []));
    await storage.close();
    await withDatabase(folder, removing(keyOf("snapshot", 9)));
    const again = await open(folder);
    expect(await again.storage.load(doc)).toMatchObject({ snapshot: snapshotOf(2), tail: entriesOf(3, 9) });
  });

  test("everything can be deleted, and its name have another life", async () => {
    const { storage } = await damaged(flipping("log", 7, -1));
    expect((await storage.load(doc))?.damage).toMatchObject({ code: "DOCUMENT_DAMAGED" });
    await storage.erase(doc);
    expect(await namesOf(storage)).toEqual(["other"]);
    expect(await storage.load(doc)).toBeNull();
    await appendEntries(storage, doc, 1, 2);
    expect(await storage.load(doc)).toEqual(soundDocument(null, entriesOf(1, 2)));
  });

  test("the name is no obstacle to a document whose name begins with it", async () => {
    const { storage } = await damaged(flipping("birth", 0, -1));
    const longer = "notes of today" as DocumentName;
    await appendEntries(storage, longer, 1, 2);
    expect(await storage.load(longer)).toEqual(soundDocument(null, entriesOf(1, 2)));
  });
});

function hex(text: string): string {
  return Buffer.from(text).toString("hex");
}
