/** The worker in which documents are built and read: it does one task at a time, and says what it is doing. */

import { constants, getPriority, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { toJoineryError } from "@joinery/shared";
import { fold } from "../engine/fold.ts";
import { Pace } from "../engine/pace.ts";
import { rehearse } from "../engine/rehearsal.ts";
import {
  type Report,
  type Step,
  type Task,
  unpackRehearsal,
  unpackUpdates,
  type WorkerSettings,
} from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("this runs in a worker thread");

/** By so much it gets a quarter of a core that the event loop wants too, and all of it where nobody does. */
const YIELDED_PRIORITY = 5;

if ((workerData as WorkerSettings | null)?.isYielding) yieldToEventLoop();

const pace = new Pace({ cpuMs, monotonicMs: () => performance.now() });

port.on("message", (task: Task) => void work(task));

/** What is done here can wait for those who edit. */
function yieldToEventLoop(): void {
  // Only there is it this thread's: elsewhere the process has one for all.
  if (process.platform !== "linux") return;
  try {
    setPriority(0, Math.min(getPriority(0) + YIELDED_PRIORITY, constants.priority.PRIORITY_LOW));
  } catch {
    // A sandbox may forbid it: then it has half of the core.
  }
}

async function work(task: Task): Promise<void> {
  // What cannot be imported ends the worker: the next one may find it.
  const run = await prepared(task);
  // Only now: what is imported is part of the start, not of what the document may cost.
  tell({ kind: "step", step: "load", cpuMs: cpuMs() });
  try {
    tell(run());
  } catch (thrown) {
    const { code, message } = toJoineryError(thrown);
    tell({ kind: "failed", code, message });
  }
}

/**
 * What a task is done by. What reads and edits documents is imported when it is first wanted: most workers only fold, and
 * start in half the time.
 */
async function prepared(task: Task): Promise<() => Report> {
  if (task.kind === "rehearse") return () => rehearsed(task);
  const updates = unpackUpdates(task.updates);
  switch (task.kind) {
    case "fold":
      return () => ({ kind: "folded", update: fold(updates, beginning("check")) });
    case "render": {
      const { document, request } = task;
      const { render } = await import("../inspect/render.ts");
      return () => ({ kind: "rendered", ...render({ document, updates }, request, beginning("check")) });
    }
    case "edit": {
      const { edits, clientId } = task.request;
      const { editedUpdate } = await import("../edits/apply-edits.ts");
      const onLoaded = beginning("integrate");
      return () => ({ kind: "edited", update: editedUpdate(updates, edits, { clientId, onLoaded }) });
    }
    case "summarize": {
      const { summarizeUpdate } = await import("../inspect/log-entries.ts");
      return () => ({ kind: "summarized", summaries: updates.map(summarizeUpdate) });
    }
  }
}

function rehearsed(task: Extract<Task, { kind: "rehearse" }>): Report {
  const verdict = rehearse(unpackRehearsal(task), {
    pace,
    onKnown: beginning("recent"),
    onLoaded: beginning("integrate"),
    onIntegrated: beginning("check"),
  });
  return { kind: "rehearsed", verdict };
}

function beginning(step: Step): () => void {
  return () => tell({ kind: "step", step, cpuMs: cpuMs() });
}

/** What is smaller is copied: it may be a constant, as the empty update is, which would be gone for the next task. */
const MIN_HANDED_OVER_BYTES = 1024;

/** Bytes are handed over where they are all of their buffer, else copied out of it. */
function tell(report: Report): void {
  if (report.kind === "folded" || report.kind === "edited") {
    const update = whole(report.update);
    port?.postMessage({ ...report, update }, [update.buffer]);
  } else if (report.kind === "rendered") {
    const bytes = whole(report.bytes);
    port?.postMessage({ ...report, bytes }, [bytes.buffer]);
  } else port?.postMessage(report);
}

function whole(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length;
  return isWhole && bytes.length >= MIN_HANDED_OVER_BYTES
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes);
}

/** CPU time of this thread; before Node 23.9, the time that has passed. */
function cpuMs(): number {
  if (process.threadCpuUsage === undefined) return performance.now();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
