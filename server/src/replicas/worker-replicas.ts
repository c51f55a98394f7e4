import {
  type DocumentName,
  JoineryError,
  type LimitName,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import type { EditRequest } from "../edits/apply-edits.ts";
import { EMPTY_UPDATE } from "../engine/merge.ts";
import type { Rehearsal, Replicas, Verdict } from "../engine/ports.ts";
import type { UpdateSummary } from "../inspect/log-entries.ts";
import type { Rendering, RenderRequest } from "../inspect/render.ts";
import { FairQueue } from "./fair-queue.ts";
import { type Report, taskOf, type Work } from "./messages.ts";
import { ReplicaThread } from "./replica-thread.ts";

export interface WorkerReplicasOptions {
  readonly limits: Limits;
  /** How many workers at most. Default 1: what they do is rarely urgent, and the event loop wants a core too. */
  readonly workers?: number;
  /**
   * How long an unused worker stays, in milliseconds; no more than half a minute once it has had a large document, whose
   * memory it keeps. Default 600,000: it takes some 25 MB, and a start several times what folding a small log does, which is due
   * every few minutes where people write.
   */
  readonly idleMs?: number;
  /** Called when a limit was reached, for counts. */
  readonly onLimit?: (limit: LimitName) => void;
}

/** As {@link WorkerReplicasOptions.idleMs}: V8 gives back what a document took only when its thread ends. */
const MAX_IDLE_MS_AFTER_LARGE = 30_000;
const LARGE_BYTES = 128 * 1024;

interface Job {
  readonly work: Work;
  readonly resolve: (report: Report) => void;
  readonly reject: (error: JoineryError) => void;
}

/** A place where one job at a time runs. Its worker starts with the first, and anew after one that took it along. */
class Lane {
  readonly #newThread: () => ReplicaThread;
  #thread: ReplicaThread | null = null;
  isBusy = false;

  constructor(newThread: () => ReplicaThread) {
    this.#newThread = newThread;
  }

  get hasWorker(): boolean {
    return this.#thread !== null && !this.#thread.isOver;
  }

  start(): void {
    if (!this.hasWorker) this.#thread = this.#newThread();
  }

  async run(work: Work): Promise<Report> {
    this.isBusy = true;
    try {
      this.start();
      return await (this.#thread as ReplicaThread).run(taskOf(work));
    } finally {
      // The next one must not start before this one is gone: two take twice the memory.
      if (!this.hasWorker) await this.end();
      this.isBusy = false;
    }
  }

  async end(): Promise<void> {
    const thread = this.#thread;
    // Not afterwards: the next one may have started by then.
    this.#thread = null;
    await thread?.end();
  }
}

/**
 * Builds and reads documents in worker threads, so that however long it takes, and whatever becomes of it, the event loop
 * goes on. Workers start when they are needed and do not keep the process alive. A job that passes its bounds takes its
 * worker with it. Documents take turns.
 *
 * Cost, for the event loop: one copy of a job's bytes.
 */
export class WorkerReplicas implements Replicas {
  readonly #idleMs: number;
  readonly #queue: FairQueue<Job>;
  readonly #lanes: readonly Lane[];
  readonly #onLimit: (limit: LimitName) => void;
  #idleTimer: NodeJS.Timeout | null = null;
  /** Whether a worker was started before anything was to be done. One that cannot start is not started again and again. */
  #isPrepared = false;
  #hasHadLarge = false;
  #isClosed = false;

  constructor({ limits, workers = 1, idleMs = 600_000, onLimit = () => undefined }: WorkerReplicasOptions) {
    this.#idleMs = idleMs;
    this.#onLimit = onLimit;
    this.#queue = new FairQueue(limits.maxReplicaQueueBytes);
    this.#lanes = Array.from({ length: workers }, () => new Lane(() => new ReplicaThread(limits, onLimit)));
  }

  get jobs(): number {
    return this.#queue.length + this.#lanes.filter(({ isBusy }) => isBusy).length;
  }

  /** Workers that there are at the moment. */
  get workers(): number {
    return this.#lanes.filter(({ hasWorker }) => hasWorker).length;
  }

  /** Starts a worker if there is none, so that its start does not come together with what it is to do. */
  prepare(): void {
    if (this.#isClosed || this.#isPrepared || this.jobs > 0 || this.workers > 0) return;
    this.#isPrepared = true;
    this.#lanes[0]?.start();
    this.#endIdleLater();
  }

  async fold(document: DocumentName, updates: readonly Uint8Array[]): Promise<Uint8Array> {
    const report = await this.#enqueue(document, { kind: "fold", updates }, 0);
    if (report.kind === "folded") return report.update;
    throw failureOf(report);
  }

  async rehearse(document: DocumentName, rehearsal: Rehearsal): Promise<Verdict> {
    const verdict = await this.#rehearse(document, rehearsal);
    if (verdict.isTried || verdict.isRecentCostly) return verdict;
    // It could not be read back. Whether that is for the update shows without it.
    const without = await this.#rehearse(document, { ...rehearsal, update: EMPTY_UPDATE });
    if (!without.isTried) return without;
    throw new JoineryError(
      "UPDATE_TOO_COSTLY",
      "update: makes loading the document take far longer than usual",
    );
  }

  async #rehearse(document: DocumentName, rehearsal: Rehearsal): Promise<Verdict> {
    const report = await this.#enqueue(document, { kind: "rehearse", ...rehearsal }, rehearsal.update.length);
    if (report.kind === "rehearsed") return report.verdict;
    throw failureOf(report);
  }

  /**
   * Gives a document away in some format.
   *
   * @param updates The document, in order; they are the caller's, and must not be changed before this settles.
   * Rejects with INVALID_OPTION (never) as `render` does; with REPLICA_FAILED (backoff) when the document cannot be read,
   * or not within the bounds of time and memory; with SERVER_FULL (backoff).
   */
  async render(
    document: DocumentName,
    updates: readonly Uint8Array[],
    request: RenderRequest,
  ): Promise<Rendering> {
    const report = await this.#enqueue(document, { kind: "render", document, updates, request }, 0);
    if (report.kind !== "rendered") throw failureOf(report);
    const { bytes, leftOut } = report;
    return { bytes, leftOut };
  }

  /**
   * Works out what edits add to a document.
   *
   * Rejects with INVALID_OPTION (never) where one does not fit what is there, UPDATE_TOO_COSTLY (never) where they take too
   * long, and as {@link render}.
   */
  async edit(
    document: DocumentName,
    updates: readonly Uint8Array[],
    request: EditRequest,
  ): Promise<Uint8Array> {
    const report = await this.#enqueue(document, { kind: "edit", updates, request }, 0);
    if (report.kind === "edited") return report.update;
    throw failureOf(report);
  }

  /** What each of some updates has added. Rejects as {@link render}. */
  async summarize(document: DocumentName, updates: readonly Uint8Array[]): Promise<readonly UpdateSummary[]> {
    const report = await this.#enqueue(document, { kind: "summarize", updates }, 0);
    if (report.kind === "summarized") return report.summaries;
    throw failureOf(report);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopIdleTimer();
    for (let job = this.#queue.take(); job; job = this.#queue.take()) job.reject(closed());
    await Promise.all(this.#lanes.map((lane) => lane.end()));
  }

  /** @param bytes What the job keeps in memory that nobody else does. */
  #enqueue(document: DocumentName, work: Work, bytes: number): Promise<Report> {
    if (this.#isClosed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      if (!this.#queue.add(document, { work, resolve, reject }, bytes)) {
        this.#onLimit("maxReplicaQueueBytes");
        reject(
          new JoineryError(
            "SERVER_FULL",
            "as much as may wait for the workers that build documents does so already",
          ),
        );
        return;
      }
      this.#startNext();
    });
  }

  #startNext(): void {
    for (const lane of this.#lanes) {
      if (lane.isBusy) continue;
      const job = this.#queue.take();
      if (job) void this.#run(lane, job);
    }
    this.#endIdleLater();
  }

  /** Never rejects. */
  async #run(lane: Lane, { work, resolve, reject }: Job): Promise<void> {
    this.#isPrepared = false;
    this.#hasHadLarge ||= bytesOf(work) > LARGE_BYTES;
    await lane.run(work).then(resolve, (error: unknown) => reject(toJoineryError(error)));
    this.#startNext();
  }

  #endIdleLater(): void {
    this.#stopIdleTimer();
    if (this.jobs > 0 || this.workers === 0) return;
    const idleMs = this.#hasHadLarge ? Math.min(this.#idleMs, MAX_IDLE_MS_AFTER_LARGE) : this.#idleMs;
    this.#idleTimer = setTimeout(() => {
      this.#isPrepared = false;
      this.#hasHadLarge = false;
      for (const lane of this.#lanes) void lane.end();
    }, idleMs).unref();
  }

  #stopIdleTimer(): void {
    if (this.#idleTimer) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
  }
}

/** Of the document that something is done with. */
function bytesOf(work: Work): number {
  const updates = work.kind === "rehearse" ? [...work.known, ...work.recent, work.update] : work.updates;
  return updates.reduce((sum, { length }) => sum + length, 0);
}

function failureOf(report: Report): Error {
  if (report.kind === "failed") return new JoineryError(report.code, report.message);
  return new Error(`the worker answers with ${report.kind}`);
}

function closed(): JoineryError {
  return new JoineryError("SERVER_DRAINING", "the server is stopping");
}
