import type { Clock } from "../engine/ports.ts";

/** Has something to do at the end of a turn. */
export interface TurnTask {
  /** Does not throw. */
  atTurnEnd(): void;
}

/** Runs what is to happen once at the end of a turn, for all connections of a server together. */
export class TurnEnd {
  readonly #clock: Pick<Clock, "endOfTurn">;
  #waiting = new Set<TurnTask>();

  constructor(clock: Pick<Clock, "endOfTurn">) {
    this.#clock = clock;
  }

  /** A task is run once however often it is given. */
  add(task: TurnTask): void {
    if (this.#waiting.size === 0) this.#clock.endOfTurn(() => this.#run());
    this.#waiting.add(task);
  }

  #run(): void {
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const task of waiting) task.atTurnEnd();
  }
}
