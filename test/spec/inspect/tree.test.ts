import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type TreeOptions, treeOf } from "../../../server/src/inspect/tree.ts";
import {
  cutTo,
  named,
  printable,
  printableLines,
  widthOf,
} from "../../../server/src/inspect/tree-printable.ts";
import { Recording, writeEverything } from "./content-sample.ts";

const OPTIONS: TreeOptions = { width: 80, maxDepth: 6, isFull: false };

/** A tree as text, line by line. */
function linesOf(edit: (doc: Y.Doc) => void, options: Partial<TreeOptions> = {}): string[] {
  const { roots } = new Recording().write("", edit).content();
  return [...treeOf(roots, { ...OPTIONS, ...options })].map((line) => line.map(({ text }) => text).join(""));
}

test("every type of Yjs and every kind of value has its line", async () => {
  const lines = linesOf(writeEverything);
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("golden/tree.txt");
});

test("lines fit the width, by columns and not by characters", () => {
  const lines = linesOf(
    (doc) => {
      doc.getText("wide").insert(0, "日本語".repeat(30));
      doc.getMap("a".repeat(60)).set("key".repeat(30), "👩‍👩‍👧".repeat(40));
      writeEverything(doc);
    },
    { width: 40 },
  );
  expect(lines.filter((line) => widthOf(line) > 40)).toEqual([]);
  expect(lines.filter((line) => line.endsWith("…")).length).toBeGreaterThan(5);
});

test("depth, long lists and long texts are cut, and it is told how much is left; in full they are not", () => {
  const edit = (doc: Y.Doc) => {
    doc.getArray("list").push(Array.from({ length: 25 }, (_, i) => i));
    doc.getText("text").insert(0, "0123456789".repeat(25));
    doc.getMap("map").set("a", new Y.Map([["b", new Y.Map([["c", 1]])]]));
  };
  const cut = linesOf(edit, { maxDepth: 1, width: 400 });
  expect(cut).toEqual([
    "list  array  25 items",
    ...Array.from({ length: 20 }, (_, i) => `  ${String(i).padStart(2)}  ${i}`),
    "  … 5 more items",
    "map  map  1 key",
    "  a  map  1 key",
    "text  text  250 characters",
    `  "${"0123456789".repeat(20)}"  … 50 more characters`,
  ]);
  const full = linesOf(edit, { maxDepth: 1, isFull: true });
  expect(full).toHaveLength(32);
  expect(full.at(-1)).toBe(`  "${"0123456789".repeat(25)}"`);
  expect(full).toContain("      c  1");
  const long = (doc: Y.Doc) => doc.getMap("m").set("long", "x".repeat(3000));
  expect(linesOf(long, { isFull: true })[1]).toBe(`  long  "${"x".repeat(3000)}"`);
  expect(linesOf(long, { width: 4000 })[1]).toBe(`  long  "${"x".repeat(200)}"  … 2,800 more characters`);
});

test("lines are bounded where there is no width: a pipe may be somebody's log", () => {
  const lines = linesOf(
    (doc) => {
      const element = new Y.XmlElement("e");
      for (let i = 0; i < 500; i++) element.setAttribute(`a${i}`, "x".repeat(5000));
      doc.getXmlFragment("xml").push([element]);
      doc.getText("text").insert(0, "a", { big: "x".repeat(100_000) });
    },
    { width: Number.POSITIVE_INFINITY },
  );
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(25_000);
  expect(lines.join("\n")).toContain("… 480 more attributes");
});

test("types nested 256 deep have lines of their own, that say how deep they are", () => {
  const lines = linesOf(
    (doc) => {
      let map: Y.Map<unknown> = doc.getMap("deep");
      for (let i = 1; i < 256; i++) map = map.set("in", new Y.Map());
      map.set("in", "bottom");
    },
    { isFull: true },
  );
  expect(lines).toHaveLength(257);
  expect(lines.at(-1)).toBe(`${" ".repeat(24)}256· in  "bottom"`);
});

describe("N12 nothing in a document writes to the terminal", () => {
  const HOSTILE = "\u001b[31m\u009b2J\u0007\r\u202eabc\u2066\ufeff\u2028\u0000";
  const OBEYED = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/u;

  test("whatever it is in: names, keys, values, formatting, embeds, tags, attributes, guids", () => {
    for (const isFull of [false, true]) {
      const lines = linesOf(
        (doc) => {
          doc.getMap(HOSTILE).set(HOSTILE, HOSTILE);
          doc.getMap("objects").set("a", { [HOSTILE]: [HOSTILE, { [HOSTILE]: HOSTILE.repeat(9) }] });
          doc.getMap("sub").set("s", new Y.Doc({ guid: HOSTILE, meta: HOSTILE }));
          doc.getText("text").insert(0, HOSTILE, { [HOSTILE]: HOSTILE });
          doc.getText("text").insertEmbed(0, { [HOSTILE]: HOSTILE });
          doc.getText("text").setAttribute(HOSTILE, HOSTILE);
          const element = new Y.XmlElement(HOSTILE);
          element.setAttribute(HOSTILE, HOSTILE);
          // reason: Yjs takes hooks among XML, its types do not say so.
          element.insert(0, [new Y.XmlHook(HOSTILE) as unknown as Y.XmlElement, new Y.XmlText(HOSTILE)]);
          doc.getXmlFragment("xml").push([element]);
        },
        { isFull, width: 500 },
      );
      expect(lines.length).toBeGreaterThan(15);
      expect(lines.filter((line) => OBEYED.test(line))).toEqual([]);
      expect(lines.filter((line) => line.includes("\\u202e")).length).toBeGreaterThan(10);
    }
  });

  test("text with lines keeps line breaks and tabs, and JSON stays the same JSON", () => {
    expect(printableLines("a\n\tb\r\u001b[0m\ud800")).toBe("a\n\tb\\u000d\\u001b[0m\\ud800");
    expect(printable("a\nb")).toBe("a\\u000ab");
    const value = { [HOSTILE]: HOSTILE };
    const printed = printableLines(JSON.stringify(value, null, 2));
    expect(OBEYED.test(printed.replaceAll("\n", ""))).toBe(false);
    expect(JSON.parse(printed)).toEqual(value);
  });
});

test("keys stand as they are where it is clear where they end", () => {
  expect(["a", "größe", "a/b", "日", "a b", "", '"', "a:"].map(named)).toEqual([
    "a",
    "größe",
    "a/b",
    "日",
    '"a b"',
    '""',
    '"\\""',
    '"a:"',
  ]);
});

test("text is cut between characters as people see them", () => {
  expect(cutTo("abc", 3)).toBe("abc");
  expect(cutTo("abcd", 3)).toBe("ab…");
  expect(cutTo("日本語", 4)).toBe("日…");
  expect(cutTo("👩‍👩‍👧👩‍👩‍👧", 3)).toBe("👩‍👩‍👧…");
  expect(cutTo("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
});
