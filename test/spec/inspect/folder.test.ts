import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import type { DocumentListing, DocumentSource } from "../../../server/src/inspect/source.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey, type RecordPlace } from "../../../server/src/storage/keys.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import {
  BORN_AT,
  DASHED,
  EVERY_TYPE,
  hashesOf,
  LONG,
  TYPED,
  UNICODE,
  withStorage,
  writeDocuments,
} from "./folder-stage.ts";

const typed = TYPED as DocumentName;

let parent = "";
let folder = "";
let temporary = "";

beforeEach(async () => {
  parent = await temporaryFolder();
  folder = join(parent, "data");
  temporary = join(parent, "temporary");
  await mkdir(temporary);
  await withStorage(folder, writeDocuments);
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
});

async function opened(): Promise<DocumentSource> {
  const source = await openFolderSource(folder);
  onTestFinished(() => source.close());
  return source;
}

async function listed(source: DocumentSource, prefix = ""): Promise<DocumentListing[]> {
  const found: DocumentListing[] = [];
  for await (const listing of source.list(prefix)) found.push(listing);
  return found;
}

/** Works on the database below the records. */
async function changeDatabase(
  work: (place: (place: Omit<RecordPlace, "document">) => Uint8Array) => Promise<Op[]> | Op[],
) {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  const operations = await work((place) => encodeKey({ document: typed, ...place }));
  await database.batch(operations, { sync: true });
  await database.close();
}

type Op = Parameters<Awaited<ReturnType<typeof openLevelDatabase>>["batch"]>[0][number];

const textOf = (stored: Awaited<ReturnType<DocumentSource["load"]>>): string => {
  const doc = new Y.Doc();
  if (stored?.snapshot) Y.applyUpdate(doc, stored.snapshot.update);
  for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
};

describe("a folder", () => {
  test("lists its documents by name, with what each takes", async () => {
    const source = await opened();
    const all = await listed(source);
    expect(all.map(({ document }) => document)).toEqual([DASHED, EVERY_TYPE, TYPED, LONG, UNICODE]);
    const one = all.find(({ document }) => document === TYPED) as DocumentListing;
    const stored = await source.load(typed);
    const logBytes = stored?.tail
      .flatMap(({ parts }) => parts)
      .reduce((sum, { update }) => sum + update.length, 0);
    expect(one).toMatchObject({
      bornAt: BORN_AT,
      changedAt: BORN_AT + 30 * 60_000,
      seq: 30,
      snapshotSeq: 20,
      snapshotBytes: stored?.snapshot?.update.length,
      logEntries: 10,
      logBytes,
      damage: null,
    });
    expect(one.keptBytes).toBeGreaterThan(0);
    expect(await source.listing(typed)).toEqual(one);
    expect((await listed(source, "notes/")).map(({ document }) => document)).toEqual([TYPED]);
    expect(await listed(source, "nobody")).toEqual([]);
    expect(await source.listing("nobody" as DocumentName)).toBeNull();
  });

  test("shows its log back to the snapshot before the newest one, page by page", async () => {
    const source = await opened();
    const seqs: number[] = [];
    for (let after = 0; ; after = seqs.at(-1) as number) {
      const entries = await source.log(typed, after, 500);
      if (entries.length === 0) break;
      seqs.push(...entries.map(({ seq }) => seq));
    }
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, i) => i + 11));
    expect((await source.log(typed, 14, 1)).map(({ seq }) => seq)).toEqual([15]);
  });

  test("loads a document as it was after any batch that is kept", async () => {
    const source = await opened();
    const now = await source.load(typed);
    expect(textOf(await source.load(typed, 30))).toBe(textOf(now));
    // The newest snapshot with the log from there, and the one before it with the log up to there, are the same.
    expect((await source.load(typed, 20))?.snapshot?.seq).toBe(20);
    const before = await source.load(typed, 19);
    expect([before?.snapshot?.seq, before?.tail.length]).toEqual([10, 9]);
    expect(textOf(before)).not.toBe(textOf(now));
    expect(await source.load("nobody" as DocumentName, 1)).toBeNull();
  });

  test.each([
    [9, "what is kept begins with seq 10"],
    [0, "what is kept begins with seq 10"],
    [31, "its last batch is seq 30"],
  ])("says why it cannot show a document at seq %i", async (until, why) => {
    const source = await opened();
    await expect(source.load(typed, until)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `document "notes/plan" cannot be shown at seq ${until}: ${why}`,
    });
  });

  test("stays as it is, and leaves nothing in the folder for temporary files", async () => {
    const before = await hashesOf(folder);
    const source = await openFolderSource(folder);
    expect(source.describe()).toBe(`data folder ${folder}`);
    expect(source.damage).toEqual([]);
    for (const { document } of await listed(source)) {
      await source.load(document);
      await source.log(document, 0, 1000);
      await source.verify(document);
    }
    expect(await readdir(temporary)).toHaveLength(1);
    await Promise.all([source.close(), source.close()]);
    expect(await hashesOf(folder)).toEqual(before);
    expect(await readdir(temporary)).toEqual([]);
  });
});

describe("of damage", () => {
  test("a missing batch is told by the list, the log and the document", async () => {
    await changeDatabase((place) => [{ type: "del", key: place({ kind: "log", seq: 25 }) }]);
    const source = await opened();
    const missing = expect.objectContaining({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringMatching(/seq 25: .*missing/),
    });
    expect((await source.listing(typed))?.damage).toEqual(missing);
    expect(await source.load(typed, 30)).toMatchObject({ damage: missing, tail: { length: 4 } });
    expect((await source.log(typed, 20, 1e6)).map(({ seq }) => seq)).toEqual([21, 22, 23, 24]);
    await expect(source.log(typed, 24, 1e6)).rejects.toEqual(missing);
  });

  test("a snapshot that is not sound is passed over, and told", async () => {
    await changeDatabase((place) => [
      { type: "put", key: place({ kind: "snapshot", seq: 20 }), value: Uint8Array.of(1) },
    ]);
    const source = await opened();
    expect(await source.listing(typed)).toMatchObject({ snapshotSeq: 10, logEntries: 20, seq: 30 });
    expect((await source.listing(typed))?.damage?.code).toBe("DOCUMENT_DAMAGED");
    expect((await source.load(typed, 25))?.snapshot?.seq).toBe(10);
  });

  test("a document without its birth is listed all the same", async () => {
    await changeDatabase((place) => [{ type: "del", key: place({ kind: "birth", seq: 0 }) }]);
    const all = await listed(await opened());
    expect(all).toHaveLength(5);
    expect(all.find(({ document }) => document === typed)).toMatchObject({
      bornAt: 0,
      lineage: "0".repeat(32),
      damage: { code: "DOCUMENT_DAMAGED" },
    });
  });

  test("a flipped bit in a file of the database is told, and left there", async () => {
    // What was written stands in the log, until LevelDB is opened again.
    const [log = ""] = (await readdir(join(folder, "level"))).filter((name) => name.endsWith(".log"));
    const bytes = await readFile(join(folder, "level", log));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    await writeFile(join(folder, "level", log), bytes);
    const before = await hashesOf(folder);
    const source = await openFolderSource(folder);
    expect(source.damage).toEqual([expect.stringContaining(`level/${log}`)]);
    await source.close();
    expect(await hashesOf(folder)).toEqual(before);
  });
});

describe("what is no data folder is refused, saying what and where", () => {
  const refusal = () => openFolderSource(folder).catch((error: unknown) => error);

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ["no folder", () => rm(folder, { recursive: true }), /there is no such folder/],
    [
      "a file",
      async () => {
        await rm(folder, { recursive: true });
        await writeFile(folder, "");
      },
      /it is a file/,
    ],
    [
      "no database",
      () => rm(join(folder, "level"), { recursive: true }),
      /there is no database in it \(no file level\/CURRENT\)/,
    ],
    [
      "a database that leads nowhere",
      () => writeFile(join(folder, "level/CURRENT"), "MANIFEST-9\n"),
      /level\/CURRENT/,
    ],
    ["a folder of a later format", () => writeFile(join(folder, "joinery.json"), '{"format":2}'), /format 2/],
  ])("%s", async (_, spoil, message) => {
    await spoil();
    const before = await hashesOf(parent);
    expect(await refusal()).toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringMatching(message),
    });
    expect(await refusal()).toMatchObject({ message: expect.stringContaining(JSON.stringify(folder)) });
    expect(await hashesOf(parent)).toEqual(before);
  });
});
