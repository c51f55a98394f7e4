/** Work on a data folder that no server has open: what is not repairing. */

import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { updatesOf } from "../../../server/src/import/import-documents.ts";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import { openFolderTools } from "../../../server/src/node/folder-tools.ts";
import type { FolderTools, FolderToolsOptions } from "../../../server/src/node/folder-tools-api.ts";
import { deletionKey } from "../../../server/src/storage/deleted-keys.ts";
import { damageRecord, keyOf, withDatabase } from "../../contract/level-stage.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import {
  docOf,
  edit,
  hashesOf,
  TYPED,
  UNICODE,
  Written,
  withStorage,
  writeDocuments,
} from "../inspect/folder-stage.ts";

const typed = TYPED as DocumentName;
const unicode = UNICODE as DocumentName;
const notes = "notes" as DocumentName;

let template: string;
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), "joinery-folder-tools-"));
  await withStorage(template, writeDocuments);
});
afterAll(() => rm(template, { recursive: true, force: true }));

async function writtenFolder(): Promise<string> {
  const folder = await temporaryFolder();
  await cp(template, folder, { recursive: true });
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

async function docIn({ storage }: FolderTools, name: DocumentName): Promise<Y.Doc> {
  const stored = await storage.load(name);
  const doc = docOf(99);
  for (const update of stored === null ? [] : updatesOf(stored)) Y.applyUpdate(doc, update);
  return doc;
}

describe("folding logs", () => {
  test("leaves documents as they are, with less to read, and the snapshot before", async () => {
    const folder = await writtenFolder();
    await withTools(folder, async (tools) => {
      const before = await docIn(tools, typed);
      const compactions = await all(tools.compact());
      expect(compactions.map(({ document, outcome }) => [document, outcome])).toEqual(
        (await all(tools.storage.list(""))).map(({ document }) => [document, "compacted"]),
      );
      const ofTyped = compactions.find(({ document }) => document === typed);
      expect(ofTyped).toMatchObject({ seq: 30, reason: null });
      expect(ofTyped?.bytesAfter).toBeLessThan(ofTyped?.bytesBefore ?? 0);
      const stored = await tools.storage.load(typed);
      expect(stored).toMatchObject({ snapshot: { seq: 30 }, tail: [], damage: null });
      const after = await docIn(tools, typed);
      expect(after.getText("text").toString()).toBe(before.getText("text").toString());
      expect(Y.encodeStateVector(after)).toEqual(Y.encodeStateVector(before));
      expect((await all(tools.compact({ document: typed }))).map(({ outcome }) => outcome)).toEqual([
        "already",
      ]);
    });
    const source = await openFolderSource(folder);
    expect(await source.listing(typed)).toMatchObject({ snapshotSeq: 30, logEntries: 0 });
    expect((await source.listing(typed))?.keptBytes).toBeGreaterThan(0);
    expect(await source.verify(typed)).toMatchObject({ problems: [], comparedSnapshots: 1 });
    await source.close();
  });

  test("takes the documents with a prefix, or the one, and says which could not be folded", async () => {
    const folder = await writtenFolder();
    await withDatabase(folder, (database) =>
      damageRecord(database, keyOf("log", 25, typed), (value) => value.with(-1, 0xff)),
    );
    await withTools(folder, async (tools) => {
      const names = async (scope: Parameters<typeof tools.compact>[0]) =>
        (await all(tools.compact(scope))).map(({ document, outcome }) => `${document} ${outcome}`);
      expect(await names({ prefix: "notes/" })).toEqual([`${typed} failed`]);
      expect(await names({ document: unicode })).toEqual([`${unicode} compacted`]);
      const [failed] = await all(tools.compact({ document: typed }));
      expect(failed).toMatchObject({ outcome: "failed", reason: expect.stringContaining("at seq 25") });
      await expect(names({ document: notes })).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
    });
    // One that cannot be listed keeps none of the others from it.
    await withDatabase(folder, (database) =>
      damageRecord(database, keyOf("birth", 0, typed), (value) => value.with(-1, 0xff)),
    );
    await withTools(folder, async (tools) => {
      const folded: string[] = [];
      const folding = async () => {
        for await (const { outcome } of tools.compact()) folded.push(outcome);
      };
      await expect(folding()).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
      expect(folded.toSorted()).toEqual(["already", "compacted", "compacted", "compacted"]);
    });
  });

  test("and writing the files anew gives back what was deleted", async () => {
    const folder = await temporaryFolder();
    const large = docOf(5);
    const update = edit(large, () =>
      large.getMap("map").set("bytes", crypto.getRandomValues(new Uint8Array(60_000))),
    );
    await withTools(
      folder,
      async (tools) => {
        const { storage } = tools;
        for (let i = 0; i < 20; i++)
          await new Written(storage, `large ${i}`).append([{ author: "", update }]);
        for (let i = 0; i < 20; i++) await tools.erase(`large ${i}` as DocumentName);
        const { bytesBefore, bytesAfter } = await tools.reclaim();
        expect(bytesBefore).toBeGreaterThan(1_200_000);
        expect(bytesAfter).toBeLessThan(20_000);
      },
      { createIfMissing: true },
    );
    const sizes = await Promise.all(
      (await readdir(join(folder, "level"))).map(
        async (name) => (await stat(join(folder, "level", name))).size,
      ),
    );
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(20_000);
  });
});

describe("deleting", () => {
  test("says who knew what, and is undone", async () => {
    const folder = await writtenFolder();
    await withTools(
      folder,
      async (tools) => {
        const text = (await docIn(tools, typed)).getText("text").toString();
        const stateVector = Y.encodeStateVector(await docIn(tools, typed));
        const deletion = await tools.delete(typed);
        expect(deletion).toMatchObject({ number: 1, deletedBy: "cem", seq: 30, stateVector });
        expect(await tools.delete(typed)).toBeNull();
        expect(await all(tools.deletions())).toEqual([deletion]);
        expect(await all(tools.deletions("x"))).toEqual([]);
        await expect(tools.restore(typed, 2)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
        await expect(tools.restore(unicode)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
        expect(await tools.restore(typed)).toEqual(deletion);
        expect((await docIn(tools, typed)).getText("text").toString()).toBe(text);
        await tools.delete(typed);
        expect(await tools.purge(Date.now() + 60_000)).toBe(1);
        await expect(tools.restore(typed)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
      },
      { author: "cem" },
    );
  });

  test("works on a document of which nothing is sound", async () => {
    const folder = await writtenFolder();
    await withDatabase(folder, (database) =>
      damageRecord(database, keyOf("log", 1, unicode), (value) => value.with(-1, 0xff)),
    );
    await withTools(folder, async (tools) => {
      expect(await tools.delete(unicode)).toMatchObject({ seq: 1, stateVector: Uint8Array.of(0) });
      await tools.restore(unicode);
      await expect(tools.storage.load(unicode)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" });
    });
  });
});

test("a deletion that damage has taken from the list is restored by its number", async () => {
  const folder = await writtenFolder();
  await withTools(folder, (tools) => tools.delete(typed));
  await withDatabase(folder, (database) =>
    database.batch([{ type: "del", key: deletionKey({ document: typed, number: 1 }) }], { sync: true }),
  );
  await withTools(folder, async (tools) => {
    expect(await all(tools.deletions())).toEqual([]);
    await expect(tools.restore(typed)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
    expect(await tools.restore(typed, 1)).toMatchObject({ document: typed, number: 1, seq: 0 });
    expect(await tools.storage.load(typed)).toMatchObject({ damage: null });
  });
});

describe("adding an update", () => {
  test("creates a document, adds what is new, and says when nothing is", async () => {
    const folder = await temporaryFolder();
    await withTools(
      folder,
      async (tools) => {
        const ann = docOf(1);
        const first = edit(ann, () => ann.getText("text").insert(0, "first"));
        const second = edit(ann, () => ann.getText("text").insert(5, " second"));
        const waiting = tools.append(notes, second);
        await expect(waiting).rejects.toMatchObject({
          code: "MALFORMED_UPDATE",
          message: 'it builds upon edits of client 1, which document "notes" does not have',
        });
        expect(await tools.append(notes, first, "ann")).toMatchObject({ seq: 1, isNew: true });
        expect(await tools.append(notes, Y.encodeStateAsUpdate(ann))).toMatchObject({
          seq: 2,
          isNew: false,
        });
        expect(await tools.append(notes, first)).toBeNull();
        await expect(tools.append(notes, Uint8Array.of(9, 9, 9))).rejects.toMatchObject({
          code: "MALFORMED_UPDATE",
        });
        const stored = await tools.storage.load(notes);
        expect(stored?.tail.map(({ parts }) => parts.map(({ author }) => author))).toEqual([
          ["ann"],
          ["operator"],
        ]);
        // All of this is one branch: one life wrote it.
        expect(stored?.branches).toMatchObject([{ seq: 1 }]);
        expect((await docIn(tools, notes)).getText("text").toString()).toBe("first second");
      },
      { createIfMissing: true },
    );
    await withTools(folder, async (tools) => {
      const ben = docOf(2);
      const update = edit(ben, () => ben.getText("text").insert(0, "third "));
      await tools.append(notes, update);
      const branches = (await tools.storage.load(notes))?.branches ?? [];
      expect(branches.map(({ seq }) => seq)).toEqual([1, 3]);
      expect(branches[0]?.id).not.toBe(branches[1]?.id);
    });
  });

  test("is refused where the document would be too large, or is damaged", async () => {
    const folder = await writtenFolder();
    const doc = docOf(3);
    const update = edit(doc, () => doc.getText("text").insert(0, "x".repeat(3000)));
    await withTools(
      folder,
      (tools) => expect(tools.append(unicode, update)).rejects.toMatchObject({ code: "DOCUMENT_FULL" }),
      { limits: { minFreeBytes: 0, maxDocumentBytes: 2048 } },
    );
    await withDatabase(folder, (database) =>
      damageRecord(database, keyOf("birth", 0, unicode), (value) => value.with(-1, 0xff)),
    );
    await withTools(folder, (tools) =>
      expect(tools.append(unicode, update)).rejects.toMatchObject({ code: "DOCUMENT_DAMAGED" }),
    );
  });
});

describe("opening", () => {
  test("a dry run works on a copy: the folder stays as it is, byte by byte", async () => {
    const folder = await writtenFolder();
    const before = await hashesOf(folder);
    await withTools(
      folder,
      async (tools) => {
        expect(await tools.delete(typed)).toMatchObject({ number: 1 });
        await tools.erase(unicode);
        expect(await tools.storage.load(unicode)).toBeNull();
        await tools.reclaim();
      },
      { isDryRun: true },
    );
    expect(await hashesOf(folder)).toEqual(before);
  });

  test("tells damage to the files of the database; a dry run the same, but not where it keeps them, as it does not", async () => {
    const folder = await writtenFolder();
    const level = join(folder, "level");
    const log = join(level, (await readdir(level)).find((name) => name.endsWith(".log")) as string);
    await writeFile(log, (await readFile(log)).fill(0xa5, 300, 900));
    const look = (isDryRun: boolean) =>
      withTools(
        folder,
        async (tools) => {
          const repairs = (await all(tools.repair())).map(({ savedAs: _, lineage: __, ...repair }) => repair);
          const { savedAs: ___, ...rest } = await tools.repairRest();
          return { damage: tools.damage, repairs, rest };
        },
        { isDryRun },
      );
    const before = await hashesOf(folder);
    const planned = await look(true);
    expect(await hashesOf(folder)).toEqual(before);
    const done = await look(false);
    expect(done.repairs.length + done.rest.losses.length).toBeGreaterThan(0);
    const timeless = ({ losses }: typeof done.rest) => losses.map(({ time: _, ...loss }) => loss);
    expect(planned.repairs).toEqual(done.repairs);
    expect(timeless(planned.rest)).toEqual(timeless(done.rest));
    const keptAs = / kept as (damaged\/\S+)$/;
    expect(planned.damage).toEqual(done.damage.map((told) => told.replace(/;[^;]*$/, "")));
    for (const told of done.damage)
      expect((await stat(join(folder, keptAs.exec(told)?.[1] as string))).isFile()).toBe(true);
    expect(done.damage.length).toBeGreaterThan(0);
  });

  test("creates nothing unless it is asked to, and then not in a dry run", async () => {
    const parent = await temporaryFolder();
    const folder = join(parent, "data");
    await expect(openFolderTools(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: `data folder ${JSON.stringify(folder)} cannot be used: there is no such folder`,
    });
    await expect(openFolderTools(parent)).rejects.toMatchObject({
      message: expect.stringContaining("there is no database in it"),
    });
    const doc = docOf(3);
    const update = edit(doc, () => doc.getText("text").insert(0, "x"));
    const options = { createIfMissing: true, isDryRun: true };
    await withTools(folder, async (tools) => void (await tools.append(notes, update)), options);
    expect(await readdir(parent)).toEqual([]);
  });

  test("keeps others out, and names the folder that it was given", async () => {
    const folder = await writtenFolder();
    await withTools(folder, async () => {
      await expect(openFolderTools(folder)).rejects.toMatchObject({
        code: "DATA_FOLDER_IN_USE",
        message: expect.stringContaining(`data folder ${JSON.stringify(folder)} is in use`),
      });
    });
    await withTools(folder, async (tools) => void (await tools.close()));
  });
});
