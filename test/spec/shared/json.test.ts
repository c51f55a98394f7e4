import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isJson } from "../../../shared/src/json.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const isAny = (text: string, maxDepth = 3): boolean => isJson(utf8(text), maxDepth, "any");

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe("the depth of JSON", () => {
  test.each([
    ["1", 0],
    ['"[[[["', 0],
    ['"\\"[[[["', 0],
    ['"\\\\"', 0],
    ["[]", 1],
    ["{}", 1],
    ['["\\\\",[]]', 2],
    ["[[],[],[]]", 2],
    ['{"a":[{"b":1}]}', 3],
    ['{"[":"]","{":[["}"]]}', 3],
  ])("%s has depth %i", (text, depth) => {
    expect(isAny(text, depth)).toBe(true);
    if (depth > 0) expect(isAny(text, depth - 1)).toBe(false);
  });

  test("is that of the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(6), (value, maxDepth) => {
        expect(isAny(JSON.stringify(value), maxDepth)).toBe(depthOf(value) <= maxDepth);
      }),
    );
  });

  test("is found without overflowing the stack", () => {
    expect(isAny("[".repeat(100_000) + "]".repeat(100_000), 64)).toBe(false);
  });
});

describe("JSON", () => {
  test.each(["", " ", "{", "[1,]", "undefined", "NaN", "'a'", "1 2", "\ufeff1", '{"a":1}}'])(
    "is not %j",
    (text) => {
      expect(isAny(text)).toBe(false);
    },
  );

  test("may have white space around it", () => {
    expect(isAny(' {"a" : 1}\n')).toBe(true);
  });

  test("is UTF-8", () => {
    expect(isJson(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 3, "any")).toBe(false);
  });

  test("that must be an object may be nothing else", () => {
    expect(isJson(utf8("{}"), 3, "object")).toBe(true);
    for (const text of ["[]", "null", "1", '"a"', "true"]) {
      expect(isJson(utf8(text), 3, "object"), text).toBe(false);
    }
  });
});
