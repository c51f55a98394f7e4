import { describe, expect, test } from "vitest";
import { Conditions } from "../../../server/src/http/api/conditions.ts";

const match = (header: string) => new Conditions("POST", { "if-match": header });
const noneMatch = (header: string, method = "GET") => new Conditions(method, { "if-none-match": header });

function demanded(conditions: Conditions, etag: string | null): string {
  try {
    conditions.demand(etag);
    return "holds";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("what is shown as If-None-Match", () => {
  test.each([
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    [' "b" ,W/"a" ', true],
    ["*", true],
    [" * ", true],
    ['"b"', false],
    ['"A"', false],
    [', "b",, "a" ,', true],
    [" , ,", false],
    ['"a-gzip"', false],
    ["", false],
  ])("%s says that the client has it: %s", (header, has) => {
    expect(noneMatch(header).isUnchanged("a")).toBe(has);
    expect(noneMatch(header, "HEAD").isUnchanged("a")).toBe(has);
  });

  test("keeps nobody from an answer who does something", () => {
    expect(noneMatch('"a"', "POST").isUnchanged("a")).toBe(false);
  });

  test("is no demand of who reads, and one of who writes", () => {
    expect([noneMatch("*").areDemanding, noneMatch("*", "POST").areDemanding]).toEqual([false, true]);
    expect(demanded(noneMatch("*"), "a")).toBe("holds");
    expect(demanded(noneMatch("*", "POST"), "a")).toBe("REVISION_CHANGED");
    expect(demanded(noneMatch('W/"a"', "POST"), "a")).toBe("REVISION_CHANGED");
    expect(demanded(noneMatch("*", "POST"), null)).toBe("holds");
  });
});

describe("what is shown as If-Match", () => {
  test.each([
    ['"a"', "holds"],
    ['"b","a"', "holds"],
    ["*", "holds"],
    ['W/"a"', "REVISION_CHANGED"],
    ['"b"', "REVISION_CHANGED"],
    ['"a"x"', "INVALID"],
    ["", "REVISION_CHANGED"],
  ])("%s is held against a document at a: %s", (header, expected) => {
    if (expected === "INVALID") expect(() => match(header)).toThrow("no list of entity tags");
    else expect(demanded(match(header), "a")).toBe(expected);
  });

  test.each(['"a"', "*"])("%s never holds where nothing is there", (header) => {
    expect(demanded(match(header), null)).toBe("REVISION_CHANGED");
  });

  test("that is absent demands nothing", () => {
    const conditions = new Conditions("POST", {});
    expect([conditions.areDemanding, demanded(conditions, "a"), demanded(conditions, null)]).toEqual([
      false,
      "holds",
      "holds",
    ]);
  });
});

test.each(["a", '"a" "b"', '"a', "'a'", 'w/"a"', '"a";', '"\u0001"', '*, "a"', '"a" *'])(
  "what is no list of entity tags is refused, and not taken for one that does not fit: %j",
  (header) => {
    expect(() => match(header)).toThrow("If-Match is no list of entity tags");
    expect(() => noneMatch(header)).toThrow("If-None-Match is no list of entity tags");
  },
);
