/** `joinery tail` and `joinery top`, as processes of their own, on a real server with real clients. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mintToken, newSecret, readSigningKey } from "@joinery/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { ServerConnection } from "../../cli/src/remote/connection.ts";
import { joinery } from "../spec/cli/stage.ts";
import { Peer } from "../support/peer.ts";
import { type ServerProcess, startServer } from "../support/server-process.ts";
import { until, within } from "../support/until.ts";

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));

let parent = "";
let data = "";
let started: ServerProcess | null = null;
/** Of somebody who may do everything, and of somebody who may only read. */
const tokens = { manager: "", reader: "" };

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-live-"));
  data = join(parent, "data");
  const secret = newSecret();
  const key = join(parent, "secret");
  await writeFile(key, secret);
  const sign = (user: string, level: string) => {
    const claims = { sub: user, documents: { "**": level }, exp: Math.floor(Date.now() / 1000) + 600 };
    return mintToken(claims, readSigningKey(secret, "the secret"));
  };
  tokens.manager = await sign("ann", "manage");
  tokens.reader = await sign("bob", "read");
  started = await startServer({ dataFolder: data, args: ["--jwt-key", key, "--anonymous", "none"] });
});

afterAll(async () => {
  await started?.dispose();
  await rm(parent, { recursive: true, force: true });
});

function server(): ServerProcess {
  if (started === null) throw new Error("the server did not start");
  return started;
}

/** A client of somebody who may write. */
async function visit(document: string, options: { doc?: Y.Doc } = {}): Promise<Peer> {
  const peer = new Peer(server().wsUrl, document, { ...options, params: { token: tokens.manager } });
  onTestFinished(() => peer.leave());
  return peer.synced();
}

/** A command that goes on until it is ended; at the latest with the test. */
function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [COMMAND, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      TMPDIR: tmpdir(),
      TZ: "UTC",
      COLUMNS: "100",
      JOINERY_TOKEN: tokens.reader,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      printed[name] += chunk;
    });
  }
  const closed = once(child, "close").then(([code]: unknown[]) => ({ code, ...printed }));
  const saw = () => JSON.stringify(printed);
  return {
    child,
    printed,
    end: () => within(`joinery ${args.join(" ")} to end`, closed, { saw }),
    prints: (what: string | RegExp, of: "stdout" | "stderr" = "stdout") => {
      return until(
        `${what} to be printed`,
        () => (typeof what === "string" ? printed[of].includes(what) : what.test(printed[of])),
        { saw },
      );
    },
    lines: () =>
      printed.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
  };
}

const ofReader = (...args: readonly string[]) =>
  joinery([...args, "--server", server().url, "--token", tokens.reader]);

describe("joinery tail", () => {
  test("shows who types what, who comes and who goes, and ends at Ctrl+C", async () => {
    const document = "notes/заметки 🌍";
    const ann = await visit(document);
    ann.awareness.setLocalStateField("user", { name: "Somebody else" });
    const tail = start("tail", document, "--data", data);
    // Whoever shows a token is called what that says.
    await tail.prints("● ann is here");
    expect(tail.printed.stdout).toMatch(/^notes\/заметки 🌍 {2}not there yet · http/);
    ann.text.insert(0, "Hello, wörld\u001b[2J");
    await tail.prints(/ 1 +\d+ B +\+16 +ann {2}"Hello, wörld\\u001b\[2J"/);
    ann.text.delete(0, 7);
    await tail.prints(/ 2 +\d+ B +−7 +ann\n/);
    const bob = await visit(document);
    bob.awareness.setLocalStateField("user", { name: "Bob" });
    await tail.prints("→ ann is here");
    bob.leave();
    await tail.prints("← ann left");
    expect(tail.printed.stdout).not.toContain("\u001b");
    tail.child.kill("SIGINT");
    expect(await tail.end()).toMatchObject({ code: 130, stderr: "" });
  });

  test("as JSON gives all that is needed to follow a document, from any batch on", async () => {
    const document = "board/1";
    const ann = await visit(document);
    ann.text.insert(0, "one");
    const first = start("tail", document, "--data", data, "--json");
    await first.prints('"event":"start"');
    await until("the first batch to be stored", async () => (await listingOf(document)).seq === 1);
    ann.text.insert(3, " two");
    await first.prints('"seq":2');
    const all = start("tail", document, "--data", data, "--json", "--updates", "--since", "0");
    ann.text.insert(7, " three");
    await all.prints('" three"');
    const batches = all.lines().filter(({ event }) => event === "batch");
    expect(batches.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const doc = new Y.Doc();
    for (const part of batches.flatMap(({ parts }) => parts))
      Y.applyUpdate(doc, Buffer.from(part.update, "base64"));
    expect(doc.getText("text").toString()).toBe("one two three");
    expect(batches[0].parts).toMatchObject([{ author: "ann", inserted: 3, deleted: 0, text: "one" }]);
    const [begun, ...told] = first.lines();
    expect(begun).toMatchObject({ event: "start", document });
    expect(told.filter(({ event }) => event === "batch").map(({ parts }) => parts[0])[0]).not.toHaveProperty(
      "update",
    );
    first.child.kill("SIGTERM");
    expect(await first.end()).toMatchObject({ code: 143, stderr: "" });
  });

  test("without a document shows what happens in all of them, by their names", async () => {
    (await visit("notes/open before")).text.insert(0, "not told");
    await until("it to be stored", async () => (await listingOf("notes/open before")).seq === 1);
    const tail = start("tail", "--data", data);
    await tail.prints(/^all documents {2}\d+ open/);
    (await visit("notes/opened later")).text.insert(0, "told");
    await tail.prints(/ {2}notes\/opened later {2}opened\n/);
    await tail.prints(/ 1 +\d+ B +\+4 +notes\/opened later +ann {2}"told"\n/);
    expect(tail.printed.stdout).not.toContain("not told");
    tail.child.kill("SIGINT");
    expect(await tail.end()).toMatchObject({ code: 130, stderr: "" });
    const { code, stderr } = await ofReader("tail");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^joinery: you may not [^\n]+\n$/),
    });
  });

  test("goes on where it was after the server was killed and started again", async () => {
    const document = "notes/long";
    const ann = await visit(document);
    const tail = start("tail", document, "--data", data, "--json");
    await tail.prints('"event":"start"');
    ann.text.insert(0, "before");
    await tail.prints('"event":"batch"');
    await server().kill();
    await tail.prints("trying again in", "stderr");
    ann.text.insert(0, "meanwhile, ");
    await server().start();
    await until(
      "what was typed meanwhile",
      () =>
        tail.lines().some(({ inserted, parts }) => {
          return (
            [...(parts ?? [])].some((part: { inserted: number }) => part.inserted === 11) || inserted === 11
          );
        }),
      { withinMs: 60_000, saw: () => JSON.stringify(tail.printed) },
    );
    const seqs = tail.lines().flatMap(({ event, seq }) => (event === "batch" ? seq : []));
    expect(seqs).toEqual(Array.from(seqs, (_, i) => i + 1));
    expect(tail.lines().filter(({ event }) => event === "start")).toHaveLength(1);
  });

  test("ends when the document is deleted, and when nobody reads on", async () => {
    const document = "to be deleted";
    const ann = await visit(document);
    ann.text.insert(0, "x");
    await until("it to be stored", async () => (await listingOf(document)).seq === 1);
    const tail = start("tail", document, "--data", data);
    await tail.prints("AUTHOR");
    const other = start("tail", "another one", "--data", data);
    await other.prints("AUTHOR");
    other.child.stdout.destroy();
    (await visit("another one")).text.insert(0, "y");
    expect(await other.end()).toMatchObject({ code: 0, stderr: "" });
    ann.leave();
    await (await manager().call({ method: "DELETE", path: ["documents", document] })).discard();
    expect(await tail.end()).toMatchObject({
      code: 4,
      stderr: 'joinery: the document "to be deleted" was deleted\n',
    });
  });

  test("of somebody who may only read shows who types, and not what", async () => {
    const document = "notes/secret";
    const ann = await visit(document);
    const tail = start("tail", document, "--server", server().url);
    await tail.prints("AUTHOR");
    ann.text.insert(0, "deleted again");
    await tail.prints(/\+13 +ann\n/);
    for (const args of [
      ["--since", "0"],
      ["--json", "--updates"],
    ]) {
      const { code, stderr } = await ofReader("tail", document, ...args);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: "joinery: you may not see the history of this document\n",
      });
    }
  });
});

describe("joinery top", () => {
  test("prints a frame where there is no terminal, and rates of the second that it took", async () => {
    const document = "notes/watched 日本語";
    const ann = await visit(document);
    ann.text.insert(0, "x");
    const { code, stdout, stderr } = await joinery(["top", "--data", data, "--interval", "0.2"], 100);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`${server().url} · joinery`);
    expect(stdout).toMatch(/^Connections .*websocket/m);
    expect(stdout).toMatch(/^ +1 +[\d.]+ .* notes\/watched 日本語$/m);
    expect(stdout).not.toContain("\u001b");
    expect(stdout).not.toContain("…");
  });

  test("as JSON has the same, and a line for each look until it is ended", async () => {
    const document = "notes/counted";
    const ann = await visit(document);
    ann.text.insert(0, "x");
    await until("it to be stored", async () => (await listingOf(document)).seq === 1);
    const once = await joinery([
      "top",
      "--once",
      "--json",
      "--data",
      data,
      "--interval",
      "0.2",
      "--sort",
      "name",
    ]);
    const look = JSON.parse(once.stdout);
    expect(look).toMatchObject({ server: server().url, pid: server().pid, version: expect.any(String) });
    expect(look.perSecond).toMatchObject({ updatesIn: expect.any(Number), batches: expect.any(Number) });
    const room = look.busiest.find((one: { document: string }) => one.document === document);
    expect(room).toMatchObject({ state: "live", sessions: 1, seq: 1 });
    const top = start("top", "--json", "--data", data, "--interval", "0.1");
    await until("three looks", () => top.printed.stdout.split("\n").length > 3);
    top.child.kill("SIGINT");
    expect((await top.end()).code).toBe(130);
    expect(top.lines()[0].perSecond).toBeNull();
    expect(top.lines()[1].perSecond).not.toBeNull();
  });

  test("is for those who may manage all documents", async () => {
    const { code, stdout, stderr } = await ofReader("top", "--once");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^joinery: you may not [^\n]+\n$/);
  });
});

function manager(): ServerConnection {
  return new ServerConnection({ url: server().url, token: tokens.manager });
}

/** What the server says of a document; `seq` 0 while it is not there. */
async function listingOf(document: string): Promise<{ readonly seq: number }> {
  const word = JSON.parse(await readFile(join(data, "server.json"), "utf8"));
  const connection = new ServerConnection({ url: word.url, token: word.key });
  return (await connection.json({ path: ["documents", document] }).catch(() => ({ seq: 0 }))) as {
    seq: number;
  };
}
