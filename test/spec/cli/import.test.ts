import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docOf, EVERY_TYPE, edit, TYPED, UNICODE } from "../inspect/folder-stage.ts";
import { jsonLines, namedFields, on, WritingStage } from "./writing-stage.ts";

let stage: WritingStage;
let data = "";

beforeAll(async () => {
  stage = await WritingStage.open();
  data = await stage.folder();
});

afterAll(() => stage.close());

async function exported(document: string, format: string): Promise<string> {
  const file = stage.path("exported");
  const { code } = await on(data, ["export", "--force", "--format", format, document, file]);
  expect(code).toBe(0);
  return file;
}

async function valuesOf(document: string): Promise<Record<string, unknown>> {
  return JSON.parse((await on(data, ["export", "--format", "json", document])).stdout);
}

describe("an update", () => {
  test.each(["update", "update-v2"])(
    "as %s makes a document, once, and says what it brought",
    async (format) => {
      const name = `copies/${format} ü`;
      const file = await exported(TYPED, format);
      const [created] = jsonLines(
        await on(data, ["import", "--format", format, "--json", name, file]).then(oneLine),
      );
      expect(created).toMatchObject({
        document: name,
        outcome: "created",
        seq: 1,
        inserted: expect.any(Number),
      });
      expect(Object.keys(created ?? {}).sort()).toEqual(await namedFields("import"));
      expect(await valuesOf(name)).toEqual(await valuesOf(TYPED));
      const again = await on(data, ["import", "--format", format, name, file]);
      expect(again).toMatchObject({
        code: 0,
        stderr: "",
        stdout: expect.stringMatching(/^✓ .*nothing new: it has all of/),
      });
    },
  );

  test("is added to what is there, as a batch of whoever is named", async () => {
    const doc = docOf(99);
    const first = await stage.file(
      "first",
      edit(doc, () => doc.getText("text").insert(0, "one")),
    );
    const second = await stage.file(
      "second",
      edit(doc, () => doc.getText("text").insert(3, " two")),
    );
    await on(data, ["import", "added", first]);
    const { stdout } = await on(data, ["import", "--author", "ann", "added", second]);
    expect(stdout).toMatch(
      /^✓ added {2}changed, now at batch 2\n {2}\d+ B new of \d+ B: 1 struct, 4 inserted, 0 deleted\n$/,
    );
    const log = jsonLines(await on(data, ["log", "--json", "added"]));
    expect(log.map(({ parts }) => (parts as { author: string }[])[0]?.author)).toEqual(["operator", "ann"]);
  });

  test("that builds upon what is not there is refused, and changes nothing", async () => {
    const doc = docOf(98);
    doc.getText("text").insert(0, "before");
    const file = await stage.file(
      "gap",
      edit(doc, () => doc.getText("text").insert(6, " after")),
    );
    expect(await on(data, ["import", "gap", file])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("builds upon"),
    });
    expect(await on(data, ["log", "gap"])).toMatchObject({ code: 4 });
  });

  test("that is none is refused; of text it is said how to bring it", async () => {
    const garbage = await stage.file("garbage", Uint8Array.of(1, 1, 0xff, 0xff, 0xff));
    expect(await on(data, ["import", "none", garbage])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^joinery: update/),
    });
    const text = await stage.file("a.txt", "only text");
    expect(await on(data, ["import", "none", text])).toMatchObject({
      code: 1,
      stderr: "joinery: it is no Yjs update, but text: say --format json, or --format text\n",
    });
  });

  test("is taken with --new only where there is no document yet", async () => {
    const file = await exported(TYPED, "update");
    expect(await on(data, ["import", "--new", TYPED, file])).toMatchObject({
      code: 1,
      stderr: `joinery: there is a document "${TYPED}" already\n`,
    });
    expect(await on(data, ["import", "--new", "brand new", file])).toMatchObject({ code: 0, stderr: "" });
  });

  test("to a damaged document is refused as damage, and a folder that is not there begins with it", async () => {
    const damaged = await stage.folder("damaged");
    const file = await exported(TYPED, "update");
    expect(await on(damaged, ["import", TYPED, file])).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^damage: .* at seq 25/),
    });
    expect(await on(stage.path("new folder"), ["import", UNICODE, file])).toMatchObject({
      code: 0,
      stderr: "",
    });
  });
});

describe("JSON", () => {
  test("that was exported changes nothing where it came from, and makes the same values elsewhere", async () => {
    const file = await exported(EVERY_TYPE, "json");
    const same = await on(data, ["import", "--format", "json", EVERY_TYPE, file]);
    expect(same).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing new") });
    await on(data, ["import", "--format", "json", "values", file]);
    expect(await valuesOf("values")).toEqual(await valuesOf(EVERY_TYPE));
  });

  test("is merged: other keys and roots stay, and shared types that say the same are not replaced", async () => {
    const before = await valuesOf(EVERY_TYPE);
    const list = before.list as unknown[];
    const file = await stage.file(
      "s.json",
      JSON.stringify({ map: { title: "new" }, list: [...list.slice(0, -1), "end"], text: "read" }),
    );
    expect(await on(data, ["import", "--format", "json", EVERY_TYPE, file])).toMatchObject({
      code: 0,
      stderr: "",
    });
    const after = await valuesOf(EVERY_TYPE);
    expect(after).toEqual({
      ...before,
      map: { ...(before.map as object), title: "new" },
      list: [...list.slice(0, -1), "end"],
      text: "read",
    });
    // The text in the list is still one.
    const shown = JSON.parse((await on(data, ["show", "--json", EVERY_TYPE])).stdout);
    expect(JSON.stringify(shown.roots.find((root: { name: string }) => root.name === "list"))).toContain(
      '"text"',
    );
  });

  test.each<[string, unknown, readonly string[], string]>([
    ["is no object", [1], [], "it must be an object"],
    ["has a number as a root", { n: 1 }, [], "a root is a map, an array or a text"],
    ["has other markup than the document", { xml: "<other/>" }, [], "there is XML"],
    ["has a list where there is a map", { map: [] }, [], "there is a map"],
    ["has not the root that --as is about", {}, ["--as", "x=map"], 'it has no root "x"'],
  ])("that %s is refused, naming the place", async (_, json, flags, message) => {
    const file = await stage.file("bad.json", JSON.stringify(json));
    const { code, stderr } = await on(data, ["import", "--format", "json", ...flags, EVERY_TYPE, file]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("that cannot be read, or is nested too deeply, is refused in a line", async () => {
    for (const [content, message] of [
      ["{", "it is no JSON"],
      [Uint8Array.of(0xff, 0xfe), "it is no text in UTF-8"],
      [`{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`, "nested too deeply"],
    ] as const) {
      const file = await stage.file("bad.json", content);
      const { code, stderr } = await on(data, ["import", "--format", "json", "bad", file]);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(message) });
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
  });
});

describe("text", () => {
  test("makes a root read as the file, by small changes; a line break at its end counts only where there is one", async () => {
    const file = await exported(TYPED, "text");
    const args = ["import", "--format", "text", "--root", "text", TYPED];
    expect(await on(data, [...args, file])).toMatchObject({ stdout: expect.stringContaining("nothing new") });
    const { text } = (await valuesOf(TYPED)) as { text: string };
    const changed = await stage.file("changed.txt", `${text.slice(0, 500)}XYZ${text.slice(500)}`);
    const { stdout } = await on(data, [...args, changed]);
    expect(stdout).toMatch(/: \d structs?, [3-9] inserted, [0-6] deleted\n$/);
    expect(await valuesOf(TYPED)).toEqual({ text: `${text.slice(0, 500)}XYZ${text.slice(500)}` });
    const crlf = await stage.file("new.txt", "one\r\ntwo\r\n");
    await on(data, ["import", "--format", "text", "--root", "body", "a text", crlf]);
    expect(await valuesOf("a text")).toEqual({ body: "one\r\ntwo" });
  });

  test("is refused without --root, and --root without text", async () => {
    for (const flags of [
      ["--format", "text"],
      ["--root", "text"],
    ]) {
      const { code, stderr } = await on(data, ["import", ...flags, TYPED, stage.path("a.txt")]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("--root") });
    }
  });
});

test("what is too large is not read to its end, and a file that is not there is named", async () => {
  const config = await stage.file(
    "joinery.config.mjs",
    "export default { limits: { maxDocumentBytes: 1024 } };",
  );
  const file = await stage.file("large", new Uint8Array(2000));
  expect(await on(data, ["import", "--config", config, "large", file])).toMatchObject({
    code: 1,
    stderr: `joinery: ${file} has more than 1.0 KB (limits.maxDocumentBytes)\n`,
  });
  expect(await on(data, ["import", "x", stage.path("nowhere")])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^joinery: cannot read .*nowhere: ENOENT/),
  });
});

/** A JSON document of several lines, as one. */
function oneLine({ stdout }: { readonly stdout: string }): { stdout: string } {
  return { stdout: JSON.stringify(JSON.parse(stdout)) };
}
