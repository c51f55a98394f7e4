/**
 * The sessions that get every flush, by dialect: what they are sent is encoded once for all that speak it. Reaching a
 * large audience takes several turns of the event loop, so that all others get theirs.
 *
 * Invariants:
 * 1. A session is sent everything in order: what one that was not reached yet is to be sent is noted with it, as the
 *    same frames that all are sent, and goes before anything else that it is sent.
 * 2. Bounded: after so many broadcasts that did not reach everybody, everybody is reached at once.
 */

import { LazySet } from "./lazy-map.ts";
import type { Meter } from "./meter.ts";
import type { Clock, Dialect, Timer } from "./ports.ts";
import type { PresenceUpdate } from "./presence.ts";
import type { Session } from "./session.ts";

/** What one flush appended. */
export interface SentBatch {
  readonly update: Uint8Array;
  readonly seq: number;
  readonly durableSeq: number;
  /** Who sent all of it, as it is, and so has it; `null` where that is nobody in particular. */
  readonly writer: Session | null;
}

/** How much of an audience is reached before all others get their turn. */
export interface TurnBounds {
  /** In milliseconds. */
  readonly maxMs: number;
  readonly maxSessions: number;
}

/** Some thousand small frames, or a few hundred of 30 KB: less than what people notice, and far more than a turn costs. */
export const DEFAULT_TURN: TurnBounds = { maxMs: 10, maxSessions: Number.POSITIVE_INFINITY };

/** How often the time is looked at, in sessions. */
const SESSIONS_PER_LOOK = 8;

/** How long a batch waits for the word that it is on disk, where all who wrote it wait for that: a quick disk takes less. */
const MAX_HELD_MS = 5;

/** Broadcasts that wait for a turn. Only what cannot wait makes more than one: a join, or a batch that is full. */
const MAX_WAITING = 16;

/** What the sessions of a dialect are sent, and what the one is that wrote. */
interface Delivery {
  readonly frames: readonly Uint8Array[];
  readonly own: { readonly writer: Session; readonly frames: readonly Uint8Array[] } | null;
}

export interface AudienceOptions {
  readonly meter: Meter;
  readonly clock: Clock;
  readonly turn: TurnBounds;
  /** Everybody was reached, in later turns that took so long. */
  readonly onReached: (ms: number) => void;
  /** A bug, in a later turn: the room must end. */
  readonly onMistake: (thrown: unknown) => void;
}

export class Audience {
  readonly #options: AudienceOptions;
  readonly #sessions = new Map<Dialect, Set<Session>>();
  /** Those who were not sent all that is theirs; who has waited longest is first. */
  readonly #unreached = new LazySet<Session>();
  #waiting = 0;
  #laterMs = 0;
  #timer: Timer | null = null;
  /** Whether the timer is for what is held until it is on disk. */
  #isHeld = false;

  constructor(options: AudienceOptions) {
    this.#options = options;
  }

  /** Whether somebody may not have been sent yet what others were. */
  get isBusy(): boolean {
    return this.#timer !== null;
  }

  /** Those who get every flush. */
  get size(): number {
    let size = 0;
    for (const sessions of this.#sessions.values()) size += sessions.size;
    return size;
  }

  add(session: Session): void {
    const sessions = this.#sessions.get(session.dialect);
    if (sessions) sessions.add(session);
    else this.#sessions.set(session.dialect, new Set([session]));
  }

  delete(session: Session): void {
    this.#sessions.get(session.dialect)?.delete(session);
    this.#unreached.delete(session);
  }

  /** Sends what one flush made. */
  broadcast(batch: SentBatch | null, presence: PresenceUpdate | null): void {
    this.#toEverybody((dialect, sessions) => {
      const traffic = this.#options.meter.trafficOf(dialect);
      const frames: Uint8Array[] = [];
      const ownFrames: Uint8Array[] = [];
      const writer = dialect.skipsOwn && batch?.writer && sessions.has(batch.writer) ? batch.writer : null;
      const readers = writer ? sessions.size - 1 : sessions.size;
      if (batch && readers > 0) {
        const frame = dialect.update(batch.update, batch.seq, batch.durableSeq);
        frames.push(frame);
        traffic.updatesOut += readers;
        traffic.updateBytesOut += readers * frame.length;
      }
      if (presence) {
        const frame = dialect.presence(presence.update, presence.users);
        frames.push(frame);
        ownFrames.push(frame);
        traffic.presenceBytesOut += sessions.size * frame.length;
      }
      return { frames, own: writer && { writer, frames: ownFrames } };
    });
  }

  /** Says that everything up to a seq is on disk, where the dialect can. */
  tellDurable(seq: number): void {
    this.#toEverybody((dialect) => {
      const frame = dialect.durable(seq);
      return { frames: frame ? [frame] : [], own: null };
    });
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#timer?.cancel();
    this.#timer = this.#nextTurn();
  }

  /** What is broadcast next goes with the word that it is on disk, in one write; at the latest a few milliseconds later. */
  hold(): void {
    if (this.isBusy) return;
    this.#isHeld = true;
    this.#timer = this.#options.clock.setTimer(MAX_HELD_MS, this.#goOnSafely);
  }

  /** Everybody is sent now what is still to be sent: they are about to be sent away. */
  finish(): void {
    if (!this.isBusy) return;
    this.#timer?.cancel();
    this.#safely(() => {
      this.#reachAll();
      this.#reached();
    });
  }

  /** Nobody is sent anything any more, but by themselves. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#isHeld = false;
    this.#unreached.clear();
  }

  #toEverybody(deliveryTo: (dialect: Dialect, sessions: ReadonlySet<Session>) => Delivery): void {
    // Who waits from the last time goes first.
    const share = this.isBusy ? null : new TurnShare(this.#options);
    for (const [dialect, sessions] of this.#sessions) {
      if (sessions.size === 0) continue;
      this.#send(sessions, deliveryTo(dialect, sessions), share);
    }
    if (this.#unreached.size === 0) return;
    // Not before this was noted, too: who lags from here counts as sent all that is in the log.
    if (++this.#waiting > MAX_WAITING) this.#reachAll();
    this.#timer ??= this.#nextTurn();
  }

  #send(sessions: ReadonlySet<Session>, { frames, own }: Delivery, share: TurnShare | null): void {
    if (frames.length === 0) return;
    for (const session of sessions) {
      const its = session === own?.writer ? own.frames : frames;
      if (its.length === 0) continue;
      if (share?.take()) session.deliver(its);
      else {
        session.deliverLater(its);
        this.#unreached.add(session);
      }
    }
  }

  #nextTurn(): Timer {
    return this.#options.clock.endOfTurn(this.#goOnSafely);
  }

  readonly #goOnSafely = () => this.#safely(() => this.#goOn());

  #safely(goOn: () => void): void {
    this.#timer = null;
    this.#isHeld = false;
    try {
      goOn();
    } catch (thrown) {
      // Nobody called who could catch it.
      this.#options.onMistake(thrown);
    }
  }

  #goOn(): void {
    const share = new TurnShare(this.#options);
    for (const session of this.#unreached) {
      if (!share.take()) break;
      this.#unreached.delete(session);
      session.deliverOverdue();
    }
    this.#laterMs += share.ms;
    if (this.#unreached.size > 0) this.#timer = this.#nextTurn();
    else this.#reached();
  }

  #reachAll(): void {
    for (const session of this.#unreached) {
      this.#unreached.delete(session);
      session.deliverOverdue();
    }
    this.#waiting = 0;
  }

  #reached(): void {
    const ms = this.#laterMs;
    this.#laterMs = 0;
    this.#waiting = 0;
    this.#options.onReached(ms);
  }
}

/** What may be done in one turn. */
class TurnShare {
  readonly #clock: Clock;
  readonly #startMs: number;
  readonly #maxMs: number;
  #sessionsLeft: number;
  #untilLook = SESSIONS_PER_LOOK;

  constructor({ clock, turn }: AudienceOptions) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
    this.#maxMs = turn.maxMs;
    this.#sessionsLeft = turn.maxSessions;
  }

  /** Since it began. */
  get ms(): number {
    return this.#clock.monotonicMs() - this.#startMs;
  }

  /** @returns Whether one more session may be reached. */
  take(): boolean {
    if (this.#sessionsLeft <= 0) return false;
    this.#sessionsLeft--;
    if (--this.#untilLook > 0) return true;
    this.#untilLook = SESSIONS_PER_LOOK;
    if (this.ms < this.#maxMs) return true;
    this.#sessionsLeft = 0;
    return false;
  }
}
