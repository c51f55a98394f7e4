/**
 * Writes what the open documents have, one batch at a time: while one is under way, everything that comes waits for
 * the next. What fails is tried again after a growing pause, and when somebody asks for it. A document is folded in a
 * batch of its own, so that a large one that finds no room does not hold up everybody's edits.
 */

import type { Operation } from "./database.ts";

/** A part of a batch. Exactly one of `stored` and `failed` is called. */
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
  /** What waits, as it is to be written; `null` when nothing does. Taken when nothing is under way. */
  takeEdits(): Write | null;
  /** Of that, local edits alone, in records that take nothing from any other: also taken beside another write. */
  takeLocalEdits(): Write | null;
  /** The whole document instead of its parts; taken when no edits wait. It may fail, and is not tried again. */
  takeFold(): Write | null;
}

interface WriteClock {
  setTimer(delayMs: number, run: () => void): { cancel(): void };
}

export interface WriteLoopOptions {
  readonly sources: ReadonlySet<WriteSource>;
  /** Asks the database in the turn in which it is called, if it is open. */
  readonly batch: (operations: readonly Operation[], options: { readonly sync: boolean }) => Promise<void>;
  readonly clock: WriteClock;
}

/** Pauses before a write that failed is tried again; each is twice the one before. */
const MIN_RETRY_PAUSE_MS = 1000;
const MAX_RETRY_PAUSE_MS = 60_000;

export class WriteLoop {
  readonly #options: WriteLoopOptions;
  #running: Promise<void> | null = null;
  /** Batches that are under way. */
  #underWay = 0;
  /** Those that `writeNow` began, and whether to go on after each. */
  #beside: Promise<boolean>[] = [];
  #retry: { cancel(): void } | null = null;
  #pauseMs = MIN_RETRY_PAUSE_MS;

  constructor(options: WriteLoopOptions) {
    this.#options = options;
  }

  /** Says that something waits. What comes in the same turn shares a batch. */
  wake(): void {
    if (this.#running !== null || this.#retry !== null) return;
    this.#running = this.#run();
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

  /** Begins to write what waits before it returns; beside a batch that is under way, the local edits of it. */
  writeNow(): void {
    const writes = this.#underWay === 0 ? this.#take() : this.#takeLocalEdits();
    if (writes.length === 0) return;
    this.#beside.push(this.#attempt(writes));
    this.stop();
    this.wake();
  }

  /** Nothing is tried again by itself. */
  stop(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }

  async #run(): Promise<void> {
    let isWritten = true;
    while (isWritten) {
      isWritten = await this.#finishBeside();
      const writes = isWritten ? this.#take() : [];
      if (writes.length === 0) break;
      isWritten = await this.#attempt(writes);
    }
    if (!isWritten) this.#pause();
    // In the same turn as the look that found nothing, so that what comes next wakes it.
    this.#running = null;
  }

  /** Waits for what builds upon nothing that is taken later, but would undo some of it if it were tried again. */
  async #finishBeside(): Promise<boolean> {
    let isWritten = true;
    do {
      const results = await Promise.all(this.#beside.splice(0));
      isWritten &&= results.every(Boolean);
    } while (this.#beside.length > 0);
    return isWritten;
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

  #takeLocalEdits(): Write[] {
    return [...this.#options.sources]
      .map((source) => source.takeLocalEdits())
      .filter((write) => write !== null);
  }

  /** @returns Whether to go on. */
  async #attempt(writes: readonly Write[]): Promise<boolean> {
    this.#underWay++;
    try {
      const operations = writes.flatMap((write) => write.operations);
      await this.#options.batch(operations, { sync: writes.some(({ isUrgent }) => isUrgent) });
    } catch (cause) {
      this.#underWay--;
      for (const write of writes) write.failed(cause);
      return !writes.some(({ isTriedAgain }) => isTriedAgain);
    }
    this.#underWay--;
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
