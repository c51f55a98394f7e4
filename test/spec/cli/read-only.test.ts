/** Data folders that whoever reads may not write to: on a file system mounted to be read, and for want of permission. */

import { execFile } from "node:child_process";
import { appendFile, chmod, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test } from "vitest";
import { openFolderSource } from "../../../server/src/inspect/folder-source.ts";
import { CANNOT_MOUNT, mountReadOnly } from "../../support/small-disk.ts";
import { hashesOf, TYPED, UNICODE } from "../inspect/folder-stage.ts";
import type { Ended } from "./stage.ts";
import { on, WritingStage } from "./writing-stage.ts";

const COMMAND = fileURLToPath(new URL("../../../cli/bin/joinery.js", import.meta.url));

let stage: WritingStage;

beforeAll(async () => {
  stage = await WritingStage.open();
});

afterAll(() => stage.close());

async function readOnly({ skip }: TestContext, folder: string): Promise<string> {
  const mounted = await mountReadOnly(folder);
  if (mounted === null) return skip(CANNOT_MOUNT);
  onTestFinished(() => mounted.unmount());
  return mounted.folder;
}

/** Somebody who owns nothing; root may do what permissions forbid. */
const NOBODY = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

const CLOSED = "nobody but root may run what is in this folder";

/** Whether they can run the command at all: the folder of the tests may be closed to others. */
function isOpenToNobody(): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, "--version"], { ...NOBODY, cwd: "/" }, (error) => {
      resolve(error === null);
    });
  });
}

/** Runs a command as they would. */
async function asNobody(args: readonly string[]): Promise<Ended> {
  const temporary = stage.path("of nobody");
  await mkdir(temporary, { recursive: true });
  await chmod(temporary, 0o777);
  await chmod(stage.path(), 0o755);
  const env = { ...process.env, TMPDIR: temporary };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { ...NOBODY, env, cwd: "/" }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

test("each command that reads says of a folder on a read-only file system what it says elsewhere", async (context) => {
  const data = await stage.folder();
  await on(data, ["rm", "--yes", UNICODE]);
  const mounted = await readOnly(context, data);
  await expect(writeFile(join(mounted, "a"), "")).rejects.toMatchObject({ code: "EROFS" });
  const before = await hashesOf(data);
  for (const args of [
    ["ls", "--json"],
    ["show", TYPED],
    ["stats", TYPED],
    ["log", TYPED],
    ["diff", "--json", TYPED, TYPED],
    ["export", TYPED, "--format", "text"],
    ["verify"],
    ["restore", "--list", "--json"],
  ]) {
    const ended = await on(mounted, args);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended).toEqual(await on(data, args));
  }
  expect(await hashesOf(data)).toEqual(before);
});

test("a folder that is read-only here, and changes while it is read, is said to be in use", async (context) => {
  const data = await stage.folder();
  const mounted = await readOnly(context, data);
  await (await openFolderSource(mounted)).close();
  let isOpening = true;
  const opening = openFolderSource(mounted).finally(() => {
    isOpening = false;
  });
  const refused = expect(opening).rejects.toMatchObject({
    code: "DATA_FOLDER_IN_USE",
    message: expect.stringContaining(`data folder ${JSON.stringify(mounted)} is in use: its files changed`),
  });
  // As a server does for which the folder is not read-only.
  while (isOpening) await appendFile(join(data, "level", "LOG"), "opened, or compacted\n");
  await refused;
});

test("whoever has no permission to write reads a read-only file system as well", async (context) => {
  if (!(await isOpenToNobody())) return context.skip(CLOSED);
  const data = await stage.folder();
  const mounted = await readOnly(context, data);
  expect(await asNobody(["ls", "--json", "--data", mounted])).toEqual(await on(data, ["ls", "--json"]));
});

test("a folder without permission to lock it is not read, and it is said what to do", async ({ skip }) => {
  if (!(await isOpenToNobody())) return skip(CLOSED);
  const data = await stage.folder();
  await chmod(join(data, "level", "LOCK"), 0o444);
  const before = await hashesOf(data);
  const { code, stdout, stderr } = await asNobody(["ls", "--data", data]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toContain(
    `data folder ${JSON.stringify(data)} cannot be read: there is no permission to lock it (to write to level/LOCK)`,
  );
  expect(stderr).toContain("Read it as the user it belongs to");
  expect(stderr).not.toContain(stage.path("of nobody"));
  expect(await readdir(stage.path("of nobody"))).toEqual([]);
  expect(await hashesOf(data)).toEqual(before);
});
