/** Plays groups of cases in a thread of its own, so that whoever watches can see one that never ends. */

import { parentPort, workerData } from "node:worker_threads";
import { type Failure, GROUP, playGroup } from "./cases.ts";
import { Finding, type Rule } from "./finding.ts";
import { playScript, type Script } from "./script.ts";
import { shrink } from "./shrink.ts";
import { newTally, type Tally } from "./tally.ts";

export interface WorkerOptions {
  readonly seed: number;
  /** A multiple of the size of a group. */
  readonly first: number;
  readonly cases: number;
  /** Which of the groups are its own, when several workers share the cases: every `jobs`th, from `job`. */
  readonly job: number;
  readonly jobs: number;
  readonly keepsMisplaced: boolean;
  /** Written as it goes on: the case that is played, and a number that grows. */
  readonly pulse: Float64Array;
  /** How many failures of each rule are made small. */
  readonly shrinkEach: number;
}

export type WorkerMessage =
  | { readonly kind: "progress"; readonly tally: Tally }
  | { readonly kind: "failure"; readonly failure: SmallFailure };

export interface SmallFailure {
  readonly rule: Rule;
  readonly detail: string;
  readonly caseNumber: number;
  /** As small as it got; `null` when enough of its rule were made small. */
  readonly script: Script | null;
}

/** Refusals are errors, and half of what is sent is refused: writing down where takes a twentieth of the time. */
const STACK_TRACE_LIMIT = Error.stackTraceLimit;

const shrunk = new Map<Rule, number>();
/** Rejections that nobody handled since the last group. */
const unhandled: unknown[] = [];

async function run(options: WorkerOptions): Promise<void> {
  const { seed, first, cases, pulse, shrinkEach, job, jobs, keepsMisplaced } = options;
  const beat = () => {
    pulse[1] = (pulse[1] as number) + 1;
  };
  for (let at = first + job * GROUP; at < first + cases; at += jobs * GROUP) {
    const tally = newTally();
    const failures = await playGroup({
      seed,
      first: at,
      cases: Math.min(GROUP, first + cases - at),
      tally,
      keepsMisplaced,
      onCase: (caseNumber) => {
        pulse[0] = caseNumber;
        beat();
      },
    });
    for (const thrown of unhandled.splice(0)) {
      const finding = new Finding("nothing escapes", `nobody handled ${String(thrown)}`, { cause: thrown });
      post({ kind: "failure", failure: describe(finding, at, null) });
    }
    for (const failure of failures) {
      post({ kind: "failure", failure: await smallFailure(failure, shrinkEach, beat) });
    }
    post({ kind: "progress", tally });
  }
}

async function smallFailure(failure: Failure, shrinkEach: number, beat: () => void): Promise<SmallFailure> {
  const { finding, caseNumber } = failure;
  const times = shrunk.get(finding.rule) ?? 0;
  if (times >= shrinkEach) return describe(finding, caseNumber, null);
  shrunk.set(finding.rule, times + 1);
  const script = await shrink(failure.script, finding.rule, beat);
  Error.stackTraceLimit = STACK_TRACE_LIMIT;
  const { finding: smallest } = await playScript(script);
  Error.stackTraceLimit = 0;
  return describe(smallest ?? finding, caseNumber, script);
}

function describe({ rule, message }: Finding, caseNumber: number, script: Script | null): SmallFailure {
  return { rule, detail: message, caseNumber, script };
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

Error.stackTraceLimit = 0;
process.on("unhandledRejection", (reason) => unhandled.push(reason));
await run(workerData as WorkerOptions);
