import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { EditorIds } from "../../../server/src/documents/editor-ids.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import { World } from "../../support/world.ts";
import { WritingStage } from "./writing-stage.ts";

describe("the ids of edits that the server makes", () => {
  const notes = new World().name("notes");

  test("are used again once an edit is in the document, and by one edit at a time", () => {
    const ids = new EditorIds(SYSTEM_RANDOM);
    const [first, second] = [ids.take(notes, "a"), ids.take(notes, "a")];
    expect(second.clientId).not.toBe(first.clientId);
    first.keep();
    first.keep();
    expect(ids.take(notes, "a").clientId).toBe(first.clientId);
    expect([first.clientId, second.clientId]).not.toContain(ids.take(notes, "a").clientId);
  });

  test("are never used again when the edit came to nothing, nor in another life of the document", () => {
    const ids = new EditorIds(SYSTEM_RANDOM);
    const failed = ids.take(notes, "a");
    const kept = ids.take(notes, "a");
    kept.keep();
    const ofAnother = ids.take(notes, "b");
    expect([failed.clientId, kept.clientId]).not.toContain(ofAnother.clientId);
    expect(ids.take(notes, "a").clientId).not.toBe(kept.clientId);
  });
});

test("who edits a document again and again has few ids in it", async () => {
  const stage = new WritingStage();
  const who = stage.as("ann");
  for (let i = 0; i < 20; i++) {
    const edits = [{ op: "insert", path: ["text"], text: "x" } as const];
    await stage.until(stage.writing.edit(who, stage.name(), edits, {}));
  }
  const doc = new Y.Doc();
  const stored = await stage.world.storage.load(stage.name());
  for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
  expect(doc.getText("text").toString()).toBe("x".repeat(20));
  expect(Y.decodeStateVector(Y.encodeStateVector(doc)).size).toBe(1);
});

test("edits at the same time are all there, whoever else writes", async () => {
  const stage = new WritingStage();
  const ann = await stage.world.join("notes", { author: "ann" });
  const writes = Array.from({ length: 12 }, (_, i) => {
    if (i % 3 === 0) ann.type("a");
    const edits = [{ op: "set", path: ["map", `key ${i}`], value: i } as const];
    return stage.writing.edit(stage.as("max"), stage.name(), edits, {});
  });
  await stage.until(Promise.all(writes));
  expect(ann.doc.getMap("map").size).toBe(12);
  expect(ann.text).toBe("aaaa");
});
