import { DOCUMENT_FRAMES, type PartialFrame, serverFrames } from "@joinery/shared/protocol";
import { type Frame, sendFrames, wholeFrame } from "../../engine/frame.ts";
import type { Clock, Outbox, Timer } from "../../engine/ports.ts";
import type { TurnEnd, TurnTask } from "../turn-end.ts";
import { GatherWindow } from "./gather-window.ts";
import type { LargeFrames } from "./large-frames.ts";

/** What waits is handed over when it has this size, before the turn ends. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** A frame of this size is a message of its own: copying it would cost more than a message does. */
const LONE_BYTES = 16 * 1024;

/** What documents say unasked, while somebody writes in them. All else may be what a client waits for. */
const UNASKED: ReadonlySet<number | undefined> = new Set([
  DOCUMENT_FRAMES.batch,
  DOCUMENT_FRAMES.ack,
  DOCUMENT_FRAMES.durable,
  DOCUMENT_FRAMES.presence,
]);

/** Whose way out it is. */
export interface OutgoingLink {
  readonly clock: Pick<Clock, "monotonicMs" | "setTimer">;
  readonly outbox: Outbox;
  readonly turnEnd: TurnEnd;
  readonly largeFrames: LargeFrames;
  /** Above this somebody may wait for the buffer to become empty. */
  readonly maxBufferedBytes: number;
  /** All was handed over and taken, after the buffer was above the mark. */
  drained(): void;
}

/**
 * One connection's way out: what one turn has for it goes in few messages, and where many documents are busy, what they
 * say within a window. Small frames are put together; a large one, or one that is alone, is sent as it is, because
 * others are sent the same bytes. Frames of a document follow a SELECT where the channel changes.
 */
export class Outgoing implements TurnTask {
  readonly #link: OutgoingLink;
  /** The channel of the last SELECT. */
  #selected = 0;
  #messages: Frame[] = [];
  #messageBytes = 0;
  /** What the next message will be made of. */
  #small: Uint8Array[] = [];
  #smallBytes = 0;
  readonly #window = new GatherWindow();
  /** Whether all that waits goes at the end of the turn. */
  #isDue = false;
  /** Else, when its window is over. */
  #timer: Timer | null = null;
  /** Whether somebody has seen the buffer above the mark. */
  #wasAboveMark = false;

  constructor(link: OutgoingLink) {
    this.#link = link;
  }

  /** Bytes that wait here, or were sent and are still in memory. */
  get bufferedBytes(): number {
    const bytes = this.#link.outbox.bufferedBytes + this.#messageBytes + this.#smallBytes;
    if (bytes > this.#link.maxBufferedBytes) this.#wasAboveMark = true;
    return bytes;
  }

  get isAboveMark(): boolean {
    return this.bufferedBytes > this.#link.maxBufferedBytes;
  }

  /** Falls with every byte that the operating system takes. */
  get remainingBytes(): number {
    return this.#link.outbox.remainingBytes + this.#messageBytes + this.#smallBytes;
  }

  /** Sends a frame of the connection. */
  sendControl(frame: Uint8Array): void {
    this.#add(frame);
    this.#handOverSoon(0);
  }

  /**
   * Sends frames of a channel.
   *
   * @param partial What the client has of a large frame.
   * @returns Whether that was used.
   */
  send(channel: number, frames: readonly Uint8Array[], partial: PartialFrame | null): boolean {
    const { largeFrames } = this.#link;
    let isResumed = false;
    if (channel !== this.#selected) {
      this.#selected = channel;
      this.#add(serverFrames.select(channel));
    }
    for (const frame of frames) {
      if (!largeFrames.isLarge(frame)) {
        this.#add(frame);
        continue;
      }
      const cut = largeFrames.cut(frame, isResumed ? null : partial);
      isResumed ||= cut.isResumed;
      for (const fragment of cut.fragments) this.#add(fragment);
    }
    this.#handOverSoon(frames.every(isUnasked) ? this.#gathering(channel) : 0);
    return isResumed;
  }

  /** The connection is gone, and what waits with it. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  atTurnEnd(): void {
    this.flush();
  }

  /** Hands over all that waits. */
  flush(): void {
    this.#endMessage();
    this.#isDue = false;
    this.#timer?.cancel();
    this.#timer = null;
    const messages = this.#messages;
    this.#messages = [];
    this.#messageBytes = 0;
    const { clock, outbox } = this.#link;
    if (messages.length > 0) {
      sendFrames(outbox, messages);
      this.#window.handedOver(clock.monotonicMs());
    }
    // What the outbox took at once is never said to have drained.
    if (!this.#wasAboveMark || outbox.bufferedBytes > 0) return;
    this.#wasAboveMark = false;
    this.#link.drained();
  }

  #add(frame: Frame): void {
    if (frame.length >= LONE_BYTES) {
      this.#endMessage();
      this.#messages.push(frame);
      this.#messageBytes += frame.length;
      return;
    }
    this.#small.push(wholeFrame(frame));
    this.#smallBytes += frame.length;
    if (this.#smallBytes >= MAX_MESSAGE_BYTES) this.#endMessage();
  }

  #endMessage(): void {
    const [first] = this.#small;
    if (!first) return;
    const message = this.#small.length === 1 ? first : concatenated(this.#small, this.#smallBytes);
    this.#messages.push(message);
    this.#messageBytes += message.length;
    this.#small = [];
    this.#smallBytes = 0;
  }

  /** A document says something unasked. @returns How long that may wait, in milliseconds. */
  #gathering(channel: number): number {
    const nowMs = this.#link.clock.monotonicMs();
    this.#window.heard(channel, nowMs);
    return this.#window.delayMs(nowMs);
  }

  /** @param delayMs How long what was added may wait; 0 for until the turn ends. */
  #handOverSoon(delayMs: number): void {
    const { clock, turnEnd, maxBufferedBytes } = this.#link;
    // What only waits here must not make who reads all of it lag.
    const most = Math.min(MAX_MESSAGE_BYTES, maxBufferedBytes);
    if (this.#messageBytes + this.#smallBytes >= most) this.flush();
    else if (this.#isDue) return;
    else if (delayMs > 0) this.#timer ??= clock.setTimer(delayMs, () => this.flush());
    else {
      this.#isDue = true;
      turnEnd.add(this);
    }
  }
}

function isUnasked(frame: Uint8Array): boolean {
  return UNASKED.has(frame[0]);
}

function concatenated(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
