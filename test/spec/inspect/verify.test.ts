import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { fold } from "../../../server/src/engine/fold.ts";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import type { Verification } from "../../../server/src/inspect/source.ts";
import { digestOf } from "../../../server/src/inspect/verify-digest.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey, type RecordKind } from "../../../server/src/storage/keys.ts";
import { temporaryFolder } from "../../contract/temporary-folder.ts";
import { docOf, EVERY_TYPE, edit, TYPED, Written, withStorage, writeDocuments } from "./folder-stage.ts";

const NAME = "it";

async function folderWith(write: (written: Written) => Promise<void>): Promise<string> {
  const folder = join(await temporaryFolder(), "data");
  await withStorage(folder, (storage) => write(new Written(storage, NAME)));
  return folder;
}

async function verify(folder: string, name = NAME): Promise<Verification | null> {
  const source = await openFolderSource(folder);
  onTestFinished(() => source.close());
  return source.verify(name as DocumentName);
}

/** Changes a record, or takes it away. */
async function change(
  folder: string,
  [kind, seq]: readonly [RecordKind, number],
  how: (value: Uint8Array) => Uint8Array | null,
): Promise<void> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  const key = encodeKey({ document: NAME as DocumentName, kind, seq });
  const value = how(Uint8Array.from((await database.get(key)) ?? []));
  await database.batch([value === null ? { type: "del", key } : { type: "put", key, value }], { sync: true });
  await database.close();
}

const flip = (value: Uint8Array) => value.with(value.length - 1, (value.at(-1) as number) ^ 0x80);

/** Five batches, of which the newest snapshot stands for four, and the one before it for two. */
async function writeFive(written: Written): Promise<void> {
  const doc = docOf(1);
  for (let seq = 1; seq <= 5; seq++) {
    const update = edit(doc, () => doc.getText("text").insert(0, `batch ${seq} `));
    await written.append([{ author: "ann", update }]);
    if (seq === 2 || seq === 4) await written.compact();
  }
}

describe("a sound document has no problems", () => {
  test.each([
    [EVERY_TYPE, 1],
    [TYPED, 1],
  ])("%s", async (name, comparedSnapshots) => {
    const folder = join(await temporaryFolder(), "data");
    await withStorage(folder, writeDocuments);
    expect(await verify(folder, name)).toMatchObject({ problems: [], comparedSnapshots });
    expect(await verify(folder, "nobody")).toBeNull();
  });

  test("though its snapshot has other bytes than its log, because Yjs deletes what two set at once", async () => {
    const [ann, bob] = [docOf(1), docOf(2)];
    const parts = [ann, bob].map((doc) => {
      return {
        author: String(doc.clientID),
        update: edit(doc, () => doc.getMap("map").set("key", doc.clientID)),
      };
    });
    const updates = parts.map(({ update }) => update);
    expect(digestOf(updates)).not.toBe(digestOf([fold(updates)]));
    const folder = await folderWith(async (written) => {
      await written.append(parts);
      await written.compact();
    });
    expect(await verify(folder)).toMatchObject({ problems: [], comparedSnapshots: 1 });
  });
});

describe("what is not as it was written is named", () => {
  test.each<[RecordKind, number, RegExp]>([
    ["birth", 0, /checksum/],
    ["snapshot", 2, /checksum/],
    ["snapshot", 4, /checksum/],
    ["log", 3, /checksum/],
    ["log", 5, /checksum/],
    ["branches", 0, /checksum/],
  ])("a flipped bit in the %s %i", async (kind, seq, reason) => {
    const folder = await folderWith(writeFive);
    await change(folder, [kind, seq], flip);
    const problems = (await verify(folder))?.problems ?? [];
    expect(problems[0]).toEqual({ record: kind, seq, reason: expect.stringMatching(reason) });
    // A damaged snapshot takes with it what is known of what the log goes on from; nothing else is said twice.
    expect(problems.length).toBeLessThanOrEqual(2);
  });

  test.each<[RecordKind, number]>([
    ["birth", 0],
    ["log", 3],
    ["log", 4],
  ])("a missing %s %i", async (kind, seq) => {
    const folder = await folderWith(writeFive);
    await change(folder, [kind, seq], () => null);
    expect((await verify(folder))?.problems).toEqual([
      { record: kind, seq, reason: "the record is missing" },
    ]);
  });

  test("an update that does not decode, under a checksum that is right", async () => {
    const folder = await folderWith(async (written) => {
      await writeFive(written);
      await written.append([{ author: "", update: Uint8Array.of(1, 1, 5, 0, 99) }]);
    });
    const [problem] = (await verify(folder))?.problems ?? [];
    expect(problem).toMatchObject({ record: "log", seq: 6, reason: expect.stringContaining("update: ") });
  });

  test("a batch that builds upon what is not there", async () => {
    const doc = docOf(9);
    edit(doc, () => doc.getText("text").insert(0, "not in the log "));
    const folder = await folderWith(async (written) => {
      await writeFive(written);
      await written.append([{ author: "", update: edit(doc, () => doc.getText("text").insert(3, "x")) }]);
    });
    const [problem] = (await verify(folder))?.problems ?? [];
    expect(problem).toMatchObject({ record: "log", seq: 6, reason: expect.stringContaining("client 9") });
  });

  test("a snapshot that lacks edits of its log", async () => {
    const folder = await folderWith(async (written) => {
      const doc = docOf(1);
      const first = edit(doc, () => doc.getText("text").insert(0, "one"));
      await written.append([{ author: "", update: first }]);
      await written.append([{ author: "", update: edit(doc, () => doc.getText("text").insert(3, "two")) }]);
      await written.compact(first);
    });
    expect((await verify(folder))?.problems).toEqual([
      { record: "snapshot", seq: 2, reason: "it has other edits than the log up to there" },
    ]);
  });

  test.each<[string, (doc: Y.Doc) => void]>([
    ["another text", (doc) => doc.getText("text").insert(0, "two")],
    ["a text in another root", (doc) => doc.getText("other").insert(0, "one")],
  ])("a snapshot with as many edits and %s", async (_, other) => {
    const folder = await folderWith(async (written) => {
      await written.append([
        { author: "", update: edit(docOf(1), (doc) => doc.getText("text").insert(0, "one")) },
      ]);
      await written.compact(edit(docOf(1), other));
    });
    expect((await verify(folder))?.problems).toEqual([
      { record: "snapshot", seq: 1, reason: "it does not show what the log up to there builds" },
    ]);
  });
});

describe("a digest", () => {
  type Edit = readonly [kind: number, at: number, value: number];

  function apply(doc: Y.Doc, [kind, at, value]: Edit): void {
    const text = doc.getText("text");
    const list = doc.getArray<unknown>("list");
    const map = doc.getMap<unknown>(`map ${kind % 2}`);
    const position = at % (text.length + 1);
    const edits: readonly (() => unknown)[] = [
      () => text.insert(position, `${value}é`),
      () => text.delete(position, Math.min(2, text.length - position)),
      () => text.format(position, Math.min(3, text.length - position), { bold: value % 2 === 0 }),
      () => list.insert(at % (list.length + 1), [value, { deep: [value] }, "s"]),
      () => list.length > 1 && list.delete(at % list.length, 1),
      () => map.set(`key ${at % 3}`, value),
      () => map.set(`key ${at % 3}`, new Y.Map([["inner", new Y.Text(`${value}`)]])),
      () => map.delete(`key ${at % 3}`),
    ];
    edits[kind % edits.length]?.();
  }

  // Nothing that takes two units: Yjs writes halves of those in another way, and then documents are built.
  const script = fc.array(fc.tuple(fc.nat(), fc.nat(40), fc.nat(1000)), { minLength: 1, maxLength: 30 });

  const updatesOf = (edits: readonly Edit[]): Uint8Array[] => {
    const doc = docOf(5);
    const updates: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => void updates.push(update));
    for (const one of edits) doc.transact(() => apply(doc, one));
    return updates;
  };

  test("is the same however one person's document is cut into updates and structs", () => {
    fc.assert(
      fc.property(script, (edits) => {
        const updates = updatesOf(edits);
        if (updates.length === 0) return;
        expect(digestOf(updates)).toBe(digestOf([fold(updates)]));
        expect(digestOf(updates)).toBe(digestOf([Y.mergeUpdates(updates)]));
      }),
      { seed: 4711, numRuns: 200 },
    );
  });

  test("is another one where one character is another, or one more is deleted", () => {
    fc.assert(
      fc.property(script, (edits) => {
        const endingWith = (text: string, deleted: number) => {
          const doc = docFrom(updatesOf(edits));
          doc.clientID = 6;
          const end = doc.getText("text").length;
          doc.getText("text").insert(end, text);
          doc.getText("text").delete(end, deleted);
          return digestOf([Y.encodeStateAsUpdate(doc)]);
        };
        expect(endingWith("abc", 1)).toBe(endingWith("abc", 1));
        expect(endingWith("abc", 1)).not.toBe(endingWith("abd", 1));
        expect(endingWith("abc", 1)).not.toBe(endingWith("abc", 2));
      }),
      { seed: 4711, numRuns: 100 },
    );
  });

  test("there is none where an edit comes twice", () => {
    const [update] = updatesOf([[0, 0, 1]]) as [Uint8Array];
    expect(digestOf([update, update])).toBeNull();
  });
});

function docFrom(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}
