import { type DocumentName, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { sourceOf, stateOf, Target, updatesWhile, written } from "./stage.ts";

const kindsOf = (outcomes: readonly { name: string; kind: string }[]) =>
  Object.fromEntries(outcomes.map(({ name, kind }) => [name, kind]));

describe("an import", () => {
  test("gives a document a lineage and one entry of nobody's, as if it had just been born", async () => {
    const target = new Target();
    const doc = written("Hello", 1);
    const updates = [stateOf(doc), ...updatesWhile(doc, () => doc.getText("text").delete(1, 3))];
    const [outcome] = await target.import({ notes: updates });
    const stored = await target.stored("notes");
    expect(outcome).toEqual({ name: "notes", kind: "imported", bytes: expect.any(Number), reason: null });
    expect(stored).toMatchObject({
      lineage: "07".repeat(16),
      bornAt: 1_700_000_000_000,
      snapshot: null,
      tail: [{ seq: 1, time: 1_700_000_000_000, parts: [{ author: "" }] }],
      damage: null,
    });
    expect(stored?.tail[0]?.parts[0]?.update.length).toBe(outcome?.bytes);
    expect(await target.text("notes")).toBe("Ho");
  });

  test("takes each update once, whatever the order and however often it is there", async () => {
    const target = new Target();
    const doc = new Y.Doc();
    const updates = updatesWhile(doc, () => {
      for (let i = 0; i < 20; i++) doc.getText("text").insert(i % 3, String(i));
    });
    await target.import({ notes: [...updates.toReversed(), ...updates] });
    expect(await target.text("notes")).toBe(doc.getText("text").toString());
    expect((await target.stored("notes"))?.tail).toHaveLength(1);
  });

  test("leaves what was taken over before as it is", async () => {
    const target = new Target();
    const doc = written("Hello", 1);
    await target.import({ notes: [stateOf(doc)] });
    const [again] = await target.import({ notes: [stateOf(doc)] });
    expect(again).toEqual({ name: "notes", kind: "present", bytes: 0, reason: null });
    expect(target.writes).toBe(1);
  });

  test("finds a document that was written on since it was taken over to be there", async () => {
    const target = new Target();
    const doc = written("Hello", 1);
    const old = stateOf(doc);
    doc.getText("text").insert(5, ", world");
    doc.getText("text").delete(0, 1);
    await target.import({ notes: [stateOf(doc)] });
    expect(kindsOf(await target.import({ notes: [old] }))).toEqual({ notes: "present" });
    expect(await target.text("notes")).toBe("ello, world");
  });

  test("goes on where it was ended", async () => {
    const target = new Target();
    const documents = Object.fromEntries(
      Array.from({ length: 6 }, (_, i) => [`document ${i}`, [stateOf(written(`text ${i}`, i + 1))]]),
    );
    const source = sourceOf(documents);
    const power = new AbortController();
    const ended = target.import(
      {},
      {
        signal: power.signal,
        source: {
          ...source,
          async *documents() {
            let left = 3;
            for await (const document of source.documents()) {
              if (left-- === 0) power.abort();
              yield document;
            }
          },
        },
      },
    );
    expect((await ended).map(({ kind }) => kind)).toEqual(["imported", "imported", "imported"]);
    expect((await target.import(documents)).map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 3 }, () => "present"),
      ...Array.from({ length: 3 }, () => "imported"),
    ]);
    expect(target.writes).toBe(6);
  });

  test("counts documents in which nobody ever wrote, and stores nothing for them", async () => {
    const target = new Target();
    const outcomes = await target.import({
      none: [],
      opened: [Uint8Array.of(0, 0)],
      both: [stateOf(new Y.Doc())],
    });
    expect(kindsOf(outcomes)).toEqual({ none: "empty", opened: "empty", both: "empty" });
    expect(target.writes).toBe(0);
  });

  test("stops when the storage cannot go on, and does not blame the document", async () => {
    const target = new Target();
    await target.import({});
    await target.storage.close();
    const broken = {
      ...target.storage,
      load: () => Promise.reject(new JoineryError("STORAGE_UNAVAILABLE", "EIO")),
    };
    const importing = target.import(
      { notes: [stateOf(written("Hello", 1))] },
      { storage: broken as unknown as Target["storage"] },
    );
    await expect(importing).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });
});

describe("a dry run", () => {
  test("says the same of each document, and writes nothing", async () => {
    const target = new Target();
    await target.import({ there: [stateOf(written("there", 1))], other: [stateOf(written("one", 1))] });
    const documents = {
      there: [stateOf(written("there", 1))],
      other: [stateOf(written("another", 2))],
      fresh: [stateOf(written("new", 3))],
      broken: [Uint8Array.of(9, 9, 9)],
    };
    const dry = await target.import(documents, { isDryRun: true });
    expect(kindsOf(dry)).toEqual({
      there: "present",
      other: "conflicting",
      fresh: "imported",
      broken: "damaged",
    });
    const merged = await target.import(documents, { isDryRun: true, mayMerge: true });
    expect(kindsOf(merged)).toMatchObject({ other: "merged" });
    expect(target.writes).toBe(2);
    expect(await target.stored("fresh")).toBeNull();
    expect(await target.import(documents)).toEqual(dry);
  });
});

describe("a document that is there with other content", () => {
  const theirs = () => stateOf(written("theirs", 2));

  async function targetWith(text: string, clientID: number): Promise<Target> {
    const target = new Target();
    await target.import({ notes: [stateOf(written(text, clientID))] });
    return target;
  }

  test("is left alone and listed", async () => {
    const target = await targetWith("ours", 1);
    const [outcome] = await target.import({ notes: [theirs()] });
    expect(outcome).toMatchObject({ kind: "conflicting", reason: expect.stringContaining("other content") });
    expect(await target.text("notes")).toBe("ours");
  });

  test("is merged when that was asked for, in an entry of its own, and then is there", async () => {
    const target = await targetWith("ours", 1);
    expect(kindsOf(await target.import({ notes: [theirs()] }, { mayMerge: true }))).toEqual({
      notes: "merged",
    });
    expect([...((await target.text("notes")) ?? "")].sort()).toEqual([..."ourstheirs"].sort());
    expect((await target.stored("notes"))?.tail.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(kindsOf(await target.import({ notes: [theirs()] }))).toEqual({ notes: "present" });
  });

  test("is given what is news to it only: each tick enters the log once", async () => {
    const doc = written("ours", 1);
    const target = new Target();
    await target.import({ notes: [stateOf(doc)] });
    const later = updatesWhile(doc, () => doc.getText("text").insert(4, "!"));
    await target.import({ notes: [stateOf(doc)] }, { mayMerge: true });
    expect((await target.stored("notes"))?.tail[1]?.parts).toEqual([{ author: "", update: later[0] }]);
  });

  test("is never merged when both have other text under the same ids, which state vectors do not show", async () => {
    const target = await targetWith("ours", 1);
    const [outcome] = await target.import({ notes: [stateOf(written("mine", 1))] }, { mayMerge: true });
    expect(outcome).toMatchObject({ kind: "conflicting", reason: expect.stringContaining("same ids") });
    expect(await target.text("notes")).toBe("ours");
  });
});

describe("a document that is damaged", () => {
  test("is listed with the reason and skipped; the others are taken over", async () => {
    const target = new Target();
    const sound = stateOf(written("Hello", 1));
    const outcomes = await target.import({
      first: [sound],
      cut: [sound.subarray(0, -3)],
      "cut once": [sound, sound.subarray(0, -3), sound],
      unreadable: new JoineryError("DOCUMENT_DAMAGED", "EIO: i/o error"),
      last: [sound],
    });
    expect(kindsOf(outcomes)).toEqual({
      first: "imported",
      cut: "damaged",
      "cut once": "damaged",
      unreadable: "damaged",
      last: "imported",
    });
    expect(outcomes[1]?.reason).toMatch(/^update: .* at byte \d+$/);
    expect(outcomes[2]?.reason).toMatch(/^update 2 of 3: .* at byte \d+$/);
    expect(outcomes[3]?.reason).toBe("EIO: i/o error");
    expect(await target.stored("cut")).toBeNull();
  });

  test("in part is taken over as far as its clients saw it, and it is said what was left out", async () => {
    const doc = new Y.Doc();
    doc.clientID = 5;
    const updates = updatesWhile(doc, () => {
      for (const [i, letter] of [..."abcdef"].entries()) doc.getText("text").insert(i, letter);
    });
    updates.splice(3, 1);
    const target = new Target();
    const [outcome] = await target.import({ notes: updates });
    expect(outcome).toMatchObject({
      kind: "imported",
      reason: expect.stringMatching(/^left out edits .* client 5, /),
    });
    expect(await target.text("notes")).toBe("abc");
    // As what a server wrote that keeps in its state what waits for the missing edit.
    const held = new Y.Doc();
    for (const update of updates) Y.applyUpdate(held, update);
    expect(held.store.pendingStructs).not.toBeNull();
    const [again] = await target.import({ notes: [stateOf(held)] });
    expect(again).toMatchObject({ kind: "present", reason: expect.stringContaining("left out") });
  });

  test("in part is no more work than a whole one, however many of its edits wait for a missing one", async () => {
    const doc = new Y.Doc();
    const updates = updatesWhile(doc, () => {
      for (let i = 0; i < 20_000; i++) doc.getText("text").insert(i % 2, "x");
    });
    const [outcome] = await new Target().import({ notes: updates.slice(1) });
    expect(outcome).toMatchObject({ kind: "damaged", reason: expect.stringContaining("all that there is") });
    const held = new Target();
    const [first, , ...rest] = updates;
    expect(kindsOf(await held.import({ notes: [first as Uint8Array, ...rest] }))).toEqual({
      notes: "imported",
    });
    expect(await held.text("notes")).toBe("x");
  });

  test("beyond use, because all of it builds upon something missing, is skipped", async () => {
    const doc = written("Hello", 5);
    const later = updatesWhile(doc, () => doc.getText("text").insert(5, "!"));
    const [outcome] = await new Target().import({ notes: later });
    expect(outcome).toEqual({
      name: "notes",
      kind: "damaged",
      bytes: 0,
      reason: "all that there is are edits that build upon edits of client 5, which the source does not have",
    });
  });

  test("in the target is not written to", async () => {
    const target = new Target();
    const stored = {
      lineage: "00".repeat(16),
      bornAt: 0,
      snapshot: null,
      tail: [],
      damage: new JoineryError("DOCUMENT_DAMAGED", "seq 3 is missing"),
    };
    await target.import({});
    Object.assign(target.storage, { load: () => Promise.resolve(stored) });
    const [outcome] = await target.import({ notes: [stateOf(written("Hello", 1))] }, { mayMerge: true });
    expect(outcome).toMatchObject({ kind: "damaged", reason: "seq 3 is missing" });
    expect(target.writes).toBe(0);
  });

  test("by what encodes it anew is not written, nor merged", async () => {
    const target = new Target();
    await target.import({ there: [stateOf(written("ours", 1))] });
    const replicas = { fold: () => Promise.resolve(stateOf(written("Jello", 2))) };
    const documents = { fresh: [stateOf(written("Hello", 2))] };
    const [outcome] = await target.import(documents, { replicas });
    expect(outcome).toMatchObject({ kind: "damaged", reason: expect.stringContaining("encoded anew") });
    let folds = 0;
    const second = {
      fold: (_: DocumentName, updates: readonly Uint8Array[]) =>
        ++folds === 1 ? Promise.resolve(updates[0] as Uint8Array) : replicas.fold(),
    };
    const [merged] = await target.import(
      { there: [stateOf(written("theirs", 2))] },
      { replicas: second, mayMerge: true },
    );
    expect(merged).toMatchObject({ kind: "damaged", reason: expect.stringContaining("merged") });
    expect(target.writes).toBe(1);
  });

  test("by the target, so that it does not read back as it was written, is taken back", async () => {
    const target = new Target();
    await target.import({});
    const load = target.storage.load.bind(target.storage);
    Object.assign(target.storage, {
      load: async (name: Parameters<typeof load>[0]) => {
        const stored = await load(name);
        const other = [{ author: "", update: stateOf(written("Jello", 1)) }];
        return stored && { ...stored, tail: [{ ...stored.tail[0], parts: other }] };
      },
    });
    const [outcome] = await target.import({ notes: [stateOf(written("Hello", 1))] });
    expect(outcome).toMatchObject({ kind: "damaged", reason: expect.stringContaining("read back") });
    expect(await load("notes" as Parameters<typeof load>[0])).toBeNull();
  });
});

describe("a document that Joinery does not take", () => {
  test.each([
    ["", "is empty"],
    ["..", "no URL"],
    ["a\u0000b", "control characters"],
    ["cafe\u0301", "normalisation form C"],
    ["\u202egnp.exe", "direction of text"],
    ["x".repeat(600), "longer than 512 bytes"],
    ["\ud800", "not valid Unicode"],
  ])("for its name, %j, is refused with the reason", async (name, reason) => {
    const target = new Target();
    const [outcome] = await target.import({ [name]: [stateOf(written("Hello", 1))] });
    expect(outcome).toMatchObject({ name, kind: "refused", reason: expect.stringContaining(reason) });
    expect(target.writes).toBe(0);
  });

  test("for the depth of its types is refused with the limit", async () => {
    const doc = new Y.Doc();
    let type = doc.getMap("deep") as Y.Map<unknown>;
    for (let depth = 0; depth < 20; depth++) type = type.set("in", new Y.Map()) as Y.Map<unknown>;
    const target = new Target();
    expect(kindsOf(await target.import({ deep: [stateOf(doc)] }, { limits: { maxTypeDepth: 10 } }))).toEqual({
      deep: "refused",
    });
    expect(kindsOf(await target.import({ deep: [stateOf(doc)] }))).toEqual({ deep: "imported" });
  });

  test("is not one that has more authors or structs than one client may send at once", async () => {
    const doc = new Y.Doc();
    for (let client = 1; client <= 50; client++) Y.applyUpdate(doc, stateOf(written("ab", client)));
    const limits = {
      maxUpdateClients: 5,
      maxDocumentClients: 5,
      maxUpdateStructs: 5,
      maxStateVectorClients: 5,
    };
    expect(kindsOf(await new Target().import({ crowd: [stateOf(doc)] }, { limits }))).toEqual({
      crowd: "imported",
    });
  });
});
