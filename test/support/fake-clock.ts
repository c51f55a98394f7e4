import type { Clock, Timer } from "../../server/src/engine/ports.ts";

interface Pending {
  readonly atMs: number;
  readonly run: () => void;
}

/** Time that moves only when a test moves it. Starts at an arbitrary moment, the same in every run. */
export class FakeClock implements Clock {
  #nowMs = 1_000_000;
  readonly #timers = new Set<Pending>();
  readonly #endOfTurn = new Set<() => void>();

  now(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    const pending = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(pending);
    return { cancel: () => this.#timers.delete(pending) };
  }

  endOfTurn(run: () => void): Timer {
    const once = () => run();
    this.#endOfTurn.add(once);
    return { cancel: () => this.#endOfTurn.delete(once) };
  }

  /** Timers that are set and have not run. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Ends the turn: runs what waits for that, and what it adds. */
  turn(): void {
    for (const run of this.#endOfTurn) {
      this.#endOfTurn.delete(run);
      run();
    }
  }

  /** Ends the turn: runs what waits for that. What it adds waits for the end of the next one. */
  nextTurn(): void {
    for (const run of [...this.#endOfTurn]) if (this.#endOfTurn.delete(run)) run();
  }

  /** Lets time pass while something is done: no timer runs. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets time pass: every timer that becomes due runs at its own moment, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    this.turn();
    for (let next = this.#nextDue(untilMs); next; next = this.#nextDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#timers.delete(next);
      next.run();
      this.turn();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): Pending | null {
    let first: Pending | null = null;
    for (const pending of this.#timers) {
      if (pending.atMs <= untilMs && (first === null || pending.atMs < first.atMs)) first = pending;
    }
    return first;
  }
}
