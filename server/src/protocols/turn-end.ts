import type { Clock } from "../engine/ports.ts";

/** Runs what is to happen once at the end of a turn, for all connections of a server together. */
export class TurnEnd {
  readonly #clock: Pick<Clock, "endOfTurn">;
  #waiting = new Set<() => void>();

  constructor(clock: Pick<Clock, "endOfTurn">) {
    this.#clock = clock;
  }

  /** @param run Does not throw. The same function is run once however often it is given. */
  add(run: () => void): void {
    if (this.#waiting.size === 0) this.#clock.endOfTurn(() => this.#run());
    this.#waiting.add(run);
  }

  #run(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const run of waiting) run();
  }
}
