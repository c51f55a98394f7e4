/** How long a room collects updates before it flushes them. */
export type FlushOptions =
  | {
      readonly kind: "adaptive";
      /** Largest share of one core that flushing one room may take, 0..1. */
      readonly share: number;
      /** Longest window in milliseconds; a room that costs more than this allows takes more than its share. */
      readonly maxWindowMs: number;
    }
  | {
      readonly kind: "fixed";
      /** At most one flush in this many milliseconds. */
      readonly windowMs: number;
    };

/**
 * 5 % of a core: with two people the window is a millisecond, with fifty 15 ms, with a thousand it reaches the
 * cap, and a flush then carries what all of them did meanwhile instead of one update each.
 */
export const DEFAULT_FLUSH: FlushOptions = { kind: "adaptive", share: 0.05, maxWindowMs: 100 };

/**
 * Of a flush that brings presence alone, which is seen as smooth at 20 a second. Where more is flushed than that it waits no
 * longer than an edit would.
 */
const PRESENCE = { share: 0.02, maxWindowMs: 50 };

/** What a flush is for. Presence goes along with every batch. */
export type FlushReason = "batch" | "presence";

/**
 * Decides when the next flush may run. A room that has been quiet flushes at once; one that is busy waits until
 * its last flush is as far back as the window, which grows with what flushes cost.
 */
export class FlushWindow {
  readonly #options: FlushOptions;
  #costMs = 0;
  #lastStartMs = Number.NEGATIVE_INFINITY;

  constructor(options: FlushOptions) {
    this.#options = options;
  }

  windowMs(reason: FlushReason): number {
    const options = this.#options;
    if (options.kind === "fixed") return options.windowMs;
    const batchMs = Math.min(options.maxWindowMs, this.#costMs / options.share);
    if (reason === "batch") return batchMs;
    return Math.max(batchMs, Math.min(PRESENCE.maxWindowMs, this.#costMs / PRESENCE.share));
  }

  /** Milliseconds from `nowMs` (monotonic) until a flush may run; 0 for at the end of this turn. */
  delayMs(nowMs: number, reason: FlushReason): number {
    return Math.max(0, this.#lastStartMs + this.windowMs(reason) - nowMs);
  }

  /**
   * Notes a flush, and all that it cost. That follows a rise quickly and a fall slowly, so that one cheap flush does
   * not fool it.
   */
  flushed(startMs: number, costMs: number): void {
    this.#costMs += (costMs - this.#costMs) * (costMs > this.#costMs ? 0.5 : 0.1);
    this.#lastStartMs = startMs;
  }
}
