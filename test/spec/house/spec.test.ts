import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Rules that no test names yet. It may only become shorter. */
const NOT_YET_SHOWN: readonly string[] = [];

const rules = [...readFileSync(join(ROOT, "SPEC.md"), "utf8").matchAll(/^- \*\*([A-Z]\d+)\*\* (.+)$/gm)].map(
  ([, id = "", sentence = ""]) => ({ id, sentence }),
);
const ids = new Set(rules.map(({ id }) => id));

/** Rules by the files that name them in a title: `"[U2] …"`, or several, `"[U2] [U3] …"`. */
const cited = new Map<string, string>();
for (const file of readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts") || file.includes("node_modules") || file.endsWith("house/spec.test.ts")) continue;
  const code = readFileSync(join(ROOT, "test", file), "utf8");
  for (const [title] of code.matchAll(/["'`](?:\[[A-Z]\d+\] ?)+/g)) {
    for (const [, id = ""] of title.matchAll(/\[([A-Z]\d+)\]/g)) cited.set(id, file);
  }
}

test("SPEC.md names each rule once, by the letter of its chapter, and says it in one sentence", () => {
  expect(rules.length).toBeGreaterThan(80);
  expect(rules.map(({ id }) => id)).toEqual([...ids]);
  for (const { id, sentence } of rules) expect(sentence, id).toMatch(/^[A-Z][^.]*(?:\.\S[^.]*)*\.$/);
  const chapters = readFileSync(join(ROOT, "SPEC.md"), "utf8").split(/^## /m).slice(1);
  for (const chapter of chapters) {
    const letters = new Set([...chapter.matchAll(/^- \*\*([A-Z])\d+\*\*/gm)].map(([, letter]) => letter));
    expect(letters.size, chapter.split("\n")[0]).toBe(1);
  }
});

test("tests name only rules that SPEC.md has", () => {
  expect([...cited].filter(([id]) => !ids.has(id))).toEqual([]);
});

test("each rule is named by a test, or on the list of those that are not yet", () => {
  const missing = [...ids].filter((id) => !cited.has(id) && !NOT_YET_SHOWN.includes(id));
  expect(missing, "rules without a test").toEqual([]);
  const shown = NOT_YET_SHOWN.filter((id) => cited.has(id) || !ids.has(id));
  expect(shown, "take these off the list NOT_YET_SHOWN").toEqual([]);
});
