import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { fingerprintOf } from "../../../server/src/import/fingerprint.ts";
import { stateOf, updatesWhile, written } from "./stage.ts";

/** A document with everything that Yjs can hold. */
function richDocument(): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc();
  doc.clientID = 1;
  const updates = updatesWhile(doc, () => {
    const text = doc.getText("text");
    text.insert(0, "Hello, world 🌍");
    text.format(0, 5, { bold: true });
    text.insertEmbed(3, { image: "cat.png" });
    const map = doc.getMap("map");
    map.set("list", new Y.Array());
    map.set("gone", 1);
    map.delete("gone");
    (map.get("list") as Y.Array<unknown>).push([1, "two", { three: [3] }, new Uint8Array([4, 5])]);
    map.set("subdocument", new Y.Doc({ guid: "inner" }));
    const element = new Y.XmlElement("p");
    element.setAttribute("class", "note");
    element.insert(0, [new Y.XmlText("inside")]);
    doc.getXmlFragment("xml").insert(0, [element]);
    text.delete(2, 4);
  });
  return { doc, updates };
}

describe("a fingerprint", () => {
  test("is the same however a document is cut into updates and structs, and once it was read back", () => {
    const { doc, updates } = richDocument();
    const expected = fingerprintOf([stateOf(doc)]);
    expect(fingerprintOf(updates)).toBe(expected);
    expect(fingerprintOf(updates.toReversed())).toBe(expected);
    expect(fingerprintOf([Y.mergeUpdates(updates)])).toBe(expected);
    const read = new Y.Doc();
    Y.applyUpdate(read, stateOf(doc));
    expect(fingerprintOf([stateOf(read)])).toBe(expected);
  });

  test("is the same for any edits of text, merged or one by one", () => {
    const edit = fc.tuple(fc.nat(), fc.nat(3), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 30 }), (edits) => {
        const doc = new Y.Doc();
        const text = doc.getText("text");
        const updates = updatesWhile(doc, () => {
          for (const [at, deleted, inserted] of edits) {
            const position = at % (text.length + 1);
            text.delete(position, Math.min(deleted, text.length - position));
            text.insert(position, inserted);
          }
        });
        expect(fingerprintOf(updates)).toBe(fingerprintOf([stateOf(doc)]));
      }),
      { seed: 4711, numRuns: 100 },
    );
  });

  test("differs for other text under the same ids, where state vectors are equal", () => {
    const [one, other] = [written("AAAA", 1), written("BBBB", 1)];
    expect(Y.encodeStateVector(one)).toEqual(Y.encodeStateVector(other));
    expect(fingerprintOf([stateOf(one)])).not.toBe(fingerprintOf([stateOf(other)]));
  });

  const changes: Readonly<Record<string, (doc: Y.Doc) => void>> = {
    "a deleted character": (doc) => doc.getText("text").delete(0, 1),
    "an added character": (doc) => doc.getText("text").insert(0, "x"),
    "a format": (doc) => doc.getText("text").format(6, 2, { italic: true }),
    "a value in a list": (doc) => (doc.getMap("map").get("list") as Y.Array<unknown>).push([9]),
    "a value of a key": (doc) => doc.getMap("map").set("gone", 2),
    "an attribute": (doc) =>
      (doc.getXmlFragment("xml").get(0) as Y.XmlElement).setAttribute("class", "other"),
    "a root": (doc) => doc.getArray("another").push([null]),
  };

  test.each(Object.entries(changes))("differs by %s", (_, change) => {
    const { doc } = richDocument();
    const before = fingerprintOf([stateOf(doc)]);
    change(doc);
    expect(fingerprintOf([stateOf(doc)])).not.toBe(before);
  });

  test.each([
    ["values in a list", [1, 2], [1, 3]],
    ["kinds of values", ["1"], [1]],
    ["bytes", [new Uint8Array([1])], [new Uint8Array([2])]],
    ["how many values", [[1, 2]], [1, 2]],
  ])("differs by %s under the same ids", (_, one, other) => {
    const prints = [one, other].map((values) => {
      const doc = new Y.Doc();
      doc.clientID = 1;
      doc.getArray("list").push(values);
      return fingerprintOf([stateOf(doc)]);
    });
    expect(prints[0]).not.toBe(prints[1]);
  });

  test("does not count what builds upon something missing", () => {
    const doc = written("abc", 1);
    const before = stateOf(doc);
    const [, later] = updatesWhile(doc, () => {
      doc.getText("text").insert(3, "d");
      doc.getText("text").insert(4, "e");
    });
    expect(fingerprintOf([before, later as Uint8Array])).toBe(fingerprintOf([before]));
  });
});
