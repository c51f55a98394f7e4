import type { Clock, Outbox, Timer } from "./ports.ts";

/** How often within the timeout it looks. */
const CHECKS = 5;

/** Tells a client that reads slowly from one that does not read: says so when it took nothing for a while. */
export class StallWatch {
  readonly #clock: Pick<Clock, "monotonicMs" | "setTimer">;
  readonly #outbox: Outbox;
  readonly #timeoutMs: number;
  readonly #onStalled: () => void;
  #remainingBytes: number;
  #progressAtMs: number;
  #timer: Timer;

  /** Starts to watch. @param onStalled Called once, after `timeoutMs` in which the outbox lost nothing. */
  constructor(
    clock: Pick<Clock, "monotonicMs" | "setTimer">,
    outbox: Outbox,
    timeoutMs: number,
    onStalled: () => void,
  ) {
    this.#clock = clock;
    this.#outbox = outbox;
    this.#timeoutMs = timeoutMs;
    this.#onStalled = onStalled;
    this.#remainingBytes = outbox.remainingBytes;
    this.#progressAtMs = clock.monotonicMs();
    this.#timer = this.#checkLater();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #checkLater(): Timer {
    return this.#clock.setTimer(this.#timeoutMs / CHECKS, () => this.#check());
  }

  #check(): void {
    const now = this.#clock.monotonicMs();
    const { remainingBytes } = this.#outbox;
    if (remainingBytes < this.#remainingBytes) this.#progressAtMs = now;
    this.#remainingBytes = remainingBytes;
    if (now - this.#progressAtMs >= this.#timeoutMs) this.#onStalled();
    else this.#timer = this.#checkLater();
  }
}
