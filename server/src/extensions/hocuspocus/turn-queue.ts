import type { Clock, Timer } from "../../engine/ports.ts";

/**
 * What is to be done at the end of the turn, in order. What the engine tells comes on the way of an edit, where an
 * extension's code must not run. It holds what one turn brings.
 */
export class TurnQueue {
  readonly #clock: Pick<Clock, "endOfTurn">;
  readonly #onTurnEnd: () => void;
  readonly #onThrown: (thrown: unknown) => void;
  #waiting: (() => void)[] = [];
  #timer: Timer | null = null;

  /**
   * @param onTurnEnd Called after all that waited.
   * @param onThrown Given what one of them threw; the others go on.
   */
  constructor(clock: Pick<Clock, "endOfTurn">, onTurnEnd: () => void, onThrown: (thrown: unknown) => void) {
    this.#clock = clock;
    this.#onTurnEnd = onTurnEnd;
    this.#onThrown = onThrown;
  }

  get isEmpty(): boolean {
    return this.#timer === null;
  }

  push(run: () => void): void {
    this.#waiting.push(run);
    this.wake();
  }

  /** There is something to do at the end of the turn. */
  wake(): void {
    this.#timer ??= this.#clock.endOfTurn(() => this.drain());
  }

  /** Does now what waits. */
  drain(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.runWaiting();
    this.#onTurnEnd();
  }

  /** As {@link drain}, without the end of the turn. */
  runWaiting(): void {
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const run of waiting) {
        try {
          run();
        } catch (thrown) {
          this.#onThrown(thrown);
        }
      }
    }
  }
}
