import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { contentOf, readStored, updateOf, updateV2Of } from "../../../server/src/inspect/content.ts";
import { describeRoot } from "../../../server/src/inspect/content-describe.ts";
import { deltaOfRoots, plainRoots } from "../../../server/src/inspect/content-json.ts";
import type { RootKind } from "../../../server/src/inspect/content-roots.ts";
import { plainTextOfRoots } from "../../../server/src/inspect/text.ts";
import { markdownOfRoots } from "../../../server/src/inspect/text-markdown.ts";
import { xmlOf } from "../../../server/src/inspect/text-xml.ts";
import { concurrentUpdates, firstDifference, readConcurrentTrace } from "../../support/traces.ts";
import {
  contentOfDoc,
  contentOfUpdate,
  NAME,
  Recording,
  snapshotOf,
  sourceOf,
  writeEverything,
} from "./content-sample.ts";

const everything = () => new Recording().write("ann", writeEverything);

/** As it comes back from JSON, so that what is compared is what programs read. */
const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** The kinds of a document's roots, by name. */
function kindsOf(edit: (doc: Y.Doc) => void, as?: ReadonlyMap<string, RootKind>): Record<string, string> {
  const { roots } = new Recording().write("", edit).content(as);
  return Object.fromEntries(roots.map(({ name, node }) => [name, node.kind]));
}

test("every type of Yjs and every kind of value is described", async () => {
  const described = everything().content().roots.map(describeRoot);
  await expect(`${JSON.stringify(described, null, 2)}\n`).toMatchFileSnapshot("golden/everything.txt");
});

test("every type of Yjs has its place in each format", async () => {
  const { roots } = everything().content();
  const formats = [
    `json\n${JSON.stringify(plainRoots(roots), null, 2)}`,
    `delta\n${JSON.stringify(deltaOfRoots(roots), null, 2)}`,
    `text\n${plainTextOfRoots(roots)}`,
    `xml\n${xmlOf(roots)}`,
    `markdown\n${markdownOfRoots(roots)}`,
  ];
  await expect(`${formats.join("\n\n=== ")}\n`).toMatchFileSnapshot("golden/formats.txt");
});

describe("what a root is, is told from its content", () => {
  test("strings make a text, keys a map, XML a fragment, anything else an array", () => {
    const kinds = kindsOf((doc) => {
      doc.getText("text").insert(0, "a");
      doc.getMap("map").set("a", 1);
      doc.getArray("array").push([1]);
      doc.getArray("texts").push([new Y.Text("a")]);
      doc.getArray("bytes").push([Uint8Array.of(1)]);
      doc.getXmlFragment("xml").push([new Y.XmlElement("p")]);
      doc.getXmlFragment("xml text").push([new Y.XmlText("a")]);
      doc.getText("embed").insertEmbed(0, { a: 1 });
    });
    expect(kinds).toEqual({
      text: "text",
      map: "map",
      array: "array",
      texts: "array",
      bytes: "array",
      xml: "xml-fragment",
      "xml text": "xml-fragment",
      embed: "text",
    });
  });

  test("what was deleted tells nothing: a root of which all is deleted is empty", () => {
    const kinds = kindsOf((doc) => {
      const map = doc.getMap("map");
      map.set("a", 1);
      map.delete("a");
      const text = doc.getText("text");
      text.insert(0, "gone");
      text.delete(0, 4);
    });
    expect(kinds).toEqual({ map: "empty", text: "empty" });
  });

  test("a text with keys has attributes, and what no root of its type shows is told", () => {
    const recording = new Recording().write("", (doc) => {
      doc.getText("a").insert(0, "x");
      doc.getText("a").setAttribute("lang", "en");
    });
    const other = new Y.Doc();
    other.getMap("b").set("k", 1);
    const update = Y.encodeStateAsUpdate(other);
    const mixed = new Y.Doc();
    mixed.getArray("b").push([1, 2]);
    Y.applyUpdate(mixed, update);
    expect(json(recording.content().roots.map(describeRoot))).toMatchObject([
      { name: "a", type: "text", attributes: { lang: { type: "value", value: "en" } } },
    ]);
    expect(json(contentOfDoc(mixed).roots.map(describeRoot))).toMatchObject([
      { name: "b", type: "map", hidden: "2 list items", entries: { k: { value: 1 } } },
    ]);
  });

  test("whoever asks knows better", () => {
    const edit = (doc: Y.Doc) => doc.getXmlFragment("a").push([new Y.XmlText("x")]);
    expect(kindsOf(edit, new Map([["a", "array"]]))).toEqual({ a: "array" });
    expect(kindsOf(edit, new Map([["a", "map"]]))).toEqual({ a: "map" });
    expect(() => kindsOf(edit, new Map([["b", "map"]]))).toThrow('there is no root "b": it has "a"');
  });
});

test("a text of two people is what their editors show, whatever its updates were", () => {
  const trace = readConcurrentTrace();
  const updates = concurrentUpdates(trace, "text").flatMap((all) => all.map(({ update }) => update));
  const { roots } = contentOfUpdate(updateOf({ updates }));
  expect(roots.map(({ name }) => name)).toEqual(["text"]);
  expect(firstDifference(plainTextOfRoots(roots), trace.endContent)).toBeNull();
});

test("updates of both formats give back the document", async () => {
  const recording = everything().write("bob", (doc) => doc.getText("body").insert(0, "more "));
  const stored = await readStored(sourceOf(recording.entries), NAME, null);
  if (stored === null) throw new Error("there is one");
  const first = new Y.Doc();
  Y.applyUpdate(first, updateOf(stored));
  const second = new Y.Doc();
  Y.applyUpdateV2(second, updateV2Of(stored));
  const expected = recording.content().roots.map(describeRoot);
  expect(contentOfDoc(first).roots.map(describeRoot)).toEqual(expected);
  expect(contentOfDoc(second).roots.map(describeRoot)).toEqual(expected);
  expect(updateOf({ updates: [] })).toEqual(Uint8Array.of(0, 0));
});

test("a document is shown as it was at a seq, from a snapshot and the log after it", async () => {
  const recording = new Recording();
  for (const word of ["one", " two", " three", " four"]) {
    recording.write("ann", (doc) => {
      const text = doc.getText("t");
      text.insert(text.length, word);
    });
  }
  const { entries } = recording;
  const source = sourceOf(entries, snapshotOf(entries, 2));
  const textAt = async (seq: number) => {
    const stored = await readStored(source, NAME, { seq });
    return stored && plainTextOfRoots(contentOf(stored).roots);
  };
  expect([await textAt(2), await textAt(3), await textAt(4)]).toEqual([
    "one two",
    "one two three",
    "one two three four",
  ]);
  await expect(textAt(1)).rejects.toThrow(/before seq 2 .*replaced by a snapshot/);
  expect(await readStored(sourceOf(entries), NAME, { seq: 0 })).toMatchObject({ seq: 0, updates: [] });
  expect(await readStored(source, "other" as typeof NAME, null)).toBeNull();
});

describe("N11 hostile content", () => {
  test("keys that plain objects inherit are keys like any other", () => {
    const { roots } = new Recording()
      .write("", (doc) => {
        for (const key of ["__proto__", "constructor", "toString"]) {
          doc.getMap("map").set(key, new Y.Map([[key, 1]]));
          doc.getMap(key).set("a", 1);
          doc.getText("text").insert(0, key, { [key]: JSON.parse('{"__proto__": 1}') });
        }
      })
      .content();
    const said = JSON.stringify(roots.map(describeRoot));
    expect(said).toContain('"__proto__":{"type":"map","entries":{"__proto__":{"type":"value","value":1}}}');
    expect(Object.keys(plainRoots(roots))).toEqual(["__proto__", "constructor", "map", "text", "toString"]);
    expect(JSON.stringify(plainRoots(roots))).toContain('{"__proto__":{"__proto__":1},"constructor":');
    expect(JSON.stringify(deltaOfRoots(roots))).toContain('"attributes":{"toString":{"__proto__":1}}');
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test("markup cannot be broken out of, by text, attributes or names", () => {
    const { roots } = new Recording()
      .write("", (doc) => {
        const element = new Y.XmlElement('a onload="x"><script');
        element.setAttribute('b" c', "1");
        element.setAttribute("d", '"><\u0000&\n');
        const text = new Y.XmlText();
        text.insert(0, "</a>\u0001]]>", { "i><b": { 'k"': "v" } });
        element.insert(0, [text]);
        doc.getXmlFragment('"<x').push([element]);
      })
      .content();
    expect(xmlOf(roots).split("\n")[2]).toBe(
      '  <root name="&quot;&lt;x"><_ name="a onload=&quot;x&quot;>&lt;script" d="&quot;>&lt;\ufffd&amp;&#10;"'.replaceAll(
        /(?<=name="[^"]*|d="[^"]*)>/g,
        "&gt;",
      ) +
        ' _="[[&quot;b\\&quot; c&quot;,&quot;1&quot;]]">' +
        '<_ name="i&gt;&lt;b" _="[[&quot;k\\&quot;&quot;,&quot;v&quot;]]">&lt;/a&gt;\ufffd]]&gt;</_></_></root>',
    );
  });

  test("types nested as deep as any server lets them be are shown and written", () => {
    const DEPTH = 1000;
    const { roots } = new Recording()
      .write("", (doc) => {
        let map: Y.Map<unknown> = doc.getMap("deep");
        for (let i = 1; i < DEPTH; i++) map = map.set("in", new Y.Map());
        map.set("in", "bottom");
        let element: Y.XmlFragment = doc.getXmlFragment("xml");
        for (let i = 1; i < DEPTH; i++) {
          const inner = new Y.XmlElement("e");
          element.insert(0, [inner]);
          element = inner;
        }
      })
      .content();
    expect(JSON.stringify(plainRoots(roots)).match(/"in"/g)).toHaveLength(DEPTH);
    expect(JSON.stringify(roots.map(describeRoot)).match(/"entries"/g)).toHaveLength(DEPTH);
    expect(xmlOf(roots).match(/<e/g)).toHaveLength(DEPTH - 1);
    expect(markdownOfRoots(roots)).toBe("");
  });
});

test("what Yjs cannot build is told, with the document's name", () => {
  const doc = new Y.Doc();
  doc.getText("t").insert(0, "a");
  const first = Y.encodeStateVector(doc);
  doc.getText("t").insert(1, "b");
  const facts = { document: NAME, lineage: "", seq: 1, time: 0, damage: null };
  const build = () => contentOf({ ...facts, updates: [Y.encodeStateAsUpdate(doc, first)] });
  expect(build).toThrow(JoineryError);
  expect(build).toThrow(/document "notes\/ein Tag – 日" cannot be built: structs are left/);
});

describe("Markdown", () => {
  const markdown = (edit: (doc: Y.Doc) => void) =>
    markdownOfRoots(new Recording().write("", edit).content().roots);

  test("is made of what editors on ProseMirror write", () => {
    const element = (
      name: string,
      attributes: Record<string, string | number | boolean>,
      ...inner: (Y.XmlElement | string)[]
    ) => {
      const made = new Y.XmlElement<Record<string, string | number | boolean>>(name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      made.insert(
        0,
        inner.map((child) => (typeof child === "string" ? new Y.XmlText(child) : (child as Y.XmlElement))),
      );
      return made as Y.XmlElement;
    };
    const result = markdown((doc) => {
      doc
        .getXmlFragment("default")
        .push([
          element("heading", { level: 2 }, "Title"),
          element("paragraph", {}, "# no *heading*", element("hardBreak", {}), "next"),
          element(
            "bulletList",
            {},
            element("listItem", {}, element("paragraph", {}, "one")),
            element("listItem", {}, element("paragraph", {}, "two")),
          ),
          element("orderedList", {}, element("listItem", {}, element("paragraph", {}, "first"))),
          element("taskList", {}, element("taskItem", { checked: true }, element("paragraph", {}, "done"))),
          element("blockquote", {}, element("paragraph", {}, "quoted")),
          element("codeBlock", { language: "ts" }, "a ``` b"),
          element("image", { src: "a b.png", alt: "A" }),
        ]);
    });
    expect(result).toBe(
      [
        "## Title",
        "\\# no \\*heading\\*\\\nnext",
        "- one\n- two",
        "1. first",
        "- [x] done",
        "> quoted",
        "````ts\na ``` b\n````",
        "![A](<a%20b.png>)",
        "",
      ]
        .join("\n\n")
        .replace(/\n\n$/, "\n"),
    );
  });

  test("is made of what editors with deltas write", () => {
    const result = markdown((doc) => {
      doc
        .getText("t")
        .applyDelta([
          { insert: "Title" },
          { insert: "\n", attributes: { header: 1 } },
          { insert: "some " },
          { insert: "bold ", attributes: { bold: true } },
          { insert: "x`y", attributes: { code: true } },
          { insert: "\none" },
          { insert: "\n", attributes: { list: "bullet" } },
          { insert: "two" },
          { insert: "\n", attributes: { list: "bullet" } },
          { insert: "code *" },
          { insert: "\n", attributes: { "code-block": true } },
        ]);
    });
    expect(result).toBe("# Title\n\nsome **bold** ``x`y``\n\n- one\n- two\n\n```\ncode *\n```\n");
  });
});
