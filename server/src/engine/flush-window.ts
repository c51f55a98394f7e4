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
 * 2.5 % of a core: with two people the window is a few milliseconds, with fifty 40 ms, with a few hundred it reaches the
 * cap, and a flush then carries what all of them did meanwhile instead of one update each.
 */
export const DEFAULT_FLUSH: FlushOptions = { kind: "adaptive", share: 0.025, maxWindowMs: 100 };

/**
 * Decides when the next flush may run. A room that has been quiet flushes at once; one that is busy waits until
 * its last flush is as far back as the window, which grows with what flushes cost.
 */
export class FlushWindow {
  readonly #options: FlushOptions;
  #costMs = 0;
  /** Of the last two flushes. */
  #lastCostMs = 0;
  #lastButOneCostMs = 0;
  #lastStartMs = Number.NEGATIVE_INFINITY;

  constructor(options: FlushOptions) {
    this.#options = options;
  }

  /** Whether it may be over before its time, where waiting longer brings nothing more. */
  get mayEndEarly(): boolean {
    return this.#options.kind === "adaptive";
  }

  get windowMs(): number {
    const options = this.#options;
    if (options.kind === "fixed") return options.windowMs;
    return Math.min(options.maxWindowMs, this.#costMs / options.share);
  }

  /** Milliseconds from `nowMs` (monotonic) until a flush may run; 0 for at the end of this turn. */
  delayMs(nowMs: number): number {
    return Math.max(0, this.#lastStartMs + this.windowMs - nowMs);
  }

  /**
   * Notes a flush, and all that it cost. One that was interrupted, by the collector or another process, says nothing of
   * the room: of three the middle one counts. That follows a rise quickly and a fall slowly, so that one cheap flush does
   * not fool it either.
   */
  flushed(startMs: number, costMs: number): void {
    const usualMs = middleOf(costMs, this.#lastCostMs, this.#lastButOneCostMs);
    this.#lastButOneCostMs = this.#lastCostMs;
    this.#lastCostMs = costMs;
    this.#costMs += (usualMs - this.#costMs) * (usualMs > this.#costMs ? 0.5 : 0.1);
    this.#lastStartMs = startMs;
  }
}

function middleOf(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
