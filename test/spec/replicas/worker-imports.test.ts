import { on } from "node:events";
import { Worker } from "node:worker_threads";
import type { DocumentName } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import { type Report, taskOf, type Work } from "../../../server/src/replicas/messages.ts";

const ENTRY = new URL("../../../server/src/replicas/worker.ts", import.meta.url);

/** A module that runs in the worker before its own, and is told of each module that is loaded. */
function watching(onLoad: string): string {
  const program = `
    import { registerHooks } from "node:module";
    import { parentPort } from "node:worker_threads";
    registerHooks({
      load(url, context, next) {
        ${onLoad}
        return next(url, context);
      },
    });`;
  return `data:text/javascript,${encodeURIComponent(program)}`;
}

function start(onLoad: string): Worker {
  const worker = new Worker(ENTRY, { env: {}, execArgv: ["--import", watching(onLoad)] });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

type Said = Report | { readonly kind: "module"; readonly url: string };

/** What a worker says of its first task, in order, until it is done. */
async function said(work: Work): Promise<readonly Said[]> {
  const worker = start(`parentPort.postMessage({ kind: "module", url });`);
  const all: Said[] = [];
  worker.postMessage(taskOf(work));
  for await (const [one] of on(worker, "message") as AsyncIterable<[Said]>) {
    all.push(one);
    if (one.kind !== "module" && one.kind !== "step") break;
  }
  return all;
}

const RENDER: Work = {
  kind: "render",
  document: "notes" as DocumentName,
  updates: [],
  request: { format: "json" },
};

test.each<readonly [string, Work]>([
  ["log-entries.ts", { kind: "summarize", updates: [] }],
  ["render.ts", RENDER],
  ["apply-edits.ts", { kind: "edit", updates: [], request: { edits: [], clientId: 7 } }],
])("what only some tasks need is imported before the time for the task begins: %s", async (module, work) => {
  const all = await said(work);
  const began = all.findIndex((one) => one.kind === "step");
  const imported = all.findIndex((one) => one.kind === "module" && one.url.endsWith(`/${module}`));
  expect(imported).toBeGreaterThanOrEqual(0);
  expect(imported).toBeLessThan(began);
});

test("a worker that cannot import what a task needs ends, and is none that fails all that come after it", async () => {
  const worker = start(`if (url.endsWith("/render.ts")) throw new Error("the file is gone");`);
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  const broke = new Promise((resolve) => worker.once("error", resolve));
  worker.postMessage(taskOf(RENDER));
  expect(await broke).toMatchObject({ message: "the file is gone" });
  expect(await ended).toBe(1);
});
