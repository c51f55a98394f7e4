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

/** Whether JSON.parse takes the bytes, when they are UTF-8. */
function isParsed(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}

describe("what is JSON", () => {
  test("is what JSON.parse takes, of values and of what is left of them after a change", () => {
    const text = fc
      .jsonValue({ maxDepth: 4 })
      .chain((value) => fc.constantFrom(0, 1).map((indent) => JSON.stringify(value, null, indent)));
    const change = fc.record({
      at: fc.nat(),
      drop: fc.nat(2),
      insert: fc.stringMatching(/^[{}[\]:,"0-9.eE+\-\\/bfnrtu \t\n]{0,3}$/),
    });
    fc.assert(
      fc.property(text, fc.array(change, { maxLength: 2 }), (original, changes) => {
        let changed = original;
        for (const { at, drop, insert } of changes) {
          const place = at % (changed.length + 1);
          changed = changed.slice(0, place) + insert + changed.slice(place + drop);
        }
        const bytes = utf8(changed);
        expect(isJson(bytes, 64, "any")).toBe(isParsed(bytes));
      }),
      { numRuns: 5_000, seed: 1 },
    );
  });

  test("is what JSON.parse takes, of few characters in any order", () => {
    const character = fc.constantFrom(
      ...'{}[]:,"\\/bfnrtu0159.eE+- \t\n\r\u0000\u001f\u007fé🎈',
      "true",
      "null",
      "false",
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 7 }), (list) => {
        const bytes = utf8(list.join(""));
        expect(isJson(bytes, 64, "any")).toBe(isParsed(bytes));
      }),
      { numRuns: 50_000, seed: 1 },
    );
  });

  test.each([
    ...["0", "-0", "10", "-1", "0.5", "1.25e10", "1E+2", "2e-3", "1e999", "123456789012345678901234567890"],
    ...[
      '"\\ud800"',
      '"\\u00e9\\"\\\\\\/\\b\\f\\n\\r\\t"',
      '"\u007f\u2028\ufeff"',
      '{"a":1,"a":2}',
      "[ ]",
      "{ }",
    ],
  ])("is %s", (text) => {
    expect([isAny(text), isParsed(utf8(text))]).toEqual([true, true]);
  });

  test.each([
    ...["-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x10", "1 2", "--1", "Infinity", "1_000"],
    ...["tru", "truE", "nul", "falsee", '"', '"a', '"\\"', '"\\x"', '"\\u12"', '"\\u12g4"', '"\\', '"\n"'],
    ...[
      "[",
      "[1",
      "[1,",
      "[,1]",
      "[1 2]",
      "]",
      "{",
      '{"a"',
      '{"a":',
      '{"a":1',
      '{"a":1,',
      '{"a":1,}',
      "{a:1}",
      "{1:1}",
      "{,}",
    ],
  ])("is not %s", (text) => {
    expect([isAny(text), isParsed(utf8(text))]).toEqual([false, false]);
  });

  test("does not borrow from what lies around it", () => {
    const bytes = utf8('  [1,2]"u1234"true');
    for (let start = 0; start <= bytes.length; start++) {
      for (let end = start; end <= bytes.length; end++) {
        expect(isJson(bytes, 3, "any", start, end)).toBe(isParsed(bytes.slice(start, end)));
      }
    }
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
