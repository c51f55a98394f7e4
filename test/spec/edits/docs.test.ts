import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { plainRoots } from "../../../server/src/inspect/content-json.ts";
import { contentOfDoc } from "../inspect/content-sample.ts";
import { docWith, edit } from "./edited.ts";

const PAGE = readFileSync(new URL("../../../docs/editing.md", import.meta.url), "utf8");

test("the edits in docs/editing.md, made one after the other, come to what they say", () => {
  const blocks = [...PAGE.matchAll(/^<!-- edits -->\n```json\n(.*?)^```$/gms)].map(([, json = ""]) => json);
  expect(blocks).toHaveLength(3);
  const doc = docWith();
  for (const block of blocks) edit(doc, JSON.parse(block));
  expect(JSON.parse(JSON.stringify(plainRoots(contentOfDoc(doc).roots)))).toEqual({
    settings: { theme: "dark" },
    open: [{ name: "eggs", count: 6 }, "bread", "oat milk"],
    title: "For the long weekend",
    cards: {
      c1: {
        title: "Buy fresh bread",
        labels: ["food", "today"],
        position: { x: 10, y: 20 },
        done: true,
      },
    },
    page: '<heading level="2">Notes</heading><paragraph>Some words<br/></paragraph>',
  });
  expect(doc.getText("title").toDelta()).toEqual([
    { insert: "For the long " },
    { insert: "weekend", attributes: { bold: true } },
  ]);
});

test("the refusal in docs/editing.md is what is said", () => {
  const [, said = ""] = /^```\n(edits\[1\].*?)\n```$/m.exec(PAGE) ?? [];
  expect(said).not.toBe("");
  const doc = docWith((doc) => doc.getArray("open").push([1, 2, 3]));
  const edits = [
    { op: "text", path: ["title"], value: "x" },
    { op: "set", path: ["open", 7], value: 1 },
  ];
  expect(() => edit(doc, edits)).toThrow(said);
});
