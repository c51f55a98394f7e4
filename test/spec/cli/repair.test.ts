/** `joinery repair` and `joinery compact`, on data folders that no server has open. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { widthOf } from "../../../cli/src/output/text.ts";
import { EVERY_TYPE, hashesOf, LONG, TYPED, UNICODE } from "../inspect/folder-stage.ts";
import { goldenFile } from "./stage.ts";
import { jsonLines, namedFields, on, WritingStage } from "./writing-stage.ts";

let stage: WritingStage;

beforeAll(async () => {
  stage = await WritingStage.open();
});

afterAll(() => stage.close());

const rootsIn = ({ stdout }: { readonly stdout: string }): unknown => JSON.parse(stdout).roots;

describe("repair", () => {
  test.each([40, 80, 120])(
    "says in a dry run of %i columns what it would do, and changes nothing",
    async (columns) => {
      const data = await stage.folder("damaged");
      const before = await hashesOf(data);
      const { code, stdout, stderr } = await on(data, ["repair", "--dry-run"], columns);
      expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
      for (const line of stdout.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
      await expect(stdout).toMatchFileSnapshot(goldenFile(`repair dry run in ${columns}`));
      expect(await hashesOf(data)).toEqual(before);
    },
  );

  test("keeps what is sound, puts the rest aside as it was, and finds nothing the next time", async () => {
    const data = await stage.folder("damaged");
    const sound = await on(data, ["show", "--json", EVERY_TYPE]);
    const before = await on(data, ["show", "--json", TYPED]);
    const { code, stdout, stderr } = await on(data, ["repair"], 80);
    expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(goldenFile("repair in 80"));
    expect(await on(data, ["verify"])).toMatchObject({ code: 0 });
    expect(await on(data, ["repair"], 80)).toEqual({ code: 0, stdout: "✓ nothing is damaged\n", stderr: "" });
    expect(rootsIn(await on(data, ["show", "--json", TYPED]))).toEqual(rootsIn(before));
    expect(await on(data, ["show", "--json", EVERY_TYPE])).toEqual(sound);
    const [aside = ""] = await readdir(join(data, "damaged"));
    const kept = await Promise.all(
      (await readdir(join(data, "damaged", aside))).map((file) =>
        readFile(join(data, "damaged", aside, file), "utf8"),
      ),
    );
    expect(kept.join("").trim().split("\n").length).toBeGreaterThanOrEqual(7);
  });

  test("of one document leaves the others; of one that is not there it says so", async () => {
    const data = await stage.folder("damaged");
    expect(await on(data, ["repair", TYPED])).toMatchObject({ code: 3 });
    expect(await on(data, ["verify", UNICODE])).toMatchObject({ code: 3 });
    expect(await on(data, ["repair", EVERY_TYPE], 80)).toMatchObject({
      code: 0,
      stdout: `✓ ${EVERY_TYPE} is not damaged\n`,
    });
    expect(await on(data, ["repair", "nobody"])).toEqual({
      code: 4,
      stdout: "",
      stderr: `joinery: there is no document "nobody" in the data folder ${data}\n`,
    });
  });

  test("prints the fields that its page names", async () => {
    const data = await stage.folder("damaged");
    const lines = jsonLines(await on(data, ["repair", "--json"]));
    expect(lines).toMatchObject([
      {
        document: TYPED,
        outcome: "repaired",
        isDryRun: false,
        problems: [{ record: "log", seq: 25, reason: expect.any(String) }],
        kept: { snapshotSeq: 20, seq: 24 },
        removed: { records: 6, damaged: 1 },
        lost: { fromSeq: 25, toSeq: 30, authors: ["ann"], to: "2026-01-31T12:30:00.000Z" },
        savedAs: expect.stringMatching(/^damaged\//),
      },
      { document: UNICODE, outcome: "emptied", lost: { fromSeq: 1, from: null } },
    ]);
    const ofRest = ["losses", "strays"];
    const named = (await namedFields("repair")).filter((field) => !ofRest.includes(field));
    for (const line of lines) expect(Object.keys(line).sort()).toEqual(named);
  });

  test("of a folder that is not there, or has no database, creates none", async () => {
    expect(await on(stage.path("nowhere"), ["repair"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no such folder"),
    });
    expect(await hashesOf(stage.path("nowhere")).catch((error: unknown) => error)).toMatchObject({
      code: "ENOENT",
    });
  });
});

describe("compact", () => {
  test("folds the log of each document, which shows what it did, and says what that came to", async () => {
    const data = await stage.folder();
    const before = await on(data, ["show", "--json", TYPED]);
    const { code, stdout, stderr } = await on(data, ["compact"], 80);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(goldenFile("compact in 80"));
    expect(rootsIn(await on(data, ["show", "--json", TYPED]))).toEqual(rootsIn(before));
    const [typed] = jsonLines(await on(data, ["ls", "--json", TYPED]));
    expect(typed).toMatchObject({ logEntries: 0, snapshotSeq: 30 });
    expect(jsonLines(await on(data, ["compact", "--json"])).map(({ outcome }) => outcome)).toEqual(
      Array(5).fill("already"),
    );
    for (const columns of [40, 120]) {
      const one = await on(data, ["compact", "--", LONG], columns);
      for (const line of one.stdout.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
      await expect(one.stdout).toMatchFileSnapshot(goldenFile(`compact one in ${columns}`));
    }
  });

  test("changes nothing of when a document was changed", async () => {
    const data = await stage.folder();
    const timeOf = async () => JSON.parse((await on(data, ["show", "--json", UNICODE])).stdout).time;
    const before = await timeOf();
    expect((await on(data, ["compact", UNICODE])).code).toBe(0);
    expect(JSON.parse((await on(data, ["stats", "--json", UNICODE])).stdout)).toMatchObject({
      logEntries: 0,
    });
    expect(await timeOf()).toBe(before);
  });

  test("of one document leaves the others, and says what the disk got back", async () => {
    const data = await stage.folder();
    const lines = jsonLines(await on(data, ["compact", "--json", "--reclaim", TYPED]));
    expect(lines).toEqual([
      {
        document: TYPED,
        outcome: "compacted",
        reason: null,
        seq: 30,
        bytesBefore: expect.any(Number),
        bytesAfter: expect.any(Number),
      },
      { reclaimed: { bytesBefore: expect.any(Number), bytesAfter: expect.any(Number) } },
    ]);
    expect(new Set(lines.flatMap(Object.keys))).toEqual(new Set(await namedFields("compact")));
    expect(JSON.parse((await on(data, ["stats", "--json", EVERY_TYPE])).stdout)).toMatchObject({
      logEntries: 1,
    });
    expect(await on(data, ["compact", "nobody"])).toMatchObject({ code: 4, stdout: "" });
  });

  test("leaves what is damaged as it is, says so, and goes on with the others", async () => {
    const data = await stage.folder("damaged");
    const { code, stdout } = await on(data, ["compact"], 80);
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ notes\/plan\n {4}document "notes\/plan" is damaged at seq 25/);
    expect(stdout).toContain("3 logs folded, 2 could not be");
    expect(await on(data, ["verify", TYPED])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining("batch 25"),
    });
  });
});
