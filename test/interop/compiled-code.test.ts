import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeEach, expect, onTestFinished, test } from "vitest";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));
const VERSION = /^\d+\.\d+\.\d+\n$/;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "joinery-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
});

async function version(env: Record<string, string>): Promise<string> {
  const { PATH = "" } = process.env;
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, "--version"], {
    cwd: folder,
    env: { PATH, ...env },
  });
  return stdout;
}

test("the command keeps its compiled code in the user's folder for such things", async () => {
  expect(await version({ HOME: folder })).toMatch(VERSION);
  expect(await readdir(join(folder, ".cache", "joinery"))).not.toEqual([]);
});

test("the command does without compiled code where it has no folder for it", async () => {
  expect(await version({})).toMatch(VERSION);
});

test("the command takes no compiled code from where it happens to be run", async () => {
  expect(await version({ XDG_CACHE_HOME: "cache", HOME: "home" })).toMatch(VERSION);
  expect(await readdir(folder)).toEqual([]);
});
