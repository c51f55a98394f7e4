/** `joinery show`, `diff` and `export`, run on a data folder. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { LevelStorage } from "@joinery/server";
import { type DocumentName, parseDocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import * as Y from "yjs";
import { run } from "../../cli/src/main.ts";
import {
  LINEAGE,
  MINUTE_MS,
  Recording,
  START_MS,
  snapshotOf,
  writeEverything,
} from "../spec/inspect/content-sample.ts";
import { type Exit, runCommand } from "../support/server-process.ts";

// Before colours are decided upon: that happens when the command is loaded.
vi.hoisted(() => {
  process.env.NO_COLOR = "1";
});

const HOSTILE = "\u001b[31m\u009b2J\u0007\u202e\u2028";
const NAMES = ["plain", "a/b c/ein Tag – 日", "__proto__", "hostile", "compacted"];

let folder = "";
let data = "";

/** As a process of its own, in 80 columns, in UTC, without colour. */
const runJoinery = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Exit> =>
  runCommand([...args, "--data", data], { COLUMNS: "80", TZ: "UTC", NO_COLOR: "1", ...env });

type Printed = Pick<Exit, "code" | "stdout" | "stderr">;

/** The same command in this process, which takes a tenth of the time. */
async function joinery(args: readonly string[]): Promise<Printed> {
  const printed: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  const keep = (name: "stdout" | "stderr") => (chunk: string | Uint8Array, done?: unknown) => {
    printed[name].push(Buffer.from(chunk as string));
    if (typeof done === "function") done();
    return true;
  };
  const spies = [
    vi.spyOn(process.stdout, "write").mockImplementation(keep("stdout")),
    vi.spyOn(process.stderr, "write").mockImplementation(keep("stderr")),
    vi.spyOn(console, "error").mockImplementation((line: string) => void keep("stderr")(`${line}\n`)),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    await run([...args, "--data", data]);
    const code = Number(process.exitCode ?? 0);
    const [stdout = "", stderr = ""] = [printed.stdout, printed.stderr].map((chunks) =>
      Buffer.concat(chunks).toString(),
    );
    return { code, stdout, stderr };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}

const recording = new Recording()
  .write("ann", writeEverything)
  .write("bob", (doc) => {
    doc.getText("body").insert(6, "very ");
    doc.getMap("settings").set("theme", "light");
  })
  .write("", (doc) => {
    doc.getArray("list").push(["z"]);
    doc.getText("body").delete(0, 6);
    doc.getMap("settings").delete("nan");
  });

const hostile = new Recording().write(`${HOSTILE}ann`, (doc) => {
  doc.getMap(HOSTILE).set(HOSTILE, { [HOSTILE]: HOSTILE });
  doc.getText("text").insert(0, `${HOSTILE} text`, { [HOSTILE]: HOSTILE });
});

beforeAll(async () => {
  // Each command listens for broken pipes.
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(200);
  folder = await mkdtemp(join(tmpdir(), "joinery-content-"));
  data = join(folder, "data");
  const storage = new LevelStorage({ folder: data, minFreeBytes: 0 });
  await storage.open();
  for (const name of NAMES) {
    const { entries } = name === "hostile" ? hostile : recording;
    await write(storage, parseDocumentName(name), entries);
  }
  const document = parseDocumentName("compacted");
  for (const seq of [1, 2]) await storage.compact(document, snapshotOf(recording.entries, seq));
  await storage.close();
});

async function write(
  storage: LevelStorage,
  document: DocumentName,
  entries: Recording["entries"],
): Promise<void> {
  for (const entry of entries) {
    const birth = { lineage: LINEAGE, bornAt: START_MS };
    await storage.append({ document, entry, ...(entry.seq === 1 && { birth }) });
  }
}

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** What is in a folder, byte by byte, and when it was changed. */
async function fingerprint(path: string): Promise<string> {
  const hash = createHash("sha256");
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  for (const file of entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()) {
    hash.update(`${file} ${(await stat(file)).mtimeMs}\n`).update(await readFile(file));
  }
  return hash.digest("hex");
}

test("a document is shown as a tree, in 80 columns", async () => {
  const { code, stdout, stderr } = await runJoinery(["show", "a/b c/ein Tag – 日"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await expect(stdout).toMatchFileSnapshot("golden/cli-show.txt");
  expect((await joinery(["show", "plain"])).stdout).toContain(
    "plain  seq 3 · 2026-11-21 10:03:00 · 5 roots\n",
  );
  expect((await joinery(["show", "__proto__", "--depth", "0"])).stdout.split("\n")).toHaveLength(8);
});

test("colours come only where they are wanted, and nothing else changes with them", async () => {
  const coloured = await runJoinery(["show", "plain"], { NO_COLOR: "", FORCE_COLOR: "1" });
  const plain = await runJoinery(["show", "plain"]);
  expect(coloured.stdout).toContain("\u001b[");
  expect(stripVTControlCharacters(coloured.stdout)).toBe(plain.stdout);
});

test("a document is shown as JSON and as text, now, at a seq and at a time", async () => {
  const { stdout } = await joinery(["show", "plain", "--json"]);
  await expect(stdout).toMatchFileSnapshot("golden/cli-show-json.txt");
  expect(JSON.parse(stdout)).toMatchObject({ document: "plain", lineage: LINEAGE, seq: 3 });
  const body = async (...args: string[]) =>
    (await joinery(["show", "plain", "--text", "body", ...args])).stdout;
  expect(await body()).toBe("very bold and linked\nsecond line\n");
  expect(await body("--at", "1")).toBe("Hello bold and linked\nsecond line\n");
  expect(await body("--at", "2026-11-21T10:02:30Z")).toBe("Hello very bold and linked\nsecond line\n");
  expect(await body("--at", "0", "--json").then(({ length }) => length)).toBe(0);
  const all = await joinery(["show", "plain", "--text", "--json", "--at", "1"]);
  expect(JSON.parse(all.stdout)).toMatchObject({
    seq: 1,
    text: expect.stringMatching(/^Hello bold.*\n\ninside$/s),
  });
});

test("what a snapshot has replaced is told, and what the one before it stands for is still there", async () => {
  const at = (seq: string) => joinery(["show", "compacted", "--at", seq, "--text", "body"]);
  expect((await at("1")).stdout).toMatch(/^Hello bold/);
  expect((await at("2")).stdout).toMatch(/^Hello very bold/);
  expect((await at("3")).stdout).toMatch(/^very bold/);
  expect(await at("0")).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/before seq 1 .* replaced by a snapshot: it can be shown from there on\n$/),
  });
});

test("two times and two documents are compared, and the exit code says how that went", async () => {
  const changed = await runJoinery(["diff", "plain", "--from", "1"]);
  expect({ code: changed.code, stderr: changed.stderr }).toEqual({ code: 1, stderr: "" });
  await expect(changed.stdout).toMatchFileSnapshot("golden/cli-diff.txt");
  const asJson = JSON.parse((await joinery(["diff", "plain", "--from", "1", "--to", "2", "--json"])).stdout);
  expect(asJson).toMatchObject({
    isEqual: false,
    from: { seq: 1 },
    to: { seq: 2 },
    authors: [{ author: "bob", batches: 1 }],
    differences: [
      {
        path: ["body"],
        change: "changed",
        text: [{ kind: "added", text: "very ", by: ["bob"] }],
        by: ["bob"],
      },
      { path: ["settings", "theme"], before: { value: "dark" }, after: { value: "light" }, by: ["bob"] },
    ],
  });
  const codes = async (...args: string[]) => (await joinery(["diff", ...args])).code;
  expect(await codes("plain", "a/b c/ein Tag – 日")).toBe(0);
  expect(await codes("plain", "hostile")).toBe(1);
  expect(await codes("plain")).toBe(2);
  expect(await codes("plain", "--from", "99")).toBe(2);
  expect(await codes("plain", "--from", "soon")).toBe(2);
  expect(await codes("plain", "compacted", "--from", "1")).toBe(2);
  expect(await codes("plain", "nowhere")).toBe(4);
});

describe("a document is exported", () => {
  test("as an update of both formats, which is the document", async () => {
    const file = join(folder, "plain.bin");
    const { code, stdout, stderr } = await joinery(["export", "plain", file]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toMatch(/✓ .*plain\.bin \d+ B, seq 3\n$/);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, await readFile(file));
    const second = await joinery(["export", "plain", `${file}.v2`, "--format", "update-v2", "--json"]);
    expect(JSON.parse(second.stdout)).toMatchObject({
      document: "plain",
      seq: 3,
      format: "update-v2",
      file: `${file}.v2`,
    });
    const other = new Y.Doc();
    Y.applyUpdateV2(other, await readFile(`${file}.v2`));
    for (const each of [doc, other])
      expect(each.getText("body").toString()).toBe("very bold and linked\nsecond line");
  });

  test("as JSON, text, XML, Markdown and a delta, to standard output", async () => {
    const parts: string[] = [];
    for (const format of ["json", "text", "xml", "markdown", "delta"]) {
      const { code, stdout, stderr } = await joinery(["export", "plain", "--format", format]);
      expect(code).toBe(0);
      parts.push(`=== ${format}\n${stdout}${stderr === "" ? "" : `=== and on standard error\n${stderr}`}`);
    }
    await expect(parts.join("\n")).toMatchFileSnapshot("golden/cli-export.txt");
    // By custom that is standard output, and no file of that name.
    const named = await joinery(["export", "plain", "-", "--format", "text"]);
    expect(named).toMatchObject({ code: 0, stdout: expect.stringMatching(/^very bold/), stderr: "" });
    const one = await joinery(["export", "plain", "--format", "xml", "--root", "page"]);
    expect(one.stdout).toMatch(/^<heading level="1">.*<hr\/>\n$/);
    const delta = await joinery(["export", "plain", "--format", "delta", "--root", "body", "--at", "1"]);
    expect(JSON.parse(delta.stdout)[0]).toEqual({ insert: "Hello " });
  });

  test("to a file that is there only when it is told to, and leaves nothing beside it", async () => {
    const place = await mkdtemp(join(tmpdir(), "joinery-export-"));
    onTestFinished(() => rm(place, { recursive: true, force: true }));
    const file = join(place, "a.txt");
    await writeFile(file, "mine");
    const refused = await joinery(["export", "plain", file, "--format", "text"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("is there already; --force") });
    expect(await readFile(file, "utf8")).toBe("mine");
    expect((await joinery(["export", "plain", file, "--format", "text", "--force"])).code).toBe(0);
    expect(await readFile(file, "utf8")).toMatch(/^very bold/);
    const nowhere = await joinery(["export", "plain", join(place, "no", "b")]);
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining("cannot write") });
    expect(await readdir(place)).toEqual(["a.txt"]);
  });

  test("over a file that a link leads to, but never in the place of a pipe, a device or a folder", async () => {
    const place = await mkdtemp(join(tmpdir(), "joinery-export-"));
    onTestFinished(() => rm(place, { recursive: true, force: true }));
    const [file = "", linked = "", pipe = ""] = ["a.txt", "link", "pipe"].map((name) => join(place, name));
    await writeFile(file, "mine");
    await symlink(file, linked);
    execFileSync("mkfifo", [pipe]);
    const over = (target: string) => joinery(["export", "plain", target, "--format", "text", "--force"]);
    expect((await over(linked)).code).toBe(0);
    expect(await readFile(file, "utf8")).toMatch(/^very bold/);
    expect((await lstat(linked)).isSymbolicLink()).toBe(true);
    expect(await over(pipe)).toMatchObject({ code: 1, stderr: expect.stringContaining("no regular file") });
    expect((await lstat(pipe)).isFIFO()).toBe(true);
    expect(await over(place)).toMatchObject({ code: 1, stderr: expect.stringContaining("is a folder") });
    expect((await readdir(place)).sort()).toEqual(["a.txt", "link", "pipe"]);
  });
});

test("N12 nothing of a hostile document is obeyed by a terminal, but an export is exact", async () => {
  const outputs: string[] = [];
  for (const args of [
    ["show"],
    ["show", "--full"],
    ["show", "--json"],
    ["show", "--text"],
    ["diff", "--from", "0"],
    ["diff", "--from", "0", "--json"],
  ]) {
    const [command = "", ...flags] = args;
    outputs.push((await joinery([command, "hostile", ...flags])).stdout);
  }
  expect(outputs.every((output) => output.includes("\\u202e"))).toBe(true);
  expect(outputs.filter((output) => /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028]/u.test(output))).toEqual([]);
  const { stdout } = await runJoinery(["export", "hostile", "--format", "text"]);
  expect(stdout).toBe(`${HOSTILE} text\n`);
});

test("what cannot be asked is told in a line, and documents that are not there by their exit code", async () => {
  const asked = async (...args: string[]) => {
    const { code, stdout, stderr } = await joinery(args);
    return { code, stdout, isOneLine: /^[^\n]+\n$/.test(stderr) };
  };
  expect(await asked("show", "nowhere")).toEqual({ code: 4, stdout: "", isOneLine: true });
  expect(await asked("export", "nowhere", "--format", "text")).toEqual({
    code: 4,
    stdout: "",
    isOneLine: true,
  });
  expect(await asked("show", "plain", "--text", "nowhere")).toEqual({ code: 1, stdout: "", isOneLine: true });
  expect(await asked("show", "plain", "--as", "nowhere=map")).toEqual({
    code: 1,
    stdout: "",
    isOneLine: true,
  });
  expect(await asked("export", "plain", "--root", "body")).toEqual({ code: 2, stdout: "", isOneLine: true });
  expect((await joinery(["show", "plain", "--as", "body=thing"])).code).toBe(2);
  expect((await joinery(["show", "plain", "--as", "list=text", "--depth", "0"])).stdout).toContain(
    "list  text  2 characters  also has 4 list items, which a text does not show",
  );
});

test("reading changes nothing in the folder", async () => {
  const before = await fingerprint(data);
  const minuteAgo = new Date(START_MS + MINUTE_MS).toISOString();
  for (const args of [
    ["show", "plain"],
    ["diff", "plain", "--from", minuteAgo],
    ["export", "plain", "--format", "json"],
  ]) {
    expect((await joinery(args)).stdout).not.toBe("");
  }
  expect(await fingerprint(data)).toBe(before);
});
