/** Lists in terminals as narrow as they come. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { widthOf } from "../../../cli/src/output/text.ts";
import { EVERY_TYPE, TYPED, withStorage, writeDocuments } from "../inspect/folder-stage.ts";
import { goldenFile, joinery } from "./stage.ts";

let parent = "";
let folder = "";

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-narrow-"));
  folder = join(parent, "data");
  await withStorage(folder, writeDocuments);
});

afterAll(() => rm(parent, { recursive: true, force: true }));

const COMMANDS: readonly (readonly string[])[] = [
  ["ls"],
  ["log", TYPED, "--limit", "12"],
  ["log", TYPED, "--after", "0", "--limit", "3"],
  ["log", EVERY_TYPE],
];

test.each(
  COMMANDS.flatMap((args) => [40, 59, 60, 79, 99].map((columns) => [args.join(" "), columns, args] as const)),
)("no line of joinery %s is longer than %i columns", async (_, columns, [command = "", ...args]) => {
  const { code, stdout } = await joinery([command, "--data", folder, ...args], columns);
  expect(code).toBe(0);
  for (const line of stdout.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
  if (columns === 40)
    await expect(stdout).toMatchFileSnapshot(goldenFile(`${command} ${args.join(" ")} in 40`));
});
