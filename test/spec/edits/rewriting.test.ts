import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { docWith, edit } from "./edited.ts";

const rewritten = (doc: Y.Doc, value: string) =>
  edit(doc, [{ op: "text", path: ["text"], value }]).getText("text");

function docOf(text: string): Y.Doc {
  return docWith((doc) => doc.getText("text").insert(0, text));
}

/** What a rewriting changed, as Yjs tells its observers. */
function deltaOf(before: string, after: string): unknown {
  const doc = docOf(before);
  let delta: unknown = [];
  doc.getText("text").observe((event) => {
    delta = event.delta;
  });
  expect(rewritten(doc, after).toString()).toBe(after);
  return delta;
}

describe("a text is rewritten by small changes", () => {
  test.each([
    ["the colour of it", "the color of it", [{ retain: 8 }, { delete: 1 }]],
    ["the color of it", "the colour of it", [{ retain: 8 }, { insert: "u" }]],
    ["one\ntwo\nthree\n", "one\nthree\n", [{ retain: 4 }, { delete: 4 }]],
    ["same", "same", []],
    ["", "new", [{ insert: "new" }]],
    ["old", "", [{ delete: 3 }]],
    ["a 😀 b", "a 😁 b", [{ retain: 2 }, { delete: 2 }, { insert: "😁" }]],
    // The first halves are the same, and then the second ones.
    ["x\u{1F600}y", "x\u{1F601}y", [{ retain: 1 }, { delete: 2 }, { insert: "\u{1F601}" }]],
    ["x\u{1F600}y", "x\u{1FA00}y", [{ retain: 1 }, { delete: 2 }, { insert: "\u{1FA00}" }]],
  ])("%j to %j", (before, after, delta) => {
    expect(deltaOf(before, after)).toEqual(delta);
  });
});

test("cursors of others stay where they are in the text", () => {
  const doc = docOf("first paragraph\nsecond paragraph\n");
  const text = doc.getText("text");
  const cursor = Y.createRelativePositionFromTypeIndex(text, text.toString().indexOf("second") + 3);
  rewritten(doc, "a new first paragraph\nsecond paragraph, longer\n");
  const position = Y.createAbsolutePositionFromRelativePosition(cursor, doc);
  expect(position?.index).toBe(text.toString().indexOf("second") + 3);
});

test("formatting stays, and what takes the place of something is formatted as that was", () => {
  const doc = docWith((doc) => {
    doc.getText("text").insert(0, "one ");
    doc.getText("text").insert(4, "two", { bold: true });
    doc.getText("text").insert(7, " three", { bold: null });
  });
  expect(rewritten(doc, "one 2 three and more").toDelta()).toEqual([
    { insert: "one " },
    { insert: "2", attributes: { bold: true } },
    { insert: " three and more" },
  ]);
});

test("what is embedded stays where it was, though the text does not say it", () => {
  const doc = docWith((doc) => {
    const text = doc.getText("text");
    text.insert(0, "before after");
    text.insertEmbed(7, { image: "a.png" });
    text.insertEmbed(0, { image: "first.png" });
  });
  expect(rewritten(doc, "right before it, right behind it").toDelta()).toEqual([
    { insert: "right " },
    { insert: { image: "first.png" } },
    { insert: "before " },
    { insert: { image: "a.png" } },
    { insert: "it, right behind it" },
  ]);
});

test("whatever was there and whatever comes, the text reads as it shall", () => {
  const random = new SeededRandom(20261121);
  const parts = ["a", "b c", "\n", "😀", "😁", "\u{1FA00}", "the ", "é", "🏳️‍🌈", "  ", "line\n"];
  const anyText = () => Array.from({ length: random.upTo(12) }, () => random.pick(parts)).join("");
  for (let round = 0; round < 300; round++) {
    const doc = docOf(anyText());
    const text = doc.getText("text");
    text.delete(0, text.length);
    text.insert(0, anyText());
    text.insertEmbed(0, { kept: true });
    const after = anyText();
    expect(rewritten(doc, after).toString()).toBe(after);
    expect(
      text.toDelta().filter(({ insert }: { insert: unknown }) => typeof insert === "object"),
    ).toHaveLength(1);
  }
});
