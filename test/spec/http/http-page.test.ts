import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

test("docs/http.md is what the description of the API makes; if not, run: npm run docs:http", () => {
  const page = execFileSync(process.execPath, ["scripts/http-page.ts", "--print"], { cwd: ROOT });
  expect(readFileSync(`${ROOT}/docs/http.md`, "utf8")).toBe(page.toString());
});
