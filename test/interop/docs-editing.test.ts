/** The code in docs/editing.md: it is taken from there, pointed at a port of the test's own, and run. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { countDocsBlocks, EXAMPLES, readDocsExamples } from "../support/docs-examples.ts";
import { ExampleProgram, openExampleFolder } from "../support/example-program.ts";
import { freePort } from "../support/free-port.ts";

const NAMES = ["edit-server.ts", "edit-http.ts"];
const examples = readDocsExamples("editing.md");

test("docs/editing.md shows code that is compiled: its blocks are files of examples/embed", () => {
  expect([...examples.keys()]).toEqual(NAMES);
  expect(countDocsBlocks("editing.md")).toBe(NAMES.length);
  for (const name of NAMES) expect(examples.get(name)).toBe(readFileSync(join(EXAMPLES, name), "utf8"));
});

test("edit-server.ts fills a document, and edit-http.ts changes it over HTTP", async () => {
  const folder = await openExampleFolder();
  const port = await freePort();
  const start = (name: string) => {
    const code = examples.get(name)?.replaceAll("4321", String(port)) ?? "";
    return ExampleProgram.start({ folder, name, code });
  };
  const server = await start("edit-server.ts");
  await server.says("on disk as batch 1");
  await (await start("edit-http.ts")).ends();
  const read = await fetch(`http://127.0.0.1:${port}/api/v1/documents/shopping/json`);
  expect(await read.json()).toEqual({ title: "For the weekend", open: ["bread"], bought: ["milk"] });
  const log = await fetch(`http://127.0.0.1:${port}/api/v1/documents/shopping/log`);
  const { entries } = (await log.json()) as { entries: { parts: { author: string }[] }[] };
  expect(entries.map(({ parts }) => parts.map(({ author }) => author))).toEqual([["importer"], [""]]);
});
