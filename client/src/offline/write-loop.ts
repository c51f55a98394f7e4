/**
 * Writes what the open documents have, one batch at a time: while one is under way, everything that comes waits for
 * the next. What fails is tried again after a growing pause, and when somebody asks for it. A document is folded in a
 * batch of its own, so that a large one that finds no room does not hold up everybody's edits.
 */

import type { Operation } from "./database.ts";

/** A part of a batch. Exactly one of `stored` and `failed` is called, before anything more is taken. */
export interface Write {
  readonly operations: readonly Operation[];
  /** Local edits are nowhere else: they are worth waiting for the disk. */
  readonly isUrgent: boolean;
  /** It is given again when it failed. */
  readonly isTriedAgain: boolean;
  stored(): void;
  /** Whether it happened is not known. */
  failed(cause: unknown): void;
}

export interface WriteSource {
  /** What waits, as it is to be written; `null` when nothing does. */
  takeEdits(): Write | null;
  /** The whole document instead of its parts; taken when no edits wait. It may fail, and is not tried again. */
  takeFold(): Write | null;
}

interface WriteClock {
  setTimer(delayMs: number, run: () => void): { cancel(): void };
}

export interface WriteLoopOptions {
  readonly sources: ReadonlySet<WriteSource>;
  readonly batch: (operations: readonly Operation[], options: { readonly sync: boolean }) => Promise<void>;
  readonly clock: WriteClock;
}

/** Pauses before a write that failed is tried again; each is twice the one before. */
const MIN_RETRY_PAUSE_MS = 1000;
const MAX_RETRY_PAUSE_MS = 60_000;

export class WriteLoop {
  readonly #options: WriteLoopOptions;
  #running: Promise<void> | null = null;
  #retry: { cancel(): void } | null = null;
  #pauseMs = MIN_RETRY_PAUSE_MS;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  /** Says that something waits. What comes in the same turn shares a batch. */
  wake(): void {
    if (this.#running === null && this.#retry === null) this.#running = this.#run();
  }

  /** Resolves when everything that waits was written, or writing failed just now; does not wait for a pause. */
  async flush(): Promise<void> {
    // One that is under way goes on until nothing waits.
    if (this.#running === null) {
      this.stop();
      this.wake();
    }
    await this.#running;
  }

  /** Nothing is tried again by itself. */
  stop(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }

  async #run(): Promise<void> {
    await null;
    for (let writes = this.#take(); writes.length > 0; writes = this.#take()) {
      if (!(await this.#attempt(writes))) break;
    }
    // In the same turn as the look that found nothing, so that what comes next wakes it.
    this.#running = null;
  }

  #take(): Write[] {
    const sources = [...this.#options.sources];
    const edits = sources.map((source) => source.takeEdits()).filter((write) => write !== null);
    if (edits.length > 0) return edits;
    for (const source of sources) {
      const fold = source.takeFold();
      if (fold !== null) return [fold];
    }
    return [];
  }

  /** @returns Whether to go on. */
  async #attempt(writes: readonly Write[]): Promise<boolean> {
    try {
      const operations = writes.flatMap((write) => write.operations);
      await this.#options.batch(operations, { sync: writes.some(({ isUrgent }) => isUrgent) });
    } catch (cause) {
      for (const write of writes) write.failed(cause);
      if (!writes.some(({ isTriedAgain }) => isTriedAgain)) return true;
      this.#pause();
      return false;
    }
    this.#pauseMs = MIN_RETRY_PAUSE_MS;
    for (const write of writes) write.stored();
    return true;
  }

  #pause(): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, MAX_RETRY_PAUSE_MS);
    this.#retry = this.#options.clock.setTimer(pauseMs, () => {
      this.#retry = null;
      this.wake();
    });
  }
}
