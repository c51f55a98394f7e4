/** How many changes of a session others are told. */
export interface PresencePaceLimits {
  readonly maxPresenceChangesPerSecond: number;
  /** For how long what was not used is saved up, in milliseconds. */
  readonly maxBurstMs: number;
}

/** How fast one session's changes of presence are told: more wait, and of an id the newest counts. */
export class PresencePace {
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** The changes told so far, at a steady pace, would have taken until then. */
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor({ maxPresenceChangesPerSecond, maxBurstMs }: PresencePaceLimits) {
    this.#intervalMs = 1000 / maxPresenceChangesPerSecond;
    this.#burstMs = maxBurstMs;
  }

  /** Whether one more change may be told now; then it counts as told. */
  tell(nowMs: number): boolean {
    if (this.dueInMs(nowMs) > 0) return false;
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + this.#intervalMs;
    return true;
  }

  /** How long until the next change may be told; 0 if one may be now. */
  dueInMs(nowMs: number): number {
    const savedMs = Math.max(0, this.#burstMs - this.#intervalMs);
    return Math.max(0, this.#paidUntilMs - savedMs - nowMs);
  }
}
