import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS } from "@joinery/shared";
import { afterEach, beforeEach, expect, test } from "vitest";

const ENTRY = new URL("../../../server/src/replicas/worker-replicas.ts", import.meta.url).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "joinery-compiled-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** How many modules' compiled code a process has left behind; it folds an empty document, if it is to. */
function compiledModules({ folds, environment = {} }: { folds: boolean; environment?: NodeJS.Dict<string> }) {
  const program = `
    import { enableCompileCache } from "node:module";
    enableCompileCache(${JSON.stringify(folder)});
    const { WorkerReplicas } = await import(${JSON.stringify(ENTRY)});
    const replicas = new WorkerReplicas({ limits: ${JSON.stringify(DEFAULT_LIMITS)} });
    // A worker does not keep the process alive.
    const awake = setInterval(() => undefined, 1000);
    if (${folds}) await replicas.fold("notes", []);
    await replicas.close();
    clearInterval(awake);
  `;
  execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
    env: { ...process.env, ...environment },
    timeout: 30_000,
  });
  // Node keeps one folder for each of its versions.
  return readdirSync(folder).flatMap((version) => readdirSync(join(folder, version))).length;
}

test("where a process keeps its compiled code, its workers keep theirs", () => {
  const withoutWorker = compiledModules({ folds: false });
  expect(withoutWorker).toBeGreaterThan(0);
  // What only the worker imports: Yjs and what builds documents with it.
  expect(compiledModules({ folds: true })).toBeGreaterThan(withoutWorker);
}, 60_000);

test("where a process keeps none, its workers do without", () => {
  expect(compiledModules({ folds: true, environment: { NODE_DISABLE_COMPILE_CACHE: "1" } })).toBe(0);
}, 60_000);
