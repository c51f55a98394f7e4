/** The commands that read, as processes of their own, on folders that real servers left. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { docOf, edit, hashesOf, Written, withStorage } from "../spec/inspect/folder-stage.ts";
import { type Exit, runCommand, startServer } from "../support/server-process.ts";
import { readSequentialTrace, replay } from "../support/traces.ts";
import { until, within } from "../support/until.ts";
import { openStage } from "./stage.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));
const NAME = "notes/real typing 日本語";

/** A folder that is gone after the test. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-cli-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const on = (data: string, command: string, ...args: readonly string[]): Promise<Exit> =>
  runCommand([command, "--data", data, ...args]);

const jsonLines = ({ stdout }: Exit) =>
  stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("a folder", () => {
  test.each(["stop", "kill"] as const)(
    "that a server has open is read through it; after its %s it is read itself, and stays as it is",
    async (end) => {
      const data = await temporaryFolder();
      const stage = await openStage({ dataFolder: data });
      const peer = stage.join(NAME);
      await peer.synced();
      const text = peer.doc.getText("text");
      await replay(text, readSequentialTrace(), { to: 1000 });
      const reader = stage.join(NAME);
      await until("all to arrive", () => reader.doc.getText("text").length === text.length);
      const open = await on(data, "stats");
      expect(open).toMatchObject({ code: 0, stderr: "" });
      expect(open.stdout).toContain(`server ${stage.server.url}\n`);
      await stage.server[end]();

      const before = await hashesOf(data);
      const [listing] = jsonLines(await on(data, "ls", "--json"));
      expect(listing).toMatchObject({ document: NAME, damage: null });
      const log = jsonLines(await on(data, "log", "--json", "--limit", "100000", NAME));
      expect(log.at(-1).seq).toBe(listing.seq);
      const inserted = log.flatMap(({ parts }) => parts).reduce((sum, part) => sum + part.inserted, 0);
      const stats = JSON.parse((await on(data, "stats", "--json", NAME)).stdout);
      expect(stats).toMatchObject({ ticks: inserted, roots: [{ root: "text", kind: "text" }] });
      expect(stats.ticks - stats.deletedTicks).toBe(text.length);
      const verified = await on(data, "verify");
      expect(verified).toMatchObject({ code: 0 });
      expect(verified.stdout).toContain("✓ 1 document without damage");
      expect(await hashesOf(data)).toEqual(before);
      // And a server goes on with it.
      const again = await startServer({ dataFolder: data });
      await again.dispose();
    },
  );

  test("that is being read is not opened by a server", async () => {
    const data = await temporaryFolder();
    await withStorage(data, async (storage) => {
      const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x".repeat(200)));
      for (let i = 0; i < 3000; i++)
        await new Written(storage, `document ${i}`).append([{ author: "", update }]);
    });
    // It waits for whoever reads its output, with the folder open.
    const child = spawn(process.execPath, [COMMAND, "ls", "--json", "--data", data], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    await until("the list to begin", () => child.stdout.readableLength > 0);
    const refused = await runCommand(["serve", "--port", "0", "--data", data]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("is in use by another process");
    // Who reads goes away, as `head` does: that is no error.
    child.stdout.destroy();
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect(code).toBe(0);
  });
});

/** A folder of which each command prints far more than a pipe holds. */
async function longFolder(): Promise<string> {
  const data = await temporaryFolder();
  const line = "a line of text\n".repeat(70);
  await withStorage(data, async (storage) => {
    const written = new Written(storage, NAME);
    const doc = docOf(1);
    const text = doc.getText("text");
    for (let batch = 0; batch < 1000; batch++)
      await written.append([{ author: "ann", update: edit(doc, () => text.insert(text.length, line)) }]);
    const update = edit(docOf(2), (other) => other.getText("text").insert(0, "x"));
    for (let i = 0; i < 1000; i++)
      await new Written(storage, `${"long/".repeat(40)}${i}`).append([{ author: "", update }]);
  });
  return data;
}

describe("output that is not read to its end", () => {
  /** Starts a command, whose folder for temporary files is its own. */
  async function start(
    data: string,
    [command = "", ...args]: readonly string[],
    stdout: "pipe" | number = "pipe",
  ) {
    const temporary = await temporaryFolder();
    const child = spawn(process.execPath, [COMMAND, command, "--data", data, ...args], {
      stdio: ["ignore", stdout, "pipe"],
      env: { PATH: process.env.PATH, TMPDIR: temporary, COLUMNS: "200" },
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    let stderr = "";
    child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    const closed = once(child, "close").then(async ([code]: unknown[]) => {
      return { code, stderr, left: await readdir(temporary) };
    });
    const end = () => within(`joinery ${command} to end`, closed, { saw: () => stderr });
    return { child, temporary, end };
  }

  const LONG: readonly (readonly string[])[] = [
    ["show", "--full", NAME],
    ["ls"],
    ["log", "--limit", "1000", NAME],
    ["diff", "--full", "--from", "0", NAME],
  ];

  test("is no error where the reader goes away: each command ends, and leaves nothing behind", async () => {
    const data = await longFolder();
    for (const args of LONG) {
      const { child, end } = await start(data, args);
      await until("output", () => (child.stdout?.readableLength ?? 0) > 0);
      child.stdout?.destroy();
      expect({ args, ...(await end()) }).toEqual({
        args,
        code: args[0] === "diff" ? 1 : 0,
        stderr: "",
        left: [],
      });
    }
    const before = await hashesOf(data);
    // Nobody reads, so it cannot end by itself: while the folder is opened, and while it prints.
    for (const isPrinting of [false, true]) {
      const { child, temporary, end } = await start(data, ["ls"]);
      await until("the command to begin", async () =>
        isPrinting ? (child.stdout?.readableLength ?? 0) > 0 : (await readdir(temporary)).length > 0,
      );
      child.kill("SIGINT");
      child.stdout?.resume();
      expect(await end()).toEqual({ code: 130, stderr: "", left: [] });
    }
    expect(await hashesOf(data)).toEqual(before);
  });

  test.skipIf(process.platform !== "linux")(
    "is told in a line where the disk is full, and leaves nothing behind",
    async () => {
      const data = await temporaryFolder();
      await withStorage(data, async (storage) => {
        const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x"));
        await new Written(storage, NAME).append([{ author: "", update }]);
      });
      const full = await open("/dev/full", "w");
      onTestFinished(() => full.close());
      const cases: readonly [number, readonly string[]][] = [
        [1, ["export", NAME]],
        // There 1 says that they differ.
        [2, ["diff", "--from", "0", NAME]],
      ];
      for (const [code, args] of cases) {
        const { end } = await start(data, args, full.fd);
        expect(await end()).toEqual({
          code,
          stderr: expect.stringMatching(/^joinery: cannot write to standard output: ENOSPC[^\n]*\n$/),
          left: [],
        });
      }
    },
  );
});
