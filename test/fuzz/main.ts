/**
 * `npm run fuzz -- --seed N --cases N [--seconds N] [--jobs N]`: hostile messages against the real engine, until the
 * cases or the seconds are over, in as many threads. `--case N` plays one again, with those before it that share its
 * document. What breaks a rule is made small and saved as a fixture; the exit code then is 1. With `--misplaced`, so is
 * what diverges around items that no editor puts where they are.
 */

import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { GROUP } from "./cases.ts";
import { writeFixture } from "./fixtures.ts";
import { Report } from "./report.ts";
import type { SmallFailure, WorkerMessage, WorkerOptions } from "./worker.ts";

/** A case that takes longer than this never ends. */
const HANG_MS = 60_000;
const TICK_MS = 250;
const SHRINK_EACH = 3;

interface RunOptions {
  readonly seed: number;
  readonly first: number;
  readonly cases: number;
  readonly seconds: number;
  readonly jobs: number;
  readonly keepsMisplaced: boolean;
}

function readOptions(): RunOptions {
  const { values } = parseArgs({
    options: {
      seed: { type: "string", default: "1" },
      cases: { type: "string" },
      seconds: { type: "string" },
      case: { type: "string" },
      jobs: { type: "string", default: "1" },
      misplaced: { type: "boolean", default: false },
    },
  });
  const one = values.case === undefined ? null : wholeNumber("case", values.case);
  const cases = wholeNumber("cases", values.cases ?? (values.seconds === undefined ? "100000" : "1e15"));
  return {
    seed: wholeNumber("seed", values.seed),
    // A case is replayed with those of its group before it.
    first: one === null ? 0 : one - (one % GROUP),
    cases: one === null ? cases : (one % GROUP) + 1,
    seconds: values.seconds === undefined ? Number.POSITIVE_INFINITY : wholeNumber("seconds", values.seconds),
    keepsMisplaced: values.misplaced,
    jobs: one === null ? wholeNumber("jobs", values.jobs) : 1,
  };
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  process.stderr.write(`--${name} has to be a whole number, not "${text}"\n`);
  process.exit(2);
}

async function run(options: RunOptions): Promise<Report> {
  const report = new Report(options);
  const players = Array.from({ length: options.jobs }, (_, job) => new Player(options, job, report));
  const tick = setInterval(() => {
    report.show();
    for (const player of players) player.watch();
  }, TICK_MS);
  await Promise.all(players.map(({ done }) => done));
  clearInterval(tick);
  return report;
}

/** One thread that plays cases. */
class Player {
  /** Resolves when it has ended, and rejects when it could not play. */
  readonly done: Promise<void>;
  readonly #options: RunOptions;
  readonly #report: Report;
  readonly #worker: Worker;
  readonly #pulse = new Float64Array(new SharedArrayBuffer(16));
  #beats = 0;
  #movedAtMs = performance.now();
  #hasEnded = false;

  constructor(options: RunOptions, job: number, report: Report) {
    this.#options = options;
    this.#report = report;
    const workerData: WorkerOptions = {
      ...options,
      job,
      pulse: this.#pulse,
      shrinkEach: SHRINK_EACH,
    };
    // Yjs prints a line when somebody takes an id that is in use; that is counted, not read.
    this.#worker = new Worker(new URL("worker.ts", import.meta.url), { workerData, stdout: true });
    this.#worker.on("message", (message: WorkerMessage) => this.#receive(message));
    this.done = new Promise((resolve, reject) => {
      this.#worker.once("error", reject);
      this.#worker.once("exit", () => {
        this.#hasEnded = true;
        resolve();
      });
    });
  }

  /** Ends the thread when its time is over, or when its case never ends. */
  watch(): void {
    if (this.#hasEnded) return;
    const [caseNumber = 0, beats = 0] = this.#pulse;
    if (beats !== this.#beats) this.#movedAtMs = performance.now();
    this.#beats = beats;
    const isHanging = performance.now() - this.#movedAtMs > HANG_MS;
    if (isHanging) this.#report.hang(caseNumber);
    if (isHanging || this.#report.seconds > this.#options.seconds) void this.#worker.terminate();
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === "progress") this.#report.add(message.tally);
    else this.#report.fail(message.failure, saved(this.#options.seed, message.failure));
  }
}

/** Writes the failure as a fixture. Returns its path, or `null` when it was not made small. */
function saved(seed: number, { rule, detail, caseNumber, script }: SmallFailure): string | null {
  if (!script) return null;
  const name = `${rule.replaceAll(" ", "-")}-${seed}-${caseNumber}`;
  return writeFixture({ name, sentence: detail, expected: [], isOpen: false, script });
}

const report = await run(readOptions());
report.finish();
process.exitCode = report.isClean ? 0 : 1;
