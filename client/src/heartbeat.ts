import { ANSWER_MS, SILENCE_MS } from "./limits.ts";
import type { ClientClock, Timer } from "./ports.ts";

/**
 * Notices a dead link, which a browser may take minutes to do: after 15 s of silence it asks for a sign of life, and
 * after 10 s more without one it is over.
 */
export class Heartbeat {
  readonly #clock: ClientClock;
  readonly #ping: () => void;
  readonly #onDead: () => void;
  #timer: Timer | null = null;
  #heardAtMs = 0;
  #isAsking = false;

  constructor(clock: ClientClock, ping: () => void, onDead: () => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#onDead = onDead;
  }

  start(): void {
    this.stop();
    this.heard();
    this.#listen(SILENCE_MS);
  }

  /** Something came. Called for every message, so it only notes when. */
  heard(): void {
    this.#heardAtMs = this.#clock.monotonicMs();
  }

  /**
   * Asks at once: the device may have slept, or lost its network.
   *
   * @param answerMs How long to wait for a sign of life; what is asked already keeps its own time if that is the same.
   */
  probe(answerMs = ANSWER_MS): void {
    if (this.#timer === null || (this.#isAsking && answerMs === ANSWER_MS)) return;
    this.stop();
    this.#ask(answerMs);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#isAsking = false;
  }

  #listen(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => {
      const silentMs = this.#clock.monotonicMs() - this.#heardAtMs;
      if (silentMs < SILENCE_MS) this.#listen(SILENCE_MS - silentMs);
      else this.#ask(ANSWER_MS);
    });
  }

  #ask(answerMs: number): void {
    const askedAtMs = this.#clock.monotonicMs();
    this.#isAsking = true;
    // What came in the same millisecond may have come before.
    this.#heardAtMs = askedAtMs - 1;
    this.#ping();
    this.#timer = this.#clock.setTimer(answerMs, () => {
      this.#isAsking = false;
      if (this.#heardAtMs < askedAtMs) this.#onDead();
      else this.#listen(SILENCE_MS - ANSWER_MS);
    });
  }
}
