/**
 * What one client is sent, and when: the session's way out. Everything passes one door (`send`), which watches the
 * buffer.
 *
 *   joining ──> open ──> live <──> lagging        any ──> closed
 */

import { decodeStateVector } from "@joinery/shared";
import { type Frame, sendFrames } from "./frame.ts";
import type { Clock, Dialect, Outbox } from "./ports.ts";
import type { PresenceUpdate } from "./presence.ts";
import { StallWatch } from "./stall-watch.ts";

type FeedState =
  | { readonly kind: "joining" }
  | { readonly kind: "open" }
  | { readonly kind: "live" }
  | Lagging
  | { readonly kind: "closed" };

export type FeedStateKind = FeedState["kind"];

interface Lagging {
  readonly kind: "lagging";
  /** The client has the log up to here, or was sent it; `null` if it was not caught up before it lagged. */
  seq: number | null;
  readonly watch: StallWatch;
  /** Which version of the room's presence it has been sent; `null` if it is to be sent all, changed or not. */
  presenceVersion: number | null;
  /** What the client asked meanwhile: only its last question counts. */
  question: Uint8Array | null;
  /** What it must be told when it reads again, of each kind the newest. */
  readonly owed: Map<Owed, Word>;
}

type Owed = "ask" | "ack" | "seed" | "permission";
/** Says something in the client's dialect, if that has a word for it. */
type Word = () => Uint8Array | null;

/** What a feed needs of its room. */
export interface FeedRoom {
  readonly limits: { readonly maxBufferedBytes: number; readonly stalledTimeoutMs: number };
  readonly clock: Clock;
  /** The last batch that was sent, and the last one that is on disk. */
  readonly seq: number;
  readonly durableSeq: number;
  /** The frames that bring a client with this state vector up to `seq`. */
  catchUp(stateVector: Uint8Array, dialect: Dialect, inflates: boolean): Frame[];
  /** The frames that bring a client that has the log up to `seq` up to now. */
  catchUpSince(seq: number, dialect: Dialect): Frame[];
  /** Changes whenever those who are live are told of a change. */
  readonly presenceVersion: number;
  /** Everybody's presence; with those who have gone, for a client that may not have heard of it. */
  encodePresence(options: { withDeparted: boolean }): PresenceUpdate | null;
}

/** What a feed needs of its session. */
export interface FedSession {
  readonly room: FeedRoom;
  readonly dialect: Dialect;
  readonly outbox: Outbox;
  /** Whether the client can inflate what it is sent. */
  readonly inflates: boolean;
  /** From now on the client gets every flush; no more, once it lags. */
  onLive(): void;
  onLagging(bufferedBytes: number): void;
  /** It took nothing for as long as it may. */
  onStalled(bufferedBytes: number): void;
}

const NOTHING: readonly Frame[] = [];

/** The same for all who are in them. */
const JOINING: FeedState = { kind: "joining" };
const OPEN: FeedState = { kind: "open" };
const LIVE: FeedState = { kind: "live" };
const CLOSED: FeedState = { kind: "closed" };

export class Feed {
  readonly #session: FedSession;
  #state = JOINING;
  /** What others have been sent already: goes before anything else. Only for who is live. */
  #overdue = NOTHING;

  constructor(session: FedSession) {
    this.#session = session;
  }

  get state(): FeedStateKind {
    return this.#state.kind;
  }

  /** The room is there; the client may be sent what is no edit. */
  open(): void {
    this.#state = OPEN;
  }

  close(): void {
    if (this.#state.kind === "lagging") this.#state.watch.stop();
    this.#state = CLOSED;
    this.#overdue = NOTHING;
  }

  /**
   * Sends frames. A lagging client is sent nothing: it gets all by the catch-up that follows its drain. One whose
   * buffer is now above the high-water mark lags.
   */
  send(frames: readonly Frame[]): void {
    const { kind } = this.#state;
    if (kind === "lagging" || kind === "closed" || frames.length === 0) return;
    const overdue = this.#overdue;
    this.#overdue = NOTHING;
    sendFrames(this.#session.outbox, overdue.length === 0 ? frames : [...overdue, ...frames]);
    if (this.#isFull) this.#lag();
  }

  /** Sends frames before whatever is sent next; at the latest {@link sendOverdue} does. To who is live. */
  sendLater(frames: readonly Uint8Array[]): void {
    if (this.#state.kind !== "live") return;
    this.#overdue = this.#overdue.length === 0 ? frames : [...this.#overdue, ...frames];
  }

  sendOverdue(): void {
    const overdue = this.#overdue;
    this.#overdue = NOTHING;
    this.send(overdue);
  }

  /** Says something that the client has to hear: now, or when it reads again. */
  tell(kind: Owed, say: Word): void {
    if (this.#state.kind === "lagging") {
      this.#state.owed.set(kind, say);
      return;
    }
    const frame = say();
    if (frame === null) return;
    // It goes with what is still to be sent: that is about to be.
    if (kind === "ack" && this.#overdue.length > 0) this.sendLater([frame]);
    else this.send([frame]);
  }

  /**
   * Sends everything that a client with this state vector misses; from then on it is live. While more than enough waits
   * for the client, that is what is remembered, not what it is answered: the answer may be the whole document.
   *
   * @throws JoineryError MALFORMED_UPDATE when the state vector does not decode.
   */
  bringUpFrom(stateVector: Uint8Array): void {
    const { room, dialect, inflates } = this.#session;
    if (!this.#lagIfFull()) {
      const missed = room.catchUp(stateVector, dialect, inflates);
      // What had to be flushed for it may have been too much.
      if (!this.#lagIfFull()) {
        this.#goLive(missed);
        return;
      }
    }
    decodeStateVector(stateVector);
    const lag = this.#state;
    // A copy: it may be a view into a message a million times its size.
    if (lag.kind === "lagging") lag.question = new Uint8Array(stateVector);
  }

  /** Sends the log since `seq` to a client that has it up to there; from then on it is live. */
  bringUpSince(seq: number): void {
    const { room, dialect } = this.#session;
    if (this.#lagIfFull() && this.#state.kind === "lagging") {
      this.#state.seq = seq;
      this.#state.presenceVersion = null;
    } else this.#goLive(room.catchUpSince(seq, dialect));
  }

  /** Sends the rest of what the client misses, and who is here. */
  #goLive(missed: readonly Frame[]): void {
    if (this.#state.kind === "open") {
      this.#state = LIVE;
      this.#session.onLive();
    }
    this.send([...missed, ...this.#everybody({ withDeparted: false })]);
  }

  /** Tells who is here, to a client that asks. */
  tellPresence(): void {
    if (this.#state.kind === "lagging") this.#state.presenceVersion = null;
    else this.send(this.#everybody({ withDeparted: false }));
  }

  /** The client has taken all that was sent: what it missed meanwhile follows. That may fill its buffer again. */
  drained(): void {
    const lag = this.#state;
    // Another document of the connection may have had more to say: then it is for the next time.
    if (lag.kind !== "lagging" || this.#isFull) return;
    const { room, dialect } = this.#session;
    // Before it is live again: what is flushed for it is in it, and must not be sent ahead of it.
    const missed = this.#missedBy(lag);
    if (this.#state !== lag) return;
    lag.watch.stop();
    const isLive = lag.seq !== null || lag.question !== null;
    this.#state = isLive ? LIVE : OPEN;
    if (isLive) this.#session.onLive();
    const frames: Frame[] = [...lag.owed.values()].map((say) => say()).filter((frame) => frame !== null);
    frames.push(...missed);
    // Presence that did not change is not sent again: it may be what filled the buffer.
    if (lag.question || lag.presenceVersion !== room.presenceVersion) {
      frames.push(...this.#everybody({ withDeparted: true }));
    }
    const durable = isLive ? dialect.durable(room.durableSeq) : null;
    if (durable) frames.push(durable);
    // All at once: what fills the buffer must not cut off what follows.
    this.send(frames);
  }

  #missedBy({ question, seq }: Lagging): readonly Frame[] {
    const { room, dialect, inflates } = this.#session;
    if (question) return room.catchUp(question, dialect, inflates);
    return seq === null ? [] : room.catchUpSince(seq, dialect);
  }

  /** Whether as much waits for the client as may. */
  get #isFull(): boolean {
    const { room, outbox } = this.#session;
    return outbox.bufferedBytes > room.limits.maxBufferedBytes;
  }

  /** @returns Whether the client lags, now if it did not before. */
  #lagIfFull(): boolean {
    // From where it lags it counts as sent.
    this.sendOverdue();
    if (this.#state.kind !== "lagging" && this.#isFull) this.#lag();
    return this.#state.kind === "lagging";
  }

  #lag(): void {
    const { room, outbox } = this.#session;
    const stalled = () => this.#session.onStalled(outbox.bufferedBytes);
    const watch = new StallWatch(room.clock, outbox, room.limits.stalledTimeoutMs, stalled);
    const seq = this.#state.kind === "live" ? room.seq : null;
    const { presenceVersion } = room;
    this.#state = { kind: "lagging", seq, watch, presenceVersion, question: null, owed: new Map() };
    this.#session.onLagging(outbox.bufferedBytes);
  }

  #everybody(options: { withDeparted: boolean }): Uint8Array[] {
    const { room, dialect } = this.#session;
    const everybody = room.encodePresence(options);
    return everybody ? [dialect.presence(everybody.update, everybody.users)] : [];
  }
}
