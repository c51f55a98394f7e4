/**
 * What the client of a session does. While it has to wait, each of these waits with it, in order; after the session
 * closed, each does nothing.
 */

import { decodeAwareness, JoineryError, toJoineryError } from "@joinery/shared";
import type { Acks } from "./acks.ts";
import { type CheckedSession, Checkpoint } from "./checkpoint.ts";
import type { Feed } from "./feed.ts";
import type { Traffic } from "./meter.ts";
import type { Outbox, Revision } from "./ports.ts";
import type { Rights } from "./rights.ts";
import type { SessionRoom } from "./session-room.ts";
import type { SentSignal } from "./signals.ts";
import type { Demand } from "./whole-write.ts";

/** What the inputs of a client need of its session. */
export interface InputSession extends CheckedSession {
  readonly rights: Rights;
  readonly outbox: Outbox;
  /** Whether the client can inflate what it is sent. */
  readonly inflates: boolean;
  /** Asks the client for what the server misses. */
  ask(): void;
}

export interface InputsOptions<Session> {
  readonly session: Session;
  readonly room: SessionRoom<Session>;
  readonly feed: Feed;
  readonly acks: Acks;
  readonly traffic: Traffic;
}

export class Inputs<Session extends InputSession> extends Checkpoint<Session> {
  readonly #session: Session;
  readonly #room: SessionRoom<Session>;
  readonly #feed: Feed;
  readonly #acks: Acks;
  readonly #traffic: Traffic;
  /** Whether an update is being tried, or looked at, and since when. */
  #isWaiting = false;
  #waitsSinceMs = 0;

  constructor({ session, room, feed, acks, traffic }: InputsOptions<Session>) {
    super({ session, reading: session.outbox, guard: room.guard });
    this.#session = session;
    this.#room = room;
    this.#feed = feed;
    this.#acks = acks;
    this.#traffic = traffic;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  get waitsSinceMs(): number {
    return this.#waitsSinceMs;
  }

  /** The client asks for what it misses; an empty state vector says that it has nothing. */
  sync(stateVector: Uint8Array): void {
    this.pass(() => {
      this.attempt(() => {
        this.#session.rights.demand("read");
        this.look({ kind: "sync", stateVector }, (input) => {
          this.attempt(() => this.bringUpFrom(input.stateVector));
        });
      });
    });
  }

  /** The client wants what comes from now on, and nothing of what is there. */
  follow(): void {
    this.pass(() => {
      this.attempt(() => {
        this.#session.rights.demand("read");
        this.#feed.bringUpSince(this.#room.seq);
      });
    });
  }

  /** The client made an edit. @param number Where its dialect numbers them: 1 for its first, then one more each. */
  update(update: Uint8Array, number = 0): void {
    this.#traffic.updatesIn++;
    this.#traffic.updateBytesIn += update.length;
    this.#passUpdate(update, false, number);
  }

  /**
   * The client answers what it was asked: everything that the server misses, as far as it knows. Or it says unasked
   * what it has and the server may not have; then it is asked if something is missing.
   *
   * @param number Counts on with those of {@link update}.
   */
  answer(update: Uint8Array, number = 0): void {
    this.#traffic.answerBytesIn += update.length;
    this.#passUpdate(update, true, number);
  }

  /** The client was asked to fill the document, and does; an empty update is nothing. */
  seed(update: Uint8Array): void {
    this.#traffic.updatesIn++;
    this.#traffic.updateBytesIn += update.length;
    this.pass(() => {
      this.look({ kind: "update", update, isAnswer: false }, (input) => {
        this.attempt(() => {
          const tried = this.#room.acceptSeed(this.#session, input.update);
          if (tried !== null) this.waitFor(tried, () => undefined);
        });
      });
    });
  }

  /**
   * Makes an edit, of which all is taken in or nothing. A refusal goes the way of all: it ends the session, or is said
   * in its dialect, and this never settles.
   *
   * @param demand Throws where the document is not as it has to be for that; asked until the moment that it goes in.
   * @returns Where the document is with it, once that is on disk. Rejects when the room ends before.
   */
  write(update: Uint8Array, demand: Demand): Promise<Revision> {
    const { promise, resolve } = Promise.withResolvers<Revision>();
    // Who has gone does not want to know.
    promise.catch(() => undefined);
    this.#traffic.updatesIn++;
    this.#traffic.updateBytesIn += update.length;
    const done = () => resolve(this.#room.whenDurable());
    const demandHere: Demand = (at) => {
      // Whoever went was told that it came to nothing.
      if (this.#session.isClosed) throw new JoineryError("CONNECTION_LOST", "whoever wrote has left");
      demand(at);
    };
    this.pass(() => {
      this.look({ kind: "update", update, isAnswer: false }, (input) => {
        this.attempt(() => {
          const tried = this.#room.acceptWhole(this.#session, input.update, demandHere);
          if (tried === null) done();
          else this.waitFor(tried, done);
        });
      });
    });
    return promise;
  }

  /** The client announced presence, as an awareness update. */
  presence(update: Uint8Array): void {
    this.#traffic.presenceBytesIn += update.length;
    this.pass(() => this.attemptOrNotice(() => this.#receivePresence(update)));
  }

  /** The client asks who is here. */
  queryPresence(): void {
    this.pass(() => {
      this.attempt(() => {
        this.#session.rights.demand("read");
        this.#feed.tellPresence();
      });
    });
  }

  /** The client says something to those who are here. */
  signal(signal: SentSignal): void {
    this.pass(() => {
      this.attemptOrNotice(() => {
        // Before the guard: for an application, looking at a signal may be all that it does with it.
        this.#session.rights.demand("signal");
        this.look({ kind: "signal", signal }, (input) => {
          this.attemptOrNotice(() => this.#room.signals.accept(this.#session, input.signal));
        });
      });
    });
  }

  /** Sends the client what it misses, as soon as that is ready. */
  bringUpFrom(stateVector: Uint8Array): void {
    const preparing = this.#session.inflates ? this.#room.prepareCatchUp(stateVector) : null;
    const bringUp = () => this.#feed.bringUpFrom(stateVector);
    if (preparing !== null) this.waitFor(preparing, bringUp);
    else bringUp();
  }

  #passUpdate(update: Uint8Array, isAnswer: boolean, number: number): void {
    // What is asked of all edits makes nothing for most of them.
    if (this.isFree) this.#beginUpdate(update, isAnswer, number);
    else this.pass(() => this.#beginUpdate(update, isAnswer, number));
  }

  #beginUpdate(update: Uint8Array, isAnswer: boolean, number: number): void {
    this.#acks.begin(number, isAnswer);
    this.#isWaiting = false;
    if (!this.hasGuard) {
      this.#accept(update, isAnswer, number);
      return;
    }
    this.#waits();
    const letIn = (input: { readonly update: Uint8Array }) => this.#accept(input.update, isAnswer, number);
    this.look({ kind: "update", update, isAnswer }, letIn, { number, remote: null });
  }

  #receivePresence(update: Uint8Array): void {
    const { maxPresenceIds, maxPresenceTombstones } = this.#room.limits;
    // A client echoes all that it has heard of, the departed too.
    const entries = decodeAwareness(update, maxPresenceIds + maxPresenceTombstones);
    if (!this.hasGuard) {
      this.#room.acceptPresence(this.#session, entries);
      return;
    }
    this.look({ kind: "presence", entries }, (input) => {
      this.attemptOrNotice(() => this.#room.acceptPresence(this.#session, input.entries));
    });
  }

  #accept(update: Uint8Array, isAnswer: boolean, number: number): void {
    try {
      const tried = this.#room.acceptUpdate(this.#session, update, isAnswer);
      if (tried === null) {
        this.#accepted();
        return;
      }
      this.#waits();
      this.waitFor(tried, () => this.#accepted(), { number, remote: null });
    } catch (thrown) {
      this.#session.refuse(toJoineryError(thrown), { number, remote: null });
    }
  }

  #accepted(): void {
    this.#isWaiting = false;
    if (this.#acks.end()) this.#session.ask();
    if (this.#acks.isDue) this.#room.acknowledgeSoon(this.#session);
  }

  /** Where an update is looked at and then tried, it waits since the first of the two. */
  #waits(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#waitsSinceMs = this.#room.clock.monotonicMs();
  }
}
