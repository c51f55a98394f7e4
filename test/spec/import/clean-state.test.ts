import { DEFAULT_LIMITS, inspectUpdate } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { cleanStateOf } from "../../../server/src/import/clean-state.ts";
import { block, bytesOf, deletion, text, textAfter, update } from "../shared/raw-update.ts";

describe("the clean state of a document", () => {
  test("has the clients in the order in which Yjs writes them today, where early releases wrote them as they came", () => {
    const early = update(
      [block(1, 0, text("one")), block(3, 0, textAfter(1, 2, "three")), block(2, 0, text("two"))],
      [deletion(1, [0, 1])],
    );
    expect(() => inspectUpdate(early)).toThrow("descending");
    const doc = new Y.Doc();
    Y.applyUpdate(doc, early);
    const { update: clean, leftOut } = cleanStateOf([early], DEFAULT_LIMITS);
    const read = new Y.Doc();
    Y.applyUpdate(read, clean as Uint8Array);
    expect(read.getText("root").toString()).toBe(doc.getText("root").toString());
    expect(read.getText("root").length).toBe(10);
    expect(leftOut).toBeNull();
  });

  test.each([
    [
      "a client that comes twice",
      update([block(1, 0, text("a")), block(2, 0, text("b")), block(1, 1, text("c"))]),
    ],
    ["a client without structs", update([block(1, 0), block(2, 0, text("b"))])],
    ["bytes that are left over", bytesOf(update([block(1, 0, text("a"))]), 0)],
    ["nothing at all", new Uint8Array(0)],
  ])("is refused for %s", (_, bytes) => {
    expect(() => cleanStateOf([bytes], DEFAULT_LIMITS)).toThrow(
      expect.objectContaining({ code: "MALFORMED_UPDATE" }),
    );
  });

  test("is nothing where there is nothing", () => {
    expect(cleanStateOf([], DEFAULT_LIMITS)).toMatchObject({ update: null, leftOut: null });
  });

  test("names the deletes of what is missing that it leaves out", () => {
    const { update: clean, leftOut } = cleanStateOf(
      [update([block(1, 0, text("abc"))], [deletion(7, [0, 2])])],
      DEFAULT_LIMITS,
    );
    expect(leftOut).toContain("client 7");
    expect(inspectUpdate(clean as Uint8Array).deletes).toBe(0);
  });
});
