import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { FaultyStorage } from "../../support/world.ts";
import { WritingStage } from "./writing-stage.ts";

function typed(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

const insert = (text: string) => [{ op: "insert", path: ["text"], text } as const];
const ELSEWHERE = { lineage: "f".repeat(32), branch: "f".repeat(16), seq: 1 };

describe("writing an update", () => {
  test("makes a document that is not there, and says where it is then", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const written = await stage.until(writing.write(stage.as("ann"), stage.name(), typed("a"), {}));
    expect(written.seq).toBe(1);
    const stored = await stage.world.storage.load(stage.name());
    expect(stored?.lineage).toBe(written.lineage);
    expect(stored?.tail[0]?.parts[0]?.author).toBe("ann");
  });

  test("is held to the revision that it was made for", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const who = stage.as("ann");
    const first = await stage.until(writing.write(who, stage.name(), typed("a"), {}));
    const second = await stage.until(
      writing.write(who, stage.name(), typed("b"), { expected: [ELSEWHERE, first] }),
    );
    expect(second.seq).toBe(2);
    const third = writing.write(who, stage.name(), typed("c"), { expected: [first] });
    await expect(stage.until(third)).rejects.toMatchObject({ code: "REVISION_CHANGED" });
    expect(await stage.world.storedText("notes")).toMatch(/^(ab|ba)$/);
  });

  test("to any document that is there is refused where none is", async () => {
    const stage = new WritingStage();
    const writing = stage.writing.write(stage.as("ann"), stage.name(), typed("a"), { expected: "any" });
    await expect(stage.until(writing)).rejects.toMatchObject({ code: "REVISION_CHANGED" });
    expect(await stage.world.storage.load(stage.name())).toBeNull();
  });

  test("loses nothing of two who write at once", async () => {
    const stage = new WritingStage();
    const who = stage.as("ann");
    const both = ["a", "b"].map((text) => stage.writing.write(who, stage.name(), typed(text), {}));
    await stage.until(Promise.all(both));
    expect(await stage.world.storedText("notes")).toMatch(/^(ab|ba)$/);
  });

  test("is refused to a reader, and leaves nothing anywhere", async () => {
    const stage = new WritingStage();
    const reader = await stage.world.join("notes");
    const writing = stage.writing.write(stage.as("rita"), stage.name(), typed("smuggled"), {});
    await expect(stage.until(writing)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(reader.text).toBe("");
    expect(await stage.world.storage.load(stage.name())).toBeNull();
  });

  test("is let go where whoever asked is gone", async () => {
    const stage = new WritingStage();
    const gone = AbortSignal.abort();
    const writing = stage.writing.write(stage.as("ann"), stage.name(), typed("a"), { signal: gone });
    await expect(writing).rejects.toThrow();
    expect(stage.world.rooms.counts().sessions).toBe(0);
  });
});

describe("editing", () => {
  test("is one transaction of whoever asks, made upon what is there", async () => {
    const stage = new WritingStage();
    const ann = await stage.world.join("notes", { author: "ann" });
    ann.type("world");
    await stage.world.settle();
    const edits = [
      { op: "insert", path: ["text"], index: 0, text: "hello " },
      { op: "set", path: ["meta", "by"], value: "max" },
    ] as const;
    const { seq } = await stage.until(stage.writing.edit(stage.as("max"), stage.name(), edits, {}));
    expect(seq).toBe(2);
    expect(ann.text).toBe("hello world");
    expect(ann.doc.getMap("meta").get("by")).toBe("max");
    const [, entry] = (await stage.world.storage.load(stage.name()))?.tail ?? [];
    expect(entry?.parts.map(({ author }) => author)).toEqual(["max"]);
  });

  test("that does not fit says which one, and nothing of the others is there", async () => {
    const stage = new WritingStage();
    const edits = [...insert("a"), { op: "delete", path: ["text"], index: 7, length: 1 } as const];
    const editing = stage.writing.edit(stage.as("ann"), stage.name(), edits, {});
    await expect(stage.until(editing)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(await stage.world.storage.load(stage.name())).toBeNull();
  });
});

describe("creating", () => {
  test("makes an empty document, or one that is filled, once", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const who = stage.as("ann");
    await stage.until(writing.create(who, stage.name("empty"), { edits: [] }));
    await stage.until(writing.create(who, stage.name("filled"), { edits: insert("x") }));
    expect((await stage.world.storage.load(stage.name("empty")))?.tail).toHaveLength(1);
    expect(await stage.world.storedText("filled")).toBe("x");
    for (const name of ["empty", "filled"]) {
      const again = writing.create(who, stage.name(name), { edits: insert("y") });
      await expect(stage.until(again)).rejects.toMatchObject({ code: "DOCUMENT_EXISTS" });
    }
  });

  test("is done by one of two who do it at once", async () => {
    const stage = new WritingStage();
    const both = [1, 2].map(() =>
      stage.writing.create(stage.as("ann"), stage.name(), { edits: insert("once") }),
    );
    const outcomes = await stage.until(Promise.allSettled(both));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await stage.world.storedText("notes")).toBe("once");
  });

  test("copies what another one has, or had", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const who = stage.as("ann");
    const ann = await stage.world.join("notes");
    ann.type("old");
    await stage.world.settle();
    ann.type(" and new");
    await stage.world.settle();
    const source = stage.name();
    const now = await stage.until(writing.create(who, stage.name("now"), { copyOf: source, at: null }));
    await stage.until(writing.create(who, stage.name("then"), { copyOf: source, at: { seq: 1 } }));
    expect(await stage.world.storedText("now")).toBe("old and new");
    expect(await stage.world.storedText("then")).toBe("old");
    expect((await stage.world.storage.load(source))?.lineage).not.toBe(now.lineage);
    const nothing = writing.create(who, stage.name("x"), { copyOf: stage.name("none"), at: null });
    await expect(stage.until(nothing)).rejects.toMatchObject({ code: "DOCUMENT_NOT_FOUND" });
    expect(await stage.world.storage.load(stage.name("x"))).toBeNull();
  });
});

describe("deleting", () => {
  test("takes the document away, and restoring brings it back as it was", async () => {
    const stage = new WritingStage();
    const { writing, world } = stage;
    const manager = stage.as("max");
    const before = await stage.until(writing.write(manager, stage.name(), typed("kept"), {}));
    const deletion = await stage.until(writing.delete(manager, stage.name(), {}));
    expect(deletion).toMatchObject({ number: 1, deletedBy: "max", lineage: before.lineage, seq: 1 });
    expect(await world.storage.load(stage.name())).toBeNull();
    expect(await stage.until(writing.restore(stage.name(), null))).toEqual(before);
    expect(await world.storedText("notes")).toBe("kept");
    expect(stage.events.map(({ type }) => type)).toEqual(["document-deleted", "document-restored"]);
  });

  test("is refused of what is not there, is not at that revision, or to who does not manage it", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const manager = stage.as("max");
    await expect(stage.until(writing.delete(manager, stage.name(), {}))).rejects.toMatchObject({
      code: "DOCUMENT_NOT_FOUND",
    });
    await stage.until(writing.write(manager, stage.name(), typed("kept"), {}));
    const elsewhere = writing.delete(manager, stage.name(), { expected: [ELSEWHERE] });
    await expect(stage.until(elsewhere)).rejects.toMatchObject({ code: "REVISION_CHANGED" });
    const byWriter = writing.delete(stage.as("ann"), stage.name(), {});
    await expect(stage.until(byWriter)).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    expect(await stage.world.storedText("notes")).toBe("kept");
    expect(await stage.world.storage.deletionsOf(stage.name())).toEqual([]);
  });

  test("restores none over another one, and none that there is not", async () => {
    const stage = new WritingStage();
    const { writing } = stage;
    const manager = stage.as("max");
    await expect(stage.until(writing.restore(stage.name(), null))).rejects.toMatchObject({
      code: "DOCUMENT_NOT_FOUND",
    });
    await stage.until(writing.write(manager, stage.name(), typed("old"), {}));
    await stage.until(writing.delete(manager, stage.name(), {}));
    const ben = await stage.world.join("notes");
    ben.type("another");
    await stage.world.settle();
    await expect(stage.until(writing.restore(stage.name(), 1))).rejects.toMatchObject({
      code: "DOCUMENT_EXISTS",
    });
    expect(ben.closed).toBeNull();
  });

  test("of a document that cannot be stored away leaves it as it is", async () => {
    const storage = new FaultyStorage();
    const stage = new WritingStage({ storage });
    const manager = stage.as("max");
    await stage.until(stage.writing.write(manager, stage.name(), typed("kept"), {}));
    storage.delete = () => Promise.reject(new Error("the disk is gone"));
    await expect(stage.until(stage.writing.delete(manager, stage.name(), {}))).rejects.toThrow(/disk/);
    const ann = await stage.world.join("notes");
    expect(ann.text).toBe("kept");
    expect(stage.events).toEqual([]);
  });
});

test("folding a log because somebody asks keeps the revision", async () => {
  const stage = new WritingStage();
  const { writing } = stage;
  const before = await stage.until(writing.write(stage.as("ann"), stage.name(), typed("a"), {}));
  expect(await stage.until(writing.compact(stage.name()))).toEqual(before);
  expect((await stage.world.storage.load(stage.name()))?.snapshot?.seq).toBe(1);
  await expect(stage.until(writing.compact(stage.name("none")))).rejects.toMatchObject({
    code: "DOCUMENT_NOT_FOUND",
  });
});
