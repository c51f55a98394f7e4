const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** Whoever was let in and thrown out sooner was not let in: the pauses go on growing. */
const STEADY_MS = 5_000;

/** Pauses before coming back: at most 1, 2, 4 … 30 s, each a random part of that, so that a crowd spreads out. */
export class Backoff {
  #attempts = 0;
  #upSinceMs: number | null = null;

  /** It worked. */
  up(nowMs: number): void {
    this.#upSinceMs = nowMs;
  }

  /** It did not, or no longer. @param random At least 0 and below 1. @returns How long to pause, in milliseconds. */
  nextMs(nowMs: number, random: number): number {
    if (this.#upSinceMs !== null && nowMs - this.#upSinceMs >= STEADY_MS) this.#attempts = 0;
    this.#upSinceMs = null;
    return random * Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts++);
  }

  /** Somebody wants it now. */
  reset(): void {
    this.#attempts = 0;
    this.#upSinceMs = null;
  }
}
