/**
 * When `onStoreDocument` is called. A change makes a document due; it is stored when it was quiet for a while, at the
 * latest so long after the first change, and at once when nobody is left in it. One call a document at a time. What
 * failed stays due and is tried again, ever more seldom, until it succeeds; the others go on meanwhile.
 */

import type { ObservedRoom } from "../../engine/observer.ts";
import type { Clock, Timer } from "../../engine/ports.ts";
import type { StoredMarks } from "../stored-marks.ts";
import { type HookChain, isSkip } from "./hook-chain.ts";

/** What is to be stored: a room's document. */
export interface Storable {
  readonly name: string;
  /** The payload of `onStoreDocument`. @param lastOrigin Of the last change. */
  storePayload(lastOrigin: unknown): object;
  /** Nothing is left to store. */
  stored(): void;
}

export interface StoresOptions {
  readonly chain: HookChain;
  readonly clock: Clock;
  /** How long a document has to be quiet, in milliseconds. */
  readonly debounceMs: number;
  /** How long it may be due, in milliseconds. */
  readonly maxDebounceMs: number;
  /** Which documents were stored when their last room went. */
  readonly marks: StoredMarks;
  /** Another document will be stored once more for a mark. */
  readonly onMarkForgotten: () => void;
}

interface Due {
  room: Storable;
  lastOrigin: unknown;
  /** When the first change came that is not stored; `null` when what there is is being stored. */
  sinceMs: number | null;
  timer: Timer | null;
  running: Promise<boolean> | null;
  /** In a row. */
  failures: number;
}

const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

export class Stores {
  readonly #options: StoresOptions;
  /** By the document's name: those of which something is not stored. */
  readonly #due = new Map<string, Due>();

  constructor(options: StoresOptions) {
    this.#options = options;
  }

  /** Documents of which something is not stored. */
  get pending(): number {
    return this.#due.size;
  }

  /** Those of which that failed the last time. */
  get failing(): number {
    return [...this.#due.values()].filter(({ failures }) => failures > 0).length;
  }

  /** Whether there is a hook that stores. */
  get isWanted(): boolean {
    return this.#options.chain.has("onStoreDocument", "afterStoreDocument");
  }

  isPending(name: string): boolean {
    return this.#due.has(name);
  }

  /** Whether that is to be stored from this room, and not from one before it. */
  isPendingOf(room: Storable): boolean {
    return this.#due.get(room.name)?.room === room;
  }

  /**
   * Whether extensions are known to have what a room has: a process that was killed may have been about to store it. What
   * is damaged is not stored.
   */
  isMarked({ document, lineage, seq, damage }: ObservedRoom): boolean {
    if (!this.isWanted) return true;
    return seq === 0 || damage !== null || this.#options.marks.has(document, lineage, seq);
  }

  /** Everything that a room has is stored. */
  mark({ document, lineage, seq }: ObservedRoom): void {
    if (!this.isWanted) return;
    if (this.#options.marks.set(document, lineage, seq)) this.#options.onMarkForgotten();
  }

  isStoring(name: string): boolean {
    return (this.#due.get(name)?.running ?? null) !== null;
  }

  /** The document has changed. */
  changed(room: Storable, origin: unknown): void {
    const { clock, debounceMs, maxDebounceMs } = this.#options;
    const nowMs = clock.monotonicMs();
    let due = this.#due.get(room.name);
    if (!due) {
      due = { room, lastOrigin: origin, sinceMs: null, timer: null, running: null, failures: 0 };
      this.#due.set(room.name, due);
    }
    due.lastOrigin = origin;
    due.sinceMs ??= nowMs;
    // What failed waits for its next try.
    if (due.failures === 0) this.#storeIn(due, Math.min(debounceMs, due.sinceMs + maxDebounceMs - nowMs));
  }

  /** The document was loaded anew: what its last room has not stored is stored from this one. */
  adopt(room: Storable): void {
    const due = this.#due.get(room.name);
    if (!due) return;
    const former = due.room;
    due.room = room;
    // A call that is on its way may still store what is older.
    due.sinceMs ??= this.#options.clock.monotonicMs();
    former.stored();
    if (due.timer === null) this.#storeIn(due, this.#options.debounceMs);
  }

  /**
   * Stores what is due now, without waiting for its time.
   *
   * @returns Whether everything that had changed by then is stored.
   */
  async storeNow(name: string): Promise<boolean> {
    const due = this.#due.get(name);
    return due === undefined || (await this.#storeNext(due));
  }

  /** As {@link storeNow}, of all documents at once. */
  async storeAll(): Promise<void> {
    await Promise.all([...this.#due.values()].map((due) => this.#storeNext(due)));
  }

  /** Nothing is tried again. */
  close(): void {
    for (const { timer } of this.#due.values()) timer?.cancel();
  }

  #storeIn(due: Due, delayMs: number): void {
    due.timer?.cancel();
    due.timer = this.#options.clock.setTimer(Math.max(0, delayMs), () => {
      due.timer = null;
      void this.#storeNext(due);
    });
  }

  async #storeNext(due: Due): Promise<boolean> {
    let isStored = true;
    while (due.running !== null) isStored = await due.running;
    if (due.sinceMs === null) return isStored;
    due.running = this.#store(due, due.sinceMs);
    return await due.running;
  }

  async #store(due: Due, sinceMs: number): Promise<boolean> {
    due.timer?.cancel();
    due.timer = null;
    // What changes from now on is not in it.
    due.sinceMs = null;
    const isStored = await this.#call(due);
    due.running = null;
    if (!isStored) {
      due.sinceMs = sinceMs;
      this.#storeIn(due, Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** due.failures));
      due.failures++;
      return false;
    }
    due.failures = 0;
    if (!hasChanged(due)) {
      this.#due.delete(due.room.name);
      due.room.stored();
    } else if (due.timer === null) {
      // The call before this one had failed, so the change has set no timer.
      this.#storeIn(due, this.#options.debounceMs);
    }
    return true;
  }

  async #call(due: Due): Promise<boolean> {
    const { chain } = this.#options;
    const { name } = due.room;
    const payload = due.room.storePayload(due.lastOrigin);
    try {
      await chain.run("onStoreDocument", payload, { document: name });
    } catch (thrown) {
      // Somebody else has stored it.
      return isSkip(thrown);
    }
    await chain.told("afterStoreDocument", payload, name);
    return true;
  }
}

/** Whether something changed that is not being stored. */
function hasChanged({ sinceMs }: Due): boolean {
  return sinceMs !== null;
}
