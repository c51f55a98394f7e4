import { describe, expect, test } from "vitest";
import { ago, isoTime, localTime, share, size } from "../../../cli/src/output/quantities.ts";
import { Table } from "../../../cli/src/output/table.ts";
import { cutMiddle, shownName, widthOf, wrapped } from "../../../cli/src/output/text.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 KB"],
  [1_400_000, "1.4 MB"],
  [99_949, "99.9 KB"],
  [99_950, "100 KB"],
  [999_499, "999 KB"],
  [999_500, "1.0 MB"],
  [2_000_000_000_000_000, "2000 TB"],
])("%i bytes are %s, and never more than 7 columns", (bytes, text) => {
  expect(size(bytes)).toBe(text);
  expect(text.length).toBeLessThanOrEqual(7);
});

test.each([
  [0, ""],
  [1_000_000, "now"],
  [999_000, "1 s ago"],
  [400_000, "10 min ago"],
  [1_060_000, "in 1 min"],
])("%i is %s at 1000000", (timeMs, text) => {
  expect(ago(timeMs, 1_000_000)).toBe(text);
});

test("a time that is not known is called so, and is null in JSON", () => {
  expect([localTime(0), isoTime(0), localTime(Number.NaN)]).toEqual(["unknown", null, "unknown"]);
});

test("a share is never rounded to nothing", () => {
  expect([share(1, 1000), share(0, 1000), share(1, 0), share(666, 1000)]).toEqual([
    "<1 %",
    "0 %",
    "0 %",
    "67 %",
  ]);
});

describe("a name", () => {
  test.each([
    ["abcdefghij", 10, "abcdefghij"],
    ["abcdefghijk", 10, "abcde…hijk"],
    ["日本語日本語", 9, "日本…本語"],
    ["👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 5, "👩‍👩‍👧‍👦…👩‍👩‍👧‍👦"],
  ])("%s is cut in its middle to %i columns, between characters", (name, width, cut) => {
    expect(cutMiddle(name, width)).toBe(cut);
    expect(widthOf(cut)).toBeLessThanOrEqual(width);
  });

  test("is in quotes where its ends could not be seen", () => {
    expect([" a", "a ", "a b", ""].map(shownName)).toEqual(['" a"', '"a "', "a b", '""']);
  });
});

test("a table puts numbers to the right, and its last column takes what is left", () => {
  const table = new Table([{ title: "N", width: 4, align: "right" }], "NAME", 20);
  expect(table.row(["12"], "a long name that has to be cut")).toBe("  12  a long…be cut");
});

test("sentences are broken at spaces", () => {
  expect(wrapped("one two three four", 9)).toEqual(["one two", "three", "four"]);
});
