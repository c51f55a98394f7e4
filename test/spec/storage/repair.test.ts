/** Repairing documents of a real data folder, with something wrong in each kind of record. */

import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { fromBase64 } from "lib0/buffer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { StoredDocument } from "../../../server/src/engine/ports.ts";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import { openFolderTools } from "../../../server/src/node/folder-tools.ts";
import type { FolderTools, FolderToolsOptions } from "../../../server/src/node/folder-tools-api.ts";
import { keepAside } from "../../../server/src/storage/damaged-files.ts";
import type { Database } from "../../../server/src/storage/database.ts";
import { deletedKey } from "../../../server/src/storage/deleted-keys.ts";
import { documentRange, prefixRange, rangeOfKey } from "../../../server/src/storage/keys.ts";
import { encodeLoss } from "../../../server/src/storage/losses.ts";
import type { DocumentRepair } from "../../../server/src/storage/repair.ts";
import { damageRecord, keyOf, withDatabase } from "../../contract/level-stage.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import { BORN_AT, docOf, edit, hashesOf, Written, withStorage } from "../inspect/folder-stage.ts";

const notes = "notes" as DocumentName;
const other = "other" as DocumentName;
const LINEAGE = "00112233445566778899aabbccddeeff";
const MINUTE_MS = 60_000;
const WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** Two documents, each with a word a batch, by Ann and Bob in turns; snapshots at 3 and 6, of which the older stays. */
let template: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "joinery-repair-"));
  await withStorage(folder, async (storage) => {
    for (const name of [notes, other]) {
      const written = new Written(storage, name);
      const doc = docOf(7);
      for (const [i, word] of WORDS.entries()) {
        const update = edit(doc, () => doc.getText("text").insert(doc.getText("text").length, `${word} `));
        await written.append([{ author: i % 2 === 0 ? "ann" : "bob", update }]);
        if (i === 2 || i === 5) await written.compact();
      }
    }
  });
  template = folder;
});
afterAll(() => rm(template, { recursive: true, force: true }));

/** A copy of that folder, in which something is changed. */
async function changedFolder(change: Change): Promise<string> {
  const folder = await temporaryFolder();
  await cp(template, folder, { recursive: true });
  await withDatabase(folder, change);
  return folder;
}

async function withTools<T>(
  folder: string,
  work: (tools: FolderTools) => Promise<T>,
  options?: FolderToolsOptions,
): Promise<T> {
  const tools = await openFolderTools(folder, { limits: { minFreeBytes: 0 }, ...options });
  try {
    return await work(tools);
  } finally {
    await tools.close();
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const repairAll = (folder: string, options?: FolderToolsOptions) =>
  withTools(folder, (tools) => all(tools.repair()), options);

const updatesOf = ({ snapshot, tail }: StoredDocument) => [
  ...(snapshot ? [snapshot.update] : []),
  ...tail.flatMap(({ parts }) => parts.map(({ update }) => update)),
];

function textOf(stored: StoredDocument | null): string {
  const doc = new Y.Doc();
  for (const update of stored === null ? [] : updatesOf(stored)) Y.applyUpdate(doc, update);
  expect(doc.store.pendingStructs).toBeNull();
  return doc.getText("text").toString();
}

const wordsUpTo = (count: number) =>
  WORDS.slice(0, count)
    .map((word) => `${word} `)
    .join("");

async function problemsIn(folder: string, document = notes): Promise<readonly unknown[] | undefined> {
  const source = await openFolderSource(folder);
  try {
    return (await source.verify(document))?.problems;
  } finally {
    await source.close();
  }
}

const hexOf = (text: string) => Buffer.from(text).toString("hex");

/** Rows of a document, or of all, in hex. */
const rowsOf = (folder: string, document?: DocumentName) =>
  withDatabase(folder, async (database) => {
    const cursor = database.iterator(document === undefined ? prefixRange("") : documentRange(document));
    const rows = await cursor.nextv(1000);
    await cursor.close();
    return rows.map((row) => row.map((bytes) => Buffer.from(bytes).toString("hex")).join(" "));
  });

type Change = (database: Database) => Promise<void>;

const flip = (value: Uint8Array) => value.with(-1, (value.at(-1) ?? 0) ^ 1);

const flipping =
  (...damaged: readonly [Parameters<typeof keyOf>[0], number][]): Change =>
  async (database) => {
    for (const [kind, seq] of damaged) await damageRecord(database, keyOf(kind, seq), flip);
  };

const removing =
  (...keys: readonly Uint8Array[]): Change =>
  (database) =>
    database.batch(
      keys.map((key) => ({ type: "del", key })),
      { sync: true },
    );

const losing =
  (...losses: readonly Parameters<typeof encodeLoss>[0]["keys"][]): Change =>
  (database) =>
    database.batch(
      losses.map((keys) => ({ type: "put", ...encodeLoss({ keys, time: 1, reason: "a disk fell" }) })),
      { sync: true },
    );

const everyRecord = [
  ["birth", 0],
  ["snapshot", 3],
  ["snapshot", 6],
  ...[4, 5, 6, 7, 8, 9].map((seq) => ["log", seq] as const),
  ["branches", 0],
] as [Parameters<typeof keyOf>[0], number][];

interface Expected {
  /** How many words are left. */
  readonly words: number;
  readonly repair: Partial<Omit<DocumentRepair, "removed">>;
  readonly removed: readonly [records: number, damaged: number];
}

const timeOf = (seq: number) => BORN_AT + seq * MINUTE_MS;
const lostFrom = (fromSeq: number, toSeq: number, more: object) => ({
  lost: expect.objectContaining({ fromSeq, toSeq, ...more }),
});

const CASES: readonly (readonly [string, Change, Expected])[] = [
  [
    "a flipped bit in a log entry: what comes behind it goes too",
    flipping(["log", 8]),
    {
      words: 7,
      removed: [2, 1],
      repair: {
        kept: { snapshotSeq: 6, seq: 7 },
        seq: 9,
        problems: [{ record: "log", seq: 8, reason: "the checksum does not match" }],
        ...lostFrom(8, 9, { entries: 2, fromTime: timeOf(9), toTime: timeOf(9), authors: ["ann"] }),
      },
    },
  ],
  [
    "a flipped bit in the last log entry",
    flipping(["log", 9]),
    { words: 8, removed: [1, 1], repair: { ...lostFrom(9, 9, { entries: 1, fromTime: 0, authors: [] }) } },
  ],
  [
    "a flipped bit in an entry that the newest snapshot stands for: nothing is lost",
    flipping(["log", 5]),
    { words: 9, removed: [3, 1], repair: { kept: { snapshotSeq: 6, seq: 9 }, seq: 9, lost: null } },
  ],
  [
    "a flipped bit in the newest snapshot: the one before and the log do without it",
    flipping(["snapshot", 6]),
    { words: 9, removed: [1, 1], repair: { kept: { snapshotSeq: 3, seq: 9 }, lost: null } },
  ],
  [
    "a flipped bit in the snapshot before",
    flipping(["snapshot", 3]),
    { words: 9, removed: [1, 1], repair: { kept: { snapshotSeq: 6, seq: 9 }, lost: null } },
  ],
  [
    "a flipped bit in the newest snapshot and in the log before it",
    flipping(["snapshot", 6], ["log", 5]),
    {
      words: 4,
      removed: [6, 2],
      repair: {
        kept: { snapshotSeq: 3, seq: 4 },
        ...lostFrom(5, 9, { entries: 5, authors: ["bob", "ann"] }),
      },
    },
  ],
  [
    "a flipped bit in the birth: it is another life",
    flipping(["birth", 0]),
    { words: 9, removed: [1, 1], repair: { isNewLineage: true, lost: null } },
  ],
  [
    "a missing birth",
    removing(keyOf("birth", 0)),
    {
      words: 9,
      removed: [0, 0],
      repair: {
        isNewLineage: true,
        savedAs: null,
        problems: [{ record: "birth", seq: 0, reason: "the record is missing" }],
      },
    },
  ],
  [
    "a flipped bit in the branches",
    flipping(["branches", 0]),
    { words: 9, removed: [1, 1], repair: { lost: null } },
  ],
  [
    "a missing entry",
    removing(keyOf("log", 8)),
    {
      words: 7,
      removed: [1, 0],
      repair: {
        problems: [{ record: "log", seq: 8, reason: "the record is missing" }],
        ...lostFrom(8, 9, { entries: 1 }),
      },
    },
  ],
  [
    "an entry of format 2",
    (database) => damageRecord(database, keyOf("log", 9), (value) => value.with(0, 0x23)),
    { words: 8, removed: [1, 1], repair: { ...lostFrom(9, 9, { entries: 1 }) } },
  ],
  [
    "a key among the document's that names no record",
    (database) =>
      database.batch([{ type: "put", key: keyOf("log", 9).with(-9, 9), value: Uint8Array.of(1, 2) }], {
        sync: true,
      }),
    {
      words: 9,
      removed: [1, 1],
      repair: { lost: null, problems: [{ record: "document", seq: 0, reason: "the key names no record" }] },
    },
  ],
  [
    "an entry at the end that is known to be lost",
    losing(rangeOfKey(keyOf("log", 10)), rangeOfKey(keyOf("log", 11))),
    {
      words: 9,
      removed: [0, 0],
      repair: {
        seq: 11,
        problems: [{ record: "document", seq: 0, reason: "the record may be lost: a disk fell" }],
        ...lostFrom(10, 11, { entries: 0, bytes: 0 }),
      },
    },
  ],
  [
    "branches of which the newest may be lost",
    losing(rangeOfKey(keyOf("branches", 0))),
    {
      words: 9,
      removed: [0, 0],
      repair: {
        lost: null,
        problems: [{ record: "branches", seq: 0, reason: "the record may be lost: a disk fell" }],
      },
    },
  ],
  [
    "both snapshots: nothing that is left can be built upon",
    flipping(["snapshot", 3], ["snapshot", 6]),
    {
      words: 0,
      removed: [8, 2],
      repair: {
        outcome: "emptied",
        kept: { snapshotSeq: 0, seq: 0 },
        seq: 9,
        isNewLineage: false,
        ...lostFrom(1, 9, { entries: 6, fromTime: timeOf(4), toTime: timeOf(9), authors: ["bob", "ann"] }),
      },
    },
  ],
  [
    "a flipped bit in every record",
    flipping(...everyRecord),
    {
      words: 0,
      removed: [10, 10],
      repair: { outcome: "emptied", isNewLineage: true, ...lostFrom(1, 9, { authors: [], fromTime: 0 }) },
    },
  ],
  [
    "nothing there but the birth",
    removing(...everyRecord.slice(1).map(([kind, seq]) => keyOf(kind, seq))),
    { words: 0, removed: [0, 0], repair: { outcome: "emptied", ...lostFrom(1, 1, { entries: 0 }) } },
  ],
];

describe("repairing a document with", () => {
  test.each(CASES)("%s", async (_, change, { words, repair, removed: [records, damaged] }) => {
    const folder = await changedFolder(change);
    const before = await rowsOf(folder);
    const [planned, ...more] = await repairAll(folder, { isDryRun: true });
    expect(more).toEqual([]);

    const [done] = await withTools(folder, async (tools) => {
      const repairs = await all(tools.repair());
      const stored = await tools.storage.load(notes);
      const [{ seq, lineage }] = repairs as [DocumentRepair];
      expect(stored).toMatchObject({ damage: null, lineage });
      expect(stored?.tail.at(-1)?.seq ?? stored?.snapshot?.seq).toBe(seq);
      expect(textOf(stored)).toBe(wordsUpTo(words));
      expect(await all(tools.repair())).toEqual([]);
      return repairs;
    });
    expect(done).toMatchObject({ document: notes, outcome: "repaired", isNewLineage: false, ...repair });
    expect(done?.removed).toMatchObject({ records, damaged });
    // A lineage that is made up is made up anew each time.
    expect(planned).toEqual({ ...done, savedAs: null, lineage: planned?.lineage });
    if (!done?.isNewLineage) expect([done?.lineage, planned?.lineage]).toEqual([LINEAGE, LINEAGE]);
    else expect(done.lineage).not.toBe(LINEAGE);
    expect(await problemsIn(folder)).toEqual([]);
    expect(await rowsOf(folder, other)).toEqual(before.filter((row) => row.startsWith(hexOf("other"))));
    await savedIs(folder, done?.savedAs ?? null, before, records);
  });
});

/** Checks that what was taken out lies where it is said, as it was in the database. */
async function savedIs(
  folder: string,
  savedAs: string | null,
  rows: readonly string[],
  records: number,
): Promise<void> {
  expect(savedAs === null).toBe(records === 0);
  if (savedAs === null) return;
  expect(savedAs).toMatch(/^damaged\/.*-repair\/0001\.jsonl$/);
  const [head, ...lines] = (await readFile(join(folder, savedAs), "utf8")).trimEnd().split("\n");
  expect(JSON.parse(head as string)).toEqual({ format: 1, document: notes });
  expect(lines).toHaveLength(records);
  for (const line of lines) {
    const { key, value } = JSON.parse(line) as { key: string; value: string };
    expect(rows).toContain(`${key} ${Buffer.from(fromBase64(value)).toString("hex")}`);
  }
}

describe("repairing", () => {
  test("leaves a folder alone, byte by byte, in a dry run", async () => {
    const folder = await changedFolder(flipping(["log", 8]));
    const before = await hashesOf(folder);
    expect(await repairAll(folder, { isDryRun: true })).toHaveLength(1);
    expect(await hashesOf(folder)).toEqual(before);
  });

  test("makes a document that can be added to, after which it has another branch", async () => {
    const folder = await changedFolder(flipping(["log", 8]));
    await withTools(folder, async (tools) => {
      await all(tools.repair());
      const doc = docOf(8);
      for (const update of updatesOf((await tools.storage.load(notes)) as StoredDocument))
        Y.applyUpdate(doc, update);
      const update = edit(doc, () => doc.getText("text").insert(0, "and on: "));
      expect(await tools.append(notes, update)).toMatchObject({ seq: 10, lineage: LINEAGE, isNew: false });
      const stored = await tools.storage.load(notes);
      expect(textOf(stored)).toBe(`and on: ${wordsUpTo(7)}`);
      // Of what was lost it is not known whose it is; what is appended is of nobody who was here before.
      expect(stored?.branches).toEqual([
        { seq: 1, id: "0123456789abcdef" },
        { seq: 8, id: "0".repeat(16) },
        { seq: 10, id: expect.not.stringMatching(/^0+$|^0123456789abcdef$/) },
      ]);
    });
  });

  test("one document leaves another damaged one as it is", async () => {
    const folder = await changedFolder(flipping(["log", 8]));
    await withDatabase(folder, (database) => damageRecord(database, keyOf("log", 8, other), flip));
    const before = await rowsOf(folder, notes);
    await withTools(folder, async (tools) => {
      expect(await all(tools.repair(other))).toMatchObject([{ document: other }]);
      expect(await all(tools.repair(other))).toEqual([]);
      await expect(all(tools.repair("never" as DocumentName))).rejects.toMatchObject({
        code: "DOCUMENT_NOT_FOUND",
      });
    });
    expect(await rowsOf(folder, notes)).toEqual(before);
  });

  test("does not touch what was deleted, which is damaged when it is restored, and repaired then", async () => {
    const folder = await changedFolder(async () => undefined);
    await withTools(folder, (tools) => tools.delete(notes));
    await withDatabase(folder, (database) => damageRecord(database, deletedKey(keyOf("log", 8), 1), flip));
    await withTools(folder, async (tools) => {
      expect(await all(tools.repair())).toEqual([]);
      await tools.restore(notes);
      expect(await all(tools.repair())).toMatchObject([{ document: notes, kept: { seq: 7 } }]);
      expect(textOf(await tools.storage.load(notes))).toBe(wordsUpTo(7));
    });
  });

  test("sees to notes of losses of documents that are not there any more, and to keys that name no record", async () => {
    const gone = "gone" as DocumentName;
    const folder = await changedFolder(
      losing(rangeOfKey(keyOf("log", 3, gone)), { gte: Uint8Array.of(0x70), lt: Uint8Array.of(0x71) }),
    );
    const stray = Uint8Array.of(0x61, 0x62, 0x63);
    await withDatabase(folder, (database) =>
      database.batch([{ type: "put", key: stray, value: Uint8Array.of(1) }], { sync: true }),
    );
    await withTools(folder, async (tools) => {
      await expect(all(tools.storage.list(""))).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
      expect(await all(tools.repair())).toMatchObject([
        { document: gone, outcome: "gone", lost: { fromSeq: 1, toSeq: 3 }, savedAs: null },
      ]);
      const rest = await tools.repairRest();
      expect(rest).toEqual({
        losses: [{ reason: "a disk fell", time: 1, documents: [] }],
        strays: 1,
        savedAs: expect.stringMatching(/-repair\/0001\.jsonl$/),
      });
      expect(await readFile(join(folder, rest.savedAs as string), "utf8")).toContain('"key":"616263"');
      expect((await all(tools.storage.list(""))).map(({ document }) => document)).toEqual([notes, other]);
      expect(await tools.repairRest()).toEqual({ losses: [], strays: 0, savedAs: null });
    });
  });

  test("takes a number far behind the end for damage, and does not fill the log up to there", async () => {
    const folder = await changedFolder(losing(rangeOfKey(keyOf("log", 2 ** 50))));
    const [done] = await repairAll(folder);
    expect(done).toMatchObject({ kept: { seq: 9 }, seq: 9, lost: { fromSeq: 10, toSeq: 2 ** 50 } });
    expect(await problemsIn(folder)).toEqual([]);
  });

  test("that cannot be written leaves the document as it was", async () => {
    const folder = await changedFolder(flipping(["log", 8]));
    const before = await rowsOf(folder, notes);
    const fullDisk = { limits: { minFreeBytes: 2 ** 40 } };
    await withTools(
      folder,
      async (tools) => {
        await expect(all(tools.repair())).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
      },
      fullDisk,
    );
    expect(await rowsOf(folder, notes)).toEqual(before);
    expect(await repairAll(folder)).toMatchObject([{ kept: { seq: 7 } }]);
  });

  test("keeps what it took out when later the server keeps damaged files aside", async () => {
    const folder = await changedFolder(flipping(["log", 8]));
    const [done] = await repairAll(folder);
    const keptIn = join(folder, "damaged");
    for (let i = 0; i < 40; i++) await writeFile(join(keptIn, `2026-01-01-${i}`), "");
    await keepAside(folder, join(folder, "joinery.json"));
    expect((await stat(join(folder, done?.savedAs as string))).isFile()).toBe(true);
    const files = (await readdir(keptIn, { withFileTypes: true })).filter((entry) => entry.isFile());
    expect(files).toHaveLength(32);
  });
});
