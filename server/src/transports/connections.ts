/**
 * The connection store: which connections are open, whether they are alive, and how many may be. It knows nothing
 * of documents.
 */

import { JoineryError } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";

/** One transport link, as the store sees it. */
export interface Connection {
  /** Numbered from 1 in the order of arrival; appears in logs. */
  readonly id: number;
  /**
   * Whether the server does not read from it at the moment, and so cannot hear it. That has an end: a connection waits
   * for a budget for `maxBurstMs` at most, and for the engine as long as a load or a commit takes. So the dead, who
   * send nothing more, are not paused again.
   */
  readonly isPaused: boolean;
  /** Bytes that it has ever sent: any more of them are a sign of life, be it in the middle of a long message. */
  readonly receivedBytes: number;
  /** Asks the other side for a sign of life. */
  ping(): void;
  /** Lets the client know that the server is there, for clients that cannot see a ping. */
  keepAlive(): void;
  /** Ends the link without waiting for the other side, which is not there. */
  terminate(): void;
}

export interface HeartbeatOptions {
  /** How often each connection is pinged, in milliseconds. */
  readonly intervalMs: number;
  /** A connection that showed no sign of life for this long after a ping is dead, in milliseconds. */
  readonly timeoutMs: number;
}

/** Well below the 30 s of silence after which y-websocket clients reconnect. */
export const DEFAULT_HEARTBEAT: HeartbeatOptions = { intervalMs: 15_000, timeoutMs: 30_000 };

interface Life {
  heardAtMs: number;
  /** What it had sent when it was last looked at. */
  receivedBytes: number;
}

export class Connections {
  readonly #clock: Clock;
  readonly #heartbeat: HeartbeatOptions;
  readonly #maxConnections: number;
  readonly #lives = new Map<Connection, Life>();
  #lastId = 0;
  #timer: Timer | null = null;

  constructor(options: { clock: Clock; heartbeat: HeartbeatOptions; maxConnections: number }) {
    this.#clock = options.clock;
    this.#heartbeat = options.heartbeat;
    this.#maxConnections = options.maxConnections;
  }

  get count(): number {
    return this.#lives.size;
  }

  nextId(): number {
    return ++this.#lastId;
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  add(connection: Connection): void {
    if (this.count >= this.#maxConnections) {
      throw new JoineryError("SERVER_FULL", `the server has ${this.#maxConnections} connections, its limit`);
    }
    const { receivedBytes } = connection;
    this.#lives.set(connection, { heardAtMs: this.#clock.monotonicMs(), receivedBytes });
    this.#timer ??= this.#nextBeat();
  }

  remove(connection: Connection): void {
    this.#lives.delete(connection);
    if (this.count > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #nextBeat(): Timer {
    return this.#clock.setTimer(this.#heartbeat.intervalMs, () => this.#beat());
  }

  /** One timer for all: a timer a connection costs more than the pings do. */
  #beat(): void {
    const { intervalMs, timeoutMs } = this.#heartbeat;
    const now = this.#clock.monotonicMs();
    for (const [connection, life] of [...this.#lives]) {
      const { receivedBytes } = connection;
      if (receivedBytes !== life.receivedBytes || connection.isPaused) {
        life.receivedBytes = receivedBytes;
        life.heardAtMs = now;
      } else if (now - life.heardAtMs >= intervalMs + timeoutMs) {
        this.remove(connection);
        connection.terminate();
        continue;
      }
      connection.ping();
      connection.keepAlive();
    }
    this.#timer = this.count > 0 ? this.#nextBeat() : null;
  }
}
