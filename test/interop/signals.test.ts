import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { Peer } from "../support/peer.ts";
import { until, within } from "../support/until.ts";
import { openStage } from "./stage.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s stores, sends clients away and ends with 0",
  async (signal) => {
    const stage = await openStage();
    const ann = await stage.join("notes").synced();
    ann.text.insert(0, "last words");
    const exit = await stage.server.end(signal);
    expect(exit.code).toBe(0);
    await until("the client to be told", () => ann.closeCodes.includes(1012));
    await stage.server.start();
    const ben = await stage.join("notes").synced();
    expect(ben.text.toString()).toBe("last words");
  },
);

test("a server whose output nobody reads any more still stops as it should", async () => {
  const folder = await mkdtemp(join(tmpdir(), "joinery-pipe-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  // A pipe of the shell, whose reader ends after the first line.
  const line = `"${process.execPath}" "${COMMAND}" serve --port 0 --data "${folder}" 2>/dev/null | head -n 1`;
  const shell = spawn("sh", ["-c", line], { stdio: "ignore" });
  onTestFinished(() => {
    shell.kill("SIGKILL");
  });
  const file = join(folder, "server.json");
  await until("the server to listen", () => existsSync(file));
  const { pid, url } = JSON.parse(await readFile(file, "utf8")) as { pid: number; url: string };
  onTestFinished(() => {
    if (existsSync(file)) process.kill(pid, "SIGKILL");
  });
  const ann = new Peer(url.replace("http:", "ws:"), "notes");
  onTestFinished(() => ann.leave());
  await ann.synced();
  ann.text.insert(0, "last words");
  process.kill(pid, "SIGTERM");
  await within("the shell to end", once(shell, "exit"));
  expect(ann.closeCodes).toContain(1012);
  // It is removed at the very end, after everything is stored.
  expect(existsSync(file)).toBe(false);
});
