import { expect, test } from "vitest";
import type * as Y from "yjs";
import { documentOf } from "../spec/shared/sample-documents.ts";
import { baseDocuments } from "./base-documents.ts";
import { hasMisplaced } from "./misplaced.ts";
import { encodeUpdate } from "./model/encode.ts";
import { blockOf, type Item, itemAfter, itemBefore, itemIn, root, text, updateOf } from "./model/update.ts";

/** A document of one text, "abc" of client 1 with "x" of client 2 within, and an item of client 3. */
function documentWith(item: Item): Y.Doc {
  const x = itemAfter({ client: 1, clock: 0 }, text("x"), { client: 1, clock: 1 });
  const blocks = [blockOf(2, 0, x), blockOf(1, 0, itemIn(root("text"), text("abc")))];
  return documentOf([encodeUpdate(updateOf(blocks)), encodeUpdate(updateOf([blockOf(3, 0, item)]))]);
}

test.each(baseDocuments())("nothing that editors made is misplaced: $name", ({ state, later }) => {
  expect(hasMisplaced(documentOf([state, ...later]))).toBe(false);
});

test.each([
  [
    "between two that are side by side",
    itemAfter({ client: 2, clock: 0 }, text("y"), { client: 1, clock: 1 }),
  ],
  [
    "between two that were, before x came",
    itemAfter({ client: 1, clock: 0 }, text("y"), { client: 1, clock: 1 }),
  ],
  ["at the end", itemAfter({ client: 1, clock: 2 }, text("y"))],
  ["at the start", itemBefore({ client: 1, clock: 0 }, text("y"))],
])("an item is not misplaced %s", (_, item) => {
  expect(hasMisplaced(documentWith(item))).toBe(false);
});

test.each([
  [
    "between two that stand the other way round",
    itemAfter({ client: 1, clock: 2 }, text("y"), { client: 1, clock: 0 }),
  ],
  ["at the start, before what is within", itemBefore({ client: 1, clock: 1 }, text("y"))],
  ["at the end, behind what was put before something", itemAfter({ client: 2, clock: 0 }, text("y"))],
  [
    "between two that something stood between",
    itemAfter({ client: 1, clock: 0 }, text("y"), { client: 1, clock: 2 }),
  ],
])("an item is misplaced %s", (_, item) => {
  expect(hasMisplaced(documentWith(item))).toBe(true);
});
