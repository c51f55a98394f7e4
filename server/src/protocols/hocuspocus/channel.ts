/**
 * One document on a provider's connection: the outbox of its session, and which of the provider's edits are saved. What
 * the engine says goes out with the document's address before it, a message each.
 *
 *   a token or a question ──> asked ──> open ──> ended: left by the provider, refused, or sent away
 */

import { type ErrorCode, type JoineryError, publicMessageOf, toJoineryError } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { CloseDetails, Outbox } from "../../engine/ports.ts";
import type { Session } from "../../engine/session.ts";
import type { Admission } from "../admission.ts";
import type { Entrance } from "../entrance.ts";
import { SessionInputs } from "../session-inputs.ts";
import { TokenRenewal } from "../token-renewal.ts";
import type { Deliveries } from "../turn.ts";
import { type AddressedFrames, encodeAddress, joined } from "./addresses.ts";
import { STATELESS_SIGNAL } from "./dialect.ts";
import { type ClientMessage, serverMessages } from "./messages.ts";
import { decodeNote, type Note } from "./notes.ts";
import { SyncAnswers } from "./sync-answers.ts";

/** They pass, but not by coming back at once: the document is refused, and the connection's others go on. */
const OF_THE_DOCUMENT: ReadonlySet<ErrorCode> = new Set(["DOCUMENT_DAMAGED", "TOO_MANY_DOCUMENTS"]);

/** Ends the document for the provider without a word about what it may do. */
const TOLD_BY_CLOSE: ReadonlySet<ErrorCode> = new Set(["LINEAGE_CHANGED", "DOCUMENT_DELETED"]);

const EMPTY_UPDATE = Uint8Array.of(0, 0);
const STEP_2_OF_NOTHING = serverMessages.step2(EMPTY_UPDATE);
const KEEP_ALIVE = serverMessages.awareness(Uint8Array.of(0));
const NO_DETAILS: CloseDetails = { number: 0, remote: null };

/** What a channel needs of its connection. */
export interface ChannelLink {
  readonly outbox: Outbox;
  readonly deliveries: Deliveries;
  readonly frames: AddressedFrames;
  readonly maxBufferedBytes: number;
  /** Bytes that wait for a session (positive), or wait no more (negative). */
  waitingChanged(bytes: number): void;
  /** The way into the channel's document. */
  entranceOf(channel: Channel): Entrance<ClientMessage>;
  /** Nothing is sent or received for it any more. */
  channelEnded(channel: Channel): void;
}

export class Channel implements Outbox {
  readonly address: string;
  readonly #link: ChannelLink;
  readonly #inputs: SessionInputs;
  readonly #answers = new SyncAnswers();
  #entrance: Entrance<ClientMessage> | null;
  /** That one edit is saved; made for the first. */
  #savedMessage: Uint8Array | null = null;
  /** Whether the provider has shown who it is, or that it shows nothing. */
  hasShown = false;
  #renewal: TokenRenewal | null = null;
  /** Whether the provider has said goodbye: what is said to the address now is for the one that came after it. */
  #isLeft = false;
  #isEnded = false;

  constructor(link: ChannelLink, address: string) {
    this.address = address;
    this.#link = link;
    this.#inputs = new SessionInputs(link);
    this.#entrance = link.entranceOf(this);
  }

  /** `null` once the client is in and nothing waits any more. */
  get entrance(): Entrance<ClientMessage> | null {
    return this.#entrance;
  }

  /** Whether what is given now has to wait. */
  get isWaiting(): boolean {
    return this.#entrance?.isWaiting === true || this.#inputs.isWaiting;
  }

  /** Runs something that may refuse the client, which ends this document alone. */
  attempt(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.close(toJoineryError(thrown));
    }
  }

  /** The client was let in. @param session Whose outbox this is. */
  start(session: Session, admission: Admission): void {
    if (admission.renew) this.#renewal = new TokenRenewal(session, admission);
    this.#inputs.start(session);
  }

  /** What the provider says is dealt with once it is let in. @param bytes What it keeps in memory while it waits. */
  take(message: ClientMessage, bytes: number): void {
    if (this.#isEnded) return;
    if (this.#entrance?.isWaiting) {
      this.#entrance.give(message, bytes);
      return;
    }
    this.#entrance = null;
    this.receive(message, bytes);
  }

  /** Deals with what the provider says, who was let in. @param bytes What it keeps in memory while it waits. */
  receive(message: ClientMessage, bytes: number): void {
    switch (message.kind) {
      case "token":
        this.#renewal?.give(message.token);
        break;
      case "close":
        this.leave();
        break;
      default:
        this.#inputs.give(bytes, (session) => this.#letIn(session, message));
    }
  }

  #letIn(session: Session, message: Exclude<ClientMessage, { kind: "token" | "close" }>): void {
    switch (message.kind) {
      case "step1":
        this.#answers.restarted();
        session.sync(message.stateVector);
        // It counts the answer to this as an edit that is not saved yet.
        if (!message.isReply) session.ask();
        break;
      case "step2":
        session.answer(message.update, this.#answers.step2());
        break;
      case "update":
        session.update(message.update, this.#answers.update());
        break;
      case "awareness":
        session.presence(message.update);
        break;
      case "query":
        session.queryPresence();
        break;
      case "stateless": {
        const payload = encodeUtf8(JSON.stringify(message.payload));
        session.signal({ to: { kind: "server" }, name: STATELESS_SIGNAL, payload });
        break;
      }
      default:
        message satisfies never;
    }
  }

  /** The provider says goodbye: what it sent before is still waited for, and nobody is told anything any more. */
  silence(): void {
    this.#isLeft = true;
  }

  /** The provider has left the document, or is gone: what came before is still let in, if it is let in at all. */
  leave(): void {
    if (this.#entrance?.isIn === false) {
      this.#end();
      return;
    }
    this.#inputs.give(0, (session) => {
      session.left();
      this.#end();
    });
  }

  /** The provider gives up a connection on which nothing comes for 30 s. */
  keepAlive(): void {
    this.say(KEEP_ALIVE);
  }

  drained(): void {
    this.#inputs.session?.drained();
    const saved: Uint8Array[] = [];
    this.#addSaved(saved);
    if (saved.length > 0) this.#link.outbox.send(saved);
  }

  /** Says something to this provider alone. */
  say(...frames: readonly Uint8Array[]): void {
    if (!this.#isMute) this.#link.outbox.send(frames.map((frame) => joined(this.#prefix, frame)));
  }

  // Outbox

  send(frames: readonly Uint8Array[]): void {
    if (this.#isMute) return;
    const messages: Uint8Array[] = [];
    for (const frame of frames) {
      const note = decodeNote(frame);
      if (note) this.#hear(note, messages);
      else messages.push(this.#link.frames.to(this.address, frame));
    }
    if (messages.length > 0) this.#link.outbox.send(messages);
  }

  get bufferedBytes(): number {
    return this.#link.outbox.bufferedBytes;
  }

  get remainingBytes(): number {
    return this.#link.outbox.remainingBytes;
  }

  pauseInput(): void {
    this.#inputs.pause();
  }

  resumeInput(): void {
    this.#inputs.resume();
  }

  probe(timeoutMs: number, onSilent: () => void): void {
    this.#link.outbox.probe(timeoutMs, onSilent);
  }

  close(error: JoineryError, { number }: CloseDetails = NO_DETAILS): void {
    if (this.#isEnded) return;
    // One that has to show another token does so for this document, on a connection that stays.
    if (error.row.retry !== "backoff" || OF_THE_DOCUMENT.has(error.code)) {
      if (number > 0) this.say(serverMessages.syncStatus(false));
      this.say(goodbye(error));
    } else if (!this.#isLeft) {
      // A provider that is told of one document does not come back to it; one that lost its connection does.
      this.#link.outbox.close(error);
    }
    this.#end();
  }

  // What the engine says about the provider's edits.

  #hear(note: Note, messages: Uint8Array[]): void {
    switch (note.kind) {
      case "opened":
        this.#answers.durable(note.seq);
        messages.push(joined(this.#prefix, serverMessages.authenticated(note.permission)));
        break;
      case "caughtUp":
        messages.push(this.#link.frames.to(this.address, STEP_2_OF_NOTHING));
        this.#answers.durable(note.seq);
        break;
      case "logged":
        this.#answers.logged(note.number, note.seq);
        break;
      case "durable":
        this.#answers.durable(note.seq);
        break;
      case "refused":
        messages.push(joined(this.#prefix, serverMessages.syncStatus(false)));
        break;
      case "nothing":
        break;
      default:
        note satisfies never;
    }
    this.#addSaved(messages);
  }

  /** As many as the client's buffer takes; the rest follows when it has drained. */
  #addSaved(messages: Uint8Array[]): void {
    const { due } = this.#answers;
    if (due === 0 || this.#isMute) return;
    const saved = this.#saved;
    const room = this.#link.maxBufferedBytes - this.bufferedBytes;
    const count = Math.min(due, Math.max(0, Math.ceil(room / saved.length)));
    for (let i = 0; i < count; i++) messages.push(saved);
    this.#answers.sent(count);
  }

  /** The address as messages begin with it. Not kept: there are as many as there are connections. */
  get #prefix(): Uint8Array {
    return encodeAddress(this.address);
  }

  get #saved(): Uint8Array {
    this.#savedMessage ??= joined(this.#prefix, serverMessages.syncStatus(true));
    return this.#savedMessage;
  }

  get #isMute(): boolean {
    return this.#isEnded || this.#isLeft;
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#entrance?.close();
    this.#inputs.end();
    this.#inputs.session?.left();
    this.#link.channelEnded(this);
  }
}

/** The last that is said about a document. */
export function goodbye(error: JoineryError): Uint8Array {
  const reason = publicMessageOf(error);
  return TOLD_BY_CLOSE.has(error.code) ? serverMessages.close(reason) : serverMessages.denied(reason);
}
