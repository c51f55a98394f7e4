import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, type DocumentName } from "@joinery/shared";
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import type { Storage } from "../../../server/src/engine/ports.ts";
import { type ListingPage, listingPage } from "../../../server/src/inspect/folder-listing.ts";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import type { DocumentListing, DocumentSource } from "../../../server/src/inspect/source.ts";
import { type ServedSource, storageSource } from "../../../server/src/inspect/storage-source.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { documentRange, encodeKey, type RecordPlace } from "../../../server/src/storage/keys.ts";
import { LevelStorage } from "../../../server/src/storage/level.ts";
import type { Loss } from "../../../server/src/storage/losses.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { FaultyDatabases } from "../../contract/faulty-database.ts";
import { damageRecord } from "../../contract/level-stage.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import {
  DASHED,
  docOf,
  EVERY_TYPE,
  edit,
  LONG,
  TYPED,
  UNICODE,
  Written,
  withStorage,
  writeDocuments,
} from "./folder-stage.ts";

const typed = TYPED as DocumentName;
const nobody = "nobody" as DocumentName;
const large = "large" as DocumentName;
const ALL = { prefix: "", after: null, maxDocuments: 1000, maxBytes: 1e9 };

let written = "";
let folder = "";
beforeAll(async () => {
  written = await mkdtemp(join(tmpdir(), "joinery-"));
  await withStorage(written, writeDocuments);
  return () => rm(written, { recursive: true });
});
beforeEach(async () => {
  folder = join(await temporaryFolder(), "data");
  await cp(written, folder, { recursive: true });
});

async function served(databases = new FaultyDatabases()): Promise<ServedSource> {
  const storage = new LevelStorage({ folder, minFreeBytes: 0, openDatabase: databases.open });
  onTestFinished(() => storage.close());
  await storage.open();
  return sourceOf(storage);
}

function sourceOf(storage: Storage): ServedSource {
  const source = storageSource(storage, DEFAULT_LIMITS);
  onTestFinished(() => source.close());
  return source;
}

async function listed(source: DocumentSource): Promise<DocumentListing[]> {
  const documents: DocumentListing[] = [];
  for await (const listing of source.list("")) documents.push(listing);
  return documents;
}

/** What a source answers about all documents, one of them in detail. */
async function answersOf(source: DocumentSource) {
  const refused = (until: number) => source.load(typed, until).catch((error: unknown) => error);
  return {
    documents: await listed(source),
    one: await source.listing(typed),
    none: await source.listing(nobody),
    loaded: await source.load(typed),
    before: await source.load(typed, 15),
    beyond: await Promise.all([9, 31].map(refused)),
    log: await source.log(typed, 0, 3000),
    verified: [await source.verify(typed), await source.verify(nobody)],
  };
}

async function damageRecordOf(place: RecordPlace, change: (value: Uint8Array) => Uint8Array): Promise<void> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  await damageRecord(database, encodeKey(place), change);
  await database.close();
}

/** Bytes that nobody can make smaller: one insertion of so many. */
async function writeLarge(bytes: number): Promise<Uint8Array> {
  const update = edit(docOf(5), (doc) => doc.getMap("map").set("bytes", new Uint8Array(bytes).fill(7)));
  await withStorage(folder, async (storage) => {
    const written = new Written(storage, large);
    await written.append([{ author: "", update }]);
    await written.compact(update);
  });
  return update;
}

describe("the documents of a running server", () => {
  test("are the same as those of its folder when no server has it open", async () => {
    const ofFolder = await openFolderSource(folder);
    const expected = await answersOf(ofFolder);
    await ofFolder.close();
    expect(expected.documents).toHaveLength(5);
    expect(await answersOf(await served())).toEqual(expected);
  });

  test("are the same as those of its folder when one of them is damaged", async () => {
    await damageRecordOf({ document: typed, kind: "log", seq: 25 }, () => Uint8Array.of(1, 2, 3));
    const ofFolder = await openFolderSource(folder);
    const expected = await answersOf(ofFolder);
    await ofFolder.close();
    expect(expected.one?.damage).toMatchObject({ code: "DOCUMENT_DAMAGED" });
    expect(expected.loaded?.tail.at(-1)?.seq).toBe(24);
    expect(await answersOf(await served())).toEqual(expected);
  });

  test("are listed page by page", async () => {
    const source = await served();
    const names = [DASHED, EVERY_TYPE, TYPED, LONG, UNICODE];
    const listed: string[] = [];
    let pages = 0;
    for (let after: DocumentName | null = null; pages === 0 || after !== null; pages++) {
      const page = await source.page({ ...ALL, after, maxDocuments: 2 });
      expect(page.documents.length).toBeLessThanOrEqual(2);
      listed.push(...page.documents.map(({ document }) => document));
      after = page.next;
    }
    expect(listed).toEqual(names);
    expect(pages).toBe(3);
    // One is read whatever it has.
    const first = await source.page({ ...ALL, maxBytes: 1 });
    expect([first.documents.length, first.next]).toEqual([1, DASHED]);
    const behind = await source.page({ ...ALL, after: "notes" as DocumentName });
    expect(behind.documents.map(({ document }) => document)).toEqual(names.slice(2));
    const among = await source.page({ ...ALL, prefix: "notes/", after: "-" as DocumentName });
    expect(among.documents.map(({ document }) => document)).toEqual([TYPED]);
    const beyond = await source.page({ ...ALL, prefix: "notes/", after: "z" as DocumentName });
    expect(beyond).toEqual({ documents: [], next: null, damage: null });
  });

  test("tell how far they are without being read", async () => {
    await writeLarge(2_000_000);
    const databases = new FaultyDatabases();
    const source = await served(databases);
    databases.keysRead.splice(0);
    const branches = [{ seq: 1, id: "0123456789abcdef" }];
    const lineage = "00112233445566778899aabbccddeeff";
    expect(await source.head(large)).toEqual({ lineage, branches, seq: 1, snapshotSeq: 1 });
    expect(await source.head(typed)).toEqual({ lineage, branches, seq: 30, snapshotSeq: 20 });
    expect(await source.head(nobody)).toBeNull();
    // The birth and the branches; what else was asked for were keys alone.
    const read = databases.keysRead.filter((key) => key.startsWith(Buffer.from("large").toString("hex")));
    expect(read).toEqual(
      (["birth", "branches"] as const).map((kind) =>
        Buffer.from(encodeKey({ document: large, kind, seq: 0 })).toString("hex"),
      ),
    );
  });

  test("are read whole while others write and fold them", async () => {
    const storage = new LevelStorage({ folder, minFreeBytes: 0 });
    onTestFinished(() => storage.close());
    await storage.open();
    const source = sourceOf(storage);
    const growing = new Written(storage, "growing");
    const name = "growing" as DocumentName;
    const doc = docOf(9);
    const write = async () => {
      for (let i = 0; i < 60; i++) {
        const update = edit(doc, () => doc.getText("text").insert(0, "a few words "));
        await growing.append([{ author: "", update }]);
        if (i % 5 === 4) await growing.compact(Y.encodeStateAsUpdate(doc));
      }
    };
    let isOver = false;
    const writing = write().finally(() => {
      isOver = true;
    });
    let reads = 0;
    while (!isOver) {
      const head = await source.head(name);
      if (head === null) continue;
      const seqs = (await source.log(name, 0, 1e9)).map(({ seq }) => seq);
      expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
      for (const stored of [await source.load(name), await source.load(name, head.seq)])
        expect(stored).toMatchObject({ damage: null });
      reads++;
    }
    await writing;
    expect(reads).toBeGreaterThan(0);
  });

  test("are verified in a worker, as the snapshot that shows something else", async () => {
    const other = Y.encodeStateAsUpdate(docOf(3));
    await withStorage(folder, async (storage) => {
      const written = new Written(storage, "wrong");
      await written.append([{ author: "", update: edit(docOf(1), (doc) => doc.getText().insert(0, "a")) }]);
      await written.compact(other);
    });
    const source = await served();
    const verification = await source.verify("wrong" as DocumentName);
    expect(verification?.problems).toMatchObject([{ record: "snapshot", seq: 1 }]);
  });

  test("end what is being verified when the server stops", async () => {
    const source = await served();
    const verifying = expect(source.verify(typed)).rejects.toMatchObject({ code: "SERVER_DRAINING" });
    await source.close();
    await verifying;
  });

  test("of a storage that was closed cannot be read", async () => {
    const storage = new LevelStorage({ folder, minFreeBytes: 0 });
    await storage.open();
    const source = sourceOf(storage);
    await storage.close();
    for (const asked of [source.listing(typed), source.head(typed), source.page(ALL), source.verify(typed)])
      await expect(asked).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });
});

describe("a list of which something may be missing", () => {
  const loss = (gte: Uint8Array, lt: Uint8Array): Loss => ({
    keys: { gte, lt },
    time: 0,
    reason: "a bad block",
  });
  const allOf = (name: string) =>
    loss(
      encodeKey({ document: name as DocumentName, kind: "birth", seq: 0 }),
      documentRange(name as DocumentName).lt,
    );
  const LOSSES = [
    // One that is there, one of a name that is not, and some of which nobody knows the names.
    allOf(TYPED),
    allOf("lost"),
    loss(Uint8Array.from(Buffer.from("s")), Uint8Array.from(Buffer.from("t"))),
  ];

  async function messages(maxDocuments: number): Promise<(string | null)[]> {
    const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
    const found: (string | null)[] = [];
    for (let after: DocumentName | null = null, i = 0; i === 0 || after !== null; i++) {
      const page: ListingPage = await listingPage(database, { ...ALL, after, maxDocuments }, LOSSES);
      found.push(page.damage?.message ?? null);
      after = page.next;
    }
    await database.close();
    return found;
  }

  test("says so on the page where it would be, once", async () => {
    const lost = expect.stringContaining('document "lost" is damaged at seq 1: the record may be lost');
    const unknown = "documents may be missing from this list: a bad block";
    // By name: -draft, every/…, lost, notes/plan, reports/…, s…, and one in Cyrillic.
    expect(await messages(1)).toEqual([null, null, lost, null, unknown, null]);
    expect(await messages(2)).toEqual([null, lost, unknown]);
  });
});

describe("a large record", () => {
  test("is checked in steps, between which others have their turn", async () => {
    const update = await writeLarge(8_000_000);
    const source = await served();
    let turns = 0;
    let isOver = false;
    const tick = (): void => {
      turns++;
      if (!isOver) setImmediate(tick);
    };
    setImmediate(tick);
    const stored = await source.load(large);
    isOver = true;
    expect(Buffer.from(stored?.snapshot?.update ?? []).equals(update)).toBe(true);
    expect(stored?.damage).toBeNull();
    // Steps of half a megabyte.
    expect(turns).toBeGreaterThanOrEqual(15);
  });

  test("that is damaged is told all the same", async () => {
    await writeLarge(2_000_000);
    await damageRecordOf({ document: large, kind: "snapshot", seq: 1 }, (value) => value.with(1_000_000, 8));
    const source = await served();
    const damage = { code: "DOCUMENT_DAMAGED", message: expect.stringContaining("checksum") };
    expect((await source.listing(large))?.damage).toMatchObject(damage);
    // The log that it stands for is still there.
    expect(await source.load(large)).toMatchObject({ damage, tail: [{ seq: 1 }] });
  });
});

describe("a storage that is none of ours", () => {
  async function inMemory(): Promise<ServedSource> {
    const storage = new MemoryStorage();
    await storage.open();
    await writeDocuments(storage);
    return sourceOf(storage);
  }

  test("lists what its port gives", async () => {
    const ofLevel = await listed(await served());
    const source = await inMemory();
    expect(await listed(source)).toEqual(ofLevel.map((listing) => ({ ...listing, keptBytes: 0 })));
    expect(await source.listing(typed)).toMatchObject({ seq: 30, logEntries: 10 });
    expect(await source.listing(nobody)).toBeNull();
  });

  test("lists page by page, and tells how far documents are", async () => {
    const source = await inMemory();
    const page = await source.page({ ...ALL, after: "notes" as DocumentName, maxDocuments: 2 });
    expect([page.documents.map(({ document }) => document), page.next]).toEqual([[TYPED, LONG], LONG]);
    expect(await source.head(typed)).toMatchObject({ seq: 30, snapshotSeq: 20 });
    expect(await source.head(nobody)).toBeNull();
  });

  test("shows the past as far as there is a log", async () => {
    const source = await inMemory();
    const past = await source.load(typed, 25);
    expect([past?.snapshot?.seq, past?.tail.length]).toEqual([20, 5]);
    const refusal = (until: number) => source.load(typed, until).catch((error: Error) => error.message);
    expect(await refusal(19)).toContain("what is kept begins with seq 20");
    expect(await refusal(31)).toContain("its last batch is seq 30");
    expect((await source.log(typed, 0, 0)).map(({ seq }) => seq)).toEqual([21]);
  });

  test("is verified too", async () => {
    const source = await inMemory();
    expect(await source.verify(typed)).toMatchObject({ records: 13, problems: [] });
    expect(await source.verify(nobody)).toBeNull();
  });
});
