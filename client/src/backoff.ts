import type { Environment, Timer } from "./ports.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
/** Whoever was let in and thrown out sooner was not let in: the pauses go on growing. */
const STEADY_MS = 5_000;

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

  /** It did not, or no longer. @param askedMs How long to wait if the other side said so; 0 for the next pause. */
  wait(askedMs: number, run: () => void): void {
    const { clock } = this.#environment;
    if (clock.monotonicMs() - this.#upSinceMs >= STEADY_MS) this.#attempts = 0;
    this.#upSinceMs = Number.POSITIVE_INFINITY;
    const delayMs =
      askedMs || this.#environment.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts++);
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
