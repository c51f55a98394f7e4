/** Documents of all kinds of content, made by Yjs, in any number of updates: what people see is what they saw. */

import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { Target, updatesWhile } from "./stage.ts";

type Edit = readonly [kind: number, at: number, value: number];

function apply(doc: Y.Doc, undo: Y.UndoManager, [kind, at, value]: Edit): void {
  const text = doc.getText("text");
  const list = doc.getArray<unknown>("list");
  const map = doc.getMap<unknown>("map");
  const xml = doc.getXmlFragment("xml");
  const position = at % (text.length + 1);
  const key = `key ${at % 4}`;
  const edits: readonly (() => unknown)[] = [
    () => text.insert(position, `${value}🌍`),
    () => text.delete(position, Math.min(value % 5, text.length - position)),
    () =>
      text.format(position, Math.min(value % 5, text.length - position), { bold: value % 2 ? true : null }),
    () => text.insertEmbed(position, { image: value }),
    () => list.insert(at % (list.length + 1), [value, null, { deep: [value, { x: -0, none: undefined }] }]),
    () => list.length > 0 && list.delete(at % list.length, 1),
    () => list.push([new Uint8Array([value % 256, 1]), { large: 9007199254740993n }, 0.1 * value]),
    () => map.set(key, value),
    () => map.delete(key),
    () => map.set(key, new Y.Map([["inner", new Y.Text(`inner ${value}`)]])),
    () => map.set(key, new Y.Doc({ guid: `guid ${value}`, meta: { value }, autoLoad: value % 2 === 0 })),
    () => xml.insert(at % (xml.length + 1), [element(value)]),
    () => xml.length > 0 && xml.delete(at % xml.length, 1),
    () => undo.undo(),
    () => undo.redo(),
    () => undo.stopCapturing(),
  ];
  edits[kind % edits.length]?.();
}

function element(value: number): Y.XmlElement {
  const paragraph = new Y.XmlElement("paragraph");
  paragraph.setAttribute("level", String(value));
  const inside = new Y.XmlText("written");
  inside.format(1, 3, { link: { href: `/${value}` } });
  paragraph.insert(0, [inside, new Y.XmlHook("hook") as unknown as Y.XmlText]);
  return paragraph;
}

/** All that an editor can read of a document. */
function shown(updates: readonly Uint8Array[]): unknown {
  const doc = new Y.Doc();
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  return {
    text: doc.getText("text").toDelta(),
    list: doc.getArray("list").toArray(),
    map: Object.entries(doc.getMap("map").toJSON())
      .map(([key, value]) => [key, value instanceof Y.Doc ? value.guid : value])
      .toSorted(),
    subdocuments: [...doc.subdocs].map(({ guid, meta, autoLoad }) => [guid, meta, autoLoad]).toSorted(),
    xml: doc.getXmlFragment("xml").toString(),
  };
}

test.each([
  ["whole, with all updates", 1],
  ["in part, with gaps between its updates", 0.7],
])("any document is taken over %s", async (_, kept) => {
  const edit = fc.tuple(fc.nat(), fc.nat(40), fc.nat(1000));
  const script = fc.array(edit, { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      script,
      fc.array(fc.double({ noNaN: true, min: 0, max: 1 })),
      fc.boolean(),
      async (edits, odds, gc) => {
        const authors = [1, 2].map((clientID) => Object.assign(new Y.Doc({ gc }), { clientID }));
        const updates = authors.flatMap((doc, i) => {
          const undo = new Y.UndoManager([
            doc.getText("text"),
            doc.getArray("list"),
            doc.getMap("map"),
            doc.getXmlFragment("xml"),
          ]);
          return updatesWhile(doc, () => {
            for (const one of edits.filter((__, j) => j % 2 === i || j % 5 === 0)) apply(doc, undo, one);
          });
        });
        const source = updates.filter((__, i) => kept === 1 || (odds[i % odds.length] ?? 0) <= kept);
        const target = new Target();
        const [outcome] = await target.import({ notes: source });
        const stored = await target.stored("notes");
        const there = (stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update));
        expect(shown(there)).toEqual(shown(source));
        expect(["imported", "empty", "damaged"]).toContain(outcome?.kind);
        if (kept === 1) expect(outcome?.reason).toBeNull();
        else if (outcome?.kind === "damaged") expect(outcome.reason).toContain("all that there is");
      },
    ),
    { seed: 4711, numRuns: 150 },
  );
});
