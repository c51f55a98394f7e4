/**
 * What the client needs from outside: sockets, time, randomness, and what the platform tells of the network and the
 * page. `environment.ts` gives what browsers, Node and Electron have; tests hand in their own.
 */

import type { OfflineStore } from "./offline/ports.ts";

/** One open or opening WebSocket, or something that acts like one. */
export interface Socket {
  /** Sends one message; called only between `opened` and `closed`. The bytes are not used again. */
  send(message: Uint8Array): void;
  /** Closes; idempotent. Whoever calls it does not wait for `closed`, which may never come on a dead link. */
  close(code?: number, reason?: string): void;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedBytes: number;
}

/** What a socket tells. Never called before `connect` has returned; nothing is told after `closed`. */
export interface SocketEvents {
  opened(): void;
  /** One whole message; the bytes belong to the receiver. */
  message(bytes: Uint8Array): void;
  /** @param code WebSocket close code; 1006 when the link just broke. */
  closed(code: number, reason: string): void;
}

/** Starts to connect. Throws when the URL is none. */
export type Connect = (url: string, subprotocol: string, events: SocketEvents) => Socket;

/** A timer that was set. Cancelling it twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface ClientClock {
  /** Milliseconds since 1970; may jump. For what people read. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonicMs(): number;
  setTimer(delayMs: number, run: () => void): Timer;
}

export interface Environment {
  readonly connect: Connect;
  readonly clock: ClientClock;
  /** At least 0 and below 1. */
  random(): number;
  /**
   * Undoes raw deflate (RFC 1951). Rejects when the bytes are damaged, and with MESSAGE_TOO_LARGE (never) as soon as
   * they are more than `maxBytes`.
   */
  inflate(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array>;
  /** Calls back when the network came back or the page became visible. @returns Stops that. */
  onWake(run: () => void): () => void;
  /** Calls back when the platform takes the network for gone; it may be wrong. @returns Stops that. */
  onOffline(run: () => void): () => void;
  /** Calls back when the page is about to go. @returns Stops that. */
  onHide(run: () => void): () => void;
  /** Calls back when the page is hidden or about to go: it may never run again. @returns Stops that. */
  onBackground(run: () => void): () => void;
  /** Opens the store for documents on this device. Rejects with OFFLINE_STORE_FAILED (never). */
  openOfflineStore(name: string): Promise<OfflineStore>;
}
