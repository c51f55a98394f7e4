/** How often something may happen: so many times a second, and what was not used is saved up for a while. */
export class Rate {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** What happened so far, at a steady pace, would have taken until then. */
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  /** @param burstMs For how long it is saved up; once is always allowed. */
  constructor(options: { perSecond: number; burstMs: number }) {
    this.#intervalMs = 1000 / options.perSecond;
    this.#burstMs = Math.max(options.burstMs, this.#intervalMs);
  }

  /** Whether it may happen once more; then it counts as having happened. @param nowMs Of a clock that never goes back. */
  spend(nowMs: number): boolean {
    const paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + this.#intervalMs;
    if (paidUntilMs - nowMs > this.#burstMs) return false;
    this.#paidUntilMs = paidUntilMs;
    return true;
  }
}
