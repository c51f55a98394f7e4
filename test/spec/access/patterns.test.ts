import { JoineryError } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DocumentPatterns } from "../../../server/src/access/patterns.ts";
import { Rights } from "../../../server/src/engine/rights.ts";

const does = (pattern: string, name: string): boolean =>
  !DocumentPatterns.parse({ [pattern]: "read" }).rightsFor(name).isNone;

describe("a pattern", () => {
  test.each([
    ["notes/today", "notes/today"],
    ["notes/*", "notes/today"],
    ["notes/*", "notes/"],
    ["notes/draft-*", "notes/draft-"],
    ["notes/draft-*", "notes/draft-1"],
    ["*/today", "notes/today"],
    ["a*b*c", "abxbc"],
    ["*", "notes"],
    ["public/**", "public/a"],
    ["public/**", "public/a/b"],
    ["public/**", "public/"],
    ["a/**/b", "a/b"],
    ["a/**/b", "a/x/y/b"],
    ["**/secret", "secret"],
    ["**/secret", "a/b/secret"],
    ["**/a/**/a", "a/b/a/a"],
    ["**/**", "a"],
    ["**", "a/b/c"],
    ["**", ""],
    ["a.c", "a.c"],
    ["a[b]?(c)+$^\\", "a[b]?(c)+$^\\"],
    ["caf\u0065\u0301", "caf\u00e9"],
    ["__proto__", "__proto__"],
  ])("%j matches %j", (pattern, name) => {
    expect(does(pattern, name)).toBe(true);
  });

  test.each([
    ["notes/*", "notes"],
    ["notes/*", "notes/a/b"],
    ["notes/*", "other/a"],
    ["notes/draft-*", "notes/draft"],
    ["*", "a/b"],
    ["*", ""],
    ["*/**", ""],
    ["public/**", "public"],
    ["public/**", "publicity"],
    ["public/**", "x/public/a"],
    ["a/**/b", "a"],
    ["a/**/b", "ab"],
    ["**/secret", "asecret"],
    ["a.c", "abc"],
    ["a?", "ab"],
    ["[ab]", "a"],
    ["A", "a"],
    ["constructor", "toString"],
  ])("%j does not match %j", (pattern, name) => {
    expect(does(pattern, name)).toBe(false);
  });

  test.each([
    ["", /empty pattern/],
    ["a**", /part of its own/],
    ["***", /part of its own/],
    ["a/**b/c", /part of its own/],
    ["\ud800", /not valid Unicode/],
    ["x".repeat(513), /longer than 512 bytes/],
    ["é".repeat(257), /longer than 512 bytes/],
  ])("may not be %j", (pattern, reason) => {
    expect(() => DocumentPatterns.parse({ [pattern]: "read" })).toThrow(reason);
  });

  test("may have 512 bytes, and there may be 200 of them but not more", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i}`.padEnd(512, "x"), "read"]));
    expect(DocumentPatterns.parse(many(200)).entries).toHaveLength(200);
    expect(() => DocumentPatterns.parse(many(201))).toThrow("more than 200 patterns");
  });

  test.each([null, undefined, 1, "readonly", "constructor", {}, ["read", "delete"], "__proto__"])(
    "may not have the rights %j",
    (spec) => {
      expect(() => DocumentPatterns.parse({ a: spec })).toThrow(/other than "none", "read"/);
    },
  );
});

test.each([null, undefined, 1, "all", ["everything"], true])("%j is no set of patterns", (value) => {
  const parse = () => DocumentPatterns.parse(value);
  expect(parse).toThrow(JoineryError);
  expect(parse).toThrow("or an object of patterns");
});

test("what is allowed with the server as a whole is what is allowed with every document", () => {
  const whole = (patterns: object) => DocumentPatterns.parse(patterns).rightsFor("").actions;
  expect(whole({ "**": "manage" })).toEqual(Rights.MANAGER.actions);
  expect(whole({ "**": "read", "notes/secret": "none" })).toEqual([]);
  expect(whole({ "**": "manage", "notes/*": "read" })).toEqual(Rights.READER.actions);
  expect(whole({ "**": "read", "notes/*": "manage" })).toEqual(Rights.READER.actions);
  expect(whole({ "notes/**": "manage" })).toEqual([]);
});

test("rights alone are those for everything, the server as a whole too", () => {
  const patterns = DocumentPatterns.parse("write");
  for (const name of ["a", "a/b", ""]) expect(patterns.rightsFor(name)).toBe(Rights.WRITER);
  expect(DocumentPatterns.parse(["read", "history"]).rightsFor("a").actions).toEqual(["read", "history"]);
  expect(DocumentPatterns.parse("none").isNothing).toBe(true);
  expect(DocumentPatterns.parse({ "**": "none", a: ["write"] }).isNothing).toBe(true);
  expect(DocumentPatterns.parse({}).isNothing).toBe(true);
  expect(DocumentPatterns.parse({ "**": "none", a: "read" }).isNothing).toBe(false);
});

test("N11 a pattern that is called like something every object has is one like any other", () => {
  const patterns = DocumentPatterns.parse(JSON.parse('{"__proto__":"read","constructor":"write"}'));
  expect(patterns.rightsFor("__proto__")).toBe(Rights.READER);
  expect(patterns.rightsFor("constructor")).toBe(Rights.WRITER);
  for (const name of ["toString", "hasOwnProperty", "valueOf"]) {
    expect(patterns.rightsFor(name)).toBe(Rights.NONE);
  }
});

describe("of several patterns that match", () => {
  const rightsOf = (patterns: Record<string, string>, name: string) =>
    DocumentPatterns.parse(patterns).rightsFor(name);

  test("the most specific holds, whatever their order", () => {
    const patterns = { "**": "read", "drafts/*": "write", "drafts/secret": "none" };
    const backwards = Object.fromEntries(Object.entries(patterns).reverse());
    for (const all of [patterns, backwards]) {
      expect(rightsOf(all, "drafts/secret")).toBe(Rights.NONE);
      expect(rightsOf(all, "drafts/a")).toBe(Rights.WRITER);
      expect(rightsOf(all, "drafts/a/b")).toBe(Rights.READER);
      expect(rightsOf(all, "other")).toBe(Rights.READER);
    }
  });

  test.each([
    ["more text before the first star", { "ab*": "write", "a*xyz": "read" }, "abxyz", Rights.WRITER],
    ["more text in all", { "*b": "read", "*ab": "write" }, "ab", Rights.WRITER],
    ["one part before any number", { "notes/*": "write", "notes/**": "read" }, "notes/a", Rights.WRITER],
    ["no star before one", { "a*": "read", a: "write" }, "a", Rights.WRITER],
    ["the stricter of equals", { "*a/*": "none", "*/b*": "write", "**": "read" }, "aa/bb", Rights.NONE],
    ["what both of equals allow", { "*a/*": "write", "*/b*": "read" }, "aa/bb", Rights.READER],
    ["the stricter of one in two spellings", { "\u00e9": "write", "e\u0301": "none" }, "\u00e9", Rights.NONE],
  ])("%s", (_, patterns, name, rights) => {
    expect(rightsOf(patterns as unknown as Record<string, string>, name)).toBe(rights);
  });
});

describe("hostile patterns", () => {
  test("take no longer than the product of the lengths, which many stars would with a regular expression", () => {
    const patterns = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [`${"*a".repeat(200)}${i}b`, "read"]),
    );
    const all = DocumentPatterns.parse(patterns);
    expect(all.rightsFor("a".repeat(512))).toBe(Rights.NONE);
    const deep = DocumentPatterns.parse({ [`${"**/a/".repeat(100)}b`]: "read" });
    expect(deep.rightsFor("a/".repeat(255))).toBe(Rights.NONE);
  });
});

describe("as a slow and obvious matcher says", () => {
  const part = fc.oneof(
    { weight: 3, arbitrary: fc.stringMatching(/^[ab]{0,3}$/) },
    {
      weight: 2,
      arbitrary: fc.stringMatching(/^[ab]{0,2}(\*[ab]{0,2}){1,2}$/).filter((text) => !text.includes("**")),
    },
    { weight: 2, arbitrary: fc.constant("**") },
  );
  const pattern = fc
    .array(part, { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join("/"))
    .filter((text) => text !== "");
  const name = fc.stringMatching(/^[ab/]{0,8}$/);

  test("a pattern matches", () => {
    let matched = 0;
    fc.assert(
      fc.property(pattern, name, (text, candidate) => {
        const expected = oracle(text, candidate);
        if (expected) matched++;
        expect(does(text, candidate)).toBe(expected);
      }),
      { numRuns: 5_000, seed: 88 },
    );
    expect(matched).toBeGreaterThan(500);
  });

  test("a set says what its single patterns say, by rank", () => {
    const level = fc.constantFrom("none" as const, "read" as const, "write" as const);
    fc.assert(
      fc.property(
        fc.dictionary(pattern, level, { maxKeys: 5, noNullPrototype: true }),
        name,
        (all, candidate) => {
          // Of all documents together: another test.
          fc.pre(candidate !== "");
          const fitting = Object.keys(all).filter((text) => oracle(text, candidate));
          const rights = DocumentPatterns.parse(all).rightsFor(candidate);
          const allowed = fitting.map((text) => Rights.from(all[text] as "read"));
          // What holds is said by one of them, and what only the least specific says never wins over an exact one.
          expect([Rights.NONE, ...allowed]).toContain(rights);
          if (fitting.length === 0) expect(rights).toBe(Rights.NONE);
          if (fitting.includes(candidate)) expect(rights).toBe(Rights.from(all[candidate] as "read"));
          const [longest] = fitting.toSorted((a, b) => prefixOf(b) - prefixOf(a));
          const rivals = fitting.filter((text) => prefixOf(text) === prefixOf(longest as string));
          if (rivals.length === 1) expect(rights).toBe(Rights.from(all[longest as string] as "read"));
        },
      ),
      { numRuns: 2_000, seed: 89 },
    );
  });
});

function prefixOf(text: string): number {
  // Some parts that any number of stand for, one after the other, are said once.
  const canonical = text.replace(/(^|\/)\*\*(\/\*\*)+(?=\/|$)/g, "$1**");
  return canonical.includes("*") ? canonical.indexOf("*") : canonical.length;
}

/** Tries everything: each star takes each number of characters, each double star each number of parts. */
function oracle(pattern: string, name: string): boolean {
  if (name === "") return /^\*\*(\/\*\*)*$/.test(pattern);
  const parts = pattern.split("/");
  return tryParts(
    parts,
    name.split("/"),
    parts.some((one) => one !== "**"),
  );
}

function tryParts([first, ...rest]: string[], name: string[], isLastOneAtLeast: boolean): boolean {
  if (first === undefined) return name.length === 0;
  if (first !== "**") {
    return (
      name.length > 0 && tryText(first, name[0] as string) && tryParts(rest, name.slice(1), isLastOneAtLeast)
    );
  }
  const isAtEnd = rest.every((one) => one === "**");
  if (isAtEnd && isLastOneAtLeast) return name.length > 0;
  return (
    name.some((_, i) => tryParts(rest, name.slice(i), isLastOneAtLeast)) ||
    tryParts(rest, [], isLastOneAtLeast)
  );
}

function tryText(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] !== "*") return text[0] === pattern[0] && tryText(pattern.slice(1), text.slice(1));
  for (let i = 0; i <= text.length; i++) if (tryText(pattern.slice(1), text.slice(i))) return true;
  return false;
}
