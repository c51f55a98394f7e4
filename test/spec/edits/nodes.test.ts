import { expect, test } from "vitest";
import type * as Y from "yjs";
import { writeEverything } from "../inspect/content-sample.ts";
import { docWith, edit, shown } from "./edited.ts";

interface DescribedRoot {
  readonly name: string;
  readonly type: string;
  readonly entries?: Readonly<Record<string, object>>;
  readonly children?: readonly object[];
  readonly items?: readonly object[];
}

test("what a document is described as is what it can be made of", () => {
  const described = shown(docWith(writeEverything)) as readonly DescribedRoot[];
  // A root is no entry of anything: each is put into a map as a node, and described again.
  const nodes = described
    .filter(({ type }) => type !== "empty")
    .map(({ name, ...node }) => [name, node.type === "text" ? { ...node, type: "text" } : node] as const);
  const edits = nodes.map(([name, node]) => ({ op: "set", path: ["copy", name], node }));
  const [copy] = shown(edit(docWith(), edits)) as readonly DescribedRoot[];
  expect(copy?.entries).toEqual(Object.fromEntries(nodes));
});

test("formatting and embedded objects that look like something else stay what they are", () => {
  const written = docWith((doc) => {
    const text = doc.getText("text");
    text.insert(0, "a", { mark: { $bytes: "x" } });
    text.insertEmbed(1, { $undefined: 1 });
  });
  const [{ name: _, ...node } = { name: "" }] = shown(written) as readonly DescribedRoot[];
  const [copy] = shown(
    edit(docWith(), [{ op: "set", path: ["copy", "text"], node }]),
  ) as readonly DescribedRoot[];
  expect(copy?.entries).toEqual({ text: node });
});

test("a reference to a subdocument loads nothing, and is what a client makes", () => {
  const node = { type: "subdocument", guid: "sub", options: { gc: false, meta: { a: 1 } } };
  const doc = edit(docWith(), [{ op: "set", path: ["map", "sub"], node }]);
  const sub = doc.getMap("map").get("sub") as Y.Doc;
  expect({ guid: sub.guid, gc: sub.gc, meta: sub.meta, shouldLoad: sub.shouldLoad }).toEqual({
    guid: "sub",
    gc: false,
    meta: { a: 1 },
    shouldLoad: false,
  });
});
