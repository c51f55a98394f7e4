/**
 * The commands that read, on a running server: they print the same, byte for byte, as of its folder before it was
 * started. One server for all tests; it checks tokens.
 */

import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mintToken, newSecret, readSigningKey } from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openLevelDatabase } from "../../server/src/storage/database.ts";
import { encodeKey } from "../../server/src/storage/keys.ts";
import { joinery } from "../spec/cli/stage.ts";
import {
  BORN_AT,
  DASHED,
  docOf,
  EVERY_TYPE,
  edit,
  LONG,
  TYPED,
  UNICODE,
  Written,
  withStorage,
  writeDocuments,
} from "../spec/inspect/folder-stage.ts";
import { runCommand, type ServerProcess, startServer } from "../support/server-process.ts";

const DAMAGED = "damaged/in its log";
const LARGE = "large";
const MISSING = "nowhere/to be found";

let parent = "";
let data = "";
let token = "";
let readersToken = "";
let server: ServerProcess | null = null;
const before = new Map<string, Awaited<ReturnType<typeof joinery>>>();

/** Hashes of what was exported of the folder. */
const exported = new Map<string, string>();

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** The options come behind the command: behind `--` there are none. */
const COMMANDS: readonly (readonly string[])[] = [
  ["ls"],
  ["ls", "--json"],
  ["ls", "--json", "--sort", "size", "--limit", "3"],
  ["ls", "notes/"],
  ["ls", "заметки/"],
  ["stats"],
  ["stats", "--json"],
  ...[TYPED, LARGE, DAMAGED, MISSING].map((name) => ["stats", name]),
  ["log", TYPED],
  ["log", "--json", "--limit", "1000", TYPED],
  ["log", "--after", "3", "--limit", "5", TYPED],
  ["log", "--after", "1000", TYPED],
  ["log", EVERY_TYPE],
  ["log", DAMAGED],
  ["log", MISSING],
  ...[EVERY_TYPE, LONG, DAMAGED, MISSING].map((name) => ["show", name]),
  ["show", "--", DASHED],
  ["show", "--json", EVERY_TYPE],
  ["show", "--at", "12", TYPED, "--text"],
  ["show", "--at", new Date(BORN_AT + 25 * 60_000).toISOString(), TYPED, "--text"],
  ["show", "--at", "1", TYPED],
  ["show", "--at", "99", TYPED],
  ["show", "--at", "0", UNICODE],
  ["diff", "--from", "15", TYPED],
  ["diff", "--from", "20", "--to", "25", "--json", TYPED],
  ["diff", UNICODE, EVERY_TYPE],
  ["diff", UNICODE, MISSING],
  ...["update-v2", "json", "xml"].map((format) => {
    return ["export", "--format", format, EVERY_TYPE];
  }),
  ["export", "--at", "17", TYPED],
  ["verify"],
  ["verify", TYPED],
  ["verify", DAMAGED],
  ["verify", MISSING],
];

const titleOf = (args: readonly string[]) => args.join(" ");

/** Runs a command with these options put where they count. */
const withOptions = ([command = "", ...args]: readonly string[], ...options: readonly string[]) => {
  return joinery([command, ...options, ...args], 100);
};

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-cli-server-"));
  data = join(parent, "data");
  await withStorage(data, async (storage) => {
    await writeDocuments(storage);
    await writeLarge(new Written(storage, LARGE));
    const update = edit(docOf(5), (doc) => doc.getText("text").insert(0, "sound"));
    const damaged = new Written(storage, DAMAGED);
    await damaged.append([{ author: "ann", update }]);
    await damaged.append([
      { author: "bob", update: edit(docOf(6), (doc) => doc.getText("text").insert(0, "not")) },
    ]);
  });
  await flipIn({ document: DAMAGED as DocumentName, kind: "log", seq: 2 });
  for (const name of [EVERY_TYPE, TYPED, LARGE]) {
    const file = join(parent, "of the folder.bin");
    await joinery(["export", "--data", data, "--force", name, file]);
    exported.set(name, sha256(await readFile(file)));
  }
  for (const args of COMMANDS) before.set(titleOf(args), await withOptions(args, "--data", data));
  const secret = newSecret();
  const key = join(parent, "secret");
  await writeFile(key, secret);
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signingKey = readSigningKey(secret, "the secret");
  token = await mintToken({ sub: "ann", documents: { "**": "manage" }, exp }, signingKey);
  readersToken = await mintToken({ sub: "rita", documents: { "**": "read" }, exp }, signingKey);
  server = await startServer({ dataFolder: data, args: ["--jwt-key", key, "--anonymous", "none"] });
});

afterAll(async () => {
  await server?.dispose();
  await rm(parent, { recursive: true, force: true });
});

function running(): ServerProcess {
  if (server === null) throw new Error("the server did not start");
  return server;
}

/** A snapshot and a part of a batch that come in several lines, and a batch of several authors. */
async function writeLarge(written: Written): Promise<void> {
  const [ann, bob] = [docOf(31), docOf(32)];
  const pasted = edit(ann, (doc) => doc.getText("text").insert(0, "a line of text\n".repeat(40_000)));
  await written.append([{ author: "ann", update: pasted }]);
  await written.compact();
  const picture = Uint8Array.from({ length: 300_000 }, (_, i) => (i * i) % 251);
  await written.append([
    { author: "ann", update: edit(ann, (doc) => doc.getText("text").insert(5, "!")) },
    { author: "bob", update: edit(bob, (doc) => doc.getMap("pictures").set("one", picture)) },
  ]);
}

async function flipIn(place: Parameters<typeof encodeKey>[0]): Promise<void> {
  const database = await openLevelDatabase(join(data, "level"), { createIfMissing: false });
  const key = encodeKey(place);
  const value = Uint8Array.from((await database.get(key)) ?? []);
  value[value.length - 3] = (value[value.length - 3] as number) ^ 0x10;
  await database.batch([{ type: "put", key, value }], { sync: true });
  await database.close();
}

/** Where the documents are is what differs. */
function placeless<Printed extends { readonly stdout: string; readonly stderr: string }>(
  printed: Printed,
): Printed {
  const hide = (text: string) => {
    return text.replaceAll(`data folder ${data}`, "PLACE").replaceAll(`server ${running().url}`, "PLACE");
  };
  return { ...printed, stdout: hide(printed.stdout), stderr: hide(printed.stderr) };
}

test("who may read, and not see what it was, is shown what it is", async () => {
  const as = ["--server", running().url, "--token", readersToken];
  const show = ["show", EVERY_TYPE];
  const shown = await withOptions(show, ...as);
  expect(shown.stdout, shown.stderr).toBe(
    (await withOptions(show, "--server", running().url, "--token", token)).stdout,
  );
  expect(shown.stdout, shown.stderr).not.toBe("");
  const log = await withOptions(["log", EVERY_TYPE], ...as);
  expect([log.code, log.stderr]).toEqual([1, expect.stringContaining("history")]);
});

describe("of a server and of its folder the same is printed by", () => {
  test.each(COMMANDS.map((args) => [titleOf(args), args] as const))("joinery %s", async (title, args) => {
    const ofServer = await withOptions(args, "--server", running().url, "--token", token);
    const ofFolder = before.get(title);
    if (ofFolder === undefined) throw new Error("it was not run");
    expect(placeless(ofServer)).toEqual(placeless(ofFolder));
    expect(ofFolder.stdout + ofFolder.stderr).not.toBe(args[0] === "diff" ? null : "");
  });

  test("joinery export, into a file, byte for byte", async () => {
    for (const [i, name] of [EVERY_TYPE, TYPED, LARGE].entries()) {
      const file = join(parent, `of the server ${i}.bin`);
      const { code } = await withOptions(["export", name, file], "--server", running().url, "--token", token);
      expect(code).toBe(0);
      expect(sha256(await readFile(file))).toBe(exported.get(name));
    }
  });

  test("a command that finds the server by its folder, whatever token the environment has", async () => {
    const environment = { COLUMNS: "100", TZ: "UTC", JOINERY_TOKEN: "wrong" };
    const { code, stdout, stderr } = await runCommand(["show", "--data", data, EVERY_TYPE], environment);
    expect({ code, stdout, stderr }).toEqual(before.get(titleOf(["show", EVERY_TYPE])));
  });
});

describe("a server that checks tokens", () => {
  test("is not read without one, nor with a wrong one, and says so in one line", async () => {
    const { url } = running();
    const none = await withOptions(["ls"], "--server", url);
    expect(none).toMatchObject({ code: 1, stdout: "" });
    expect(none.stderr).toMatch(
      /^joinery: [^\n]+wants a token: give one in JOINERY_TOKEN or with --token-file\n$/,
    );
    const wrong = await withOptions(["ls"], "--server", url, "--token", `${token.slice(0, -4)}AAAA`);
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toMatch(/^joinery: [^\n]+does not take this token\)\n$/);
    expect(wrong.stderr).not.toContain(token.slice(0, 20));
  });
});

describe("a server that dies in the middle", () => {
  /** Between the command and the server: the connection breaks after so many bytes of answers. */
  async function breakingAfter(bytes: number): Promise<string> {
    const { port } = running();
    let left = bytes;
    const between = createServer((socket) => {
      const onward = connect(port, "127.0.0.1");
      socket.pipe(onward);
      socket.on("error", () => onward.destroy());
      onward.on("error", () => socket.destroy());
      onward.on("data", (chunk: Buffer) => {
        left -= chunk.length;
        if (left > 0) socket.write(chunk);
        else socket.destroy();
      });
    });
    await new Promise<void>((resolve) => between.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void between.close());
    const address = between.address();
    return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  test.each([["show"], ["stats"], ["export"], ["log"]])(
    "%s says so, and shows nothing by halves",
    async (command) => {
      const url = await breakingAfter(command === "log" ? 100_000 : 200_000);
      const { code, stdout, stderr } = await withOptions([command, LARGE], "--server", url, "--token", token);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^joinery: the answer of the server [^\n]+ broke off[^\n]*\n$/);
    },
  );

  test("export leaves no file behind", async () => {
    const url = await breakingAfter(200_000);
    const folder = await mkdtemp(join(parent, "export-"));
    const file = join(folder, "large.bin");
    const { code } = await withOptions(["export", LARGE, file], "--server", url, "--token", token);
    expect({ code, files: await readdir(folder) }).toEqual({ code: 1, files: [] });
  });
});

// The last one: it ends the server.
test("what a killed server left behind does not keep anybody from its folder", async () => {
  await running().kill();
  const after = await withOptions(["ls"], "--data", data);
  expect(placeless(after)).toEqual(placeless(before.get("ls") as typeof after));
  expect(await readdir(data)).toContain("server.json");
  const server = await withOptions(["ls"], "--server", running().url, "--token", token);
  expect(server.stderr).toBe(`joinery: cannot reach the server ${running().url}: nobody listens there\n`);
});
