/**
 * The way in of one connection: hands on its messages one by one, and stops reading the socket while the engine
 * wants no more, while a budget is exceeded, or for the rest of a turn of the event loop that it had its share of.
 *
 * A socket that is stopped still delivers what was read from it already. That waits in the inbox: no more than one
 * read of the socket (64 KiB) and the message that it ended.
 */

import type { LimitName } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";
import type { Budget } from "./budget.ts";
import { Inbox } from "./inbox.ts";

/** How much of one turn a connection may have before all others, timers and the disk get theirs. */
const MAX_TURN_MS = 25;
/** From when on it is watched how long a turn takes. Most never get there, which saves a callback a turn. */
const LONG_TURN_MS = 5;

/** What a gate has its owner do; the same functions for all of them. */
export interface GateActions<Owner> {
  /** A budget is used up. */
  readonly onLimit: (owner: Owner, limit: LimitName) => void;
  /** Handles one message; does not throw. */
  readonly deliver: (owner: Owner, message: Uint8Array) => void;
  /** Whether a part of the last message was left for a later turn. Default: never. */
  readonly hasRest?: (owner: Owner) => boolean;
  /** Handles more of that; does not throw. */
  readonly goOn?: (owner: Owner) => void;
  /** Starts or stops reading the socket. */
  readonly read: (owner: Owner, isReading: boolean) => void;
}

export interface InputGateOptions<Owner> {
  readonly clock: Clock;
  readonly owner: Owner;
  readonly actions: GateActions<Owner>;
  /** The connection's own. */
  readonly budget: Budget;
}

export class InputGate<Owner> {
  readonly #clock: Clock;
  readonly #owner: Owner;
  readonly #actions: GateActions<Owner>;
  readonly #budget: Budget;
  #shared: Budget | null = null;
  /** Most of the time nothing waits. */
  #inbox: Inbox | null = null;
  #holds = 0;
  #isReading = true;
  #isDiscarding = false;
  /** Set while it waits for a budget. */
  #waiting: Timer | null = null;
  #turnEnd: Timer | null = null;
  #turnMs = 0;
  #isTurnOver = false;
  #onEmpty: (() => void) | null = null;

  constructor({ clock, owner, actions, budget }: InputGateOptions<Owner>) {
    this.#clock = clock;
    this.#owner = owner;
    this.#actions = actions;
    this.#budget = budget;
  }

  /** From now on the connection spends from this one too, with others. */
  share(budget: Budget): void {
    this.#shared = budget;
  }

  /** Whether the socket is not read at the moment, for whatever reason. */
  get isClosed(): boolean {
    return !this.#isReading;
  }

  /** Whether it is the engine that wants no more. */
  get isHeld(): boolean {
    return this.#holds > 0;
  }

  /** A message has arrived. Its bytes may be a view: what has to wait is copied. */
  message(message: Uint8Array): void {
    if (this.#isDiscarding) this.control();
    else if (this.#isOpen && this.#isEmpty) {
      this.#work(message);
      this.#readOrNot();
    } else {
      this.#inbox ??= new Inbox();
      this.#inbox.push(message);
    }
  }

  /** A ping or pong has arrived: it costs what a message costs. */
  control(): void {
    const now = this.#clock.monotonicMs();
    this.#spendMessage(0, now);
  }

  /** Bytes have arrived, of whatever. */
  bytes(count: number): void {
    const now = this.#clock.monotonicMs();
    this.#budget.spendBytes(count, now);
    this.#shared?.spendBytes(count, now);
    this.#waitIfOwing(now);
  }

  /** Delivers nothing more until {@link release}; one that is held twice goes on after the second. */
  hold(): void {
    this.#holds++;
    this.#readOrNot();
  }

  release(): void {
    this.#holds--;
    // Not now: whoever releases has more to do before it is ready for what comes.
    if (this.#holds === 0 && !this.#isEmpty) this.#turnEnd ??= this.#atTurnEnd();
    else this.#readOrNot();
  }

  /** Drops what waits and what still comes; the socket is read on, within the budgets, for its closing handshake. */
  discard(): void {
    this.#isDiscarding = true;
    this.#inbox = null;
    this.#readOrNot();
    this.#endIfEmpty();
  }

  /** The socket is closed. Calls back when everything that arrived has been delivered, which may be at once. */
  end(onEmpty: () => void): void {
    this.#onEmpty = onEmpty;
    this.#endIfEmpty();
  }

  get #isOpen(): boolean {
    return this.#holds === 0 && this.#waiting === null && !this.#isTurnOver;
  }

  /** Whether nothing waits to be handled. */
  get #isEmpty(): boolean {
    return this.#inbox === null && !this.#hasRest;
  }

  get #hasRest(): boolean {
    return !this.#isDiscarding && this.#actions.hasRest?.(this.#owner) === true;
  }

  /** @param message `null` to go on with the last one. */
  #work(message: Uint8Array | null): void {
    const clock = this.#clock;
    const startMs = clock.monotonicMs();
    if (message) this.#actions.deliver(this.#owner, message);
    else this.#actions.goOn?.(this.#owner);
    const now = clock.monotonicMs();
    const spentMs = now - startMs;
    this.#spendMessage(spentMs, now);
    this.#turnMs += spentMs;
    const hasRest = this.#hasRest;
    if (this.#turnMs < LONG_TURN_MS && !hasRest) return;
    this.#turnEnd ??= this.#atTurnEnd();
    this.#isTurnOver = hasRest || this.#turnMs >= MAX_TURN_MS;
  }

  #spendMessage(cpuMs: number, now: number): void {
    this.#budget.spendMessage(cpuMs, now);
    this.#shared?.spendMessage(cpuMs, now);
    this.#waitIfOwing(now);
  }

  #waitIfOwing(now: number): void {
    if (this.#waiting !== null) return;
    const owing = this.#budget.owedMs(now) > 0 ? this.#budget : this.#shared;
    if (owing === null || owing.owedMs(now) === 0) return;
    for (const limit of owing.exceeded(now)) this.#actions.onLimit(this.#owner, limit);
    this.#waiting = owing.wait(() => {
      this.#waiting = null;
      // Another budget may be owed too.
      this.#waitIfOwing(this.#clock.monotonicMs());
      this.#advance();
    });
    this.#readOrNot();
  }

  #atTurnEnd(): Timer {
    return this.#clock.endOfTurn(() => {
      this.#turnEnd = null;
      this.#turnMs = 0;
      this.#isTurnOver = false;
      this.#advance();
    });
  }

  #advance(): void {
    while (this.#isOpen) {
      if (this.#hasRest) {
        this.#work(null);
        continue;
      }
      const message = this.#inbox?.shift() ?? null;
      if (message === null) break;
      if (this.#inbox?.isEmpty) this.#inbox = null;
      this.#work(message);
    }
    this.#readOrNot();
    this.#endIfEmpty();
  }

  #readOrNot(): void {
    const isReading = this.#isDiscarding ? this.#waiting === null : this.#isOpen && this.#isEmpty;
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    this.#actions.read(this.#owner, isReading);
  }

  #endIfEmpty(): void {
    if (this.#onEmpty === null || !this.#isEmpty) return;
    const onEmpty = this.#onEmpty;
    this.#onEmpty = null;
    this.#waiting?.cancel();
    this.#turnEnd?.cancel();
    onEmpty();
  }
}
