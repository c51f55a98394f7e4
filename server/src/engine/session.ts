/**
 * One client's participation in one room. It knows what the client has been sent and what it may do; its dialect
 * turns frames into calls of these methods, and what the room tells it into frames.
 *
 *   joining ──> open ──> live <──> lagging        any ──> closed
 *
 * joining: the room is loading; what the client sends waits, and its socket is not read.
 * open: the client has not yet said what it has, so nothing is sent but the question what the server misses.
 * live: gets every flush.
 * lagging: the client does not read fast enough; nothing is queued for it until its socket drains. Also from
 * open, and back to it.
 */

import {
  type AwarenessEntry,
  type DocumentName,
  decodeAwareness,
  encodeAwareness,
  JoineryError,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import type { Author, Clock, Dialect, Outbox } from "./ports.ts";
import { StallWatch } from "./stall-watch.ts";

export type Permission = "read" | "write";

export type SessionState =
  | { readonly kind: "joining" }
  | { readonly kind: "open" }
  | { readonly kind: "live" }
  | Lagging
  | { readonly kind: "closed" };

interface Lagging {
  readonly kind: "lagging";
  /** The client has been sent the log up to here; `null` if it was not caught up before it lagged. */
  readonly seq: number | null;
  readonly watch: StallWatch;
  /** Which version of the room's presence it has been sent; `null` if it is to be sent all, changed or not. */
  presenceVersion: number | null;
  /** What the client asked meanwhile: only its last question counts. */
  question: Uint8Array | null;
  /** Whether there is something to ask the client. */
  owesQuestion: boolean;
}

/** What a session needs of its room. */
export interface SessionRoom {
  readonly document: DocumentName;
  readonly limits: Limits;
  readonly clock: Clock;
  /** The last batch that was flushed, and the last one that is on disk. */
  readonly seq: number;
  readonly durableSeq: number;
  /** What the room contains, flushed or not. */
  readonly stateVector: Uint8Array;
  /** The frames that bring a client with this state vector up to `seq`. */
  catchUp(session: Session, stateVector: Uint8Array): Uint8Array[];
  /** The frames that bring a client that has the log up to `seq` up to now. */
  catchUpSince(session: Session, seq: number): Uint8Array[];
  /** Changes whenever somebody's presence does. */
  readonly presenceVersion: number;
  /** Everybody's presence; with those who have gone, for a client that may not have heard of it. */
  encodePresence(options: { withDeparted: boolean }): Uint8Array | null;
  /**
   * Both throw JoineryError when the input is refused. A promise says that the update is being tried, and that what
   * the client sends after it has to wait; it rejects with the refusal.
   */
  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): Promise<void> | null;
  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void;
  sessionIsLive(session: Session): void;
  sessionIsLagging(session: Session, bufferedBytes: number): void;
  leave(session: Session): void;
  reportRefusal(error: JoineryError): void;
  reportTooSlow(bufferedBytes: number): void;
}

export interface SessionOptions {
  /** Greater for each session opened. */
  readonly id: number;
  readonly author: Author;
  readonly permission: Permission;
  readonly dialect: Dialect;
  readonly outbox: Outbox;
}

export class Session {
  readonly id: number;
  readonly author: Author;
  readonly permission: Permission;
  readonly dialect: Dialect;
  readonly #outbox: Outbox;
  readonly #room: SessionRoom;
  #state: SessionState = { kind: "joining" };
  /**
   * What the client sent while it has to wait, for its room to load or for an update to be tried. Its socket is not
   * read meanwhile, so this is what had already arrived.
   */
  #inbox: (() => void)[] | null = [];
  /** Whether the client was asked for what the server misses and has not answered yet. */
  #isAsked = false;

  constructor(options: SessionOptions, room: SessionRoom) {
    this.id = options.id;
    this.author = options.author;
    this.permission = options.permission;
    this.dialect = options.dialect;
    this.#outbox = options.outbox;
    this.#room = room;
    this.#outbox.pauseInput();
  }

  get state(): SessionState["kind"] {
    return this.#state.kind;
  }

  get isClosed(): boolean {
    return this.#state.kind === "closed";
  }

  get document(): DocumentName {
    return this.#room.document;
  }

  // What the client does. While the room loads, each waits for it; after the session closed, each does nothing.

  /** The client asks for what it misses; an empty state vector says that it has nothing. */
  sync(stateVector: Uint8Array): void {
    this.#whenOpen(() => {
      if (this.#state.kind === "lagging") this.#state.question = stateVector;
      else this.#refusing(() => this.#catchUp(stateVector, { withDeparted: false }));
    });
  }

  /** The client made an edit. */
  update(update: Uint8Array): void {
    this.#whenOpen(() => this.#accept(update, false));
  }

  /** The client answers what it was asked: everything that the server misses, as far as it knows. */
  answer(update: Uint8Array): void {
    this.#whenOpen(() => {
      this.#isAsked = false;
      this.#accept(update, true);
    });
  }

  /** The client announced presence, as an awareness update. */
  presence(update: Uint8Array): void {
    const { maxPresenceIds, maxPresenceTombstones } = this.#room.limits;
    this.#whenOpen(() => {
      this.#refusing(() => {
        // A client echoes all that it has heard of, the departed too.
        const entries = decodeAwareness(update, maxPresenceIds + maxPresenceTombstones);
        this.#room.acceptPresence(this, entries);
      });
    });
  }

  /** The client asks who is here. */
  queryPresence(): void {
    this.#whenOpen(() => {
      if (this.#state.kind === "lagging") this.#state.presenceVersion = null;
      else this.#send(this.#everybody({ withDeparted: false }));
    });
  }

  /** The connection's socket has room again. */
  drained(): void {
    const lag = this.#state;
    if (lag.kind !== "lagging") return;
    lag.watch.stop();
    // What follows may fill the buffer again; then the session lags anew, from where it is.
    this.#state = { kind: lag.seq === null ? "open" : "live" };
    if (this.#state.kind === "live") this.#room.sessionIsLive(this);
    this.#refusing(() => {
      if (lag.owesQuestion) this.ask();
      if (lag.question) this.#catchUp(lag.question, { withDeparted: true });
      else {
        const missed = lag.seq === null ? [] : this.#room.catchUpSince(this, lag.seq);
        // Presence that did not change is not sent again: it may be what filled the buffer.
        const isOutdated = lag.presenceVersion !== this.#room.presenceVersion;
        this.#send(isOutdated ? [...missed, ...this.#everybody({ withDeparted: true })] : missed);
      }
      const durable = this.dialect.durable(this.#room.durableSeq);
      if (durable) this.tellDurable(durable);
    });
  }

  /** The connection is gone. Idempotent. */
  left(): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "lagging") this.#state.watch.stop();
    if (this.#inbox) this.#outbox.resumeInput();
    this.#inbox = null;
    this.#state = { kind: "closed" };
    this.#room.leave(this);
  }

  // What the room does.

  /** The room is there: asks the client for what the server misses, then lets in what has waited. */
  opened(): void {
    if (this.#state.kind !== "joining") return;
    this.#state = { kind: "open" };
    this.ask();
    this.#letIn();
  }

  /** Sends what one flush made; the same frames for all sessions of a dialect. Live sessions only. */
  deliver(frames: readonly Uint8Array[]): void {
    this.#send(frames);
  }

  /** Tells the client that everything up to a `seq` is on disk, where its dialect can say so. */
  tellDurable(frame: Uint8Array): void {
    if (this.#state.kind === "live") this.#send([frame]);
  }

  /** Asks the client for what the server misses, unless it has been asked and has not answered. */
  ask(): void {
    if (this.#isAsked) return;
    if (this.#state.kind === "lagging") {
      this.#state.owesQuestion = true;
      return;
    }
    this.#isAsked = true;
    this.#send([this.dialect.ask(this.#room.stateVector)]);
  }

  tellPresence(entries: readonly AwarenessEntry[]): void {
    this.#send([this.dialect.presence(encodeAwareness(entries))]);
  }

  /** Asks the connection for a sign of life; a dead one ends, so that its client ids are free. */
  probe(): void {
    if (this.#state.kind === "closed") return;
    const { probeTimeoutMs } = this.#room.limits;
    this.#outbox.probe(probeTimeoutMs, () => {
      const message = `gave no sign of life for ${probeTimeoutMs} ms`;
      const error = new JoineryError("CONNECTION_LOST", message, { limit: "probeTimeoutMs" });
      this.#room.reportRefusal(error);
      this.close(error);
    });
  }

  pauseInput(): void {
    this.#outbox.pauseInput();
  }

  resumeInput(): void {
    this.#outbox.resumeInput();
  }

  /** Ends the session and its connection; the close code tells the client whether to come back. */
  close(error: JoineryError): void {
    if (this.#state.kind === "closed") return;
    this.left();
    this.#outbox.close(error);
  }

  #whenOpen(input: () => void): void {
    if (this.#inbox) this.#inbox.push(input);
    else if (this.#state.kind !== "closed") input();
  }

  /** Lets in what has waited, in order, as far as nothing of it has to be waited for. */
  #letIn(): void {
    const inputs = this.#inbox ?? [];
    this.#inbox = null;
    this.#outbox.resumeInput();
    for (const [i, input] of inputs.entries()) {
      if (this.state === "closed") return;
      input();
      if (this.#inbox) {
        (this.#inbox as (() => void)[]).push(...inputs.slice(i + 1));
        return;
      }
    }
  }

  #accept(update: Uint8Array, isAnswer: boolean): void {
    this.#refusing(() => {
      const tried = this.#room.acceptUpdate(this, update, isAnswer);
      if (tried !== null) this.#waitFor(tried);
    });
  }

  /** Lets nothing in before the update was tried. */
  #waitFor(tried: Promise<void>): void {
    this.#inbox = [];
    this.#outbox.pauseInput();
    const done = (outcome: () => void) => {
      if (this.#state.kind === "closed") return;
      this.#refusing(outcome);
      if (this.state !== "closed") this.#letIn();
    };
    tried.then(
      () => done(() => undefined),
      (error: unknown) => {
        done(() => {
          throw error;
        });
      },
    );
  }

  /** Sends everything that a client with this state vector misses; from then on it is live. */
  #catchUp(stateVector: Uint8Array, presence: { withDeparted: boolean }): void {
    const frames = this.#room.catchUp(this, stateVector);
    if (this.#state.kind === "open") {
      this.#state = { kind: "live" };
      this.#room.sessionIsLive(this);
    }
    this.#send([...frames, ...this.#everybody(presence)]);
  }

  #everybody(presence: { withDeparted: boolean }): Uint8Array[] {
    const everybody = this.#room.encodePresence(presence);
    return everybody ? [this.dialect.presence(everybody)] : [];
  }

  /**
   * Runs an input. A refusal goes to its sender alone, by a frame if the dialect has one, else by closing; so
   * does a mistake of ours, because inputs that have waited run where nobody would catch it.
   */
  #refusing(input: () => void): void {
    try {
      input();
    } catch (thrown) {
      const error = toJoineryError(thrown);
      this.#room.reportRefusal(error);
      const frame = this.dialect.refused(error);
      if (frame) this.#send([frame]);
      else this.close(error);
    }
  }

  /**
   * The one way out. A lagging client is sent nothing: it gets all by the catch-up that follows its drain. One
   * whose buffer is now above the high-water mark lags.
   */
  #send(frames: readonly Uint8Array[]): void {
    const { kind } = this.#state;
    if (kind === "lagging" || kind === "closed" || frames.length === 0) return;
    this.#outbox.send(frames);
    const { bufferedBytes } = this.#outbox;
    const { maxBufferedBytes, stalledTimeoutMs } = this.#room.limits;
    if (bufferedBytes <= maxBufferedBytes) return;
    const watch = new StallWatch(this.#room.clock, this.#outbox, stalledTimeoutMs, () => this.#stalled());
    const seq = kind === "live" ? this.#room.seq : null;
    const { presenceVersion } = this.#room;
    this.#state = { kind: "lagging", seq, watch, presenceVersion, question: null, owesQuestion: false };
    this.#room.sessionIsLagging(this, bufferedBytes);
  }

  #stalled(): void {
    this.#room.reportTooSlow(this.#outbox.bufferedBytes);
    const { stalledTimeoutMs } = this.#room.limits;
    this.close(new JoineryError("TOO_SLOW", `read nothing for ${stalledTimeoutMs} ms`));
  }
}
