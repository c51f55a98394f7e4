import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

interface Case {
  readonly folder: string;
  readonly code: string;
  readonly rule: string | null;
}

function importing(module: string): string {
  return `import * as it from "${module}";\n\nexport const kept = it;\n`;
}

const FORBIDDEN_IMPORTS = [
  ["shared/src", "node:fs"],
  ["shared/src", "yjs"],
  ["shared/src", "@joinery/server"],
  ["server/src/engine", "node:timers"],
  ["server/src/engine", "ws"],
  ["server/src/engine", "../storage/level.ts"],
  ["server/src/engine", "../protocols/y-websocket.ts"],
  ["server/src/engine", "../node/server.ts"],
  ["server/src/protocols", "node:net"],
  ["server/src/protocols", "../transports/websocket.ts"],
  ["server/src/protocols/joinery", "../../transports/websocket.ts"],
  ["server/src/storage", "../engine/rooms.ts"],
  ["server/src/storage", "yjs"],
  ["server/src/engine", "../replicas/worker-replicas.ts"],
  ["server/src/storage", "../replicas/worker-replicas.ts"],
  ["server/src/replicas", "../storage/level.ts"],
  ["server/src/replicas", "../node/server.ts"],
  ["server/src/transports", "../storage/level.ts"],
  ["server/src/transports", "../node/server.ts"],
  ["server/src/extensions", "../storage/level.ts"],
  ["server/src/extensions", "../protocols/y-websocket.ts"],
  ["server/src/extensions", "node:fs"],
  ["server/src/extensions/hooks", "../../transports/websocket.ts"],
  ["server/src/extensions/hooks", "../../protocols/y-websocket.ts"],
  ["server/src/engine", "../extensions/plugins.ts"],
  ["server/src/protocols", "../extensions/plugins.ts"],
  ["server/src/protocols/joinery", "../../extensions/plugins.ts"],
  ["server/src/storage", "../extensions/plugins.ts"],
  ["server/src/replicas", "../extensions/plugins.ts"],
  ["server/src/transports", "../extensions/plugins.ts"],
  ["server/src/http", "../extensions/plugins.ts"],
  ["server/src/engine", "../import/sources.ts"],
  ["server/src/storage", "../import/sources.ts"],
  ["server/src/import", "../node/server.ts"],
  ["server/src/import", "../replicas/worker-replicas.ts"],
  ["server/src/import", "level"],
  ["server/src/engine", "../access/access.ts"],
  ["server/src/protocols", "../access/access.ts"],
  ["server/src/protocols/joinery", "../../access/access.ts"],
  ["server/src/transports", "../access/access.ts"],
  ["server/src/storage", "../access/access.ts"],
  ["server/src/extensions/hooks", "../../access/access.ts"],
  ["server/src/access", "../http/origin.ts"],
  ["server/src/access", "../storage/level.ts"],
  ["server/src/access/jwt", "../../node/server.ts"],
  ["server/src/access/jwt", "../../protocols/y-websocket.ts"],
  ["server/src/http", "../access/access.ts"],
  ["server/src/http/api", "../../access/access.ts"],
  ["server/src/http/api", "../../engine/rooms.ts"],
  ["server/src/http/api", "../../node/server.ts"],
  ["server/src/metrics", "../storage/level.ts"],
  ["server/src/metrics", "../node/server.ts"],
  ["server/src/inspect", "../node/server.ts"],
  ["server/src/inspect", "../http/origin.ts"],
  ["server/src/edits", "node:fs"],
  ["server/src/edits", "../documents/writing.ts"],
  ["server/src/edits", "../http/api/edits.ts"],
  ["server/src/documents", "node:fs"],
  ["server/src/documents", "../access/access.ts"],
  ["server/src/documents", "../http/api/revision.ts"],
  ["server/src/documents", "../protocols/y-websocket.ts"],
  ["server/src/documents", "../replicas/worker-replicas.ts"],
  ["server/src/documents", "../storage/level.ts"],
  ["server/src/engine", "../documents/writing.ts"],
  ["server/src/engine", "../edits/edit.ts"],
  ["server/src/inspect", "../documents/writing.ts"],
  ["server/src/inspect", "../edits/edit.ts"],
  ["server/src/protocols", "../documents/writing.ts"],
  ["server/src/storage", "../documents/writing.ts"],
  ["client/src", "@joinery/server"],
  ["client/src", "node:fs"],
] as const;

const FORBIDDEN_GLOBALS = [
  ["server/src/engine", "setTimeout(() => undefined, 1);\n"],
  ["server/src/engine", "export const at = Date.now();\n"],
  ["server/src/engine", "export const bytes = Buffer.alloc(1);\n"],
  ["server/src/extensions", "setTimeout(() => undefined, 1);\n"],
  ["shared/src", "export const at = new Date();\n"],
  ["test/spec", "setTimeout(() => undefined, 1);\n"],
] as const;

// A rule that cannot fail protects nothing: each line of the dependency rule is broken here once.
const CASES: readonly Case[] = [
  ...FORBIDDEN_IMPORTS.map(([folder, module]) => ({
    folder,
    code: importing(module),
    rule: "noRestrictedImports",
  })),
  ...FORBIDDEN_GLOBALS.map(([folder, code]) => ({ folder, code, rule: "noRestrictedGlobals" })),
  { folder: "server/src/engine", code: 'console.log("hi");\n', rule: "noConsole" },
  { folder: "cli/src", code: 'console.log("hi");\n', rule: null },
  { folder: "server/src/storage", code: importing("../engine/ports.ts"), rule: null },
  { folder: "server/src/http/api", code: importing("../../engine/ports.ts"), rule: null },
  { folder: "server/src/engine", code: importing("yjs"), rule: null },
  { folder: "server/src/edits", code: importing("../inspect/root-kind.ts"), rule: null },
  { folder: "server/src/documents", code: importing("../access/access-api.ts"), rule: null },
  { folder: "server/src/documents", code: importing("../protocols/driver.ts"), rule: null },
  { folder: "server/src/extensions", code: importing("../engine/observer.ts"), rule: null },
  { folder: "server/src/extensions", code: importing("../protocols/admission.ts"), rule: null },
  { folder: "server/src/extensions/hooks", code: importing("../../protocols/admission.ts"), rule: null },
  { folder: "server/src/extensions", code: importing("node:http"), rule: null },
  { folder: "server/src/node", code: importing("../extensions/plugins.ts"), rule: null },
  { folder: "server/src/replicas", code: importing("../engine/fold.ts"), rule: null },
  { folder: "server/src/replicas", code: importing("node:worker_threads"), rule: null },
  { folder: "server/src/node", code: importing("../storage/level.ts"), rule: null },
  { folder: "server/src/import", code: importing("../storage/database.ts"), rule: null },
  { folder: "server/src/import", code: importing("../engine/contents.ts"), rule: null },
  { folder: "server/src/import", code: importing("node:sqlite"), rule: null },
];

describe("the lint step", () => {
  let folder: string;
  /** Names of the rules that each file breaks. */
  const broken = new Map<string, string[]>();

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "joinery-layers-"));
    const config = JSON.parse(readFileSync(join(ROOT, "biome.json"), "utf8"));
    write("biome.json", JSON.stringify({ ...config, vcs: { enabled: false } }));
    CASES.forEach(({ folder: place, code }, i) => {
      write(`${place}/case-${i}.ts`, code);
    });
    write("server/src/engine/one.ts", 'import type { Two } from "./two.ts";\n\nexport type One = Two | 1;\n');
    write("server/src/engine/two.ts", 'import type { One } from "./one.ts";\n\nexport type Two = One | 2;\n');
    for (const { category, location } of lint()) {
      const rules = broken.get(location.path) ?? [];
      rules.push(category.split("/").at(-1) as string);
      broken.set(location.path, rules);
    }
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(CASES.map((it, i) => ({ ...it, i, code: it.code, verdict: it.rule ? "refuses" : "allows" })))(
    "$verdict in $folder: $code",
    ({ folder: place, rule, i }) => {
      expect(broken.get(`${place}/case-${i}.ts`) ?? []).toEqual(rule ? [rule] : []);
    },
  );

  test("refuses an import cycle, of types too", () => {
    expect(broken.get("server/src/engine/one.ts")).toContain("noImportCycles");
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }

  function lint(): { category: string; location: { path: string } }[] {
    const biome = join(ROOT, "node_modules/.bin/biome");
    try {
      execFileSync(biome, ["lint", "--reporter=json", "--max-diagnostics=none"], {
        cwd: folder,
        stdio: "pipe",
      });
    } catch (error) {
      return JSON.parse(String((error as { stdout: Buffer }).stdout)).diagnostics;
    }
    throw new Error("the lint step found nothing wrong at all");
  }
});
