/** The code in docs/hooks.md: it is taken from there, pointed at a port of the test's own, and run. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { countDocsBlocks, EXAMPLES, readDocsExamples } from "../support/docs-examples.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/until.ts";
import { isRefused, openClient, reads, textOf } from "./native-client.ts";

const CACHE = fileURLToPath(new URL("../../.cache/docs", import.meta.url));
const NAME = "hooks-server.ts";
const examples = readDocsExamples("hooks.md");

interface Running {
  readonly url: string;
  readonly output: () => string;
  stop(): Promise<void>;
}

/** Runs the block in a folder where it finds the packages of this workspace. */
async function run(folder: string): Promise<Running> {
  const port = await freePort();
  const code = examples.get(NAME) ?? "";
  expect(code).toContain("port: 4321");
  const file = join(folder, NAME);
  await writeFile(file, code.replace("port: 4321", `port: ${port}`));
  const env = { PATH: process.env.PATH ?? "" };
  const child: ChildProcess = spawn(process.execPath, [file], { cwd: folder, env, stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const exited = once(child, "close");
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(stop);
  return { url: `ws://127.0.0.1:${port}`, output: () => output, stop };
}

test("docs/hooks.md shows code that is compiled: its block is a file of examples/embed", () => {
  expect([...examples.keys()]).toEqual([NAME]);
  expect(countDocsBlocks("hooks.md")).toBe(1);
  expect(examples.get(NAME)).toBe(readFileSync(join(EXAMPLES, NAME), "utf8"));
});

test("hooks-server.ts lets in whom it knows, keeps documents in files, and brings them back from there", async () => {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "run-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const first = await run(folder);
  const stranger = openClient({ url: first.url }).open("notes");
  await isRefused(stranger, "PERMISSION_DENIED");
  expect(stranger.status.reason).toContain("log in first");
  const ann = openClient({ url: first.url, token: "ann's token" });
  const notes = ann.open("notes");
  await notes.whenSynced();
  textOf(notes).insert(0, "kept elsewhere");
  await until("it to be told", () => first.output().includes("ann wrote notes, 1"), { saw: first.output });
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
  await first.stop();

  await rm(join(folder, "data"), { recursive: true });
  const second = await run(folder);
  const later = openClient({ url: second.url, token: "ann's token" }).open("notes");
  await reads(later, "kept elsewhere");
});
