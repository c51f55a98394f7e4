/** The answers that go on for a while: bounded, of all and of an address, and ended when the server stops. */

import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { addressKey } from "../../address-key.ts";

export interface StreamsOptions {
  readonly limits: Pick<Limits, "maxApiStreams" | "maxAddressApiStreams">;
  readonly countLimit: (limit: LimitName) => void;
}

export class Streams {
  readonly #options: StreamsOptions;
  readonly #open = new Set<AbortController>();
  readonly #byAddress = new Map<string, number>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * Takes up an answer that streams; its signal is aborted when the server stops.
   *
   * @returns What says that it is over.
   * @throws JoineryError SERVER_FULL, TOO_MANY_CONNECTIONS (backoff).
   */
  open(address: string, controller: AbortController): () => void {
    const key = addressKey(address);
    const ofAddress = this.#byAddress.get(key) ?? 0;
    if (this.#open.size >= this.#options.limits.maxApiStreams)
      throw this.#full("SERVER_FULL", "maxApiStreams");
    if (ofAddress >= this.#options.limits.maxAddressApiStreams) {
      throw this.#full("TOO_MANY_CONNECTIONS", "maxAddressApiStreams");
    }
    this.#open.add(controller);
    this.#byAddress.set(key, ofAddress + 1);
    return () => this.#close(key, controller);
  }

  /** Ends all of them. */
  stop(): void {
    const reason = new JoineryError("SERVER_DRAINING", "the server is about to stop");
    for (const controller of this.#open) controller.abort(reason);
  }

  #close(key: string, controller: AbortController): void {
    if (!this.#open.delete(controller)) return;
    const left = (this.#byAddress.get(key) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(key);
    else this.#byAddress.set(key, left);
  }

  #full(
    code: "SERVER_FULL" | "TOO_MANY_CONNECTIONS",
    limit: "maxApiStreams" | "maxAddressApiStreams",
  ): JoineryError {
    this.#options.countLimit(limit);
    return new JoineryError(code, `${this.#options.limits[limit]} answers that stream are open`, { limit });
  }
}
