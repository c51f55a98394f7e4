/**
 * One client's participation in one room. It knows what the client may do and what of its own is in the log; its
 * dialect turns frames into calls of these methods, and what the room tells it into frames.
 *
 *   joining ──> open ──> live <──> lagging        any ──> closed
 *
 * joining: the room is loading; what the client sends waits, and its socket is not read.
 * open: the client has not yet said what it has, so it is sent no edits.
 * live: gets every flush.
 * lagging: the client does not read fast enough; nothing is queued for it until its socket drains. Also from
 * open, and back to it.
 */

import {
  type AwarenessEntry,
  type DocumentName,
  type ErrorCode,
  encodeAwareness,
  JoineryError,
} from "@joinery/shared";
import { Acks } from "./acks.ts";
import { NOT_AN_EDIT } from "./checkpoint.ts";
import { refusalEvent } from "./events.ts";
import { type FedSession, Feed, type FeedStateKind } from "./feed.ts";
import { type InputSession, Inputs } from "./inputs.ts";
import { beginningOf, lineageChanged, NO_OPENING, type Opening } from "./opening.ts";
import { concerned, LOCAL_PEER, type SessionPeer } from "./peer.ts";
import type { Author, CloseDetails, Dialect, Outbox, PresenceUsers, Revision } from "./ports.ts";
import { ActionDenied, type Permission, Rights } from "./rights.ts";
import type { SessionRoom } from "./session-room.ts";
import type { SentSignal } from "./signals.ts";
import type { Demand } from "./whole-write.ts";

/** What whoever let a client in knows of it. The engine only keeps it. */
export type Guest = object;

/** Is told when a session has ended, once. */
export interface Leaver {
  left(): void;
}

export interface SessionOptions {
  /** Greater for each session opened. */
  readonly id: number;
  readonly author: Author;
  readonly rights: Rights;
  /** Default: nothing is known. */
  readonly guest?: Guest;
  /** Default: one in the same process. */
  readonly peer?: SessionPeer;
  readonly dialect: Dialect;
  readonly outbox: Outbox;
  /** What the client says of its copy. Default: nothing. */
  readonly opening?: Opening;
  /** Whether the client can inflate what it is sent. Default: no. */
  readonly inflates?: boolean;
  /** Who wants to know when it has ended. Default: nobody. */
  readonly leaver?: Leaver;
}

const NOBODY: PresenceUsers = new Map();

/** Who is sent away for these may not be here. */
const ENDS_RIGHTS: ReadonlySet<ErrorCode> = new Set(["PERMISSION_DENIED", "UNAUTHENTICATED"]);

export class Session implements FedSession, InputSession {
  readonly id: number;
  readonly author: Author;
  readonly guest: Guest | null;
  readonly peer: SessionPeer;
  readonly dialect: Dialect;
  readonly outbox: Outbox;
  readonly room: SessionRoom<Session>;
  /** Until it has begun. */
  #opening: Opening;
  readonly inflates: boolean;
  readonly #leaver: Leaver | null;
  readonly #feed: Feed;
  readonly #inputs: Inputs<Session>;
  readonly #acks: Acks;
  #rights: Rights;
  #decisions = 0;
  /** Whether it was told that it may not show presence: clients announce theirs every few seconds. */
  #isToldHidden = false;

  constructor(options: SessionOptions, room: SessionRoom<Session>) {
    const { dialect, outbox, inflates = false } = options;
    this.id = options.id;
    this.author = options.author;
    this.guest = options.guest ?? null;
    this.peer = options.peer ?? LOCAL_PEER;
    this.dialect = dialect;
    this.#rights = options.rights;
    this.#acks = new Acks(options.rights.mayWrite);
    this.outbox = outbox;
    this.#opening = options.opening ?? NO_OPENING;
    this.inflates = inflates;
    this.#leaver = options.leaver ?? null;
    this.room = room;
    this.#feed = new Feed(this);
    const traffic = room.meter.trafficOf(dialect);
    this.#inputs = new Inputs<Session>({ session: this, room, feed: this.#feed, acks: this.#acks, traffic });
    // For the room to load.
    this.#inputs.hold();
  }

  /** What it writes under is its own, as long as it is there. */
  get claimsIds(): true {
    return true;
  }

  get state(): FeedStateKind {
    return this.#feed.state;
  }

  get isClosed(): boolean {
    return this.state === "closed";
  }

  get rights(): Rights {
    return this.#rights;
  }

  get isWaiting(): boolean {
    return this.#inputs.isWaiting;
  }

  get waitsSinceMs(): number {
    return this.#inputs.waitsSinceMs;
  }

  /** How often it was told what it may do, which may be what it was. */
  get decisions(): number {
    return this.#decisions;
  }

  get document(): DocumentName {
    return this.room.document;
  }

  // What the client does: each goes the way of inputs.ts.

  sync(stateVector: Uint8Array): void {
    this.#inputs.sync(stateVector);
  }

  follow(): void {
    this.#inputs.follow();
  }

  /** @param number Where its dialect numbers them: 1 for its first, then one more each. */
  update(update: Uint8Array, number = 0): void {
    this.#inputs.update(update, number);
  }

  answer(update: Uint8Array, number = 0): void {
    this.#inputs.answer(update, number);
  }

  seed(update: Uint8Array): void {
    this.#inputs.seed(update);
  }

  /** As {@link Inputs.write}. */
  write(update: Uint8Array, demand: Demand): Promise<Revision> {
    return this.#inputs.write(update, demand);
  }

  presence(update: Uint8Array): void {
    this.#inputs.presence(update);
  }

  queryPresence(): void {
    this.#inputs.queryPresence();
  }

  signal(signal: SentSignal): void {
    this.#inputs.signal(signal);
  }

  /** The connection's socket has room again. */
  drained(): void {
    this.#inputs.attempt(() => this.#feed.drained());
  }

  /** The connection is gone. Idempotent. */
  left(): void {
    if (this.isClosed) return;
    this.#feed.close();
    this.#inputs.close();
    this.room.leave(this);
    this.#leaver?.left();
  }

  // What the room does.

  /** The room is there: tells the client, asks it for what the server misses, then lets in what has waited. */
  opened(): void {
    if (this.state !== "joining") return;
    const born = beginningOf(this.#opening, this.room) === "refuse" ? this.room.whenBorn() : null;
    if (born !== null) {
      // It would be told that there is no such document, which is not true any more.
      void born.then(() => this.opened());
      return;
    }
    this.#feed.open();
    this.#inputs.attempt(() => this.#begin());
    this.#opening = NO_OPENING;
    if (!this.isClosed) this.room.sessionIsOpen(this);
    this.#inputs.release();
  }

  /** Sends what all live sessions are sent; the same frames for those of a dialect. Live sessions only. */
  deliver(frames: readonly Uint8Array[]): void {
    this.#feed.send(frames);
  }

  /** The same, with whatever it is sent next, or when its turn comes. */
  deliverLater(frames: readonly Uint8Array[]): void {
    this.#feed.sendLater(frames);
  }

  /** Its turn has come. */
  deliverOverdue(): void {
    this.#feed.sendOverdue();
  }

  /** All that was accepted is in the log up to `seq`: tells the client how much of its own that is. */
  acknowledge(seq: number): void {
    const number = this.#acks.take();
    if (number !== null) this.#feed.tell("ack", () => this.dialect.ack(number, seq));
  }

  /** Asks the client for what the server misses, unless it has been asked and has not answered. */
  ask(): void {
    if (this.#acks.ask()) this.#feed.tell("ask", () => this.dialect.ask(this.room.stateVector));
  }

  /** Something that the client sent just now is not taken in, or not yet. */
  leftOut(): void {
    this.#acks.leftOut();
  }

  /** Something of that was taken in after all: a client that waits for an acknowledgement is asked for everything. */
  takenIn(): void {
    if (this.#acks.isUnsettled) this.ask();
  }

  askForSeed(): void {
    this.#feed.tell("seed", () => this.dialect.seed());
  }

  tellPresence(entries: readonly AwarenessEntry[]): void {
    this.#feed.send([this.dialect.presence(encodeAwareness(entries), NOBODY)]);
  }

  /** @returns Whether it was sent: nothing is kept for a client that lags. */
  tellSignal(frame: Uint8Array): boolean {
    if (this.state !== "open" && this.state !== "live") return false;
    this.#feed.send([frame]);
    return true;
  }

  /** What the session may do changes; one that may do nothing ends. @param reason For people. */
  setRights(rights: Rights, reason: string): void {
    if (this.isClosed) return;
    const before = this.#rights;
    this.#rights = rights;
    this.#decisions++;
    if (rights.isNone) {
      this.close(new JoineryError("PERMISSION_DENIED", reason));
      return;
    }
    this.#isToldHidden = false;
    if (before.has("presence") && !rights.has("presence")) this.room.hidePresence(this);
    if (rights.permission === before.permission) return;
    const mustAsk = this.#acks.permit(rights.mayWrite);
    // It will be told when it is opened.
    if (this.state === "joining") return;
    this.#feed.tell("permission", () => this.dialect.permission(this.#shownPermission, reason));
    if (mustAsk) this.ask();
    if (rights.mayWrite) this.room.mayWriteNow();
  }

  /** Asks the connection for a sign of life; a dead one ends, so that its client ids are free. */
  probe(): void {
    if (this.isClosed) return;
    const { probeTimeoutMs } = this.room.limits;
    this.outbox.probe(probeTimeoutMs, () => {
      const message = `gave no sign of life for ${probeTimeoutMs} ms`;
      const error = new JoineryError("CONNECTION_LOST", message, { limit: "probeTimeoutMs" });
      this.#reportRefusal(error);
      this.close(error);
    });
  }

  pauseInput(): void {
    this.outbox.pauseInput();
  }

  resumeInput(): void {
    this.outbox.resumeInput();
  }

  /** An edit or a question was refused: tells the client, or ends the session where its dialect cannot. */
  refuse(error: JoineryError, details: CloseDetails): void {
    this.#reportRefusal(error);
    // Not in the log, whatever follows; the client may never read that it was refused.
    if (details !== NOT_AN_EDIT) this.#acks.leftOut();
    const frame = this.dialect.refused(error);
    if (frame) this.#feed.send([frame]);
    else this.close(error, details);
  }

  /**
   * Something other than an edit was refused: tells the client, or does as with an edit where its dialect cannot. What
   * it may not do at all is dropped there instead, because its clients cannot but try.
   */
  notice(error: JoineryError): void {
    if (this.isClosed) return;
    const isDenied = error instanceof ActionDenied;
    if (isDenied && error.action === "presence") {
      if (this.#isToldHidden) return;
      this.#isToldHidden = true;
    }
    const frame = this.dialect.notice(error);
    if (frame === null && !isDenied) {
      this.refuse(error, NOT_AN_EDIT);
      return;
    }
    this.#reportRefusal(error);
    if (frame) this.#feed.send([frame]);
  }

  /** Ends the session, and its connection if that has no other; the error says whether to come back. */
  close(error: JoineryError, details: CloseDetails = NOT_AN_EDIT): void {
    if (this.isClosed) return;
    this.left();
    // What it sent and is still being looked at does not come in either.
    if (ENDS_RIGHTS.has(error.code)) this.#rights = Rights.NONE;
    this.outbox.close(error, details);
  }

  // How it is done.

  #begin(): void {
    const room = this.room;
    const { revision, stateVector, offersSeed } = this.#opening;
    const beginning = beginningOf(this.#opening, room);
    const traffic = room.meter.trafficOf(this.dialect);
    traffic.sessions++;
    if (revision !== null) traffic.resumedSessions++;
    if (beginning === "refuse") {
      const error = lineageChanged(this.#opening, room);
      this.#reportRefusal(error);
      this.close(error, { number: 0, remote: { lineage: room.lineage, seq: room.durableSeq } });
      return;
    }
    const opened = this.dialect.opened({
      lineage: room.lineage,
      seq: room.seq,
      durableSeq: room.durableSeq,
      permission: this.#shownPermission,
      user: this.author,
      beginning,
      branch: room.newestBranch,
    });
    const frames = opened ? [opened] : [];
    const notice = room.damage && this.dialect.notice(room.damage);
    if (notice) frames.push(notice);
    if (beginning === "exchange" && this.#acks.ask()) frames.push(this.dialect.ask(room.stateVector));
    this.#feed.send(frames);
    if (beginning === "continue" && revision) this.#feed.bringUpSince(revision.seq);
    else if (stateVector) this.#inputs.bringUpFrom(stateVector);
    if (offersSeed) room.offerSeed(this);
  }

  /** Nobody may write to a document that is damaged. */
  get #shownPermission(): Permission {
    return this.room.damage ? "read" : this.#rights.permission;
  }

  onLive(): void {
    this.room.sessionIsLive(this);
  }

  onLagging(bufferedBytes: number): void {
    this.room.sessionIsLagging(this, bufferedBytes);
  }

  onStalled(bufferedBytes: number): void {
    const { document } = this;
    this.room.report({ type: "session-too-slow", document, bufferedBytes, ...concerned(this) });
    const { stalledTimeoutMs } = this.room.limits;
    this.close(new JoineryError("TOO_SLOW", `read nothing for ${stalledTimeoutMs} ms`));
  }

  #reportRefusal(error: JoineryError): void {
    this.room.report(refusalEvent(this.document, error, this));
  }
}
