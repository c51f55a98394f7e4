/**
 * Looks after those who are in documents, once a second: ends who has nothing good to show any more, asks for a new
 * token before that, and has old decisions made anew. One timer for all: a timer a client costs more than the look.
 */

import { JoineryError, toJoineryError } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";
import type { Rights } from "../engine/rights.ts";
import type { Stay } from "./stay.ts";

export interface WatchOptions {
  readonly clock: Clock;
  /** How old a decision may be, in milliseconds; 0: as old as it likes. */
  readonly recheckMs: number;
  readonly onExpired: (stay: Stay, error: JoineryError) => void;
  /** What somebody may do was decided anew, and may be what it was. */
  readonly onDecided: (stay: Stay, rights: Rights) => void;
  /** It could not be. Once a decision is twice as old as it may be, or the answer is no, the session ends. */
  readonly onUndecided: (stay: Stay, error: JoineryError, isOver: boolean) => void;
}

const LOOK_MS = 1_000;
/** Questions at once: an application asks its database each time. */
const MAX_ASKED = 32;
/** Whoever does not answer for so long is as good as down: he may not keep the others from being asked. */
const ANSWER_TIMEOUT_MS = 30_000;
/** How long after a failure it is tried again. */
const RETRY_MS = 10_000;
/** Decisions of one moment are made anew over this part of the time: not all at once. */
const SPREAD = 0.25;
/** Spreads numbers that follow each other as evenly as can be. */
const GOLDEN = 0.618_033_988_75;

/** Resolved with whether it was decided. */
interface Waiter extends PromiseWithResolvers<boolean> {
  readonly sinceMs: number;
}

export class Watch {
  readonly #options: WatchOptions;
  readonly #stays = new Set<Stay>();
  /** About whom is to be asked, and about whom it is being asked: somebody can be in both. */
  readonly #waiting = new Map<Stay, Waiter>();
  readonly #asked = new Map<Stay, Waiter>();
  /** When those that could not be decided about are to be tried again. */
  readonly #retryAtMs = new WeakMap<Stay, number>();
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  add(stay: Stay): void {
    if (this.#isClosed || (stay.recheck === null && stay.expiresAt === null)) return;
    this.#stays.add(stay);
    this.#schedule();
  }

  delete(stay: Stay): void {
    this.#stays.delete(stay);
    this.#waiting.get(stay)?.resolve(false);
    this.#waiting.delete(stay);
    // The question still takes its place: whoever was asked is busy with it.
    this.#asked.get(stay)?.resolve(false);
    if (this.#stays.size === 0) this.#stop();
  }

  /** Has it decided anew what somebody may do. @returns Whether it was; never rejects. */
  recheck(stay: Stay): Promise<boolean> {
    if (this.#isClosed || stay.recheck === null || stay.session.isClosed) return Promise.resolve(false);
    let waiter = this.#waiting.get(stay);
    if (!waiter) {
      waiter = { ...Promise.withResolvers<boolean>(), sinceMs: this.#options.clock.monotonicMs() };
      this.#waiting.set(stay, waiter);
      this.#askNext();
    }
    return waiter.promise;
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#stays.clear();
    for (const { resolve } of [...this.#waiting.values(), ...this.#asked.values()]) resolve(false);
    this.#waiting.clear();
  }

  #schedule(): void {
    this.#timer ??= this.#options.clock.setTimer(LOOK_MS, () => {
      this.#timer = null;
      // First, so that one who cannot be looked at does not end it for the others.
      this.#schedule();
      for (const stay of [...this.#stays]) this.#look(stay);
    });
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #look(stay: Stay): void {
    // With the one before it, its connection may have ended.
    if (stay.session.isClosed) return;
    const { clock, onExpired } = this.#options;
    const now = clock.now();
    if (stay.expiresAt !== null && stay.expiresAt <= now) {
      onExpired(stay, new JoineryError("UNAUTHENTICATED", "your token has expired"));
      return;
    }
    if (stay.takeNotice(now)) stay.requestToken();
    if (this.#isDue(stay)) void this.recheck(stay);
    else if (this.#hasWaitedTooLong(stay)) {
      const message = "too many questions wait to be answered, and what was decided before is too old";
      this.#undecided(stay, new JoineryError("HOOK_FAILED", message));
    }
  }

  #isDue(stay: Stay): boolean {
    if (stay.recheck === null || this.#asked.has(stay) || this.#waiting.has(stay)) return false;
    const { clock, recheckMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const retryAtMs = this.#retryAtMs.get(stay);
    if (retryAtMs !== undefined) return nowMs >= retryAtMs;
    const spread = 1 - SPREAD * ((stay.session.id * GOLDEN) % 1);
    return recheckMs > 0 && nowMs >= stay.decidedAtMs + recheckMs * spread;
  }

  /** Behind others that are not answered; but after a sleep of the machine, all are asked about first. */
  #hasWaitedTooLong(stay: Stay): boolean {
    const waiter = this.#waiting.get(stay);
    if (!waiter || !this.#isTooOld(stay)) return false;
    return this.#options.clock.monotonicMs() - waiter.sinceMs >= ANSWER_TIMEOUT_MS;
  }

  #isTooOld({ decidedAtMs }: Stay): boolean {
    const { clock, recheckMs } = this.#options;
    return recheckMs > 0 && clock.monotonicMs() - decidedAtMs >= 2 * recheckMs;
  }

  #askNext(): void {
    for (const [stay, waiter] of this.#waiting) {
      if (this.#asked.size >= MAX_ASKED) return;
      // What was asked before may be answered with what was true before: it is asked again after that.
      if (this.#asked.has(stay)) continue;
      this.#waiting.delete(stay);
      this.#asked.set(stay, waiter);
      void this.#decide(stay, waiter);
    }
  }

  async #decide(stay: Stay, waiter: Waiter): Promise<void> {
    let isDecided = false;
    try {
      isDecided = await this.#ask(stay);
    } finally {
      this.#asked.delete(stay);
      waiter.resolve(isDecided);
      this.#askNext();
    }
  }

  async #ask(stay: Stay): Promise<boolean> {
    const { clock, onDecided } = this.#options;
    const question = stay.ask();
    // A token that was given later may have been looked at meanwhile: that counts.
    const isTooLate = () => this.#isClosed || stay.session.isClosed || stay.isOvertaken(question);
    let rights: Rights;
    try {
      rights = await this.#answerOf(stay);
    } catch (thrown) {
      if (!isTooLate()) this.#undecided(stay, toJoineryError(thrown));
      return false;
    }
    if (isTooLate()) return !stay.session.isClosed;
    this.#retryAtMs.delete(stay);
    stay.decided(question, clock.monotonicMs());
    onDecided(stay, rights);
    return true;
  }

  async #answerOf(stay: Stay): Promise<Rights> {
    const { clock } = this.#options;
    const timeout = Promise.withResolvers<never>();
    const timer = clock.setTimer(ANSWER_TIMEOUT_MS, () => {
      const message = `what the client may do was not decided within ${ANSWER_TIMEOUT_MS} ms`;
      timeout.reject(new JoineryError("HOOK_FAILED", message));
    });
    try {
      return await Promise.race([stay.recheck?.() ?? stay.session.rights, timeout.promise]);
    } finally {
      timer.cancel();
    }
  }

  #undecided(stay: Stay, error: JoineryError): void {
    const { clock, onUndecided } = this.#options;
    this.#retryAtMs.set(stay, clock.monotonicMs() + RETRY_MS);
    onUndecided(stay, error, error.row.retry !== "backoff" || this.#isTooOld(stay));
  }
}
