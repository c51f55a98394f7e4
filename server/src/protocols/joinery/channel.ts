/**
 * One document on a connection: the outbox of its session, and what waits for it. While the session lets nothing in,
 * because its room is loading or busy, what the client sends to it waits here, so that the other documents of the
 * connection go on.
 */

import { type ErrorCode, JoineryError } from "@joinery/shared";
import { type ClientFrame, type PartialFrame, serverFrames } from "@joinery/shared/protocol";
import { NO_OPENING, type Opening } from "../../engine/opening.ts";
import type { Author, CloseDetails, Outbox } from "../../engine/ports.ts";
import type { Session } from "../../engine/session.ts";
import type { Admission, AdmissionRequest } from "../admission.ts";
import type { Entrance } from "../entrance.ts";
import { SessionInputs } from "../session-inputs.ts";
import { TokenRenewal } from "../token-renewal.ts";
import type { Deliveries } from "../turn.ts";
import { wireError } from "./dialect.ts";
import type { Outgoing } from "./outgoing.ts";

/** What is wrong with the whole connection then. */
const OF_THE_CONNECTION: ReadonlySet<ErrorCode> = new Set(["TOO_SLOW", "CONNECTION_LOST"]);

const NO_DETAILS: CloseDetails = { number: 0, remote: null };

/** What a client says about a document that it has opened. */
export type FrameOfDocument = Exclude<ClientFrame, { type: "hello" | "select" | "ping" | "pong" | "open" }>;

/** What a channel needs of its connection. */
export interface ChannelLink {
  readonly outbox: Outbox;
  readonly outgoing: Outgoing;
  readonly deliveries: Deliveries;
  /** Bytes that wait for a session (positive), or wait no more (negative). */
  waitingChanged(bytes: number): void;
  /** The way into the channel's document. */
  entranceOf(channel: Channel): Entrance<FrameOfDocument>;
  /** Handles what the client sent who was let in. */
  receiveOfDocument(channel: Channel, frame: FrameOfDocument, bytes: number): void;
  /** Nothing will be sent or received on the channel any more. */
  channelEnded(channel: Channel): void;
}

export class Channel implements Outbox {
  readonly number: number;
  /** The document's name; empty if there can be none of the name that the client wrote. */
  readonly document: string;
  /** What the client showed for this document alone; `null` if the connection's token is its own. */
  readonly token: string | null;
  readonly #link: ChannelLink;
  readonly #inputs: SessionInputs;
  /** Until the client is in and nothing waits any more. */
  #entrance: Entrance<FrameOfDocument> | null;
  #author: Author = "";
  /** What the client says of its copy, until it is let in. */
  #opening: Opening;
  #renewal: TokenRenewal | null = null;
  #isEnded = false;
  /** What the client has of a snapshot whose download was cut off. */
  #partial: PartialFrame | null;
  #lastUpdate = 0;

  constructor(
    link: ChannelLink,
    options: Pick<Channel, "number" | "document" | "token"> & {
      opening: Opening;
      partial: PartialFrame | null;
    },
  ) {
    const { number, document, token, opening, partial } = options;
    this.number = number;
    this.document = document;
    this.token = token;
    this.#opening = opening;
    this.#link = link;
    this.#inputs = new SessionInputs(link);
    this.#entrance = link.entranceOf(this);
    this.#partial = partial;
  }

  /** Whether what is given now has to wait. */
  get isWaiting(): boolean {
    return this.#entrance?.isWaiting === true || this.#inputs.isWaiting;
  }

  /** Whom the client was taken for when it was let in. */
  get author(): Author {
    return this.#author;
  }

  /** Asks whether the client may open the document, once. A refusal that is known at once closes the channel alone. */
  open(request: () => AdmissionRequest): void {
    if (this.#isEnded) return;
    try {
      this.#entrance?.ask(request());
    } catch (thrown) {
      if (!(thrown instanceof JoineryError)) throw thrown;
      this.close(thrown);
    }
  }

  /** Deals with what the client sent, once it is let in. @param bytes What it keeps in memory while it waits. */
  receive(frame: FrameOfDocument, bytes: number): void {
    if (this.#isEnded) return;
    if (this.#entrance?.isWaiting) {
      this.#entrance.give(frame, bytes);
      return;
    }
    this.#entrance = null;
    this.#link.receiveOfDocument(this, frame, bytes);
  }

  takeOpening(): Opening {
    const opening = this.#opening;
    this.#opening = NO_OPENING;
    return opening;
  }

  /** The client was let in. @param session Whose outbox this is. */
  start(session: Session, admission: Admission): void {
    this.#author = admission.author;
    if (admission.renew) this.#renewal = new TokenRenewal(session, admission);
    this.#inputs.start(session);
  }

  /** The client gave another token. */
  renew(token: string): void {
    this.#renewal?.give(token);
  }

  /** Asks for another token, which the client gives in place. */
  requestToken(): void {
    const error = new JoineryError("UNAUTHENTICATED", "the token is about to expire");
    this.send([serverFrames.notice(wireError(error))]);
  }

  /**
   * Counts an update of the client.
   *
   * @throws JoineryError MALFORMED_FRAME (never retry) unless its number is one more than the last one's.
   */
  countUpdate(number: number): void {
    const expected = this.#lastUpdate + 1;
    if (number !== expected) {
      throw new JoineryError("MALFORMED_FRAME", `update ${number} came where ${expected} was expected`);
    }
    this.#lastUpdate = number;
  }

  /**
   * Gives an input to the session, when that lets it in.
   *
   * @param bytes What it keeps in memory while it waits.
   */
  give(bytes: number, input: (session: Session) => void): void {
    this.#inputs.give(bytes, input);
  }

  /** The client closed the channel: what came before is still let in. */
  leave(): void {
    this.give(0, (session) => {
      session.left();
      this.#end();
    });
  }

  /** The connection is gone: as {@link leave}, but who was not let in by now never is. */
  abandon(): void {
    if (this.#entrance === null || this.#entrance.isIn) this.leave();
    else this.#end();
  }

  drained(): void {
    this.#inputs.session?.drained();
  }

  // Outbox

  send(frames: readonly Uint8Array[]): void {
    if (this.#isEnded) return;
    const isResumed = this.#link.outgoing.send(this.number, frames, this.#partial);
    if (isResumed) this.#partial = null;
  }

  get bufferedBytes(): number {
    return this.#link.outgoing.bufferedBytes;
  }

  get remainingBytes(): number {
    return this.#link.outgoing.remainingBytes;
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

  close(error: JoineryError, { number, remote }: CloseDetails = NO_DETAILS): void {
    if (this.#isEnded) return;
    if (OF_THE_CONNECTION.has(error.code)) this.#link.outbox.close(error);
    else this.send([serverFrames.close(wireError(error), number, remote)]);
    this.#end();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#entrance?.close();
    this.#inputs.end();
    this.#link.channelEnded(this);
  }
}
