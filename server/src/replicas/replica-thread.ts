import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";
import { Worker } from "node:worker_threads";
import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import type { Report, Step, Task, WorkerSettings } from "./messages.ts";
import { type Expiry, Watchdog } from "./watchdog.ts";

const MIB = 1024 * 1024;

/**
 * Real documents load in 0.1 to 0.3 s a MiB, with ten times as many for the ones that have most clients and for
 * machines that are slower.
 */
const MS_A_MIB = 4000;
/** Checking builds the document once more and encodes it twice; where that is slow, up to eight times more. */
const CHECK_TIMES = 12;
/** How long a worker may take to start: to read its files. It takes 0.1 to 0.2 s where nothing else is going on. */
const START_MS = 10_000;
/** Whatever fits into this fits into the stack of a browser's page. */
const STACK_MIB = 1;

/** Beside the sources runs a source, beside what was emitted from them runs what was emitted. */
const ENTRY = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

interface Running {
  readonly task: Task;
  readonly resolve: (report: Report) => void;
  readonly reject: (error: JoineryError) => void;
  /** `start` until the worker says something. */
  step: "start" | Step;
  /** CPU time of the worker when it began, in milliseconds. */
  startCpuMs: number;
}

/**
 * One worker and what it does: one task at a time, each step of it within bounds of time, all within bounds of
 * memory. When one is passed the worker is ended; so it ends with the first task that it does not answer.
 */
export class ReplicaThread {
  readonly #worker: Worker;
  readonly #maxStepMs: number;
  readonly #onLimit: (limit: LimitName) => void;
  readonly #watchdog = new Watchdog({
    cpuMs: () => this.#cpuMs(),
    onExpired: (expiry) => this.#expired(expiry),
  });
  readonly #exited = Promise.withResolvers<void>();
  #running: Running | null = null;
  #isOver = false;

  /** @param onLimit Called when a bound was passed. */
  constructor({ maxReplicaBytes, maxReplicaMs }: Limits, onLimit: (limit: LimitName) => void) {
    this.#maxStepMs = maxReplicaMs;
    this.#onLimit = onLimit;
    // Where only real time is known, it is what the worker is allowed: it must not wait for others then.
    const settings: WorkerSettings = { isYielding: Worker.prototype.cpuUsage !== undefined };
    this.#worker = new Worker(ENTRY, {
      name: "joinery replicas",
      workerData: settings,
      // It needs nothing else of what the process was given, and what the process runs with may not suit it.
      env: compileCache(),
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: Math.ceil(maxReplicaBytes / MIB), stackSizeMb: STACK_MIB },
    });
    this.#worker.on("message", (report: Report) => this.#heard(report));
    this.#worker.on("error", (error: Error & { code?: string }) => this.#broke(error));
    this.#worker.on("exit", () => {
      this.#end(new JoineryError("REPLICA_FAILED", "the worker ended"));
      this.#exited.resolve();
    });
    // After the listeners: one for messages keeps the process alive again.
    this.#worker.unref();
  }

  /** Whether it can be given no task any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Does a task; the one before must have been settled. The bytes are handed over.
   *
   * Rejects with REPLICA_FAILED (backoff), and for what a rehearsal tries UPDATE_TOO_COSTLY (never), when a bound
   * of time or memory was passed; what the task itself fails with is in the report.
   */
  run(task: Task): Promise<Report> {
    return new Promise((resolve, reject) => {
      this.#running = { task, resolve, reject, step: "start", startCpuMs: 0 };
      this.#watchdog.allow(START_MS, 0);
      this.#worker.postMessage(task, [task.updates.bytes.buffer]);
    });
  }

  /** Ends the worker, whatever it does; resolves once it is gone. What it was doing rejects. */
  async end(): Promise<void> {
    this.#end(new JoineryError("SERVER_DRAINING", "the server is stopping"));
    await this.#exited.promise;
  }

  #heard(report: Report): void {
    const running = this.#running;
    if (!running) return;
    if (report.kind === "step") {
      running.step = report.step;
      if (report.step === "load") running.startCpuMs = report.cpuMs;
      this.#watchdog.allow(this.#allowedMs(running, report.cpuMs), report.cpuMs);
      return;
    }
    this.#watchdog.stop();
    this.#running = null;
    running.resolve(report);
  }

  /** How long the step may take that begins now, in milliseconds of CPU. */
  #allowedMs({ task, step, startCpuMs }: Running, cpuMs: number): number {
    if (step === "check") return this.#maxStepMs + CHECK_TIMES * (cpuMs - startCpuMs);
    const [known, recent, update] = bytesOf(task);
    const integrated = { load: known, start: known, recent, integrate: update }[step];
    return this.#maxStepMs + (integrated / MIB) * MS_A_MIB;
  }

  #cpuMs(): Promise<number> | null {
    // Older releases of Node do not know; then real time has to do.
    if (this.#worker.cpuUsage === undefined) return null;
    const usage = this.#worker.cpuUsage();
    // The worker may be gone by now: then it is not watched any more either.
    return usage.then(
      ({ user, system }) => (user + system) / 1000,
      () => Number.POSITIVE_INFINITY,
    );
  }

  #expired(expiry: Expiry): void {
    this.#end(expiry === "spent" ? this.#tooMuch("time", "maxReplicaMs") : this.#failed("does not answer"));
  }

  #broke(error: Error & { code?: string }): void {
    const isMemory = error.code === "ERR_WORKER_OUT_OF_MEMORY";
    this.#end(
      isMemory
        ? this.#tooMuch("memory", "maxReplicaBytes")
        : this.#failed(`ended: ${error.message}`, { cause: error }),
    );
  }

  /**
   * What is tried is to blame once the document without it was there; while the document is read back, only where
   * there is no document.
   */
  #tooMuch(what: "time" | "memory", limit: LimitName): JoineryError | Report {
    this.#onLimit(limit);
    const { task, step } = this.#running ?? {};
    if (task?.kind === "edit" && step === "integrate") {
      return new JoineryError("UPDATE_TOO_COSTLY", `edits: making them takes more ${what} than it may`, {
        limit,
      });
    }
    if (task?.kind !== "rehearse" || step === "start" || step === "load") {
      return this.#failed(`takes more ${what} than it may`, { limit });
    }
    if (step === "recent") return untried({ isRecentCostly: true });
    if (step === "check" && task.updates.lengths.length > 1) return untried({ isRecentCostly: false });
    return new JoineryError("UPDATE_TOO_COSTLY", `update: takes far more ${what} than is usual for its size`);
  }

  #failed(reason: string, options: { cause?: unknown; limit?: LimitName } = {}): JoineryError {
    const { task, step } = this.#running ?? {};
    const message = `the worker that builds replicas ${reason} (${task?.kind ?? "idle"}, ${step ?? "idle"})`;
    return new JoineryError("REPLICA_FAILED", message, options);
  }

  /** @param outcome What its task came to, if it has one. */
  #end(outcome: JoineryError | Report): void {
    this.#watchdog.stop();
    if (!this.#isOver) {
      this.#isOver = true;
      void this.#worker.terminate();
    }
    if (outcome instanceof JoineryError) this.#running?.reject(outcome);
    else this.#running?.resolve(outcome);
    this.#running = null;
  }
}

/** A rehearsal that came to nothing in its time. */
function untried({ isRecentCostly }: { isRecentCostly: boolean }): Report {
  const verdict = { isTried: false, structs: 0, isCostly: true, isRecentCostly, recentMs: [] };
  return { kind: "rehearsed", verdict };
}

/** Bytes of what a task loads, of what it adds to that, and of what it tries; the bytes themselves were handed over. */
function bytesOf(task: Task): [known: number, recent: number, update: number] {
  const { lengths } = task.updates;
  const sum = (part: readonly number[]) => part.reduce((total, length) => total + length, 0);
  if (task.kind !== "rehearse") return [sum(lengths), 0, 0];
  const { known } = task;
  return [sum(lengths.slice(0, known)), sum(lengths.slice(known, -1)), lengths.at(-1) as number];
}

/**
 * Where the process keeps what was compiled, its workers do too: to compile what they import is two thirds of their start.
 * Node names a folder for each of its versions in the one that it was given.
 */
function compileCache(): NodeJS.Dict<string> {
  const folder = getCompileCacheDir();
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: dirname(folder) };
}
