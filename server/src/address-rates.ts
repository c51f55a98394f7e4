/** How often something happens from each address, for what has to be refused where it comes too often. */

import { addressKey } from "./address-key.ts";
import type { Clock } from "./engine/ports.ts";
import { TokenBucket } from "./engine/token-bucket.ts";

export interface AddressRatesOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  /** How often it may happen from one address; what is not used is saved up for so long. */
  readonly perSecond: number;
  readonly burstMs: number;
  /** How many addresses are remembered; of more, the one from which it happened longest ago is forgotten. */
  readonly maxAddresses: number;
  readonly onForgotten: () => void;
}

export class AddressRates {
  readonly #options: AddressRatesOptions;
  /** Addresses that have not all of it again; the one from which it happened last is last. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: AddressRatesOptions) {
    this.#options = options;
  }

  /** Addresses that are remembered. */
  get count(): number {
    return this.#buckets.size;
  }

  /** Whether it may happen once more from there. */
  has(address: string): boolean {
    const bucket = this.#buckets.get(addressKey(address));
    return bucket === undefined || bucket.has(1, this.#options.clock.monotonicMs());
  }

  /** It happened, whether it might or not. */
  take(address: string): void {
    const { clock, perSecond, burstMs } = this.#options;
    const key = addressKey(address);
    const nowMs = clock.monotonicMs();
    const bucket = this.#buckets.get(key) ?? new TokenBucket({ perSecond, burstMs }, nowMs);
    bucket.take(1, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#forget(nowMs);
  }

  #forget(nowMs: number): void {
    const { maxAddresses, onForgotten } = this.#options;
    for (const [key, bucket] of this.#buckets) {
      if (!bucket.isFull(nowMs)) {
        if (this.#buckets.size <= maxAddresses) return;
        onForgotten();
      }
      this.#buckets.delete(key);
    }
  }
}
