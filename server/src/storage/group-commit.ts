import type { Clock, Timer } from "../engine/ports.ts";
import type { Operation } from "./database.ts";

/** What to write, or how to find that out once all that was given before is written. */
type Given = readonly Operation[] | (() => Promise<readonly Operation[]>);

/** What is written at once. All who gave something to it have one promise. */
interface Group extends PromiseWithResolvers<void> {
  /** A function is in a group of its own. */
  readonly operations: Operation[] | (() => Promise<readonly Operation[]>);
}

/** How long writes gather while more comes all the time. */
export interface CommitPace {
  readonly clock: Pick<Clock, "monotonicMs" | "setTimer">;
  /** Milliseconds from the beginning of one write to that of the next, unless that one is in a hurry. */
  readonly intervalMs: number;
}

/**
 * Puts what many ask for at the same time into one write. While one write is under way the next one gathers, so
 * that the slower the disk is, the more share a write. With a pace it gathers for longer: where little comes at a time,
 * most of what a write costs is not its bytes but waking threads and the file system's journal. What comes when nothing
 * was written for that long is written at once.
 *
 * Everything is written in the order in which it was given. When a write fails, all that waits fails with it:
 * what came later may build on what did not happen. There is no bound here; the callers hold back.
 */
export class GroupCommit {
  readonly #write: (operations: Operation[]) => Promise<void>;
  readonly #pace: CommitPace | null;
  #queue: Group[] = [];
  #draining: Promise<void> | null = null;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  /** Somebody waits for something in the queue. */
  #isUrgent = false;
  #pause: { readonly timer: Timer; readonly end: () => void } | null = null;

  /**
   * @param write Makes the operations durable, as a whole or not at all.
   * @param pace By default the next write begins when the last one has ended.
   */
  constructor(write: (operations: Operation[]) => Promise<void>, pace: CommitPace | null = null) {
    this.#write = write;
    this.#pace = pace;
  }

  /**
   * Resolves once the operations are durable, rejects with the error of the write.
   *
   * @param operations A function is called once everything given before is written, and its operations are
   * written by themselves before anything given after it; when it rejects, only this call does.
   */
  add(operations: Given): Promise<void> {
    const { promise } = this.#groupOf(operations);
    // It changes a document as a whole, and is asked for by somebody.
    if (typeof operations === "function") this.hurry();
    this.#draining ??= this.#drain();
    return promise;
  }

  #groupOf(operations: Given): Group {
    const last = this.#queue.at(-1);
    if (last && typeof last.operations !== "function" && typeof operations !== "function") {
      for (const operation of operations) last.operations.push(operation);
      return last;
    }
    const own = typeof operations === "function" ? operations : [...operations];
    const group = { operations: own, ...Promise.withResolvers<void>() };
    this.#queue.push(group);
    return group;
  }

  /** Has all that was given so far written without a pause. */
  hurry(): void {
    if (this.#queue.length === 0) return;
    this.#isUrgent = true;
    this.#endPause();
  }

  /** Has it all written, and resolves once nothing is waiting any more. */
  async idle(): Promise<void> {
    this.hurry();
    while (this.#draining !== null) await this.#draining;
  }

  async #drain(): Promise<void> {
    await null; // What is added in the same turn shares the first write.
    while (this.#queue.length > 0) {
      const paused = this.#gather();
      if (paused !== null) await paused;
      await this.#writeGroup();
    }
    this.#draining = null;
  }

  #endPause(): void {
    this.#pause?.timer.cancel();
    this.#pause?.end();
    this.#pause = null;
  }

  /** Resolves when the next write may begin; `null` when it may now. */
  #gather(): Promise<void> | null {
    if (this.#pace === null || this.#isUrgent) return null;
    const { clock, intervalMs } = this.#pace;
    const delayMs = this.#startedAtMs + intervalMs - clock.monotonicMs();
    if (delayMs <= 0) return null;
    return new Promise((end) => {
      this.#pause = { timer: clock.setTimer(delayMs, end), end };
    });
  }

  async #writeGroup(): Promise<void> {
    const group = this.#queue.shift();
    this.#pause = null;
    if (group === undefined) return;
    if (this.#queue.length === 0) this.#isUrgent = false;
    if (this.#pace !== null) this.#startedAtMs = this.#pace.clock.monotonicMs();
    let operations: Operation[];
    try {
      operations =
        typeof group.operations === "function" ? [...(await group.operations())] : group.operations;
    } catch (error) {
      group.reject(error);
      return;
    }
    try {
      if (operations.length > 0) await this.#write(operations);
      group.resolve();
    } catch (error) {
      for (const { reject } of [group, ...this.#queue.splice(0)]) reject(error);
    }
  }
}
