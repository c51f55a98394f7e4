import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { describe, expect, test, vi } from "vitest";
import { LevelStorage } from "../../server/src/storage/level.ts";
import { startAppender } from "./appender-process.ts";
import { doc, open } from "./level-stage.ts";
import { appendEntries, entriesOf } from "./storage-content.ts";
import { temporaryFolder } from "./temporary-folder.ts";

describe("data folder", () => {
  const refusal = (folder: string) => new LevelStorage({ folder }).open();

  test("has a sentinel beside the database, and is created with the folders above it", async () => {
    const folder = join(await temporaryFolder(), "a", "b");
    const { storage } = await open(folder);
    expect(await readdir(folder)).toEqual(["joinery.json", "level"]);
    const sentinel = JSON.parse(await readFile(join(folder, "joinery.json"), "utf8"));
    expect(sentinel).toEqual({ format: 1, created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) });
    await storage.close();
    await (await open(folder)).storage.close();
    expect(JSON.parse(await readFile(join(folder, "joinery.json"), "utf8"))).toEqual(sentinel);
  });

  test("F99 that lost its CURRENT file is refused, and nothing in it is changed", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 3);
    await storage.close();
    await rm(join(folder, "level", "CURRENT"));
    const before = await readdir(folder, { recursive: true });
    const message = `data folder "${folder}" cannot be used: its database is missing (level/CURRENT); nothing was changed.`;
    await expect(refusal(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringContaining(message),
    });
    expect(await readdir(folder, { recursive: true })).toEqual(before);
    // The same without the sentinel, as long as there are a database's files.
    await rm(join(folder, "joinery.json"));
    await expect(refusal(folder)).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    await rm(join(folder, "level"), { recursive: true });
    await (await open(folder)).storage.close();
  });

  test("whose database is gone altogether is refused", async () => {
    const folder = await temporaryFolder();
    await (await open(folder)).storage.close();
    await rm(join(folder, "level"), { recursive: true });
    await expect(refusal(folder)).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    expect(await readdir(folder)).toEqual(["closed.json", "joinery.json"]);
  });

  test.each([
    ["F99 that lost its MANIFEST", /^MANIFEST/, "CURRENT names no MANIFEST that is there"],
    ["that lost its write-ahead log", /\.log$/, "log is missing"],
    ["that lost a table", /\.ldb$/, "ldb is missing"],
  ])("%s is refused, and nothing in it is changed", async (_, lost, reason) => {
    const folder = await temporaryFolder();
    // Opening again puts what the log holds into a table.
    for (const seq of [1, 2]) {
      const { storage } = await open(folder);
      await appendEntries(storage, doc, seq, seq);
      await storage.close();
    }
    const names = (await readdir(join(folder, "level"))).filter((name) => lost.test(name));
    for (const name of names) await rm(join(folder, "level", name));
    const before = await readdir(folder, { recursive: true });
    await expect(refusal(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringMatching(new RegExp(`level/.*${reason}; nothing was changed. Restore level/`)),
    });
    // But for the diary that LevelDB begins anew whenever it is asked for its lock.
    expect((await readdir(folder, { recursive: true })).filter(isNoDiary)).toEqual(before.filter(isNoDiary));
  });

  test("where a first start was cut off is completed by the next", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    await appendEntries(storage, doc, 1, 3);
    await storage.close();
    await rm(join(folder, "joinery.json")); // As if it had ended just before the sentinel.
    const again = await open(folder);
    expect((await again.storage.load(doc))?.tail).toEqual(entriesOf(1, 3));
    expect(await readdir(folder)).toContain("joinery.json");
  });

  test.each([
    ["of a later format", '{"format":2}', "says format 2, this version reads and writes format 1"],
    ["of another program", '{"name":"x"}', "is not one that Joinery wrote"],
    ["that is no JSON", "", "is not one that Joinery wrote"],
  ])("with a sentinel %s is refused", async (_, text, reason) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "joinery.json"), text);
    await expect(refusal(folder)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringContaining(reason),
    });
    expect(await readdir(folder)).toEqual(["joinery.json"]);
  });

  test("that cannot be created or written is refused in one line, and can be tried again", async () => {
    const parent = await temporaryFolder();
    await writeFile(join(parent, "file"), "");
    const below = join(parent, "file", "data");
    await expect(refusal(below)).rejects.toMatchObject({
      code: "DATA_FOLDER_UNUSABLE",
      message: expect.stringMatching(
        new RegExp(`^data folder "${below}" cannot be used: it cannot be created: ENOTDIR.*$`),
      ),
    });
    const data = join(parent, "data");
    await mkdir(data);
    await writeFile(join(data, "level"), "");
    const storage = new LevelStorage({ folder: data });
    await expect(storage.open()).rejects.toMatchObject({ code: "DATA_FOLDER_UNUSABLE" });
    await rm(join(data, "level"));
    await storage.open();
    await storage.close();
  });
});

const isNoDiary = (name: string) => !/LOG(\.old)?$/.test(name);

describe("another process", () => {
  test("cannot open the same folder, and is told who has it", async () => {
    const folder = await temporaryFolder();
    const { storage } = await open(folder);
    const unknown = await startAppender(folder).ended;
    expect(unknown).toHaveLength(1);
    expect(unknown[0]).toContain(`DATA_FOLDER_IN_USE data folder "${folder}" is in use by another process`);
    const { pid } = process;
    await writeFile(join(folder, "server.json"), JSON.stringify({ pid, url: "http://127.0.0.1:4321" }));
    const known = await startAppender(folder).ended;
    expect(known[0]).toContain(`is in use by another process (pid ${pid}, http://127.0.0.1:4321)`);
    await appendEntries(storage, doc, 1, 1);
  });

  test.each([1, 2, 3])(
    "that is killed in the middle of appending loses nothing acknowledged (%d)",
    async (round) => {
      const folder = await temporaryFolder();
      const appender = startAppender(folder);
      await vi.waitFor(() => expect(appender.lines.length).toBeGreaterThan(200 * round), { timeout: 10_000 });
      appender.kill();
      const acknowledged = { left: 0, right: 0 };
      for (const line of (await appender.ended).slice(1)) {
        const [document, seq] = line.split(" ");
        acknowledged[document as "left" | "right"] = Number(seq);
      }
      const { storage, events } = await open(folder);
      expect(events).toEqual([]);
      for (const [document, seq] of Object.entries(acknowledged)) {
        const tail = (await storage.load(document as DocumentName))?.tail ?? [];
        expect(tail.length).toBeGreaterThanOrEqual(seq);
        expect(seq).toBeGreaterThan(50);
        expect(tail.map((entry) => entry.seq)).toEqual(Array.from(tail, (_, i) => i + 1));
      }
    },
  );
});
