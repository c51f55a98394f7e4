import type { Retry } from "@joinery/shared";
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, STEADY_MS } from "./limits.ts";
import type { Environment, Timer } from "./ports.ts";

/** Pauses before coming back: at most 1, 2, 4 … 30 s, each a random part of that, so that a crowd spreads out. */
export class Backoff {
  readonly #environment: Environment;
  #attempts = 0;
  #upSinceMs = Number.POSITIVE_INFINITY;
  #timer: Timer | null = null;
  #retryAtMs: number | null = null;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** When the pause is over, in milliseconds since 1970; `null` when there is none. */
  get retryAtMs(): number | null {
    return this.#retryAtMs;
  }

  /** It worked. */
  up(): void {
    this.#upSinceMs = this.#environment.clock.monotonicMs();
  }

  /**
   * It did not, or no longer.
   *
   * @param retry What to do about it: with a new token it should work, so that the first time there is no pause.
   * @param askedMs How long to wait if the other side said so; 0 for the next pause.
   */
  wait(retry: Retry | undefined, askedMs: number, run: () => void): void {
    const { clock } = this.#environment;
    if (clock.monotonicMs() - this.#upSinceMs >= STEADY_MS) this.#attempts = 0;
    this.#upSinceMs = Number.POSITIVE_INFINITY;
    const attempt = this.#attempts++;
    const longestMs = retry === "after-auth" && attempt === 0 ? 0 : FIRST_PAUSE_MS * 2 ** attempt;
    const delayMs = askedMs || this.#environment.random() * Math.min(LONGEST_PAUSE_MS, longestMs);
    this.#retryAtMs = clock.now() + delayMs;
    this.#timer = clock.setTimer(delayMs, run);
  }

  /** Ends the pause, if there is one. */
  cancel(): void {
    this.#timer?.cancel();
    this.#retryAtMs = null;
  }

  /** Somebody wants it now. */
  reset(): void {
    this.#attempts = 0;
    this.#upSinceMs = Number.POSITIVE_INFINITY;
  }
}
