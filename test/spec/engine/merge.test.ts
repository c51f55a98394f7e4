import { expect, test } from "vitest";
import * as Y from "yjs";
import { EMPTY_UPDATE, mergeUpdates } from "../../../server/src/engine/merge.ts";

test("thousands of keystrokes merge into one update that says the same", () => {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  const text = doc.getText("text");
  for (let i = 0; i < 5000; i++) {
    if (i % 7 === 6) text.delete(i % 100, 1);
    else text.insert((i * 31) % (text.length + 1), String(i % 10));
  }
  const merged = new Y.Doc();
  Y.applyUpdate(merged, mergeUpdates(updates));
  expect(merged.getText("text").toString()).toBe(text.toString());
  expect(Y.encodeStateVector(merged)).toEqual(Y.encodeStateVector(doc));
});

test("one update is itself, and none is the update that brings nothing", () => {
  const update = Uint8Array.of(0, 0);
  expect(mergeUpdates([update])).toBe(update);
  expect(mergeUpdates([])).toBe(EMPTY_UPDATE);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, EMPTY_UPDATE);
  expect(Y.encodeStateAsUpdate(doc)).toEqual(EMPTY_UPDATE);
});
