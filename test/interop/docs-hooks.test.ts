/** The code in docs/hooks.md: it is taken from there, pointed at a port of the test's own, and run. */

import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countDocsBlocks, EXAMPLES, readDocsExamples } from "../support/docs-examples.ts";
import { ExampleProgram, openExampleFolder } from "../support/example-program.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { isRefused, openClient, reads, textOf } from "./native-client.ts";

const NAME = "hooks-server.ts";
const examples = readDocsExamples("hooks.md");

/** Runs the block as it is in the page, but for the port. */
async function run(folder: string): Promise<{ url: string; program: ExampleProgram }> {
  const port = await freePort();
  const shown = examples.get(NAME) ?? "";
  expect(shown).toContain("port: 4321");
  const code = shown.replace("port: 4321", `port: ${port}`);
  const program = await ExampleProgram.start({ folder, name: NAME, code });
  return { url: `ws://127.0.0.1:${port}`, program };
}

test("docs/hooks.md shows code that is compiled: its block is a file of examples/embed", () => {
  expect([...examples.keys()]).toEqual([NAME]);
  expect(countDocsBlocks("hooks.md")).toBe(1);
  expect(examples.get(NAME)).toBe(readFileSync(join(EXAMPLES, NAME), "utf8"));
});

test("hooks-server.ts lets in whom it knows, keeps documents in files, and brings them back from there", async () => {
  const folder = await openExampleFolder();
  const first = await run(folder);
  const stranger = openClient({ url: first.url }).open("notes");
  await isRefused(stranger, "PERMISSION_DENIED");
  expect(stranger.status.reason).toContain("log in first");
  const ann = openClient({ url: first.url, token: "ann's token" });
  const notes = ann.open("notes");
  await notes.whenSynced();
  textOf(notes).insert(0, "kept elsewhere");
  await first.program.says("ann wrote notes, 1");
  await isRefused(ann.open("private/diary"), "PERMISSION_DENIED");
  const file = join(folder, "kept", "notes.bin");
  await until("it to be kept", () => {
    try {
      return readFileSync(file).includes("kept elsewhere");
    } catch {
      return false;
    }
  });
  await ann.close();
  await first.program.kill();

  await rm(join(folder, "data"), { recursive: true });
  const second = await run(folder);
  const later = openClient({ url: second.url, token: "ann's token" }).open("notes");
  await reads(later, "kept elsewhere");
});
