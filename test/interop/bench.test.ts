/** The benchmark's command: a smoke run, a run that is wrong, and one that is interrupted. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { ScenarioRecord } from "../../bench/src/report/record.ts";
import { until } from "../support/until.ts";

const MAIN = fileURLToPath(new URL("../../bench/src/main.ts", import.meta.url));
const RESULTS = fileURLToPath(new URL("../../bench/results/", import.meta.url));
const CACHE = fileURLToPath(new URL("../../bench/.cache/", import.meta.url));
const QUICK = ["--quick", "--seconds", "0.5", "--scenario", "meeting", "--peer", "joinery"];

/** The command, and what it has printed so far. */
class Bench {
  stdout = "";
  stderr = "";
  readonly child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.#exited = once(this.child, "close");
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    onTestFinished(() => {
      this.child.kill();
    });
  }

  async exitCode(): Promise<number | null> {
    await this.#exited;
    return this.child.exitCode;
  }
}

test("a smoke run measures, checks every delivery, and leaves the results that are kept alone", async () => {
  const before = await kept();
  const bench = new Bench(...QUICK, "--json");
  expect(await bench.exitCode(), bench.stderr).toBe(0);
  const [record, ...others] = JSON.parse(bench.stdout) as ScenarioRecord[];
  expect(others).toEqual([]);
  expect(record?.id).toBe("meeting");
  expect(record?.servers.map(({ id, rounds }) => [id, rounds.length])).toEqual([["joinery", 1]]);
  const [round] = record?.servers[0]?.rounds ?? [];
  expect(round?.measurement.checked.count).toBeGreaterThan(0);
  expect(round?.values.cpuMicrosPerDelivery).toBeGreaterThan(0);
  expect(record?.goals, "a small load says nothing about them").toEqual([]);
  expect(bench.stderr).not.toMatch(/^Goals$/m);
  expect(await kept()).toEqual(before);
});

test("a run in which an edit does not arrive has no number, and ends with 1", async () => {
  const checkout = await mkdtemp(join(tmpdir(), "joinery-bench-"));
  onTestFinished(() => rm(checkout, { recursive: true }));
  await mkdir(join(checkout, "cli/bin"), { recursive: true });
  await writeFile(join(checkout, "package.json"), '{"type":"module"}');
  await writeFile(join(checkout, "cli/bin/joinery.js"), FORGETFUL);
  const bench = new Bench(...QUICK, "--json", "--before", checkout);
  expect(await bench.exitCode(), bench.stderr).toBe(1);
  expect(bench.stderr).toMatch(/^✗ before, meeting: ticks \d+ to \d+ of client \d+ did not arrive/m);
  expect(bench.stderr).toMatch(/^✗ no result: meeting$/m);
  expect(JSON.parse(bench.stdout)).toEqual([]);
});

test("an interrupted run ends its server and removes the server's data", async () => {
  const bench = new Bench(...QUICK);
  let server: number | undefined;
  await until("a server to run", async () => {
    server = await childOf(bench.child.pid as number);
    return server !== undefined;
  });
  const [dataFolder] = /\S+\/data-\S+/.exec(await commandOf(server as number)) ?? [];
  bench.child.kill("SIGINT");
  expect(await bench.exitCode(), bench.stderr).toBe(130);
  await until("the server to end", async () => (await commandOf(server as number)) === "");
  await expect(readdir(dataFolder as string)).rejects.toThrow("ENOENT");
});

test("one that is interrupted while documents are being stored for a server removes them, too", async () => {
  const before = await cached();
  const bench = new Bench("--quick", "--scenario", "cold-start", "--peer", "joinery");
  const isNew = (name: string) => !before.includes(name);
  await until("documents to be stored", async () =>
    (await cached()).some((name) => isNew(name) && name.startsWith("prepared-")),
  );
  bench.child.kill("SIGINT");
  expect(await bench.exitCode(), bench.stderr).toBe(130);
  expect((await cached()).filter(isNew)).toEqual([]);
});

/** Not the last word of who typed it: that something is missing is known by what comes after it. */
const LOST_EDIT = 60;

/** A y-websocket server that keeps no document and passes on all edits but one. */
const FORGETFUL = `
import { WebSocketServer } from ${JSON.stringify(import.meta.resolve("ws"))};
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
const server = new WebSocketServer({ host: "127.0.0.1", port });
let edits = 0;
server.on("connection", (socket) => socket.on("message", (message) => {
  const [type, step] = message;
  if (type === 0 && step === 0) socket.send(Uint8Array.of(0, 1, 2, 0, 0));
  if (type !== 0 || step !== 2 || ++edits === ${LOST_EDIT}) return;
  for (const other of server.clients) if (other !== socket) other.send(message);
}));
`;

/** Folders of servers that run, and of what they are filled with. */
async function cached(): Promise<string[]> {
  const names = await readdir(CACHE).catch(() => []);
  return names.filter((name) => /^(data|prepared)-/.test(name));
}

/** The results that are kept, by their names. */
async function kept(): Promise<Record<string, string>> {
  const names = await readdir(RESULTS).catch(() => []);
  const texts = names.map(async (name) => [name, await readFile(join(RESULTS, name), "utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** The first Node process that this one has started, once it is what it is going to be. */
async function childOf(parent: number): Promise<number | undefined> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    if (!status.includes(`\nPPid:\t${parent}\n`)) continue;
    if ((await commandOf(Number(pid))).includes("joinery.js")) return Number(pid);
  }
  return undefined;
}

/** With its arguments; empty when it has ended. */
async function commandOf(pid: number): Promise<string> {
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return command.replaceAll("\0", " ");
}
