/** People who edit one document in every way that Yjs offers, as an arbitrary for property tests. */

import fc from "fast-check";
import * as Y from "yjs";

/** Whatever may be stored as a value. lib0 itself loses keys named `__proto__`. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, undefined, true, false, 0, -0, 63, 64, -64, 2 ** 31 - 1, 2 ** 31, -(2 ** 31)),
    fc.double(),
    fc.float(),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.string({ unit: "binary", maxLength: 5 }),
    fc.uint8Array({ maxLength: 5 }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ maxLength: 3 }).filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}));

/** Y.Array takes no bare `undefined` and no bare bigint. */
const element = fc.oneof(
  value.map((inner) => ({ inner })),
  fc.array(value, { maxLength: 2 }),
  fc.double(),
  fc.string({ unit: "binary", maxLength: 5 }),
  fc.uint8Array({ maxLength: 5 }),
  fc.constant(null),
);

const attributes = fc.dictionary(fc.constantFrom("bold", "link", "é"), fc.jsonValue({ maxDepth: 2 }), {
  noNullPrototype: true,
  maxKeys: 2,
});

const sharedType = fc
  .constantFrom(
    () => new Y.Text("in a type 🎈"),
    () => new Y.Array(),
    () => new Y.Map([["key", 1]]),
    () => new Y.XmlText("in an element"),
    () => new Y.XmlElement("paragraph"),
    () => new Y.XmlFragment(),
    () => new Y.Doc({ guid: "guid-of-a-subdocument", meta: { title: "a" }, autoLoad: true }),
  )
  .map((make) => ({ make }));

/** One thing that somebody does; places are taken modulo the length of what is there. */
type Edit = (editor: Editor) => void;

const place = fc.nat(1_000);

const editText = fc.oneof(
  fc.tuple(place, fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 }), fc.option(attributes)).map(
    ([at, string, format]): Edit =>
      ({ text }) =>
        text.insert(at % (text.length + 1), string, format ?? undefined),
  ),
  fc.tuple(place, place).map(
    ([at, length]): Edit =>
      ({ text }) => {
        const start = at % (text.length + 1);
        text.delete(start, length % (Math.min(6, text.length - start) + 1));
      },
  ),
  fc.tuple(place, place, attributes).map(
    ([at, length, format]): Edit =>
      ({ text }) => {
        const start = at % (text.length + 1);
        text.format(start, length % (text.length - start + 1), format);
      },
  ),
  fc
    .tuple(
      place,
      fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true }),
    )
    .map(
      ([at, embed]): Edit =>
        ({ text }) =>
          text.insertEmbed(at % (text.length + 1), embed),
    ),
);

const editArray = fc.oneof(
  fc.tuple(place, fc.array(element, { minLength: 1, maxLength: 3 })).map(
    ([at, elements]): Edit =>
      ({ array }) =>
        array.insert(at % (array.length + 1), elements),
  ),
  fc.tuple(place, sharedType).map(
    ([at, { make }]): Edit =>
      ({ array }) =>
        array.insert(at % (array.length + 1), [make()]),
  ),
  place.map(
    (at): Edit =>
      ({ array }) => {
        if (array.length > 0) array.delete(at % array.length, 1);
      },
  ),
);

const key = fc.constantFrom("a", "b", "", "__proto__", "🎈");

const editMap = fc.oneof(
  fc.tuple(key, value).map(
    ([name, given]): Edit =>
      ({ map }) =>
        map.set(name, given),
  ),
  fc.tuple(key, sharedType).map(
    ([name, { make }]): Edit =>
      ({ map }) =>
        map.set(name, make()),
  ),
  key.map(
    (name): Edit =>
      ({ map }) =>
        map.delete(name),
  ),
);

const editXml = fc.oneof(
  place.map(
    (at): Edit =>
      ({ xml }) =>
        xml.insert(at % (xml.length + 1), [new Y.XmlElement("p"), new Y.XmlText("text")]),
  ),
  fc.tuple(place, fc.string({ maxLength: 4 })).map(
    ([at, attribute]): Edit =>
      ({ xml }) => {
        const child: unknown = xml.length > 0 ? xml.get(at % xml.length) : null;
        if (child instanceof Y.XmlElement) {
          child.setAttribute("align", attribute);
          child.insert(0, [new Y.XmlText(attribute)]);
        } else if (child instanceof Y.XmlText) child.insert(0, `${attribute}!`);
      },
  ),
  place.map(
    (at): Edit =>
      ({ xml }) => {
        if (xml.length > 0) xml.delete(at % xml.length, 1);
      },
  ),
);

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: editText },
  { weight: 2, arbitrary: editArray },
  { weight: 2, arbitrary: editMap },
  { weight: 2, arbitrary: editXml },
  fc.constant<Edit>(({ undo }) => void undo.undo()),
  fc.constant<Edit>(({ undo }) => void undo.redo()),
);

class Editor {
  readonly doc: Y.Doc;
  readonly undo: Y.UndoManager;

  constructor(clientId: number, updates: Uint8Array[]) {
    this.doc = new Y.Doc({ guid: `editor-${clientId}` });
    this.doc.clientID = clientId;
    this.undo = new Y.UndoManager([this.text, this.array, this.map, this.xml], { captureTimeout: 0 });
    this.doc.on("update", (update: Uint8Array, _origin, _doc, { local }: Y.Transaction) => {
      if (local) updates.push(update);
    });
  }

  get text(): Y.Text {
    return this.doc.getText("text");
  }

  get array(): Y.Array<unknown> {
    return this.doc.getArray("array");
  }

  get map(): Y.Map<unknown> {
    return this.doc.getMap("map");
  }

  get xml(): Y.XmlFragment {
    return this.doc.getXmlFragment("xml");
  }
}

const CLIENT_IDS = [1, 300, 2 ** 32 - 1];

export interface Edited {
  /** Each as its editor's document emitted it. */
  readonly updates: readonly Uint8Array[];
  /** The state of each editor's document, who may not have heard of everything. */
  readonly states: readonly Uint8Array[];
}

/** Three people edit at once; now and then one of them hears of everything that the others did. */
export const edited: fc.Arbitrary<Edited> = fc
  .array(
    fc.record({
      who: fc.nat(CLIENT_IDS.length - 1),
      // Several edits of one transaction are one update.
      edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
      catchesUp: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((turns) => {
    const updates: Uint8Array[] = [];
    const editors = CLIENT_IDS.map((clientId) => new Editor(clientId, updates));
    for (const { who, edits, catchesUp } of turns) {
      const editor = editors[who] as Editor;
      if (catchesUp) for (const update of updates.slice()) Y.applyUpdate(editor.doc, update);
      editor.doc.transact(() => {
        for (const make of edits) make(editor);
      });
    }
    const states = editors.map(({ doc }) => Y.encodeStateAsUpdate(doc));
    for (const { undo } of editors) undo.destroy();
    return { updates, states };
  });
