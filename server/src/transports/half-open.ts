/**
 * TCP connections that have not become WebSockets yet. Where there are too many, the oldest is cut rather than the
 * newest refused: a client needs a few round trips, so what is old is slow, or only waits.
 */

import type { Limits } from "@joinery/shared";
import type { LimitHits } from "./limit-hits.ts";

/** The part of a socket that this needs. */
export interface HalfOpenSocket {
  destroy(): unknown;
}

/** What a socket does on an error as long as nobody else listens for one. */
export function destroyItself(this: HalfOpenSocket): void {
  this.destroy();
}

export class HalfOpenConnections {
  readonly #limits: Limits;
  readonly #hits: LimitHits;
  /** Both in the order of arrival. */
  readonly #addresses = new Map<HalfOpenSocket, string>();
  readonly #byAddress = new Map<string, Set<HalfOpenSocket>>();

  constructor(options: { limits: Limits; hits: LimitHits }) {
    this.#limits = options.limits;
    this.#hits = options.hits;
  }

  get count(): number {
    return this.#addresses.size;
  }

  add(socket: HalfOpenSocket, address: string): void {
    const ofAddress = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, ofAddress);
    ofAddress.add(socket);
    this.#addresses.set(socket, address);
    if (ofAddress.size > this.#limits.maxAddressHalfOpenConnections) {
      this.#cut("maxAddressHalfOpenConnections", ofAddress);
    }
    if (this.count > this.#limits.maxHalfOpenConnections) {
      this.#cut("maxHalfOpenConnections", this.#addresses.keys());
    }
  }

  /** It became a WebSocket, is gone, or its answer is bounded elsewhere. Idempotent. */
  remove(socket: HalfOpenSocket): void {
    const address = this.#addresses.get(socket);
    if (address === undefined) return;
    this.#addresses.delete(socket);
    const ofAddress = this.#byAddress.get(address);
    ofAddress?.delete(socket);
    if (ofAddress?.size === 0) this.#byAddress.delete(address);
  }

  #cut(
    limit: "maxHalfOpenConnections" | "maxAddressHalfOpenConnections",
    [oldest]: Iterable<HalfOpenSocket>,
  ): void {
    if (oldest === undefined) return;
    this.#hits.count(limit);
    this.remove(oldest);
    oldest.destroy();
  }
}
