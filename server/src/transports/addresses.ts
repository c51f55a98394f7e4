/**
 * Who connects from where: how many connections an address has and how fast it opens them, and the budget that its
 * connections share. An address is whatever the caller tells apart clients by, as text.
 */

import { JoineryError, type Limits } from "@joinery/shared";
import type { Clock } from "../engine/ports.ts";
import { TokenBucket } from "../engine/token-bucket.ts";
import { ADDRESS_BUDGET, Budget } from "./budget.ts";
import type { LimitHits } from "./limit-hits.ts";

interface Entry {
  readonly budget: Budget;
  readonly arrivals: TokenBucket;
  connections: number;
}

/** One connection's part in its address. */
export interface Visit {
  readonly budget: Budget;
  /** The connection is gone. Idempotent. */
  leave(): void;
}

export class Addresses {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #hits: LimitHits;
  readonly #present = new Map<string, Entry>();
  /** Addresses without a connection whose budgets are not full again; the one that left first is first. */
  readonly #left = new Map<string, Entry>();

  constructor(options: { clock: Clock; limits: Limits; hits: LimitHits }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#hits = options.hits;
  }

  /** Addresses that are remembered, with and without connections. */
  get count(): number {
    return this.#present.size + this.#left.size;
  }

  /** @throws JoineryError TOO_MANY_CONNECTIONS (backoff). */
  enter(address: string): Visit {
    const entry = this.#present.get(address) ?? this.#left.get(address) ?? this.#newEntry();
    this.#admit(address, entry);
    this.#left.delete(address);
    this.#present.set(address, entry);
    this.#forget();
    let isHere = true;
    return {
      budget: entry.budget,
      leave: () => {
        if (!isHere) return;
        isHere = false;
        this.#leave(address, entry);
      },
    };
  }

  #newEntry(): Entry {
    const { maxAddressConnectionsPerSecond: perSecond, maxBurstMs: burstMs } = this.#limits;
    return {
      budget: new Budget(this.#clock, this.#limits, ADDRESS_BUDGET),
      arrivals: new TokenBucket({ perSecond, burstMs }, this.#clock.monotonicMs()),
      connections: 0,
    };
  }

  /** Only those who are let in are counted: else who tries again and again would never be. */
  #admit(address: string, entry: Entry): void {
    const { maxAddressConnections, maxAddressConnectionsPerSecond } = this.#limits;
    const now = this.#clock.monotonicMs();
    if (entry.connections >= maxAddressConnections) {
      this.#hits.count("maxAddressConnections");
      throw tooMany(`${address} has ${maxAddressConnections} connections, the limit of one address`);
    }
    if (!entry.arrivals.has(1, now)) {
      this.#hits.count("maxAddressConnectionsPerSecond");
      throw tooMany(`${address} may open ${maxAddressConnectionsPerSecond} connections a second`);
    }
    entry.arrivals.take(1, now);
    entry.connections++;
  }

  #leave(address: string, entry: Entry): void {
    entry.connections--;
    if (entry.connections > 0) return;
    this.#present.delete(address);
    this.#left.set(address, entry);
    this.#forget();
  }

  /** Forgets who has nothing to remember, and who left first where there are too many. */
  #forget(): void {
    const now = this.#clock.monotonicMs();
    for (const [address, { budget, arrivals }] of this.#left) {
      if (!budget.isFull(now) || !arrivals.isFull(now)) {
        if (this.#left.size <= this.#limits.maxAddresses) return;
        this.#hits.count("maxAddresses");
      }
      this.#left.delete(address);
    }
  }
}

function tooMany(message: string): JoineryError {
  return new JoineryError("TOO_MANY_CONNECTIONS", message);
}
