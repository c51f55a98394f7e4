/**
 * Documents of every kind of content that Yjs has, made by Yjs itself and the same in every run: each as the
 * updates that its editors' documents emitted, in an order in which each builds only upon those before it.
 */

import * as Y from "yjs";

/** Somebody who edits, with a client id that is chosen: Yjs takes a random one. */
class Editor {
  readonly doc: Y.Doc;
  readonly #updates: Uint8Array[];

  constructor(clientId: number, updates: Uint8Array[], options: { gc?: boolean } = {}) {
    this.doc = new Y.Doc({ guid: `editor-${clientId}`, ...options });
    this.doc.clientID = clientId;
    this.#updates = updates;
    for (const update of updates) Y.applyUpdate(this.doc, update);
    this.doc.on("update", (update: Uint8Array, _origin, _doc, { local }: Y.Transaction) => {
      if (local) updates.push(update);
    });
  }

  /** Takes in what everybody has made until now. */
  catchUp(): this {
    for (const update of this.#updates.slice()) Y.applyUpdate(this.doc, update);
    return this;
  }
}

type Script = (updates: Uint8Array[]) => void;

const SCRIPTS: Readonly<Record<string, Script>> = {
  "text with formats and embeds"(updates) {
    const text = new Editor(1, updates).doc.getText("text");
    text.insert(0, "Plain, bold and linked. Ünïcödé, 漢字, 🎈.");
    text.format(7, 4, { bold: true });
    text.format(16, 6, { link: { href: "https://example.org", rel: ["nofollow", null] } });
    text.insertEmbed(5, { image: "a.png", width: 12.5 }, { alt: "a picture" });
    text.delete(2, 12);
    text.format(0, 10, { bold: null, em: {} });
    text.insert(3, "🎈🎈");
    text.delete(4, 1);
  },
  "XML elements, text and hooks"(updates) {
    const { doc } = new Editor(200, updates);
    const fragment = doc.getXmlFragment("xml");
    const paragraph = new Y.XmlElement("paragraph");
    const hook = new Y.XmlHook("hook");
    // reason: a fragment takes hooks, which its types leave out
    const hookAsElement = hook as unknown as Y.XmlElement;
    fragment.insert(0, [paragraph, new Y.XmlText("between"), hookAsElement]);
    paragraph.setAttribute("align", "centre");
    paragraph.insert(0, [new Y.XmlText("a text"), new Y.XmlElement("br"), new Y.XmlElement("hr")]);
    (paragraph.get(0) as Y.XmlText).format(2, 4, { strong: {} });
    paragraph.removeAttribute("align");
    hook.set("key", { deep: [1, 2, 3] });
    paragraph.delete(1, 1);
  },
  maps(updates) {
    const { doc } = new Editor(70_000, updates);
    const map = doc.getMap("map");
    for (let turn = 0; turn < 4; turn++) map.set("counter", turn);
    map.set("", "an empty key");
    map.set("bytes", Uint8Array.of(1, 2, 3));
    map.set("nothing", null);
    map.set("undefined", undefined);
    map.delete("counter");
    map.set("__proto__", "a name like any other");
    map.set("inner", new Y.Map([["a", new Y.Array()]]));
    map.set("inner", "replaced");
  },
  "arrays of any values"(updates) {
    const array = new Editor(3, updates).doc.getArray("array");
    array.insert(0, [null, true, false, 0, -1, 63, 64, 2 ** 31, -(2 ** 40), 0.5, Math.PI, 1e300]);
    array.insert(2, ["", "text", "🎈", { big: [123n, -123n] }, Number.NaN, Number.POSITIVE_INFINITY, -0]);
    array.insert(0, [{}, { a: { b: [{ c: undefined }] } }, [], [[[1]]], { "": "" }]);
    array.push([Uint8Array.of(), Uint8Array.of(255)]);
    array.delete(1, 5);
  },
  "nested types"(updates) {
    const { doc } = new Editor(4, updates);
    const root = doc.getMap<Y.Array<unknown>>("root");
    doc.transact(() => {
      const list = new Y.Array<unknown>();
      root.set("list", list);
      list.insert(0, [new Y.Map(), new Y.Text("in a list"), new Y.Array(), new Y.XmlFragment()]);
      (list.get(0) as Y.Map<unknown>).set("text", new Y.Text("in a map in a list"));
      (list.get(2) as Y.Array<unknown>).insert(0, [1, new Y.Array()]);
    });
    root.get("list")?.delete(0, 1);
  },
  subdocuments(updates) {
    const { doc } = new Editor(5, updates);
    const docs = doc.getMap("docs");
    docs.set("plain", new Y.Doc({ guid: "11111111-1111" }));
    docs.set("loaded", new Y.Doc({ guid: "22222222-2222", autoLoad: true, gc: false, meta: { title: "a" } }));
    doc.getArray("list").insert(0, [new Y.Doc({ guid: "33333333-3333" })]);
    docs.delete("plain");
  },
  "deletes of what others wrote"(updates) {
    const ann = new Editor(11, updates).doc.getText("text");
    for (const word of ["one ", "two ", "three ", "four "]) ann.insert(ann.length, word);
    const ben = new Editor(12, updates).doc.getText("text");
    ben.delete(2, 3);
    ben.delete(5, 4);
    ben.insert(4, "and ");
    ben.delete(0, 1);
  },
  "content that was collected"(updates) {
    const made: Uint8Array[] = [];
    const { doc } = new Editor(21, made);
    const list = doc.getArray<Y.Map<unknown>>("list");
    list.insert(0, [new Y.Map([["a", new Y.Text("gone")]]), new Y.Map([["b", 1]])]);
    list.delete(0, 1);
    list.insert(0, [new Y.Map()]);
    updates.push(Y.encodeStateAsUpdate(doc));
  },
  "undo and redo"(updates) {
    const { doc } = new Editor(31, updates);
    const text = doc.getText("text");
    const undo = new Y.UndoManager(text, { captureTimeout: 0 });
    text.insert(0, "first ");
    text.insert(6, "second ");
    text.delete(2, 6);
    undo.undo();
    undo.undo();
    undo.redo();
    undo.destroy();
  },
  "people who edit at once"(updates) {
    const ann = new Editor(2 ** 32 - 1, updates);
    const ben = new Editor(41, updates);
    for (let turn = 0; turn < 3; turn++) {
      ann.doc.getText("text").insert(0, `ann ${turn} `);
      ben.doc.getText("text").insert(0, `ben ${turn} `);
      ben.doc.getMap("map").set("key", turn);
      ann.doc.getMap("map").set("key", -turn);
      ann.catchUp();
      ben.catchUp();
    }
  },
  "arrays as Yjs wrote them before version 13"(updates) {
    // No shared type makes this content any more, but it is read and written still.
    const { doc } = new Editor(51, updates);
    doc.transact((transaction) => {
      const { clientID, store } = doc;
      const id = Y.createID(clientID, Y.getState(store, clientID));
      const content = new Y.ContentJSON([1, "two", null, undefined, { four: [5] }]);
      const array = doc.getArray("array") as unknown as Y.AbstractType<unknown>;
      new Y.Item(id, null, null, null, null, array, null, content).integrate(transaction, 0);
    });
    doc.getArray("array").insert(2, ["between"]);
  },
};

export interface Sample {
  readonly name: string;
  /** Each as its editor's document emitted it. */
  readonly updates: readonly Uint8Array[];
}

export const SAMPLES: readonly Sample[] = Object.entries(SCRIPTS).map(([name, script]) => {
  const updates: Uint8Array[] = [];
  script(updates);
  return { name, updates };
});

/** A document of these updates. */
export function documentOf(updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}
