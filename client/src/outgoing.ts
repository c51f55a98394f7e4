/**
 * The way out of a connection: everything that one turn has to say leaves as one message, and no more than the
 * socket takes. Frames are pushed when they must not change any more; what may still be merged waits with its
 * writer, and is asked for when there is room.
 */

import { clientFrames } from "@joinery/shared/protocol";
import { createEncoder, length, toUint8Array, writeUint8Array } from "lib0/encoding";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, MAX_SELECT_BYTES, POLL_MS } from "./limits.ts";
import type { ClientClock, Socket, Timer } from "./ports.ts";

export interface Writer {
  /** Pushes one frame, if it has any. @returns Whether it has more. */
  write(): boolean;
}

export class Outgoing {
  readonly #clock: ClientClock;
  readonly #writers = new Set<Writer>();
  #message = createEncoder();
  #maxMessageBytes = MAX_MESSAGE_BYTES;
  #socket: Socket | null = null;
  #selected = 0;
  #isScheduled = false;
  #poll: Timer | null = null;

  constructor(clock: ClientClock) {
    this.#clock = clock;
  }

  start(socket: Socket): void {
    this.#socket = socket;
    this.#selected = 0;
    this.#maxMessageBytes = MAX_MESSAGE_BYTES;
  }

  /** The server takes no larger messages than this. */
  limit(maxMessageBytes: number): void {
    this.#maxMessageBytes = Math.min(MAX_MESSAGE_BYTES, maxMessageBytes);
  }

  /** Nothing leaves any more; what waits is let go. */
  stop(): void {
    this.#socket = null;
    this.#message = createEncoder();
    this.#writers.clear();
    this.#poll?.cancel();
    this.#poll = null;
  }

  /** Whether the socket takes more. */
  get hasRoom(): boolean {
    return this.#socket !== null && this.#socket.bufferedBytes + length(this.#message) < MAX_BUFFERED_BYTES;
  }

  /** Bytes that the network has not taken; 0 as long as it takes all at once. */
  get waitingBytes(): number {
    const bytes = this.#socket?.bufferedBytes ?? 0;
    return bytes && bytes + length(this.#message);
  }

  /** Says a frame, of a document on its channel, of the connection on 0, when this turn ends. */
  push(channel: number, frame: Uint8Array): void {
    if (!this.#socket) return;
    if (length(this.#message) + MAX_SELECT_BYTES + frame.length > this.#maxMessageBytes) this.#send();
    if (channel !== 0 && channel !== this.#selected) {
      writeUint8Array(this.#message, clientFrames.select(channel));
      this.#selected = channel;
    }
    writeUint8Array(this.#message, frame);
    this.#schedule();
  }

  /** Has the writer asked at the end of this turn, or when there is room. */
  request(writer: Writer): void {
    if (!this.#socket) return;
    this.#writers.add(writer);
    this.#schedule();
  }

  forget(writer: Writer): void {
    this.#writers.delete(writer);
  }

  /** Does not wait for the end of the turn. */
  flush(): void {
    this.#isScheduled = false;
    // One that has more is added again, and comes after all others.
    for (const writer of this.#writers) {
      if (!this.hasRoom) break;
      this.#writers.delete(writer);
      if (writer.write()) this.#writers.add(writer);
    }
    this.#send();
    if (this.#writers.size > 0) this.#schedulePoll();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      if (this.#isScheduled) this.flush();
    });
  }

  #schedulePoll(): void {
    this.#poll ??= this.#clock.setTimer(POLL_MS, () => {
      this.#poll = null;
      this.flush();
    });
  }

  #send(): void {
    if (length(this.#message) === 0) return;
    const message = toUint8Array(this.#message);
    this.#message = createEncoder();
    this.#socket?.send(message);
  }
}
