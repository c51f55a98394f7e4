import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { joineryCommand } from "../../../cli/src/main.ts";
import { pageOf } from "../../../cli/src/output/command-page.ts";
import { widthOf } from "../../../cli/src/output/text.ts";
import { openLevelDatabase } from "../../../server/src/storage/database.ts";
import { encodeKey } from "../../../server/src/storage/keys.ts";
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
  writeDocuments,
} from "../inspect/folder-stage.ts";
import { goldenFile, joinery } from "./stage.ts";

let parent = "";
let folder = "";
let damaged = "";

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-cli-"));
  folder = join(parent, "data");
  damaged = join(parent, "damaged");
  await withStorage(folder, writeDocuments);
  await withStorage(damaged, writeDocuments);
  await flipIn(damaged, { document: TYPED as DocumentName, kind: "log", seq: 25 });
});

afterAll(() => rm(parent, { recursive: true, force: true }));

async function flipIn(folder: string, place: Parameters<typeof encodeKey>[0]): Promise<void> {
  const database = await openLevelDatabase(join(folder, "level"), { createIfMissing: false });
  const key = encodeKey(place);
  const value = Uint8Array.from((await database.get(key)) ?? []);
  value[value.length - 3] = (value[value.length - 3] as number) ^ 0x10;
  await database.batch([{ type: "put", key, value }], { sync: true });
  await database.close();
}

/** A command line without `--data`, and what it is about. */
const COMMANDS: readonly (readonly string[])[] = [
  ["ls"],
  ["ls", "--sort", "size", "--limit", "2"],
  ["ls", "notes/"],
  ["stats"],
  ["stats", EVERY_TYPE],
  ["stats", TYPED],
  ["log", TYPED, "--limit", "12"],
  ["log", TYPED, "--after", "0", "--limit", "3"],
  ["log", EVERY_TYPE],
  ["verify"],
  ["verify", TYPED],
];

/** The options go first: behind `--` there are none. */
const on = (data: string, [command = "", ...args]: readonly string[]) => [command, "--data", data, ...args];

describe.each([80, 120])("in %i columns", (columns) => {
  test.each(COMMANDS.map((args) => [`${args.join(" ")} in ${columns}`, args] as const))(
    "joinery %s",
    async (_, args) => {
      const { code, stdout, stderr } = await joinery(on(folder, args), columns);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      for (const line of stdout.split("\n")) expect(widthOf(line), line).toBeLessThanOrEqual(columns);
      expect(stdout).not.toContain("\u001b");
      await expect(stdout.replaceAll(folder, "DATA")).toMatchFileSnapshot(
        goldenFile(`${args.join(" ")} in ${columns}`),
      );
    },
  );
});

describe("as JSON", () => {
  test.each(COMMANDS.map((args) => [args.join(" "), args] as const))("joinery %s", async (_, args) => {
    const { code, stdout } = await joinery(on(folder, [args[0] as string, "--json", ...args.slice(1)]));
    expect(code).toBe(0);
    await expect(stdout).toMatchFileSnapshot(goldenFile(`${args.join(" ")} as JSON`));
  });

  test.each(["ls", "stats", "log", "verify"])(
    "%s prints the fields that its page names, and no other",
    async (name) => {
      const command = (await joineryCommand()).commands.find((it) => it.name() === name);
      const named = Object.keys((command && pageOf(command)?.json.fields) ?? {});
      const found = new Set<string>();
      for (const data of [folder, damaged]) {
        for (const args of COMMANDS.filter(([first]) => first === name)) {
          const { stdout } = await joinery(on(data, [name, "--json", ...args.slice(1)]));
          for (const text of name === "stats" ? [stdout] : stdout.trim().split("\n"))
            for (const path of pathsIn(JSON.parse(text))) found.add(path);
        }
      }
      expect([...found].filter((path) => !path.startsWith("largest[].")).sort()).toEqual(named.toSorted());
    },
  );
});

/** `parts[].author` and the like. */
function pathsIn(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) {
    const inside = value.flatMap((item) => pathsIn(item, `${path}[]`));
    return path === "largest" ? ["largest[]", ...inside] : inside;
  }
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([key, field]) =>
    pathsIn(field, path === "" ? key : `${path}.${key}`),
  );
}

test("no command changes a byte of the folder, sound or damaged, and none adds a file", async () => {
  for (const data of [folder, damaged]) {
    const before = await hashesOf(data);
    for (const args of COMMANDS) await joinery(on(data, args));
    await joinery(on(data, ["log", "nobody"]));
    expect(await hashesOf(data)).toEqual(before);
  }
});

test("names with slashes, spaces, Unicode and a leading dash are found, and not cut in a pipe", async () => {
  const { stdout } = await joinery(on(folder, ["ls"]));
  for (const name of [EVERY_TYPE, TYPED, UNICODE, DASHED, LONG]) {
    expect(stdout).toContain(name);
    expect(await joinery(on(folder, ["log", "--", name]))).toMatchObject({ code: 0, stderr: "" });
    expect(await joinery(on(folder, ["verify", "--", name]))).toMatchObject({ code: 0, stderr: "" });
  }
});

test("a name with a terminal's controls in it is refused as usage, and what authors are called is escaped", async () => {
  const refused = await joinery(on(folder, ["log", "a\u001b[31m"]));
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("control characters") });
  const data = join(parent, "authors");
  await withStorage(data, async (storage) => {
    const update = edit(docOf(1), (doc) => doc.getText("t").insert(0, "x"));
    await new Written(storage, "it").append([{ author: "ann\u001b[31m\u009b\u202e", update }]);
  });
  for (const flags of [[], ["--json"]]) {
    const { stdout } = await joinery(on(data, ["log", ...flags, "it"]));
    expect(stdout).toContain("ann\\u001b[31m\\u009b\\u202e");
    for (const control of ["\u001b", "\u009b", "\u202e"]) expect(stdout).not.toContain(control);
  }
});

describe("how it ends", () => {
  test.each<[string, readonly string[]]>([
    ["there is no such command", ["list"]],
    ["there is no such option", ["ls", "--size"]],
    ["a document is missing", ["log"]],
    ["an order is not known", ["ls", "--sort", "age"]],
    ["a number is none", ["log", "--limit", "-1", "notes"]],
    ["a name is empty", ["log", ""]],
  ])("with 2 when %s", async (_, args) => {
    const { code, stdout, stderr } = await joinery(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^error: .+\n/);
  });

  test("with 4 when there is no such document, which is named", async () => {
    for (const command of ["log", "stats", "verify"]) {
      const { code, stdout, stderr } = await joinery(on(folder, [command, "nobody"]));
      expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
      expect(stderr).toContain('there is no document "nobody" in the data folder');
    }
  });

  test("with 1 when there is no such folder, and creates none", async () => {
    const missing = join(parent, "missing");
    const { code, stderr } = await joinery(on(missing, ["ls"]));
    expect(code).toBe(1);
    expect(stderr).toBe(
      `joinery: data folder ${JSON.stringify(missing)} cannot be read: there is no such folder\n`,
    );
    expect(await hashesOf(missing).catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
  });

  test("with 0 for help, which has an example", async () => {
    for (const { name } of (await joineryCommand()).commands.map((command) => ({ name: command.name() }))) {
      const { code, stdout } = await joinery([name, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toContain(`joinery ${name}`);
      expect(stdout).toContain("Examples:");
    }
  });
});

describe("of a damaged folder", () => {
  test("ls marks the document, says what is damaged, and ends with 3", async () => {
    const { code, stdout, stderr } = await joinery(on(damaged, ["ls"]), 80);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^.* ! {2}notes\/plan$/m);
    expect(stderr).toContain('document "notes/plan" is damaged at seq 25');
    await expect(stdout + stderr).toMatchFileSnapshot(goldenFile("ls damaged"));
  });

  test("log shows what is before the damage, says where it is, and ends with 3", async () => {
    const { code, stdout, stderr } = await joinery(on(damaged, ["log", "--limit", "8", TYPED]), 80);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^ +23 .*\n +24 .*\n$/m);
    expect(stderr).toContain("is damaged at seq 25");
  });

  test("stats counts what is sound, and ends with 3", async () => {
    const { code, stdout, stderr } = await joinery(on(damaged, ["stats", "--json", TYPED]));
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({ logEntries: 4, damage: expect.stringContaining("seq 25") });
    expect(stderr).toContain("is damaged at seq 25");
  });

  test("verify names the record, goes on to the other documents, and ends with 3", async () => {
    const { code, stdout, stderr } = await joinery(on(damaged, ["verify"]), 80);
    expect({ code, stderr }).toEqual({ code: 3, stderr: "" });
    expect(stdout).toMatch(/✗ notes\/plan\n {4}batch 25: .*checksum/);
    await expect(stdout).toMatchFileSnapshot(goldenFile("verify damaged"));
  });

  test("a document of which nothing is sound is told once, with 3, whichever command reads it", async () => {
    const hollow = join(parent, "hollow");
    await withStorage(hollow, async (storage) => {
      const update = edit(docOf(1), (doc) => doc.getText("text").insert(0, "x"));
      for (const name of [TYPED, "sound"]) await new Written(storage, name).append([{ author: "", update }]);
    });
    await flipIn(hollow, { document: TYPED as DocumentName, kind: "log", seq: 1 });
    for (const [command = "", ...flags] of [
      ["show"],
      ["stats"],
      ["log"],
      ["diff", "--from", "1"],
      ["export"],
    ]) {
      const { code, stderr } = await joinery(on(hollow, [command, ...flags, TYPED]));
      expect({ command, code, stderr }).toEqual({
        command,
        code: 3,
        stderr: expect.stringMatching(/^damage: [^\n]*is damaged at seq 1: [^\n]*\n$/),
      });
    }
    const none = await joinery(on(hollow, ["log", "--after", String(Number.MAX_SAFE_INTEGER), "sound"]));
    expect(none).toMatchObject({ code: 0, stdout: "no batches after 9007199254740991\n", stderr: "" });
  });
});
