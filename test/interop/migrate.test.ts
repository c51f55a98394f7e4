/** `joinery migrate`, run on data that the published packages of other servers wrote. */

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { type Exit, runCommand, startCommand } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { encodeYSweet, writeYSweet, ySweetRecords } from "../support/y-sweet-store.ts";
import {
  board,
  foldInYLeveldb,
  type Recorded,
  recordedConversation,
  recordedPaper,
  writeHocuspocus,
  writeThroughYWebsocket,
  writeYLeveldb,
} from "./migrate-sources.ts";
import { openStage } from "./stage.ts";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "joinery-migrate-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const COMMAND = fileURLToPath(new URL("../../cli/bin/joinery.js", import.meta.url));

const migrate = (from: string, data: string, ...flags: string[]): Promise<Exit> =>
  runCommand(["migrate", "--from", from, "--data", data, ...flags]);

/** What people see who open these documents on a server that was started on the folder. */
async function textsIn(dataFolder: string, ...names: string[]): Promise<string[]> {
  const stage = await openStage({ dataFolder });
  const texts: string[] = [];
  for (const name of names) texts.push((await stage.join(name).synced()).text.toString());
  await stage.close();
  return texts;
}

function docOf({ updates }: Pick<Recorded, "updates">): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, Y.mergeUpdates(updates.slice(0, 1)));
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update);
  });
  return doc;
}

async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(file, "base64")])),
  );
}

describe("a folder of y-leveldb", () => {
  test("is taken over: recordings of people typing, folded or update by update, and names of all kinds", async () => {
    const folder = join(await temporaryFolder(), "old");
    const data = await temporaryFolder();
    const conversation = recordedConversation();
    const paper = recordedPaper();
    const short = { updates: paper.updates.slice(0, 3000), text: "" };
    short.text = docOf(short).getText("text").toString();
    const nameless = Y.encodeStateAsUpdate(board());
    await writeYLeveldb(folder, {
      conversation: conversation.updates.slice(0, 6000),
      "papers/2024 – draft": [Y.encodeStateAsUpdate(docOf(paper))],
      folded: short.updates,
      v1: [nameless],
      update: [nameless],
      "": [nameless],
      "two\nlines": [nameless],
      opened: [Uint8Array.of(0, 0)],
    });
    await foldInYLeveldb(folder, "folded");

    const first = await migrate(`y-leveldb:${folder}`, data);
    expect(first.stderr).toBe("");
    expect(first.stdout).toContain("5 taken over, read back and found the same");
    expect(first.stdout).toContain("1 with nothing in them");
    expect(first.stdout).toContain("2 that Joinery does not take");
    expect(first.stdout).toContain('"two\\nlines"  refused: document name has control characters');
    expect(first.code).toBe(1);

    const expected = docOf({ updates: conversation.updates.slice(0, 6000) })
      .getText("text")
      .toString();
    expect(await textsIn(data, "conversation", "papers/2024 – draft", "folded", "v1")).toEqual([
      expected,
      paper.text,
      short.text,
      "a board",
    ]);
    const again = await migrate(`y-leveldb:${folder}`, data);
    expect(again.stdout).toContain("5 there already, with all that the source has");
    expect(again.stdout).not.toContain("taken over,");
  });

  test("that the y-websocket server wrote is taken over", async () => {
    const folder = join(await temporaryFolder(), "old");
    const data = await temporaryFolder();
    await writeThroughYWebsocket(folder, "notes", "typed into the reference server");
    const before = await filesIn(folder);
    const { code, stdout } = await migrate(`y-leveldb:${folder}`, data);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("1 taken over") });
    expect(await filesIn(folder)).toEqual(before);
    expect(await textsIn(data, "notes")).toEqual(["typed into the reference server"]);
  });

  test("in whose files bits were flipped is said to be damaged, for LevelDB returns what it finds", async () => {
    const folder = join(await temporaryFolder(), "old");
    const data = await temporaryFolder();
    const documents: Record<string, Uint8Array[]> = {};
    // Random, for LevelDB compresses; enough of it for a table.
    for (let i = 0; i < 60; i++) {
      const noise = new Y.Doc();
      noise.getArray("noise").push([new Uint8Array(randomBytes(150_000))]);
      documents[`noise ${i}`] = [Y.encodeStateAsUpdate(noise)];
    }
    await writeYLeveldb(folder, documents);
    const table = (await readdir(folder)).find((file) => file.endsWith(".ldb")) as string;
    const bytes = await readFile(join(folder, table));
    bytes[5000] = (bytes[5000] as number) ^ 4;
    await writeFile(join(folder, table), bytes);
    const { code, stdout } = await migrate(`y-leveldb:${folder}`, data);
    expect(code).toBe(1);
    expect(stdout).toContain(`! ${table}: one bit is flipped, near byte 0; LevelDB does not notice`);
    expect(stdout).toContain("60 taken over");
  });

  test("that its server has open is refused, and so is one that is none", async () => {
    const folder = join(await temporaryFolder(), "old");
    await writeYLeveldb(folder, { notes: [Y.encodeStateAsUpdate(board())] });
    const { LeveldbPersistence } = await import("y-leveldb");
    const persistence = new LeveldbPersistence(folder);
    await persistence.getAllDocNames();
    const data = await temporaryFolder();
    const held = await migrate(`y-leveldb:${folder}`, data);
    await persistence.destroy();
    expect(held).toMatchObject({ code: 1, stderr: expect.stringContaining("another process has it open") });
    const none = await migrate(`y-leveldb:${data}`, join(await temporaryFolder(), "data"));
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("no LevelDB database in it") });
    expect(await readdir(data)).toEqual([]);
  });
});

describe("a file of Hocuspocus' SQLite extension", () => {
  test("is taken over, and is left as it was", async () => {
    const file = join(await temporaryFolder(), "db.sqlite");
    const data = await temporaryFolder();
    const paper = recordedPaper();
    await writeHocuspocus(file, { board: board(), paper: docOf(paper), empty: new Y.Doc() });
    const before = await readFile(file);
    const { code, stdout, stderr } = await migrate(`hocuspocus-sqlite:${file}`, data);
    expect(stderr).toBe("");
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("2 taken over") });
    expect(await readFile(file)).toEqual(before);
    expect(await readdir(join(file, ".."))).toEqual(["db.sqlite"]);
    expect(await textsIn(data, "board", "paper")).toEqual(["a board", paper.text]);
  });

  test("with damaged rows gives the others; each damaged one is listed with the reason", async () => {
    const file = join(await temporaryFolder(), "db.sqlite");
    const data = await temporaryFolder();
    await writeHocuspocus(file, { sound: board(), cut: board(), text: board(), "last one": board() });
    const database = new DatabaseSync(file);
    database.exec(`UPDATE documents SET data = substr(data, 1, length(data) - 9) WHERE name = 'cut'`);
    database.exec(`UPDATE documents SET data = 'hello' WHERE name = 'text'`);
    database.close();
    const { code, stdout } = await migrate(`hocuspocus-sqlite:${file}`, data);
    expect(code).toBe(1);
    expect(stdout).toContain("2 taken over");
    expect(stdout).toMatch(/✗ "cut" {2}damaged: update: .* at byte \d+\n/);
    expect(stdout).toContain('✗ "text"  damaged: its data is no blob but text');
    expect(stdout).toContain("2 to look at");
    expect(await textsIn(data, "last one", "cut")).toEqual(["a board", ""]);
  });

  test("in which rows were cut off is said to be damaged, for SQLite passes over them", async () => {
    const file = join(await temporaryFolder(), "db.sqlite");
    await writeHocuspocus(file, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${i}`, board()])));
    const bytes = await readFile(file);
    // The root of the table: it has one cell fewer from now on.
    const root = 4096;
    bytes.writeUInt16BE(bytes.readUInt16BE(root + 3) - 1, root + 3);
    await writeFile(file, bytes);
    const { code, stdout } = await migrate(`hocuspocus-sqlite:${file}`, await temporaryFolder());
    expect(stdout).toContain("! SQLite finds: ");
    expect(code).toBe(1);
  });

  test("whose rows damage has put out of order is not gone through for ever", async () => {
    const file = join(await temporaryFolder(), "db.sqlite");
    const [one, other] = ["one", "other"].map((text) => {
      const doc = new Y.Doc();
      doc.getText("text").insert(0, text);
      return doc;
    });
    await writeHocuspocus(file, { one: one as Y.Doc, other: other as Y.Doc });
    const bytes = await readFile(file);
    const page = 4096;
    const firstCell = page + bytes.readUInt16BE(page + 8);
    expect(bytes[firstCell + 1]).toBe(1);
    bytes[firstCell + 1] = 33; // Its row number, behind its length.
    await writeFile(file, bytes);
    const { code, stdout, stderr } = await migrate(`hocuspocus-sqlite:${file}`, await temporaryFolder());
    expect(stdout).toContain("out of order");
    expect(stderr).toContain("its rows are not in order");
    expect(code).toBe(1);
  });

  test("that somebody else wrote into has names that are no text listed, and a view refused", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "db.sqlite");
    const database = new DatabaseSync(file);
    database.exec("CREATE TABLE documents (name, data BLOB)");
    const insert = database.prepare("INSERT INTO documents VALUES (?, ?)");
    for (const name of [null, Uint8Array.of(49), 7, "seven"])
      insert.run(name, Y.encodeStateAsUpdate(board()));
    database.close();
    const view = new DatabaseSync(join(folder, "view.sqlite"));
    view.exec(
      "CREATE VIEW documents AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT * FROM n",
    );
    view.close();
    const { stdout } = await migrate(`hocuspocus-sqlite:${file}`, join(folder, "data"));
    expect(stdout).toContain("1 taken over");
    for (const row of [1, 2, 3]) expect(stdout).toContain(`✗ "row ${row}"  damaged: its name is no text`);
    expect(
      await migrate(`hocuspocus-sqlite:${join(folder, "view.sqlite")}`, join(folder, "other")),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no table `documents`"),
    });
  });

  test("that is none, or has no such table, is refused", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "text.sqlite"), "this is no database, however long it goes on about it");
    new DatabaseSync(join(folder, "empty.sqlite")).close();
    for (const name of ["text.sqlite", "empty.sqlite", "missing.sqlite"]) {
      const { code, stderr } = await migrate(`hocuspocus-sqlite:${join(folder, name)}`, join(folder, "data"));
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^joinery: cannot import from /),
      });
    }
    expect((await readdir(folder)).toSorted()).toEqual(["empty.sqlite", "text.sqlite"]);
  });
});

describe("Y-Sweet's file store", () => {
  test("is taken over", async () => {
    const folder = await temporaryFolder();
    const data = await temporaryFolder();
    const paper = recordedPaper();
    const [first, ...rest] = paper.updates;
    await writeYSweet(
      folder,
      "paper",
      encodeYSweet(ySweetRecords({ state: Y.encodeStateAsUpdate(docOf(paper)) })),
    );
    const updates = rest.slice(0, 50);
    await writeYSweet(folder, "tail", encodeYSweet(ySweetRecords({ state: first as Uint8Array, updates })));
    await writeYSweet(folder, "torn", Buffer.from("0100", "hex"));
    const { code, stdout } = await migrate(`y-sweet:${folder}`, data);
    expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringContaining("2 taken over") });
    expect(stdout).toContain('✗ "torn"  damaged: data.ysweet ends too early at byte 0');
    const tail = docOf({ updates: [first as Uint8Array, ...updates] })
      .getText("text")
      .toString();
    expect(await textsIn(data, "paper", "tail")).toEqual([paper.text, tail]);
  });
});

describe("a folder of update files", () => {
  async function folderOf(count: number): Promise<string> {
    const folder = await temporaryFolder();
    const blank = Y.encodeStateAsUpdate(board());
    for (let i = 0; i < count; i++) {
      const doc = new Y.Doc();
      Y.applyUpdate(doc, blank);
      doc.getText("text").insert(0, `${i} is `);
      const bytes = i % 2 === 0 ? Y.encodeStateAsUpdate(doc) : Y.encodeStateAsUpdateV2(doc);
      await writeFile(join(folder, `board%2F${i}.bin`), bytes);
    }
    return folder;
  }

  test("that was cut off by kill -9 is taken over by the next run, which finds what was there", async () => {
    const folder = await folderOf(150);
    const data = await temporaryFolder();
    const killed = startCommand(["migrate", "--from", `updates:${folder}`, "--data", data]);
    const sizeOfLog = async () => {
      const files = await readdir(join(data, "level")).catch(() => []);
      const logs = files.filter((file) => file.endsWith(".log"));
      const sizes = await Promise.all(
        logs.map((file) => stat(join(data, "level", file)).catch(() => ({ size: 0 }))),
      );
      return sizes.reduce((sum, { size }) => sum + size, 0);
    };
    await until("some documents to be there", async () => (await sizeOfLog()) > 100_000, {
      withinMs: 60_000,
    });
    killed.kill("SIGKILL");
    expect(await killed.exited).toMatchObject({ code: null, signal: "SIGKILL" });

    const { code, stdout } = await migrate(`updates:${folder}`, data);
    expect(code).toBe(0);
    const there = Number(/(\d+) there already/.exec(stdout)?.[1]);
    const taken = Number(/(\d+) taken over/.exec(stdout)?.[1]);
    expect(there).toBeGreaterThan(0);
    expect(taken).toBeGreaterThan(0);
    expect(there + taken).toBe(150);
    expect(await textsIn(data, "board/0", "board/1", "board/149")).toEqual([
      "0 is a board",
      "1 is a board",
      "149 is a board",
    ]);
  });

  test("is left off after the document that is under way when somebody presses Ctrl+C", async () => {
    const folder = await folderOf(150);
    const data = await temporaryFolder();
    const stopped = startCommand(["migrate", "--from", `updates:${folder}`, "--data", data]);
    await until("it to begin", () => stopped.stdout.includes("takes documents over"), { withinMs: 60_000 });
    stopped.kill("SIGINT");
    expect(await stopped.exited).toMatchObject({
      code: 130,
      stdout: expect.stringContaining("Run it again to go on."),
      stderr: "",
    });
    expect(await migrate(`updates:${folder}`, data)).toMatchObject({ code: 0 });
  });

  test("is only read by a dry run, which creates nothing", async () => {
    const folder = await folderOf(4);
    await mkdir(join(folder, "several"));
    await writeFile(join(folder, "broken.v2"), "no update");
    const data = join(await temporaryFolder(), "data");
    const before = await filesIn(folder);
    const dry = await migrate(`updates:${folder}`, data, "--dry-run");
    expect(dry.stdout).toContain("dry run: nothing is written");
    expect(dry.stdout).toContain("4 would be taken over");
    expect(dry.stdout).toContain('✗ "broken"  damaged:');
    expect(dry.code).toBe(1);
    await expect(stat(data)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await filesIn(folder)).toEqual(before);
    expect((await migrate(`updates:${folder}`, data)).stdout).toContain("4 taken over");
    const there = await migrate(`updates:${folder}`, data, "--dry-run");
    expect(there.stdout).toContain("4 there already");
    expect(await textsIn(data, "board/3")).toEqual(["3 is a board"]);
  });

  test("is compared by a dry run with what is there, in which no byte changes, damaged or not", async () => {
    const folder = await folderOf(4);
    const data = await temporaryFolder();
    expect(await migrate(`updates:${folder}`, data)).toMatchObject({ code: 0 });
    const before = await filesIn(data);
    const dry = await migrate(`updates:${folder}`, data, "--dry-run");
    expect({ ...dry, stderr: "" }).toEqual({
      ...dry,
      code: 0,
      stderr: "",
      stdout: expect.stringContaining("4 there already"),
    });
    expect(await filesIn(data)).toEqual(before);

    const log = Object.keys(before).find((file) => /\d+\.log$/.test(file)) as string;
    const bytes = await readFile(log);
    bytes[500] = (bytes[500] as number) ^ 4;
    await writeFile(log, bytes);
    const damaged = await filesIn(data);
    const told = await migrate(`updates:${folder}`, data, "--dry-run");
    expect(told.stderr).toContain("was not as it was written");
    expect(told.stderr).not.toContain("kept as");
    expect(await filesIn(data)).toEqual(damaged);

    const stage = await openStage({ dataFolder: data });
    const held = await migrate(`updates:${folder}`, data, "--dry-run");
    await stage.close();
    expect(held).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${JSON.stringify(data)} is in use`),
    });
  });

  test("is merged with what is there only when that was asked for", async () => {
    const folder = await temporaryFolder();
    const data = await temporaryFolder();
    await writeFile(join(folder, "notes.v1"), Y.encodeStateAsUpdate(board()));
    const stage = await openStage({ dataFolder: data });
    const writer = await stage.join("notes").synced();
    const reader = await stage.join("notes").synced();
    writer.text.insert(0, "written here; ");
    await reader.has(writer);
    expect(await migrate(`updates:${folder}`, data)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^joinery: data folder .* is in use by another process \(pid \d+, http:.*\)/,
      ),
    });
    await stage.server.stop();

    const alone = await migrate(`updates:${folder}`, data);
    expect(alone).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("1 there with other content, left alone"),
    });
    const merged = await migrate(`updates:${folder}`, data, "--merge");
    expect(merged).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("1 merged with what was there"),
    });
    expect(["written here; a board", "a boardwritten here; "]).toContain((await textsIn(data, "notes"))[0]);
  });

  test("is taken over when nobody reads on what is printed", async () => {
    const folder = await folderOf(4);
    const data = await temporaryFolder();
    const command = '{ "$0" "$1" migrate --from "$2" --data "$3"; echo $? > "$3/code"; } | true';
    execFileSync("sh", ["-c", command, process.execPath, COMMAND, `updates:${folder}`, data]);
    expect(await readFile(join(data, "code"), "utf8")).toBe("0\n");
    expect(await textsIn(data, "board/3")).toEqual(["3 is a board"]);
  });

  test("is refused when the data folder lies in it", async () => {
    const folder = await folderOf(1);
    const { code, stderr } = await migrate(`updates:${folder}`, join(folder, "data"));
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining("lies in what is imported from"),
    });
    expect(await readdir(folder)).toEqual(["board%2F0.bin"]);
    const link = join(await temporaryFolder(), "link");
    await symlink(folder, link);
    const linked = await migrate(`updates:${folder}`, join(link, "new", "data"));
    expect(linked.stderr).toContain("lies in what is imported from");
    expect(await readdir(folder)).toEqual(["board%2F0.bin"]);
  });

  test("has documents refused that are larger than the limit in the config file", async () => {
    const folder = await folderOf(1);
    const config = join(await temporaryFolder(), "joinery.config.mjs");
    await writeFile(config, "export default { limits: { maxDocumentBytes: 2048 } };\n");
    const { code, stdout } = await migrate(`updates:${folder}`, await temporaryFolder(), "--config", config);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ "board\/0" {2}refused: it has \d+ bytes, and a document may have 2048/);
  });
});

test.each([
  ["", "it must be one of y-leveldb:<folder>"],
  ["y-leveldb", "it must be one of"],
  ["y-leveldb:", "it must be one of"],
  ["redis:localhost", "it must be one of"],
  ["constructor:x", "it must be one of"],
])("--from %j is refused", async (from, message) => {
  const { code, stderr } = await migrate(from, "/nowhere");
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
});
