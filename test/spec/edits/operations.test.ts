import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { docWith, edit, shown } from "./edited.ts";

interface Case {
  readonly title: string;
  readonly before?: (doc: Y.Doc) => void;
  readonly edits: readonly object[];
  /** The same, as a client does it. */
  readonly calls: (doc: Y.Doc) => void;
}

const list = (doc: Y.Doc) => doc.getArray<unknown>("list");
const map = (doc: Y.Doc) => doc.getMap<unknown>("map");
const text = (doc: Y.Doc) => doc.getText("text");
const page = (doc: Y.Doc) => doc.getXmlFragment("page");

/** An XML element of one text. */
function element(name: string, content = ""): Y.XmlElement {
  const made = new Y.XmlElement(name);
  if (content !== "") made.insert(0, [new Y.XmlText(content)]);
  return made;
}

const SETS: readonly Case[] = [
  {
    title: "sets values of every kind that JSON has in a map, which begins with that",
    edits: [
      { op: "set", path: ["map", "a"], value: 1.5 },
      { op: "set", path: ["map", "b"], value: null },
      { op: "set", path: ["map", "c"], value: { deep: [1, { er: "x" }] } },
      { op: "set", path: ["map", "d"], value: [] },
      { op: "set", path: ["map", ""], value: "" },
    ],
    calls: (doc) => {
      map(doc).set("a", 1.5);
      map(doc).set("b", null);
      map(doc).set("c", { deep: [1, { er: "x" }] });
      map(doc).set("d", []);
      map(doc).set("", "");
    },
  },
  {
    title: "takes plain JSON as it is, whatever it looks like",
    edits: [
      { op: "set", path: ["map", "a"], value: { type: "map", entries: { b: 1 } } },
      { op: "set", path: ["map", "b"], value: { $bigint: "12" } },
    ],
    calls: (doc) => {
      map(doc).set("a", { type: "map", entries: { b: 1 } });
      map(doc).set("b", { $bigint: "12" });
    },
  },
  {
    title: "overwrites what is there, and sets what an edit before it made possible",
    before: (doc) => map(doc).set("a", new Y.Text("old")),
    edits: [
      { op: "set", path: ["map", "a"], node: { type: "map" } },
      { op: "set", path: ["map", "a", "b"], node: { type: "array", items: [1] } },
      { op: "insert", path: ["map", "a", "b"], index: 0, values: [0] },
    ],
    calls: (doc) => {
      map(doc).set("a", new Y.Map([["b", Y.Array.from([0, 1])]]));
    },
  },
  {
    title: "replaces an item of an array",
    before: (doc) => list(doc).push([1, 2, 3]),
    edits: [
      { op: "set", path: ["list", 1], value: { two: 2 } },
      { op: "set", path: ["list", 2], node: { type: "text", text: "three" } },
    ],
    calls: (doc) => {
      list(doc).delete(1, 2);
      list(doc).insert(1, [{ two: 2 }, new Y.Text("three")]);
    },
  },
  {
    title: "sets attributes of elements and texts, and replaces nodes of XML",
    before: (doc) => page(doc).push([element("p", "one"), element("p", "two")]),
    edits: [
      { op: "set", path: ["page", 0, "class"], value: "intro" },
      { op: "set", path: ["page", 0, 0, "lang"], value: "en" },
      { op: "set", path: ["page", 1], node: { type: "xml-element", name: "hr" } },
    ],
    calls: (doc) => {
      const first = page(doc).get(0) as Y.XmlElement;
      first.setAttribute("class", "intro");
      (first.get(0) as Y.XmlText).setAttribute("lang", "en");
      page(doc).delete(1);
      page(doc).push([element("hr")]);
    },
  },
];

const INSERTS: readonly Case[] = [
  {
    title: "inserts values into an array, at its end where nothing else is said",
    edits: [
      { op: "insert", path: ["list"], values: ["b", "c"] },
      { op: "insert", path: ["list"], index: 0, values: ["a", null] },
      { op: "insert", path: ["list"], index: "end", values: [[1], { k: true }] },
      { op: "insert", path: ["list"], values: [] },
    ],
    calls: (doc) => list(doc).push(["a", null, "b", "c", [1], { k: true }]),
  },
  {
    title: "inserts shared types into an array, with all that is in them",
    edits: [
      {
        op: "insert",
        path: ["list"],
        nodes: [
          "plain",
          7,
          { type: "map", entries: { title: { type: "text", text: "T" }, done: false } },
          { type: "array", items: [{ type: "array" }, null] },
        ],
      },
    ],
    calls: (doc) => {
      const todo = new Y.Map<unknown>([
        ["title", new Y.Text("T")],
        ["done", false],
      ]);
      list(doc).push(["plain", 7, todo, Y.Array.from([new Y.Array(), null])]);
    },
  },
  {
    title: "inserts text, formatted as what comes before it or as it says",
    before: (doc) => text(doc).insert(0, "bold", { bold: true }),
    edits: [
      { op: "insert", path: ["text"], index: 4, text: "er" },
      { op: "insert", path: ["text"], text: " plain", attributes: {} },
      { op: "insert", path: ["text"], index: 0, text: "link", attributes: { link: { href: "#" } } },
    ],
    calls: (doc) => {
      text(doc).insert(4, "er");
      text(doc).insert(6, " plain", {});
      text(doc).insert(0, "link", { link: { href: "#" } });
    },
  },
  {
    title: "embeds objects and shared types into a text, and finds its way into them",
    before: (doc) => text(doc).insert(0, "ab"),
    edits: [
      {
        op: "insert",
        path: ["text"],
        index: 1,
        nodes: [
          { type: "value", value: { image: "a.png" } },
          { type: "map", entries: { k: 1 } },
        ],
        attributes: { width: 10 },
      },
      { op: "set", path: ["text", 2, "k"], value: 2 },
    ],
    calls: (doc) => {
      text(doc).insertEmbed(1, { image: "a.png" }, { width: 10 });
      text(doc).insertEmbed(2, new Y.Map([["k", 2]]), { width: 10 });
    },
  },
  {
    title: "inserts XML, of which a string is a text",
    edits: [
      {
        op: "insert",
        path: ["page"],
        nodes: [
          { type: "xml-element", name: "h1", attributes: { level: "1" }, children: ["Title"] },
          {
            type: "xml-element",
            name: "p",
            children: [
              { type: "xml-text", delta: [{ insert: "a " }, { insert: "b", attributes: { em: true } }] },
              { type: "xml-element", name: "br" },
            ],
          },
        ],
      },
      { op: "insert", path: ["page", 1], index: 0, nodes: ["first"] },
      { op: "insert", path: ["page", 1, 0], index: 0, text: "very " },
    ],
    calls: (doc) => {
      const heading = element("h1", "Title");
      heading.setAttribute("level", "1");
      const paragraph = element("p", "very first");
      const formatted = new Y.XmlText("a ");
      formatted.insert(2, "b", { em: true });
      page(doc).push([heading, paragraph]);
      paragraph.insert(1, [formatted, element("br")]);
    },
  },
];

const OTHERS: readonly Case[] = [
  {
    title: "deletes what a path leads to, and a key that is not there",
    before: (doc) => {
      map(doc).set("a", 1);
      map(doc).set("b", new Y.Map([["c", 1]]));
      list(doc).push([1, 2, 3]);
      page(doc).push([element("p", "one"), element("p", "two")]);
      (page(doc).get(1) as Y.XmlElement).setAttribute("class", "x");
    },
    edits: [
      { op: "delete", path: ["map", "a"] },
      { op: "delete", path: ["map", "a"] },
      { op: "delete", path: ["map", "b", "c"] },
      { op: "delete", path: ["list", 1] },
      { op: "delete", path: ["page", 0] },
      { op: "delete", path: ["page", 0, "class"] },
    ],
    calls: (doc) => {
      map(doc).delete("a");
      (map(doc).get("b") as Y.Map<unknown>).delete("c");
      list(doc).delete(1);
      page(doc).delete(0);
      (page(doc).get(0) as Y.XmlElement).removeAttribute("class");
    },
  },
  {
    title: "deletes ranges of arrays, texts and XML",
    before: (doc) => {
      list(doc).push([1, 2, 3, 4]);
      text(doc).insert(0, "one two three");
      page(doc).push([element("a"), element("b"), element("c")]);
    },
    edits: [
      { op: "delete", path: ["list"], index: 1, length: 2 },
      { op: "delete", path: ["text"], index: 3, length: 4 },
      { op: "delete", path: ["text"], index: 0 },
      { op: "delete", path: ["page"], index: 0, length: 2 },
      { op: "delete", path: ["list"], index: 2, length: 0 },
    ],
    calls: (doc) => {
      list(doc).delete(1, 2);
      text(doc).delete(3, 4);
      text(doc).delete(0, 1);
      page(doc).delete(0, 2);
    },
  },
  {
    title: "clears whatever it is, and an empty root too",
    before: (doc) => {
      map(doc).set("a", 1);
      list(doc).push([1, 2]);
      text(doc).insert(0, "x", { bold: true });
      page(doc).push([element("a")]);
      doc.getArray("gone").push([1]);
      doc.getArray("gone").delete(0);
    },
    edits: ["map", "list", "text", "page", "gone", "gone"].map((root) => ({ op: "clear", path: [root] })),
    calls: (doc) => {
      map(doc).clear();
      list(doc).delete(0, 2);
      text(doc).delete(0, 1);
      page(doc).delete(0, 1);
    },
  },
  {
    title: "formats a range of a text, and ends a format by null",
    before: (doc) => text(doc).insert(0, "one two three", { bold: true }),
    edits: [
      { op: "format", path: ["text"], index: 4, length: 3, attributes: { bold: null, color: "red" } },
      { op: "format", path: ["text"], index: 0, length: 0, attributes: { color: "red" } },
    ],
    calls: (doc) => text(doc).format(4, 3, { bold: null, color: "red" }),
  },
  {
    title: "keeps its hands off what other roots have",
    before: (doc) => {
      list(doc).push([1]);
      text(doc).insert(0, "t", { bold: true });
    },
    edits: [{ op: "set", path: ["map", "a"], value: 1 }],
    calls: (doc) => map(doc).set("a", 1),
  },
];

describe.each([
  ["set", SETS],
  ["insert", INSERTS],
  ["other operations", OTHERS],
] as const)("%s", (_, cases) => {
  test.each(cases)("$title", ({ before, edits, calls }) => {
    const client = docWith(before);
    calls(client);
    expect(shown(edit(docWith(before), edits))).toEqual(shown(client));
  });
});

test("what edits make is one transaction of one client", () => {
  const doc = docWith((doc) => list(doc).push([1, 2, 3]));
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => updates.push(update));
  edit(
    doc,
    [
      { op: "delete", path: ["list", 0] },
      { op: "insert", path: ["text"], text: "a" },
      { op: "set", path: ["map", "k"], value: 1 },
    ],
    77,
  );
  expect(updates).toHaveLength(1);
  expect([...Y.decodeStateVector(Y.encodeStateVector(doc)).keys()].sort()).toEqual([1, 77]);
});

test("edits that change nothing are an update that brings nothing", () => {
  const doc = docWith((doc) => map(doc).set("a", 1));
  const before = Y.encodeStateAsUpdate(doc);
  edit(doc, [
    { op: "delete", path: ["map", "b"] },
    { op: "insert", path: ["list"], values: [] },
    { op: "insert", path: ["text"], text: "" },
  ]);
  expect(Y.encodeStateAsUpdate(doc)).toEqual(before);
});
