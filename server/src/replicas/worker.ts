/** The worker in which replicas are built: it does one task at a time, and says what it is doing. */

import { parentPort } from "node:worker_threads";
import { toJoineryError } from "@joinery/shared";
import { fold } from "../engine/fold.ts";
import { Pace } from "../engine/pace.ts";
import { rehearse } from "../engine/rehearsal.ts";
import { type Report, type Step, type Task, unpackRehearsal, unpackUpdates } from "./messages.ts";

const port = parentPort;
if (port === null) throw new Error("this runs in a worker thread");

const pace = new Pace({ cpuMs, monotonicMs: () => performance.now() });

port.on("message", (task: Task) => {
  tell({ kind: "step", step: "load", cpuMs: cpuMs() });
  try {
    tell(reportOf(task));
  } catch (thrown) {
    const { code, message } = toJoineryError(thrown);
    tell({ kind: "failed", code, message });
  }
});

function reportOf(task: Task): Report {
  if (task.kind === "fold") {
    return { kind: "folded", update: fold(unpackUpdates(task.updates), beginning("check")) };
  }
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

function tell(report: Report): void {
  port?.postMessage(report);
}

/** CPU time of this thread; before Node 23.9, the time that has passed. */
function cpuMs(): number {
  if (process.threadCpuUsage === undefined) return performance.now();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
