import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

test("docs/limits.md is what the table of limits makes; if not, run: npm run docs:limits", () => {
  const page = execFileSync(process.execPath, ["scripts/limits-page.ts", "--print"], { cwd: ROOT });
  expect(readFileSync(`${ROOT}/docs/limits.md`, "utf8")).toBe(page.toString());
});
