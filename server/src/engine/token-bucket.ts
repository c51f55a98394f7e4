/**
 * A token bucket: fills at a steady rate up to what a burst may take. It may be drawn from after the fact, where what
 * something costs is known when it was done; so it may owe.
 */
export class TokenBucket {
  readonly #perMs: number;
  readonly #capacity: number;
  #level: number;
  #atMs: number;

  /**
   * Starts full.
   *
   * @param options.perSecond Tokens that come back each second; greater than 0.
   * @param options.burstMs For how long they are saved up; at least one token is. It never owes more than it can hold.
   * @param nowMs Monotonic time, here and below: it never goes back.
   */
  constructor(options: { perSecond: number; burstMs: number }, nowMs: number) {
    this.#perMs = options.perSecond / 1000;
    this.#capacity = Math.max(1, this.#perMs * options.burstMs);
    this.#level = this.#capacity;
    this.#atMs = nowMs;
  }

  take(tokens: number, nowMs: number): void {
    // A debt has an end: what was measured may have been a stall of the machine.
    this.#level = Math.max(this.#levelAt(nowMs) - tokens, -this.#capacity);
    this.#atMs = nowMs;
  }

  /** Takes one, if there is one. @returns Whether there was. */
  spend(nowMs: number): boolean {
    if (!this.has(1, nowMs)) return false;
    this.take(1, nowMs);
    return true;
  }

  has(tokens: number, nowMs: number): boolean {
    return this.#levelAt(nowMs) >= tokens;
  }

  /** How long until nothing is owed, in milliseconds; 0 when nothing is. At most `burstMs`, or one token's time. */
  owedMs(nowMs: number): number {
    return Math.max(0, -this.#levelAt(nowMs) / this.#perMs);
  }

  isFull(nowMs: number): boolean {
    return this.#levelAt(nowMs) >= this.#capacity;
  }

  #levelAt(nowMs: number): number {
    return Math.min(this.#capacity, this.#level + (nowMs - this.#atMs) * this.#perMs);
  }
}
