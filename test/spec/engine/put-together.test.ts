import { expect, test } from "vitest";
import * as Y from "yjs";
import { putTogether } from "../../../server/src/engine/put-together.ts";

/** A document of one client, and the update that each of its edits makes. */
function writer(clientID: number) {
  const doc = new Y.Doc();
  doc.clientID = clientID;
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  return { doc, text: doc.getText("text"), updates };
}

const CLIENTS = [7, 4_294_967_295, 200, 3_000_000, 1];

/** What several people typed at once into a text that was there. */
function typedAtOnce() {
  const base = writer(99);
  base.text.insert(0, "what was there");
  const shared = Y.encodeStateAsUpdate(base.doc);
  return CLIENTS.map((client, i) => {
    const { doc, text, updates } = writer(client);
    Y.applyUpdate(doc, shared);
    updates.length = 0;
    text.insert(i, `by ${client}`, i % 2 === 0 ? {} : { bold: true });
    doc.getMap("map").set(`key ${i}`, [{ deep: ["x", i] }]);
    return Y.mergeUpdates(updates);
  });
}

test("updates of different clients come to what Yjs makes of them, in whatever order they are", () => {
  const updates = typedAtOnce();
  for (const some of [updates, updates.toReversed(), updates.slice(1), updates.slice(0, 2)]) {
    expect(putTogether(some)).toEqual(Y.mergeUpdates(some));
  }
});

test("so do some that have several clients each", () => {
  const updates = typedAtOnce();
  const pairs = [Y.mergeUpdates(updates.slice(0, 2)), Y.mergeUpdates(updates.slice(2))];
  expect(putTogether(pairs)).toEqual(Y.mergeUpdates(updates));
});

test("what needs more than that is left to Yjs", () => {
  const [ann, ben] = typedAtOnce() as [Uint8Array, Uint8Array];
  const { text, updates } = writer(7);
  text.insert(0, "twice");
  text.insert(5, "!");
  text.delete(0, 2);
  const [first, second, deletes] = updates as [Uint8Array, Uint8Array, Uint8Array];
  expect(putTogether([first, second])).toBeNull();
  expect(putTogether([ann, first])).toBeNull();
  expect(putTogether([ben, deletes])).toBeNull();
  // One client that deletes nothing, which Yjs does not write.
  const emptyDeletes = Uint8Array.of(...first.subarray(0, -1), 1, 7, 0);
  expect(putTogether([ben, emptyDeletes])).toBeNull();
  text.insert(0, "x".repeat(5000));
  expect(putTogether([ben, updates.at(-1) as Uint8Array])).toBeNull();
});
