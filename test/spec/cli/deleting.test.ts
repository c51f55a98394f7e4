/** `joinery rm` and `joinery restore`, on data folders that no server has open. */

import { once } from "node:events";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  DASHED,
  docOf,
  EVERY_TYPE,
  edit,
  hashesOf,
  LONG,
  TYPED,
  UNICODE,
  Written,
  withStorage,
} from "../inspect/folder-stage.ts";
import { answering, sendJson, sendProblem } from "./remote-stage.ts";
import { goldenFile, joinery } from "./stage.ts";
import { jsonLines, namedFields, on, WritingStage } from "./writing-stage.ts";

let stage: WritingStage;

beforeAll(async () => {
  stage = await WritingStage.open();
});

afterAll(() => stage.close());

const namesIn = async (data: string) =>
  jsonLines(await on(data, ["ls", "--json"])).map(({ document }) => document);

test("what is deleted is listed, can be restored as it was, and is told how", async () => {
  const data = await stage.folder();
  const before = await on(data, ["show", "--json", TYPED]);
  const log = await on(data, ["log", "--json", TYPED]);
  const removed = await on(data, ["rm", "--yes", TYPED, UNICODE, LONG], 80);
  expect(removed).toMatchObject({ code: 0, stderr: "" });
  expect(removed.stdout).toContain(`bring it back with joinery restore '${UNICODE}'`);
  expect(await namesIn(data)).toEqual([DASHED, EVERY_TYPE]);
  for (const columns of [40, 80, 120]) {
    const { stdout } = await on(data, ["restore", "--list"], columns);
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    await expect(stdout).toMatchFileSnapshot(goldenFile(`restore list in ${columns}`));
  }
  expect(jsonLines(await on(data, ["restore", "--json", "--list", "notes/"]))).toMatchObject([
    { document: TYPED, deletion: 1, seq: 30, deletedBy: "operator", deletedAt: "2026-01-31T12:45:00.000Z" },
  ]);
  expect(await on(data, ["restore", TYPED], 80)).toMatchObject({
    code: 0,
    stdout: `✓ ${TYPED}  restored, up to batch 30\n`,
  });
  expect(await on(data, ["show", "--json", TYPED])).toEqual(before);
  expect(await on(data, ["log", "--json", TYPED])).toEqual(log);
});

test("listing what can be restored changes nothing in the folder", async () => {
  const data = await stage.folder();
  await on(data, ["rm", "--yes", TYPED, UNICODE]);
  const before = await hashesOf(data);
  const { code, stdout } = await on(data, ["restore", "--list", "--json"]);
  expect(code).toBe(0);
  expect(jsonLines({ stdout }).map(({ document }) => document)).toEqual([TYPED, UNICODE]);
  expect(await hashesOf(data)).toEqual(before);
});

test("names that a shell would take apart, or for options, are told so that they can be copied", async () => {
  const data = await stage.folder();
  const { stdout } = await on(data, ["rm", "--yes", "--", DASHED, EVERY_TYPE]);
  expect(stdout).toContain("bring it back with joinery restore -- -draft\n");
  expect(stdout).toContain("bring it back with joinery restore 'every/type of Yjs'\n");
});

/** Another document under a name, small and new. */
async function begin(data: string, name: string): Promise<void> {
  await withStorage(data, async (storage) => {
    const update = edit(docOf(5), (doc) => doc.getMap("another").set("life", 1));
    await new Written(storage, name).append([{ author: "", update }]);
  });
}

test("of several deletions of a name one is chosen by its number, and a name that is taken is not overwritten", async () => {
  const data = await stage.folder();
  await on(data, ["rm", "--yes", TYPED]);
  await begin(data, TYPED);
  await on(data, ["rm", "--yes", TYPED]);
  await on(data, ["restore", "--deletion", "1", TYPED]);
  expect(jsonLines(await on(data, ["ls", "--json", TYPED]))).toMatchObject([{ document: TYPED, seq: 30 }]);
  expect(await on(data, ["restore", TYPED])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`"${TYPED}"`),
  });
  expect(jsonLines(await on(data, ["restore", "--list", "--json"])).map(({ deletion }) => deletion)).toEqual([
    2,
  ]);
});

test("with --forever a document and its deletions are gone", async () => {
  const data = await stage.folder();
  await on(data, ["rm", "--yes", TYPED]);
  await begin(data, TYPED);
  expect(jsonLines(await on(data, ["rm", "--yes", "--forever", "--json", TYPED]))).toEqual([
    { document: TYPED, isErased: true },
  ]);
  expect(await on(data, ["restore", "--list"], 80)).toMatchObject({
    code: 0,
    stdout: "nothing to restore\n",
  });
  expect(await on(data, ["restore", TYPED])).toMatchObject({ code: 4 });
  expect(await on(data, ["rm", "--yes", "--forever", TYPED])).toMatchObject({ code: 4 });
});

test("damaged documents can be deleted too, restored as damaged as they were, and erased", async () => {
  const data = await stage.folder("damaged");
  expect(await on(data, ["rm", "--yes", TYPED, UNICODE])).toMatchObject({ code: 0, stderr: "" });
  expect(await on(data, ["verify"])).toMatchObject({ code: 0 });
  await on(data, ["restore", TYPED]);
  expect(await on(data, ["verify", TYPED])).toMatchObject({
    code: 3,
    stdout: expect.stringContaining("batch 25"),
  });
  await on(data, ["rm", "--yes", "--forever", TYPED, UNICODE]);
  expect(await on(data, ["verify"])).toMatchObject({ code: 0 });
});

test("a document that is not there is named, with 4, and the others are deleted", async () => {
  const data = await stage.folder();
  const { code, stderr } = await on(data, ["rm", "--yes", "nobody", TYPED]);
  expect({ code, stderr }).toEqual({
    code: 4,
    stderr: `joinery: there is no document "nobody" in the data folder ${data}\n`,
  });
  expect(await namesIn(data)).not.toContain(TYPED);
});

test("one that must not be deleted is named, and the others are", async () => {
  const lineage = "00112233445566778899aabbccddeeff";
  const deletion = {
    number: 1,
    lineage,
    deletedAt: "2026-01-31T12:00:00.000Z",
    deletedBy: "",
    seq: 1,
    bytes: 1,
  };
  const { url, requests } = await answering((request, response) => {
    const document = request.url?.split("/").at(-1);
    if (document === "kept") sendProblem(response, 403, { code: "PERMISSION_DENIED", detail: "not yours" });
    else if (document === "nobody")
      sendProblem(response, 404, { code: "DOCUMENT_NOT_FOUND", detail: "not there" });
    else sendJson(response, { document, ...deletion });
  });
  const { code, stdout, stderr } = await joinery([
    "rm",
    "--yes",
    "--json",
    "--server",
    url,
    "a",
    "kept",
    "nobody",
    "b",
  ]);
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).document),
  ).toEqual(["a", "b"]);
  expect(code).toBe(1);
  expect(stderr).toContain('joinery: "kept" is not deleted: ');
  expect(stderr).toContain('joinery: there is no document "nobody" in ');
  expect(requests).toHaveLength(4);
});

test("the JSON has the fields that the pages name", async () => {
  const data = await stage.folder();
  const lines = [
    ...jsonLines(await on(data, ["rm", "--yes", "--json", TYPED])),
    ...jsonLines(await on(data, ["rm", "--yes", "--json", "--forever", UNICODE])),
  ];
  expect(new Set(lines.flatMap(Object.keys))).toEqual(new Set(await namedFields("rm")));
  const restored = [
    ...jsonLines(await on(data, ["restore", "--json", "--list"])),
    ...jsonLines(await on(data, ["restore", "--json", TYPED])),
  ];
  expect(new Set(restored.flatMap(Object.keys))).toEqual(new Set(await namedFields("restore")));
});

test("restore wants either a document or --list", async () => {
  const data = await stage.folder();
  for (const args of [["restore"], ["restore", "--list", "--", TYPED, "x"]])
    expect((await on(data, args)).code).toBe(2);
});

describe("without --yes", () => {
  /** As somebody at a terminal, who answers. */
  async function atTerminal(answer: string, args: readonly string[]) {
    const data = await stage.folder();
    const input = Object.assign(new PassThrough(), { isTTY: true });
    const before = [
      [process, "stdin", Object.getOwnPropertyDescriptor(process, "stdin")],
      [process.stderr, "isTTY", Object.getOwnPropertyDescriptor(process.stderr, "isTTY")],
    ] as const;
    Object.defineProperty(process, "stdin", { value: input, configurable: true });
    Object.defineProperty(process.stderr, "isTTY", { value: true, configurable: true });
    onTestFinished(() => {
      for (const [object, name, descriptor] of before) {
        if (descriptor) Object.defineProperty(object, name, descriptor);
        else Reflect.deleteProperty(object, name);
      }
    });
    input.write(`${answer}\n`);
    const ended = await on(data, args);
    input.end();
    await once(input.resume(), "end");
    return { ...ended, names: await namesIn(data) };
  }

  test("it asks at a terminal, and does what is answered", async () => {
    const yes = await atTerminal("y", ["rm", TYPED, "--", DASHED]);
    expect(yes.code).toBe(0);
    expect(yes.stderr).toContain(`Delete "${TYPED}", "${DASHED}"? [y/N] `);
    expect(yes.names).toEqual(expect.not.arrayContaining([TYPED, DASHED]));
  });

  test("nothing is deleted unless the answer is yes", async () => {
    for (const answer of ["", "n", "yeah"]) {
      const no = await atTerminal(answer, ["rm", "--forever", TYPED]);
      expect(no.code).toBe(1);
      expect(no.stderr).toContain(`Erase "${TYPED}" for good? Nothing brings it back. [y/N] `);
      expect(no.stderr).toContain("nothing was deleted");
      expect(no.names).toContain(TYPED);
    }
  });

  test("it refuses where there is nobody to ask", async () => {
    const data = await stage.folder();
    expect(await on(data, ["rm", TYPED])).toMatchObject({
      code: 2,
      stderr: "joinery: there is no terminal to ask at: say --yes if this is meant\n",
    });
    expect(await namesIn(data)).toContain(TYPED);
  });
});
