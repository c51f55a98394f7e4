import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Exit, runCommand } from "../support/server-process.ts";
import { openStage } from "./stage.ts";

test("a second process on the same data folder is refused by name, and the first goes on", async () => {
  const stage = await openStage();
  const writer = await stage.join("doc").synced();
  const exit = await serve({ port: 0, data: stage.server.dataFolder });
  expectRefusal(exit, stage.server.dataFolder);
  expect(exit.stderr).toMatch(/use/);

  writer.text.insert(0, "still here");
  await stage.join("doc").reads("still here");
});

test("a port in use is refused by number", async () => {
  const stage = await openStage();
  const exit = await serve({ port: stage.server.port, data: await temporaryFolder() });
  expectRefusal(exit, String(stage.server.port));
  expect(exit.stderr).toMatch(/use/);
});

test("a data folder that cannot be made is refused by name", async () => {
  const file = join(await temporaryFolder(), "file");
  await writeFile(file, "not a folder");
  for (const data of [file, join(file, "data")]) expectRefusal(await serve({ port: 0, data }), data);
});

test.runIf(process.platform === "linux")(
  "a data folder that cannot be written is refused by name",
  async () => {
    // Also for root, whom permissions do not stop.
    expectRefusal(await serve({ port: 0, data: "/sys/joinery" }), "/sys/joinery");
  },
);

test.each([
  ["a port that is none", ["--port", "70000"], "70000", 1],
  ["an unknown option", ["--prot", "1"], "--prot", 2],
])("%s is refused", async (_what, args, named, code) => {
  const exit = await runCommand(["serve", "--data", await temporaryFolder(), ...args]);
  expect(exit.code).toBe(code);
  expect(exit.stderr).toContain(named);
});

async function serve({ port, data }: { port: number; data: string }): Promise<Exit> {
  return await runCommand(["serve", "--host", "127.0.0.1", "--port", String(port), "--data", data]);
}

function expectRefusal(exit: Exit, named: string): void {
  expect(exit).toMatchObject({ code: 1, signal: null });
  expect(exit.stderr.trimEnd().split("\n")).toEqual([expect.stringContaining(named)]);
  expect(exit.stdout).not.toContain("http://");
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
