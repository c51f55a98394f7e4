import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeWhole } from "../../../cli/src/output/whole-file.ts";

let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "joinery-file-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test("a file that is there is replaced where that is allowed, and else left as it is", async () => {
  const file = join(folder, "there");
  await writeFile(file, "before");
  await expect(writeWhole(file, Buffer.from("after"), false)).rejects.toThrow("is there already");
  expect(await readFile(file, "utf8")).toBe("before");
  await writeWhole(file, Buffer.from("after"), true);
  expect(await readFile(file, "utf8")).toBe("after");
  expect(await readdir(folder)).toEqual(["there"]);
  await rm(file);
});

test("where the process is ended in the middle of it, nothing is left behind", async () => {
  const module = new URL("../../../cli/src/output/whole-file.ts", import.meta.url).href;
  const script = `
    import { readdirSync } from "node:fs";
    const { writeWhole } = await import(${JSON.stringify(module)});
    void writeWhole(${JSON.stringify(join(folder, "half"))}, Buffer.alloc(10_000_000), false);
    process.stdout.write(String(readdirSync(${JSON.stringify(folder)}).length));
    process.exit(0);`;
  const during = execFileSync(process.execPath, ["--input-type=module", "--eval", script]);
  expect(during.toString()).toBe("1");
  expect(await readdir(folder)).toEqual([]);
});
