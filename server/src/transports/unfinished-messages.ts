/**
 * Messages that have begun to arrive and have not ended. Each holds its bytes in memory, so there is a deadline for
 * each and a bound for all of them together. Most messages arrive whole and never come here.
 */

import { JoineryError, type Limits } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";
import type { LimitHits } from "./limit-hits.ts";

/** What a message must grow by within `messageTimeoutMs` if it does not end. */
const MIN_PROGRESS_BYTES = 16 * 1024;
/** What a piece of a message costs besides its bytes, however small it is. */
const PIECE_COST_BYTES = 300;

/** Whose message it is. A connection has one at a time. */
export interface Sender {
  /** Whether the server does not read from it at the moment. */
  readonly isPaused: boolean;
  /** Closes the connection. */
  fail(error: JoineryError): void;
}

interface Message {
  bytes: number;
  heldBytes: number;
  /** How many bytes it had when its time began anew. */
  bytesBefore: number;
  /** The server did not read meanwhile: that is not the sender's fault. */
  isExcused: boolean;
  timer: Timer;
}

export class UnfinishedMessages {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #hits: LimitHits;
  /** In the order in which they began. */
  readonly #messages = new Map<Sender, Message>();
  #heldBytes = 0;

  constructor(options: { clock: Clock; limits: Limits; hits: LimitHits }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#hits = options.hits;
  }

  get count(): number {
    return this.#messages.size;
  }

  /** What they take, with an estimate for their pieces. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  has(sender: Sender): boolean {
    return this.#messages.has(sender);
  }

  /** A piece of a message has arrived and is not the last one; the first one begins it. */
  grow(sender: Sender, bytes: number): void {
    const message = this.#messages.get(sender) ?? this.#begin(sender);
    message.bytes += bytes;
    message.heldBytes += bytes + PIECE_COST_BYTES;
    this.#heldBytes += bytes + PIECE_COST_BYTES;
    if (this.#heldBytes > this.#limits.maxUnfinishedBytes) this.#dropOldest();
  }

  /** The server stops reading from the sender. */
  excuse(sender: Sender): void {
    const message = this.#messages.get(sender);
    if (message) message.isExcused = true;
  }

  /** The message ended, or its connection did. */
  end(sender: Sender): void {
    const message = this.#messages.get(sender);
    if (message === undefined) return;
    message.timer.cancel();
    this.#messages.delete(sender);
    this.#heldBytes -= message.heldBytes;
  }

  #begin(sender: Sender): Message {
    const timer = this.#lookLater(sender);
    const message = { bytes: 0, heldBytes: 0, bytesBefore: 0, isExcused: false, timer };
    this.#messages.set(sender, message);
    return message;
  }

  #lookLater(sender: Sender): Timer {
    return this.#clock.setTimer(this.#limits.messageTimeoutMs, () => this.#look(sender));
  }

  #look(sender: Sender): void {
    const message = this.#messages.get(sender);
    if (message === undefined) return;
    const hasGrown = message.bytes - message.bytesBefore >= MIN_PROGRESS_BYTES;
    if (hasGrown || message.isExcused || sender.isPaused) {
      message.bytesBefore = message.bytes;
      message.isExcused = false;
      message.timer = this.#lookLater(sender);
      return;
    }
    this.#hits.count("messageTimeoutMs");
    this.#fail(sender, `a message did not end within ${this.#limits.messageTimeoutMs} ms`);
  }

  #dropOldest(): void {
    const [oldest] = this.#messages.keys();
    if (oldest === undefined) return;
    this.#hits.count("maxUnfinishedBytes");
    this.#fail(oldest, "too many messages are unfinished, and this one began first");
  }

  #fail(sender: Sender, reason: string): void {
    this.end(sender);
    sender.fail(new JoineryError("TOO_SLOW", reason));
  }
}
