import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

test("docs/cli.md is what the commands make; if not, run: npm run docs:cli", () => {
  const page = execFileSync(process.execPath, ["scripts/cli-page.ts", "--print"], { cwd: ROOT });
  expect(readFileSync(`${ROOT}/docs/cli.md`, "utf8")).toBe(page.toString());
});
