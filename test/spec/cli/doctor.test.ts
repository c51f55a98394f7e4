import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer as createJoinery, MemoryStorage } from "@joinery/server";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { lookIntoFolder } from "../../../cli/src/doctor/folder-checks.ts";
import { checkClock, checkOpenFiles, checkPackages } from "../../../cli/src/doctor/machine-checks.ts";
import { widthOf } from "../../../cli/src/output/text.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { hashesOf } from "../inspect/folder-stage.ts";
import { goldenFile, joinery } from "./stage.ts";
import { namedFields, WritingStage } from "./writing-stage.ts";

const SECRET = "a secret of which nobody must ever see anything";

let stage: WritingStage;
/** A config file, so that none is looked for. */
let config = "";

beforeAll(async () => {
  stage = await WritingStage.open();
  config = await stage.file("joinery.config.mjs", "export default {};");
});

afterAll(() => stage.close());

interface Check {
  readonly check: string;
  readonly status: string;
  readonly found: string;
  readonly advice: string | null;
}

async function examine(data: string, ...args: readonly string[]) {
  const flags = args.includes("--config") ? args : ["--config", config, ...args];
  const { code, stdout, stderr } = await joinery([
    "doctor",
    "--json",
    "--port",
    "0",
    "--data",
    data,
    ...flags,
  ]);
  const report = JSON.parse(stdout) as { readonly isFine: boolean; readonly checks: readonly Check[] };
  const by = (name: string) => report.checks.find(({ check }) => check === name);
  return { code, stdout, stderr, report, by };
}

async function configured(options: string, ...args: readonly string[]) {
  const file = await stage.file(`config ${Math.random()}.mjs`, `export default ${options};`);
  return examine(stage.path("sound"), ...args, "--config", file);
}

/** What differs from machine to machine. */
function steady(text: string): string {
  return text
    .replaceAll(stage.path("x").slice(0, -1), "FOLDER/")
    .replaceAll(/Node\.js v\S+ on \S+ \S+/g, "Node.js VERSION on SYSTEM")
    .replaceAll(/(?<=(joinery|server|yjs|level) )\d+\.\d+\.\d+/g, "VERSION");
}

test("of a sound folder all is well, and the folder stays as it is", async () => {
  const data = stage.path("sound");
  const before = await hashesOf(data);
  const { code, stderr, report, by } = await examine(data);
  expect({ code, stderr, isFine: report.isFine }).toEqual({ code: 0, stderr: "", isFine: true });
  expect(by("database")).toMatchObject({ status: "ok", found: "opens, in format 1" });
  expect(by("documents")).toMatchObject({ status: "ok", found: "5 documents, 7.6 KB, none damaged" });
  expect(by("clock")?.found).toBe("it is 2026-01-31T12:45:00.000Z");
  expect(Object.keys(report).sort()).toEqual(await namedFields("doctor"));
  for (const check of report.checks)
    expect(Object.keys(check)).toEqual(["check", "status", "found", "advice"]);
  expect(await hashesOf(data)).toEqual(before);
});

test.each([40, 80, 120])("each check is a line or two, of no more than %i columns", async (columns) => {
  // Limits of this machine are no business of the test.
  const file = await stage.file("small.mjs", "export default { limits: { maxConnections: 1 } };");
  const args = ["doctor", "--config", file, "--port", "0", "--data", stage.path("damaged")];
  const { code, stdout } = await joinery(args, columns);
  expect(code).toBe(1);
  // A path is not broken: it may be copied.
  for (const line of stdout.split("\n").filter((line) => line.trim().includes(" ")))
    expect(widthOf(line), line).toBeLessThanOrEqual(columns);
  expect(stdout).not.toContain("\u001b");
  const whole = await joinery(args);
  const lines = whole.stdout.split("\n").filter((line) => /^[✓!✗–] /.test(line));
  expect(lines).toHaveLength(14);
  if (columns === 80) {
    const shown = lines.filter((line) => !/^. (disk|folder|open files) /.test(line)).map(steady);
    await expect(shown.join("\n")).toMatchFileSnapshot(goldenFile("doctor damaged"));
  }
});

describe("what has to be put right makes the exit code 1:", () => {
  test("damaged documents, of which it is said what to do", async () => {
    const { code, report, by } = await examine(stage.path("damaged"));
    expect({ code, isFine: report.isFine }).toEqual({ code: 1, isFine: false });
    expect(by("documents")).toEqual({
      check: "documents",
      status: "failure",
      found: '5 documents, 7.5 KB; damaged: "notes/plan", and 1 more',
      advice: expect.stringContaining("joinery repair"),
    });
  });

  test("a data folder that is a file, or cannot be created", async () => {
    const file = await stage.file("a file", "");
    expect((await examine(file)).by("folder")).toMatchObject({ status: "failure" });
    expect((await examine(join(file, "below"))).by("folder")).toMatchObject({ status: "failure" });
  });

  test("a folder with something else in it than a database", async () => {
    await mkdir(stage.path("other"));
    await writeFile(stage.path("other", "joinery.json"), "{}");
    expect((await examine(stage.path("other"))).by("database")).toMatchObject({ status: "failure" });
  });

  test("a disk that is nearly full", async () => {
    const { findings } = await lookIntoFolder(stage.path("sound"), Number.MAX_SAFE_INTEGER);
    const disk = findings.find(({ check }) => check === "disk");
    expect(disk).toMatchObject({ status: "failure", found: expect.stringContaining("limits.minFreeBytes") });
  });

  test.each<[string, string]>([
    ["{ nonsense: 1 }", '"nonsense"'],
    ["{ limits: { maxNameBytes: -1 } }", "limits.maxNameBytes"],
    ["(() => { throw new Error('broken') })()", "broken"],
    [`{ access: { jwt: { secret: "too short" } } }`, "access.jwt.secret"],
  ])("the configuration %s, naming what is wrong", async (options, named) => {
    const { by, code } = await configured(options);
    expect(code).toBe(1);
    expect(by("configuration")).toMatchObject({ status: "failure", found: expect.stringContaining(named) });
    expect(by("access")).toMatchObject({ status: "skipped" });
    // The rest is looked at all the same.
    expect(by("database")).toMatchObject({ status: "ok" });
  });

  test("an address that others reach, where nobody is asked who they are", async () => {
    const { by } = await configured("{}", "--host", "0.0.0.0");
    expect(by("access")).toMatchObject({ status: "failure", advice: expect.stringContaining("--jwt-key") });
  });

  test("a port that another program has, or that cannot be had", async () => {
    const other = createServer((_, response) => response.end("something else"));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { by } = await examine(stage.path("sound"), "--port", String(port));
    expect(by("port")).toMatchObject({
      status: "failure",
      found: expect.stringContaining("another program"),
    });
    expect(by("server")).toMatchObject({ status: "skipped" });
    const nowhere = await examine(stage.path("sound"), "--host", "192.0.2.1");
    expect(nowhere.by("port")).toMatchObject({ status: "ok" });
    const taken = await examine(stage.path("sound"), "--host", "192.0.2.1", "--port", String(port));
    expect(taken.by("port")).toMatchObject({
      status: "failure",
      found: expect.stringContaining("cannot listen"),
    });
  });

  test("published keys that cannot be read; what is secret in their address is not shown", async () => {
    const { by, stdout } = await configured(
      `{ access: { jwt: { jwks: "http://127.0.0.1:1/keys?key=hidden" } } }`,
    );
    expect(by("keys")).toMatchObject({
      status: "failure",
      found: expect.stringMatching(/^http:\/\/127\.0\.0\.1:1\/keys cannot be read/),
    });
    expect(stdout).not.toContain("hidden");
  });
});

describe("what is to be looked at leaves the exit code 0:", () => {
  test.each<[string, string, readonly string[], string]>([
    ["access", "{ origins: '*' }", [], "pages of all sites"],
    [
      "access",
      "{ allowPublicWithoutAuthentication: true }",
      ["--host", "0.0.0.0"],
      "nobody is asked who they are",
    ],
    ["encryption", `{ access: { jwt: { secret: "${SECRET}" } } }`, ["--host", "0.0.0.0"], "without TLS"],
    [
      "encryption",
      `{ trustProxy: 1, access: { jwt: { secret: "${SECRET}" } } }`,
      ["--host", "0.0.0.0"],
      "X-Forwarded-For",
    ],
  ])("%s of %s", async (check, options, args, found) => {
    const { by, code, stdout } = await configured(options, ...args);
    expect(code).toBe(0);
    expect(by(check)).toMatchObject({
      status: "warning",
      found: expect.stringContaining(found),
      advice: expect.any(String),
    });
    expect(stdout).not.toContain(SECRET);
  });

  test.skipIf(process.platform === "win32")("the file of a secret that others can read", async () => {
    const file = await stage.file("joinery.secret", SECRET);
    for (const [mode, status] of [
      [0o644, "warning"],
      [0o600, "ok"],
    ] as const) {
      await chmod(file, mode);
      vi.stubEnv("JOINERY_JWT_KEY_FILE", file);
      const { by, stdout } = await examine(stage.path("sound"));
      expect(by("keys")).toMatchObject({ status });
      expect(by("configuration")?.found).toContain("JOINERY_JWT_KEY_FILE");
      expect(stdout).not.toContain(SECRET);
    }
  });

  // Nothing is closed to root.
  test.skipIf(process.getuid?.() === 0)("a folder that this user may not look into", async () => {
    const closed = await stage.folder();
    await chmod(closed, 0o000);
    onTestFinished(() => chmod(closed, 0o700));
    const { code, by } = await examine(closed);
    expect(code).toBe(1);
    expect(by("folder")).toMatchObject({ status: "failure", found: expect.stringContaining("EACCES") });
    expect(by("database")).toMatchObject({ status: "failure", advice: "see folder" });
  });

  test("another Joinery server where this one would listen, which is asked how it is", async () => {
    const server = createJoinery({ storage: new MemoryStorage(), logger: SILENT });
    const { port, url } = await server.listen({ port: 0 });
    onTestFinished(async () => void (await server.close()));
    const { by } = await examine(stage.path("sound"), "--port", String(port));
    expect(by("port")).toMatchObject({
      status: "warning",
      found: `${url} is used by another Joinery server`,
    });
    expect(by("server")).toMatchObject({ status: "ok", found: `a server answers at ${url}, and is ready` });
  });

  test("a clock that is behind what was written; one that is years behind has to be put right", () => {
    const now = Date.UTC(2026, 0, 1);
    expect(checkClock(now, now + 60_000).status).toBe("ok");
    expect(checkClock(now, now + 3_600_000).status).toBe("warning");
    expect(checkClock(0, 0).status).toBe("failure");
  });

  test("too few open files for all connections", () => {
    expect(checkOpenFiles(1).status).toMatch(/^(ok|skipped)$/);
    expect(checkOpenFiles(2 ** 52).status).toMatch(/^(warning|skipped)$/);
  });

  test("another Yjs in the working folder", async () => {
    const folder = stage.path("project");
    await mkdir(join(folder, "node_modules", "yjs"), { recursive: true });
    expect(checkPackages(process.cwd())).toMatchObject({
      status: "ok",
      found: expect.stringContaining("yjs 13."),
    });
    await writeFile(
      join(folder, "node_modules", "yjs", "package.json"),
      '{"name":"yjs","version":"12.3.4","main":"a.js"}',
    );
    await writeFile(join(folder, "node_modules", "yjs", "a.js"), "");
    expect(checkPackages(folder)).toMatchObject({
      status: "warning",
      found: expect.stringContaining("yjs 12.3.4"),
    });
  });
});

test("a folder that is not there yet is no failure, and is not created", async () => {
  const { by, code } = await examine(stage.path("later", "data"));
  expect(code).toBe(0);
  expect(by("folder")).toMatchObject({ status: "ok", found: expect.stringContaining("not there yet") });
  expect(await hashesOf(stage.path("later")).catch((error: unknown) => error)).toMatchObject({
    code: "ENOENT",
  });
});

test("documents that the config file keeps elsewhere are left alone", async () => {
  const storage = "{ open() {}, load() {}, append() {}, close() {} }";
  const { by } = await configured(`{ storage: ${storage} }`);
  expect(by("folder")).toMatchObject({ status: "skipped" });
});
