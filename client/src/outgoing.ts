/**
 * The way out of a connection: everything that one turn has to say leaves as one message, and no more than the
 * socket takes. Frames are pushed when they must not change any more; what may still be merged waits with its
 * writer, and is asked for when there is room.
 */

import { clientFrames } from "@joinery/shared/protocol";
import type { ClientClock, Socket, Timer } from "./ports.ts";

/** Unsent bytes above which writers are not asked: what they have can still be merged. */
const MAX_BUFFERED_BYTES = 512 * 1024;
/** Frames are put together up to this; a larger one goes alone. */
const MAX_MESSAGE_BYTES = 256 * 1024;
/** A WebSocket does not tell when it has drained. */
const POLL_MS = 20;

export interface Writer {
  /** Pushes one frame, if it has any. @returns Whether it has more. */
  write(): boolean;
}

interface Waiting {
  /** 0 for the connection itself. */
  readonly channel: number;
  readonly frame: Uint8Array;
}

export class Outgoing {
  readonly #clock: ClientClock;
  readonly #writers = new Set<Writer>();
  #frames: Waiting[] = [];
  #waitingBytes = 0;
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
  }

  /** Nothing leaves any more; what waits is let go. */
  stop(): void {
    this.#socket = null;
    this.#frames = [];
    this.#waitingBytes = 0;
    this.#writers.clear();
    this.#poll?.cancel();
    this.#poll = null;
  }

  /** Whether the socket takes more. */
  get hasRoom(): boolean {
    return this.#socket !== null && this.#socket.bufferedBytes + this.#waitingBytes < MAX_BUFFERED_BYTES;
  }

  push(channel: number, frame: Uint8Array): void {
    if (!this.#socket) return;
    this.#frames.push({ channel, frame });
    this.#waitingBytes += frame.length;
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
    this.#sendAll();
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

  #sendAll(): void {
    let message: Uint8Array[] = [];
    let bytes = 0;
    const frames = this.#frames;
    this.#frames = [];
    this.#waitingBytes = 0;
    for (const { channel, frame } of frames) {
      if (bytes > 0 && bytes + frame.length > MAX_MESSAGE_BYTES) {
        this.#send(message, bytes);
        message = [];
        bytes = 0;
      }
      if (channel !== 0 && channel !== this.#selected) {
        const select = clientFrames.select(channel);
        message.push(select);
        bytes += select.length;
        this.#selected = channel;
      }
      message.push(frame);
      bytes += frame.length;
    }
    if (bytes > 0) this.#send(message, bytes);
  }

  #send(frames: readonly Uint8Array[], bytes: number): void {
    const message = new Uint8Array(bytes);
    let at = 0;
    for (const frame of frames) {
      message.set(frame, at);
      at += frame.length;
    }
    this.#socket?.send(message);
  }
}
