import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ERRORS, type ErrorCode } from "@joinery/shared";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "SPEC.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...markdownIn("docs"),
];

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
    .map((name) => `${folder}/${name}`);
}

describe("what is written", () => {
  test("shows only code that is compiled and run as an example", () => {
    const examples = sources("examples/embed").map(read);
    const blocks = [...read("README.md").matchAll(/```ts\n(.*?)```/gs)].map((match) => match[1] as string);
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(examples).toContain(block);
  });

  test.each(DOCUMENTS)("links only to what is there: %s", (document) => {
    const folder = join(ROOT, document, "..");
    for (const [, target] of read(document).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(() => readFileSync(join(folder, target as string)), target).not.toThrow();
    }
  });

  test.each(DOCUMENTS)("gives errors the close codes that they have: %s", (document) => {
    for (const [row, closeCode] of read(document).matchAll(/^\| (\d{4}) \|.*$/gm)) {
      for (const [, error] of row.matchAll(/`([A-Z_]+)`/g)) {
        expect(ERRORS[error as ErrorCode]?.closeCode, error).toBe(Number(closeCode));
      }
    }
  });

  test("names only files that are there", () => {
    const files = new Set(["shared/src", "server/src", "client/src", "cli/src", "test"].flatMap(sources));
    const named = [...read("ARCHITECTURE.md").matchAll(/`([\w-]+(?:\/[\w-]+)*\.ts)`/g)].map(
      (match) => match[1],
    );
    expect(named.length).toBeGreaterThan(10);
    for (const name of named) {
      const found = [...files].some((file) => file === name || file.endsWith(`/${name}`));
      expect(found, name).toBe(true);
    }
  });

  test("names in ARCHITECTURE.md only methods that are there", () => {
    const engine = sources("server/src").map(read).join("\n");
    for (const [, method] of read("ARCHITECTURE.md").matchAll(/, `(#\w+)`/g)) {
      expect(engine, method).toMatch(new RegExp(`${method}\\(`));
    }
  });

  test.each(DOCUMENTS)("names only paths that are there: %s", (document) => {
    for (const [, path] of read(document).matchAll(/`((?:test|server|shared)\/[^\s`<*…]+)`/g)) {
      expect(existsSync(join(ROOT, path as string)), path).toBe(true);
    }
  });
});

describe("the threat model", () => {
  const model = read("docs/threat-model.md");

  test("names only classes of bad input that have a test", () => {
    const tested = new Set(sources("test").flatMap((file) => inputClasses(read(file), /["'`](?=F\d)/)));
    const named = inputClasses(model, /\b(?=F\d)/);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((name) => !tested.has(name))).toEqual([]);
  });

  test("gives limits the defaults that they have", () => {
    const page = read("docs/limits.md");
    const named = [...model.matchAll(/`(\w+)` \((\d[^)]*)\)/g)];
    expect(named.length).toBeGreaterThan(30);
    // Lines are broken anywhere.
    for (const [, name, value = ""] of named) {
      expect(page).toContain(`| \`${name}\` | ${value.replaceAll(/\s+/g, " ")} |`);
    }
  });

  test("numbers its threats one after the other, and refers to those", () => {
    const threats = [...model.matchAll(/^### T(\d+) /gm)].map((match) => Number(match[1]));
    expect(threats).toEqual(threats.map((_, i) => i + 1));
    for (const [, number] of model.matchAll(/\bT(\d+)\b/g)) expect(threats).toContain(Number(number));
  });
});

/** Classes such as F27; `F26-F29` are four. @param before What stands in front of one. */
function inputClasses(text: string, before: RegExp): string[] {
  const range = new RegExp(`${before.source}F(\\d{2,3})\\b(?:[-–]F(\\d{2,3}))?`, "g");
  return [...text.matchAll(range)].flatMap(([, first, last = first]) => {
    const [from, to] = [Number(first), Number(last)];
    return Array.from({ length: to - from + 1 }, (_, i) => `F${from + i}`);
  });
}

describe("the table of errors", () => {
  test("has only codes that are raised somewhere", () => {
    const code = ["shared/src", "server/src", "client/src", "cli/src"]
      .flatMap(sources)
      .filter((file) => !/^shared\/src\/error/.test(file))
      .map(read)
      .join("\n");
    const codes = [...read("shared/src/errors.ts").matchAll(/^ {2}([A-Z_]+): \w+\(/gm)].map(
      (match) => match[1],
    );
    expect(codes.length).toBeGreaterThan(10);
    for (const name of codes) expect(code).toContain(`"${name}"`);
  });
});

describe("the table of limits", () => {
  test("has only limits that bound something", () => {
    const code = ["shared/src", "server/src"]
      .flatMap(sources)
      .filter((file) => file !== "shared/src/limits.ts")
      .map(read)
      .join("\n");
    const names = [...read("shared/src/limits.ts").matchAll(/^ {2}(\w+): \{$/gm)].map(
      (match) => match[1] as string,
    );
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) expect(code, name).toMatch(new RegExp(`\\b${name}\\b`));
  });
});
