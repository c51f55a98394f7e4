/**
 * One document on a connection: the outbox of its session, and what waits for it. While the session lets nothing in,
 * because its room is loading or busy, what the client sends to it waits here, so that the other documents of the
 * connection go on.
 */

import { type ErrorCode, JoineryError } from "@joinery/shared";
import { type PartialFrame, serverFrames } from "@joinery/shared/protocol";
import type { CloseDetails, Outbox } from "../../engine/ports.ts";
import type { Session } from "../../engine/session.ts";
import { wireError } from "./dialect.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Deliveries, Waiter } from "./turn.ts";

/** What is wrong with the whole connection then. */
const OF_THE_CONNECTION: ReadonlySet<ErrorCode> = new Set(["TOO_SLOW", "CONNECTION_LOST"]);

const OVERHEAD_BYTES = 64;
const NO_DETAILS: CloseDetails = { number: 0, remote: null };

/** What a channel needs of its connection. */
export interface ChannelLink {
  readonly outbox: Outbox;
  readonly outgoing: Outgoing;
  readonly deliveries: Deliveries;
  /** Bytes that wait for a session (positive), or wait no more (negative). */
  waitingChanged(bytes: number): void;
  /**
   * Nothing will be sent or received on the channel any more.
   *
   * @param hadSession Whether a session had been opened for it.
   */
  channelEnded(channel: Channel, hadSession: boolean): void;
}

interface WaitingInput {
  readonly bytes: number;
  readonly input: (session: Session) => void;
}

export class Channel implements Outbox, Waiter {
  readonly number: number;
  /** The document's name; empty if there can be none of the name that the client wrote. */
  readonly document: string;
  readonly #link: ChannelLink;
  #session: Session | null = null;
  #pauses = 0;
  #waiting: WaitingInput[] = [];
  #isEnded = false;
  /** What the client has of a snapshot whose download was cut off. */
  #partial: PartialFrame | null;
  #lastUpdate = 0;

  constructor(
    link: ChannelLink,
    { number, document, partial }: Pick<Channel, "number" | "document"> & { partial: PartialFrame | null },
  ) {
    this.number = number;
    this.document = document;
    this.#link = link;
    this.#partial = partial;
  }

  /** Whether what is given now has to wait. */
  get isWaiting(): boolean {
    return this.#session === null || this.#pauses > 0 || this.#waiting.length > 0;
  }

  /**
   * Opens the session, once. What is given before waits for that.
   *
   * @param open Given this as the session's outbox. What it throws closes the channel alone.
   */
  open(open: () => Session): void {
    if (this.#isEnded) return;
    try {
      this.#session = open();
      if (this.#pauses === 0 && this.#waiting.length > 0) this.#link.deliveries.add(this);
    } catch (thrown) {
      if (!(thrown instanceof JoineryError)) throw thrown;
      this.close(thrown);
    }
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
    if (this.#isEnded) return;
    if (this.#session && !this.isWaiting) {
      input(this.#session);
      return;
    }
    const waiting = { bytes: bytes + OVERHEAD_BYTES, input };
    this.#waiting.push(waiting);
    this.#link.waitingChanged(waiting.bytes);
  }

  /** The client closed the channel, or the connection is gone: what came before is still let in. */
  leave(): void {
    this.give(0, (session) => {
      session.left();
      this.#end();
    });
  }

  /** Gives the session what has waited, as long as it lets it in. */
  deliver(turn: { readonly isOver: boolean }): boolean {
    while (this.#pauses === 0 && this.#session) {
      const next = this.#waiting.shift();
      if (!next) break;
      this.#link.waitingChanged(-next.bytes);
      next.input(this.#session);
      if (turn.isOver) return this.#waiting.length === 0;
    }
    return true;
  }

  drained(): void {
    this.#session?.drained();
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
    this.#pauses++;
  }

  resumeInput(): void {
    this.#pauses--;
    // Not now: whoever resumes has more to do before it is ready for what comes.
    if (this.#pauses === 0 && this.#waiting.length > 0) this.#link.deliveries.add(this);
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
    for (const { bytes } of this.#waiting.splice(0)) this.#link.waitingChanged(-bytes);
    this.#link.channelEnded(this, this.#session !== null);
  }
}
