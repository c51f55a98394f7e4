/** The commands that read, as processes of their own, on folders that real servers left. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { docOf, edit, hashesOf, Written, withStorage } from "../spec/inspect/folder-stage.ts";
import { type Exit, runCommand, startServer } from "../support/server-process.ts";
import { readSequentialTrace, replay } from "../support/traces.ts";
import { until } from "../support/until.ts";
import { openStage } from "./stage.ts";

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
    "that a server has open is refused, naming the server; after its %s it is read, and stays as it is",
    async (end) => {
      const data = await temporaryFolder();
      const stage = await openStage({ dataFolder: data });
      const peer = stage.join(NAME);
      await peer.synced();
      const text = peer.doc.getText("text");
      await replay(text, readSequentialTrace(), { to: 1000 });
      const reader = stage.join(NAME);
      await until("all to arrive", () => reader.doc.getText("text").length === text.length);
      const refused = await on(data, "ls");
      expect(refused).toMatchObject({ code: 1, stdout: "" });
      expect(refused.stderr).toContain(
        `is in use by another process (pid ${stage.server.pid}, ${stage.server.url})`,
      );
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
    const { spawn } = await import("node:child_process");
    const command = new URL("../../cli/bin/joinery.js", import.meta.url).pathname;
    const child = spawn(process.execPath, [command, "ls", "--json", "--data", data], {
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

describe("a document of 20 MB", () => {
  const ELEMENTS = 2400;
  let parent = "";
  let large = "";
  let small = "";
  let bytes = 0;

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), "joinery-cli-"));
    large = join(parent, "large");
    small = join(parent, "small");
    await withStorage(small, async (storage) => {
      const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x"));
      await new Written(storage, NAME).append([{ author: "", update }]);
    });
    await withStorage(large, async (storage) => {
      const written = new Written(storage, NAME);
      const doc = docOf(1);
      for (let batch = 0; batch < 40; batch++) {
        const update = edit(doc, () => addElements(doc, batch));
        bytes += update.length;
        await written.append([{ author: "ann", update }]);
        if (batch === 20 || batch === 30) await written.compact(Y.encodeStateAsUpdate(doc));
      }
    });
  });

  afterAll(() => rm(parent, { recursive: true, force: true }));

  /** What a whiteboard has: elements of eight properties. As a Y.Doc it takes forty times its bytes. */
  function addElements(doc: Y.Doc, batch: number): void {
    for (let i = 0; i < ELEMENTS; i++) {
      const element = new Y.Map<unknown>();
      doc.getMap("elements").set(`element ${batch} ${i}`, element);
      for (let key = 0; key < 8; key++) element.set(`prop${key}`, (batch + i) / 7 + key);
    }
  }

  const REPORT_MEMORY =
    "--import=data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS*1024))";

  /** Its output, and the most memory that it had. JavaScript's part of that is bounded by four times the document. */
  async function measured(data: string, command: string): Promise<Exit & { readonly peakBytes: number }> {
    const heapMb = Math.floor((4 * bytes) / 2 ** 20);
    const env = { NODE_OPTIONS: `--max-old-space-size=${heapMb} ${REPORT_MEMORY}` };
    const exit = await runCommand([command, "--data", data, "--json", NAME], env);
    return { ...exit, peakBytes: Number(/^peak (\d+)$/m.exec(exit.stderr)?.[1]) };
  }

  let ofSmall: Awaited<ReturnType<typeof measured>> | null = null;

  test.each(["stats", "verify"])(
    "%s takes memory in proportion to it, and builds no Y.Doc of it",
    async (command) => {
      expect(bytes).toBeGreaterThan(18_000_000);
      ofSmall ??= await measured(small, command);
      const ofLarge = await measured(large, command);
      expect(ofSmall.code).toBe(0);
      expect(ofLarge).toMatchObject({ code: 0, signal: null });
      const result = JSON.parse(ofLarge.stdout);
      if (command === "stats")
        expect(result).toMatchObject({ roots: [{ root: "elements", kind: "map" }], seq: 40 });
      else expect(result).toMatchObject({ isSound: true, comparedSnapshots: 1 });
      // Copies that LevelDB makes on the way, and the kept snapshot, come on top of what JavaScript may have.
      const growth = (ofLarge.peakBytes - ofSmall.peakBytes) / bytes;
      expect(growth).toBeLessThan(10);
    },
  );
});
