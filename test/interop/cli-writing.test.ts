/** The commands that write, as processes of their own: on a folder that a server has open, and where output is lost. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Ended, joinery } from "../spec/cli/stage.ts";
import {
  DASHED,
  docOf,
  EVERY_TYPE,
  edit,
  TYPED,
  UNICODE,
  Written,
  withStorage,
  writeDocuments,
} from "../spec/inspect/folder-stage.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { Stage } from "./stage.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));

let parent = "";
let data = "";
let server: ServerProcess;
let stage: Stage;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-cli-"));
  data = join(parent, "data");
  await withStorage(data, writeDocuments);
  server = await startServer({ dataFolder: data });
  stage = new Stage(server);
});

afterAll(async () => {
  await stage.close();
  await rm(parent, { recursive: true, force: true });
});

/** By the folder, as the server is found by itself. In this process, which takes a tenth of the time. */
const on = (command: string, ...args: readonly string[]): Promise<Ended> =>
  joinery([command, "--data", data, ...args]);

const jsonLines = ({ stdout }: Ended) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

async function file(name: string, content: string): Promise<string> {
  await writeFile(join(parent, name), content);
  return join(parent, name);
}

describe("a folder that a server has open", () => {
  test("is imported into by the server: who has the document open sees it", async () => {
    const name = "live/imported – ü";
    const peer = stage.join(name);
    await peer.synced();
    const args = ["import", "--format", "text", "--root", "text", name];
    const created = await on(...(args as [string]), await file("a.txt", "one\ntwo\n"));
    expect(created).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/^✓ live.* created, now at batch 1\n/),
    });
    await until("the text to arrive", () => peer.doc.getText("text").toString() === "one\ntwo");
    peer.doc.getText("text").insert(0, "zero\n");
    await until("the edit to be stored", async () => jsonLines(await on("log", "--json", name)).length === 2);
    const again = await on(...(args as [string]), await file("b.txt", "zero\none\n2\n"));
    expect(again.stdout).toMatch(/changed, now at batch 3\n.* 1 inserted, 3 deleted\n$/);
    await until("the change to arrive", () => peer.doc.getText("text").toString() === "zero\none\n2");
    expect(await on(...(args as [string]), join(parent, "b.txt"))).toMatchObject({
      stdout: expect.stringContaining("nothing new"),
    });
    expect(jsonLines(await on("log", "--json", name)).map(({ parts }) => parts[0].author)).toEqual([
      "operator",
      "",
      "operator",
    ]);
  });

  test("takes a new document only where there is none, and no author but who the token says", async () => {
    const source = join(parent, "typed.bin");
    await on("export", TYPED, source);
    expect(await on("import", "--new", TYPED, source)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`"${TYPED}"`),
    });
    expect(await on("import", "--new", "a new one", source)).toMatchObject({ code: 0, stderr: "" });
    expect((await on("show", "--text", "--", "a new one")).stdout).toBe(
      (await on("show", "--text", "--", TYPED)).stdout,
    );
    expect(await on("import", "--author", "ann", "x", source)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("--author"),
    });
  });

  test("has documents deleted, listed and restored by the server, as it would be without one", async () => {
    const before = await on("show", "--json", UNICODE);
    const removed = await on("rm", "--yes", UNICODE, "nobody");
    expect(removed).toMatchObject({
      code: 4,
      stdout: expect.stringContaining(`bring it back with joinery restore '${UNICODE}'`),
      stderr: `joinery: there is no document "nobody" in the server ${server.url}\n`,
    });
    expect(await on("show", UNICODE)).toMatchObject({ code: 4 });
    expect(jsonLines(await on("restore", "--list", "--json"))).toMatchObject([
      { document: UNICODE, deletion: 1, seq: 1, deletedBy: "operator", deletedAt: expect.any(String) },
    ]);
    const restored = await on("restore", "--json", UNICODE);
    expect(jsonLines(restored)).toEqual([
      { document: UNICODE, deletion: null, lineage: "00112233445566778899aabbccddeeff", seq: 1 },
    ]);
    expect(await on("show", "--json", UNICODE)).toEqual(before);
    expect(await on("restore", UNICODE)).toMatchObject({ code: 4, stdout: "" });
  });

  test("is compacted by the server", async () => {
    expect(jsonLines(await on("compact", "--json", TYPED))).toMatchObject([
      { document: TYPED, outcome: "compacted", seq: 30 },
    ]);
    const all = await on("compact");
    expect(all).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse((await on("stats", "--json", EVERY_TYPE)).stdout)).toMatchObject({ logEntries: 0 });
    expect(jsonLines(await on("compact", "--json")).map(({ outcome }) => outcome)).not.toContain("compacted");
    expect(await on("compact", "nobody")).toMatchObject({ code: 4 });
  });

  test.each([
    ["repair", [], "stop it first"],
    ["rm", ["--yes", "--forever", TYPED], "stop it for --forever"],
    ["compact", ["--reclaim", TYPED], "stop it for --reclaim"],
  ])("is left alone by what %s %j needs it for itself for, which says so", async (command, args, message) => {
    expect(await on(command, ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
    expect(await on("verify", TYPED)).toMatchObject({ code: 0 });
  });

  test("is not compacted where --reclaim is refused", async () => {
    await on("import", "--format", "text", "--root", "text", "not folded", await file("c.txt", "one\n"));
    expect(await on("compact", "--reclaim", "not folded")).toMatchObject({ code: 1, stdout: "" });
    expect(JSON.parse((await on("stats", "--json", "not folded")).stdout)).toMatchObject({ logEntries: 1 });
  });

  test("is healthy to the doctor, who asks the server", async () => {
    const report = JSON.parse((await on("doctor", "--json", "--port", String(server.port))).stdout);
    const found = (name: string) => report.checks.find(({ check }: { check: string }) => check === name);
    expect(found("port")).toMatchObject({
      status: "ok",
      found: `${server.url} is used by the server of the data folder`,
    });
    expect(found("server")).toMatchObject({
      status: "ok",
      found: `a server answers at ${server.url}, and is ready`,
    });
    expect(found("database")).toMatchObject({
      status: "ok",
      found: `in use by process ${server.pid}, ${server.url}`,
    });
    expect(found("folder")).toMatchObject({ status: "ok" });
  });

  test("is not needed where the server is named: it lets in whom it lets in", async () => {
    const at = (command: string, ...args: readonly string[]) =>
      joinery([command, "--server", server.url, ...args]);
    const source = await file("named.txt", "by its address");
    expect(await at("import", "--format", "text", "--root", "t", "by address", source)).toMatchObject({
      code: 0,
    });
    const refused = await at("rm", "--yes", "by address");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("manage");
  });
});

test("an update comes from standard input as well as from a file", async () => {
  const folder = join(parent, "from a pipe");
  const exporting = spawn(process.execPath, [COMMAND, "export", "--data", data, EVERY_TYPE], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env.PATH },
  });
  const importing = spawn(process.execPath, [COMMAND, "import", "--data", folder, "--", DASHED, "-"], {
    stdio: [exporting.stdout, "pipe", "inherit"],
    env: { PATH: process.env.PATH },
  });
  const [code] = await once(importing, "close");
  expect(code).toBe(0);
  expect((await joinery(["export", "--data", folder, "--format", "json", "--", DASHED])).stdout).toBe(
    (await on("export", "--format", "json", EVERY_TYPE)).stdout,
  );
});

test("a folder that is being read is refused by another command, which does not blame a server", async () => {
  const folder = join(parent, "being read");
  await manyDocuments(folder, 1500);
  // It waits for whoever reads its output, with the folder open.
  const child = spawn(process.execPath, [COMMAND, "ls", "--json", "--data", folder], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await until("the list to begin", () => child.stdout.readableLength > 0);
  // A server that was killed has left its word.
  await writeFile(join(folder, "server.json"), '{"pid":99999999,"url":"http://127.0.0.1:1","key":"k"}');
  for (const command of ["ls", "compact", "repair"]) {
    expect(await joinery([command, "--data", folder])).toMatchObject({
      code: 1,
      stderr: `joinery: data folder ${JSON.stringify(folder)} is in use by another process, and no server that runs has said so: maybe a joinery command that reads or writes it\n`,
    });
  }
  const report = JSON.parse((await joinery(["doctor", "--json", "--port", "0", "--data", folder])).stdout);
  expect(report.checks).toContainEqual(
    expect.objectContaining({ check: "database", found: expect.stringContaining("no server") }),
  );
  child.kill("SIGTERM");
});

test("a command that writes ends at a signal after what it is about, and leaves the folder sound", async () => {
  const folder = join(parent, "ended");
  await manyDocuments(folder, 300);
  const child = spawn(process.execPath, [COMMAND, "compact", "--json", "--data", folder], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "close");
  await once(child.stdout, "data");
  child.stdout.resume();
  child.kill("SIGINT");
  const stderr = await new Response(Readable.toWeb(child.stderr) as ReadableStream).text();
  expect({ code: (await ended)[0], stderr }).toEqual({ code: 130, stderr: "" });
  expect(await joinery(["verify", "--data", folder])).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("✓ 300 documents without damage"),
  });
});

async function manyDocuments(folder: string, count: number): Promise<void> {
  await withStorage(folder, async (storage) => {
    const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x".repeat(200)));
    for (let i = 0; i < count; i++)
      await new Written(storage, `document ${i}`).append([{ author: "", update }]);
  });
}

describe.skipIf(process.platform !== "linux")("on a full disk", () => {
  /** Runs a command whose output goes to a device that is always full. */
  async function intoFull(args: readonly string[], stderr: "pipe" | "full" = "pipe") {
    const full = await open("/dev/full", "w");
    onTestFinished(() => full.close());
    const child = spawn(process.execPath, [COMMAND, ...args], {
      stdio: ["ignore", full.fd, stderr === "full" ? full.fd : "pipe"],
      env: { PATH: process.env.PATH },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let told = "";
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      told += chunk;
    });
    return { child, end: once(child, "close").then(([code]: unknown[]) => ({ code, stderr: told })) };
  }

  test.each([[["--help"]], [["completion", "bash"]]])(
    "%j is told in a line that it could not be written",
    async (args) => {
      const { end } = await intoFull(args);
      expect(await end).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^joinery: cannot write to standard output: ENOSPC[^\n]*\n$/),
      });
    },
  );

  test("a server goes on without its log", async () => {
    const folder = join(parent, "full log");
    const { child, end } = await intoFull(
      ["serve", "--port", "0", "--data", folder, "--log-level", "debug"],
      "full",
    );
    // It is found by the folder: nothing that it prints can be read.
    const isFound = async () =>
      (await joinery(["ls", "--data", folder, "--json"])).code === 0 && child.exitCode === null;
    await until("the server to answer", isFound);
    const source = await file("full.txt", "while nothing can be logged");
    const args = ["import", "--data", folder, "--format", "text", "--root", "t", "logged", source];
    expect(await joinery(args)).toMatchObject({ code: 0, stderr: "" });
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    expect((await end).code).toBe(0);
  });
});
