import { type PartialFrame, serverFrames } from "@joinery/shared/protocol";
import type { Outbox } from "../../engine/ports.ts";
import type { TurnEnd } from "../turn-end.ts";
import type { LargeFrames } from "./large-frames.ts";

/** What waits is handed over when it has this size, before the turn ends. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** A frame of this size is a message of its own: copying it would cost more than a message does. */
const LONE_BYTES = 16 * 1024;

export interface OutgoingOptions {
  readonly outbox: Outbox;
  readonly turnEnd: TurnEnd;
  readonly largeFrames: LargeFrames;
  /** Above this somebody may wait for the buffer to become empty. */
  readonly maxBufferedBytes: number;
  /** All was handed over and taken, after the buffer was above the mark. */
  readonly onEmpty: () => void;
}

/**
 * One connection's way out: what one turn has for it goes in few messages. Small frames are put together; a large one,
 * or one that is alone, is sent as it is, because others are sent the same bytes. Frames of a document follow a SELECT
 * where the channel changes.
 */
export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #flushAtTurnEnd = () => this.flush();
  /** The channel of the last SELECT. */
  #selected = 0;
  #messages: Uint8Array[] = [];
  #messageBytes = 0;
  /** What the next message will be made of. */
  #small: Uint8Array[] = [];
  #smallBytes = 0;
  /** Whether somebody has seen the buffer above the mark. */
  #wasAboveMark = false;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Bytes that wait here, or were sent and are still in memory. */
  get bufferedBytes(): number {
    const bytes = this.#options.outbox.bufferedBytes + this.#messageBytes + this.#smallBytes;
    if (bytes > this.#options.maxBufferedBytes) this.#wasAboveMark = true;
    return bytes;
  }

  get isAboveMark(): boolean {
    return this.bufferedBytes > this.#options.maxBufferedBytes;
  }

  /** Falls with every byte that the operating system takes. */
  get remainingBytes(): number {
    return this.#options.outbox.remainingBytes + this.#messageBytes + this.#smallBytes;
  }

  /** Sends a frame of the connection. */
  sendControl(frame: Uint8Array): void {
    this.#add(frame);
    this.#handOverIfLarge();
  }

  /**
   * Sends frames of a channel.
   *
   * @param partial What the client has of a large frame.
   * @returns Whether that was used.
   */
  send(channel: number, frames: readonly Uint8Array[], partial: PartialFrame | null): boolean {
    const { largeFrames } = this.#options;
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
    this.#handOverIfLarge();
    return isResumed;
  }

  /** Hands over all that waits. */
  flush(): void {
    this.#endMessage();
    const messages = this.#messages;
    this.#messages = [];
    this.#messageBytes = 0;
    const { outbox, onEmpty } = this.#options;
    if (messages.length > 0) outbox.send(messages);
    // What the outbox took at once is never said to have drained.
    if (!this.#wasAboveMark || outbox.bufferedBytes > 0) return;
    this.#wasAboveMark = false;
    onEmpty();
  }

  #add(frame: Uint8Array): void {
    if (this.#messages.length === 0 && this.#small.length === 0) {
      this.#options.turnEnd.add(this.#flushAtTurnEnd);
    }
    if (frame.length >= LONE_BYTES) {
      this.#endMessage();
      this.#messages.push(frame);
      this.#messageBytes += frame.length;
      return;
    }
    this.#small.push(frame);
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

  #handOverIfLarge(): void {
    if (this.#messageBytes + this.#smallBytes >= MAX_MESSAGE_BYTES) this.flush();
  }
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
