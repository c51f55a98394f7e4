/**
 * One client's participation in one room. It knows what the client has been sent and what it may do; its dialect
 * turns frames into calls of these methods, and what the room tells it into frames.
 *
 *   joining ──> open ──> live <──> lagging        any ──> closed
 *
 * joining: the room is loading; what the client sends waits in the inbox, and its socket is not read.
 * open: the client has not yet said what it has, so nothing is sent but the question what the server misses.
 * live: gets every flush.
 * lagging: the client does not read fast enough; nothing is queued for it until its socket drains.
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
import type { Author, Dialect, Outbox, Timer } from "./ports.ts";

export type Permission = "read" | "write";

export type SessionState =
  | { readonly kind: "joining"; readonly inbox: (() => void)[] }
  | { readonly kind: "open" }
  | { readonly kind: "live" }
  | Lagging
  | { readonly kind: "closed" };

interface Lagging {
  readonly kind: "lagging";
  /** The client has been sent the log up to here. */
  seq: number;
  bufferedBytes: number;
  progressAtMs: number;
  timer: Timer;
}

/** What a session needs of its room. */
export interface SessionRoom {
  readonly document: DocumentName;
  readonly limits: Limits;
  /** The last batch that was flushed. */
  readonly seq: number;
  /** What the room contains, flushed or not. */
  readonly stateVector: Uint8Array;
  monotonicMs(): number;
  setTimer(delayMs: number, run: () => void): Timer;
  /** The frames that bring a client with this state vector up to `seq`. */
  catchUp(session: Session, stateVector: Uint8Array): Uint8Array[];
  /** The frames that bring a client that has the log up to `seq`, and anybody's presence, up to now. */
  catchUpSince(session: Session, seq: number): Uint8Array[];
  encodePresence(): Uint8Array | null;
  /** Both throw JoineryError when the input is refused. */
  acceptUpdate(session: Session, update: Uint8Array, isAnswer: boolean): void;
  acceptPresence(session: Session, entries: readonly AwarenessEntry[]): void;
  sessionIsLive(session: Session): void;
  sessionIsLagging(session: Session, bufferedBytes: number): void;
  leave(session: Session): void;
  reportRefusal(error: JoineryError): void;
  reportTooSlow(bufferedBytes: number): void;
}

/** How often within the stall timeout a lagging session is looked at. */
const STALL_CHECKS = 5;

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
  #state: SessionState = { kind: "joining", inbox: [] };
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

  get document(): DocumentName {
    return this.#room.document;
  }

  // What the client does. While the room loads, each waits for it; after the session closed, each does nothing.

  /** The client asks for what it misses; an empty state vector says that it has nothing. */
  sync(stateVector: Uint8Array): void {
    this.#whenOpen(() =>
      this.#refusing(() => {
        this.#send(this.#room.catchUp(this, stateVector));
        if (this.#state.kind !== "open") return;
        this.#state = { kind: "live" };
        this.#room.sessionIsLive(this);
        this.queryPresence();
        this.#watchBuffer();
      }),
    );
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
    this.#whenOpen(() => this.#refusing(() => this.#room.acceptPresence(this, decodeAwareness(update))));
  }

  /** The client asks who is here. */
  queryPresence(): void {
    this.#whenOpen(() => {
      const everybody = this.#room.encodePresence();
      if (everybody) this.#send([this.dialect.presence(everybody)]);
    });
  }

  /** The connection's socket has room again. */
  drained(): void {
    const state = this.#state;
    if (state.kind !== "lagging") return;
    const seq = this.#room.seq;
    this.#outbox.send(this.#room.catchUpSince(this, state.seq));
    state.seq = seq;
    if (this.#isOverHighWater()) {
      state.bufferedBytes = this.#outbox.bufferedBytes;
      state.progressAtMs = this.#room.monotonicMs();
      return;
    }
    state.timer.cancel();
    this.#state = { kind: "live" };
    this.#room.sessionIsLive(this);
  }

  /** The connection is gone. Idempotent. */
  left(): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "lagging") this.#state.timer.cancel();
    this.#state = { kind: "closed" };
    this.#room.leave(this);
  }

  // What the room does.

  /** The room is there: asks the client for what the server misses, then lets in what has waited. */
  opened(): void {
    if (this.#state.kind !== "joining") return;
    const { inbox } = this.#state;
    this.#state = { kind: "open" };
    this.ask();
    for (const input of inbox) input();
    this.#outbox.resumeInput();
  }

  /** Sends what one flush made; the same frames for all sessions of a dialect. Live sessions only. */
  deliver(frames: readonly Uint8Array[]): void {
    this.#outbox.send(frames);
    this.#watchBuffer();
  }

  /** Tells the client that everything up to `seq` is on disk, where its dialect can say so. */
  tellDurable(frame: Uint8Array): void {
    if (this.#state.kind === "live") this.#outbox.send([frame]);
  }

  /** Asks the client for what the server misses, unless it has been asked and has not answered. */
  ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    this.#send([this.dialect.ask(this.#room.stateVector)]);
  }

  tellPresence(entries: readonly AwarenessEntry[]): void {
    this.#send([this.dialect.presence(encodeAwareness(entries))]);
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
    if (this.#state.kind === "joining") this.#state.inbox.push(input);
    else if (this.#state.kind !== "closed") input();
  }

  #accept(update: Uint8Array, isAnswer: boolean): void {
    this.#refusing(() => {
      if (this.permission !== "write") {
        // An empty answer is what a reader who has nothing sends too: not an attempt to write.
        if (isAnswer && update.length <= 2) return;
        throw new JoineryError("PERMISSION_DENIED", "this session may read the document but not write to it");
      }
      this.#room.acceptUpdate(this, update, isAnswer);
    });
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

  #send(frames: readonly Uint8Array[]): void {
    // A lagging client gets everything by the catch-up that follows its drain.
    if (this.#state.kind !== "lagging" && this.#state.kind !== "closed") this.#outbox.send(frames);
  }

  #isOverHighWater(): boolean {
    return this.#outbox.bufferedBytes > this.#room.limits.maxBufferedBytes;
  }

  #watchBuffer(): void {
    if (this.#state.kind !== "live" || !this.#isOverHighWater()) return;
    const lagging: Lagging = {
      kind: "lagging",
      seq: this.#room.seq,
      bufferedBytes: this.#outbox.bufferedBytes,
      progressAtMs: this.#room.monotonicMs(),
      timer: this.#setStallTimer(),
    };
    this.#state = lagging;
    this.#room.sessionIsLagging(this, lagging.bufferedBytes);
  }

  #setStallTimer(): Timer {
    return this.#room.setTimer(this.#room.limits.stalledTimeoutMs / STALL_CHECKS, () =>
      this.#checkProgress(),
    );
  }

  #checkProgress(): void {
    const state = this.#state;
    if (state.kind !== "lagging") return;
    const now = this.#room.monotonicMs();
    const bufferedBytes = this.#outbox.bufferedBytes;
    if (bufferedBytes < state.bufferedBytes) state.progressAtMs = now;
    state.bufferedBytes = bufferedBytes;
    const { stalledTimeoutMs } = this.#room.limits;
    if (now - state.progressAtMs >= stalledTimeoutMs) {
      this.#room.reportTooSlow(bufferedBytes);
      this.close(new JoineryError("TOO_SLOW", `read nothing for ${stalledTimeoutMs} ms`));
      return;
    }
    state.timer = this.#setStallTimer();
  }
}
