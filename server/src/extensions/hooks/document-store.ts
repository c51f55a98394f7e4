/**
 * Gives the application one document to keep: a while after it has changed, one call at a time, and again after a pause
 * until it succeeds. A document that the application is not known to have as it is counts as changed: after a start of
 * the process that is every one.
 */

import type { DocumentName } from "@joinery/shared";
import type { ObservedRoom } from "../../engine/observer.ts";
import type { Timer } from "../../engine/ports.ts";
import type { StoredMarks } from "../stored-marks.ts";
import type { HookCalls } from "./calls.ts";
import type { Hooks } from "./hooks.ts";

export interface DocumentStoreOptions {
  readonly hooks: Pick<Hooks, "store">;
  readonly calls: HookCalls;
  readonly marks: StoredMarks;
  /** How long nothing must have changed, in milliseconds. */
  readonly delayMs: number;
  /** How long after the first change at most. */
  readonly maxDelayMs: number;
  /** Another document will be stored once more for it. */
  readonly onForgotten: () => void;
  /** The room is gone, and nothing is being stored any more. */
  readonly onOver: () => void;
}

const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

export class DocumentStore {
  readonly #options: DocumentStoreOptions;
  readonly #document: DocumentName;
  #room: ObservedRoom | null = null;
  #timer: Timer | null = null;
  #firstChangeMs: number | null = null;
  #lastChangeMs = 0;
  /** How often it has failed since it last succeeded, and since when it may be tried again. */
  #failures = 0;
  #notBeforeMs = 0;
  #isStoring = false;
  /** Somebody waits for all of it to be stored. */
  #stored: PromiseWithResolvers<void> | null = null;

  constructor(document: DocumentName, options: DocumentStoreOptions) {
    this.#document = document;
    this.#options = options;
  }

  /** Whether it may be forgotten. */
  get isOver(): boolean {
    return this.#room === null && !this.#isStoring;
  }

  /** Whether there is something that the application is not known to have. What is damaged is not all there is. */
  get isDirty(): boolean {
    const room = this.#room;
    if (room === null || room.damage !== null || room.durableSeq === 0) return false;
    return !this.#options.marks.has(this.#document, room.lineage, room.durableSeq);
  }

  /** Whether the last call failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  opened(room: ObservedRoom): void {
    this.#room = room;
    if (this.isDirty) this.changed();
  }

  /** Something became durable. */
  changed(): void {
    this.#lastChangeMs = this.#options.calls.clock.monotonicMs();
    this.#firstChangeMs ??= this.#lastChangeMs;
    this.#schedule();
  }

  /**
   * Stores without delay what is to be stored; `null` when there is nothing. Resolves too when the room has ended.
   *
   * @param isLast There will be no other time: not even the pause after a failure is waited for.
   */
  whenStored({ isLast = false } = {}): Promise<void> | null {
    if (!this.isDirty) return null;
    if (isLast) this.#notBeforeMs = 0;
    this.#stored ??= Promise.withResolvers<void>();
    this.#timer?.cancel();
    this.#timer = null;
    this.#schedule();
    return this.#stored.promise;
  }

  /** The room is gone; the document's next one is opened after that. */
  ended(): void {
    this.#room = null;
    this.#settle();
  }

  #schedule(): void {
    if (this.#timer !== null || this.#isStoring) return;
    const dueInMs = this.#dueMs - this.#options.calls.clock.monotonicMs();
    this.#timer = this.#options.calls.clock.setTimer(Math.max(0, dueInMs), () => {
      this.#timer = null;
      // It may have changed since.
      if (this.#dueMs > this.#options.calls.clock.monotonicMs()) this.#schedule();
      else void this.#store();
    });
  }

  get #dueMs(): number {
    if (this.#stored !== null || this.#failures > 0) return this.#notBeforeMs;
    const { delayMs, maxDelayMs } = this.#options;
    const lastMs = (this.#firstChangeMs ?? 0) + maxDelayMs;
    return Math.max(this.#notBeforeMs, Math.min(this.#lastChangeMs + delayMs, lastMs));
  }

  async #store(): Promise<void> {
    const room = this.#room;
    if (room === null || !this.isDirty) {
      this.#settle();
      return;
    }
    this.#isStoring = true;
    this.#firstChangeMs = null;
    const isStored = await this.#give(room);
    this.#isStoring = false;
    const { clock } = this.#options.calls;
    this.#failures = isStored ? 0 : this.#failures + 1;
    const pauseMs = isStored ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), MAX_PAUSE_MS);
    this.#notBeforeMs = clock.monotonicMs() + pauseMs;
    if (!this.isDirty) {
      this.#settle();
      if (this.#room === null) this.#options.onOver();
      return;
    }
    this.#firstChangeMs ??= clock.monotonicMs();
    this.#schedule();
  }

  async #give(room: ObservedRoom): Promise<boolean> {
    const { hooks, calls, marks, onForgotten } = this.#options;
    const document = this.#document;
    const { lineage } = room;
    try {
      const { seq, update } = await room.encodeDurable();
      const isStored = await calls.tell("store", document, () => {
        return hooks.store?.({ document, lineage, seq, state: update });
      });
      if (isStored && marks.set(document, lineage, seq)) onForgotten();
      return isStored;
    } catch (thrown) {
      // It could not be put together. If the room has ended meanwhile, that is no failure of anybody's.
      if (this.#room === room) calls.failed("store", document, thrown);
      return false;
    }
  }

  #settle(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#firstChangeMs = null;
    this.#stored?.resolve();
    this.#stored = null;
  }
}
