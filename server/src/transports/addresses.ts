/**
 * Who connects from where: how many connections an address has and how fast it opens them, the budget that its
 * connections share, and how many documents they have open. An address is whatever the caller tells apart clients by, as text.
 */

import { JoineryError, type Limits } from "@joinery/shared";
import type { Clock } from "../engine/ports.ts";
import { TokenBucket } from "../engine/token-bucket.ts";
import type { DocumentQuota } from "../protocols/driver.ts";
import { ADDRESS_BUDGET, Budget, BudgetTerms } from "./budget.ts";
import type { LimitHits } from "./limit-hits.ts";

interface Entry {
  readonly budget: Budget;
  readonly arrivals: TokenBucket;
  connections: number;
  documents: number;
}

/** One connection's part in its address. */
export interface Visit {
  readonly budget: Budget;
  /** Of all connections of the address. */
  readonly documents: DocumentQuota;
  /** The connection is gone. Idempotent. */
  leave(): void;
}

export class Addresses {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #hits: LimitHits;
  readonly #budgetTerms: BudgetTerms;
  readonly #present = new Map<string, Entry>();
  /** Addresses without a connection whose budgets are not full again; the one that left first is first. */
  readonly #left = new Map<string, Entry>();

  readonly #doors: Doors = {
    openDocument: (address, entry) => this.#openDocument(address, entry),
    leave: (address, entry) => this.#leave(address, entry),
  };

  constructor(options: { clock: Clock; limits: Limits; hits: LimitHits }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#hits = options.hits;
    this.#budgetTerms = new BudgetTerms(options.clock, options.limits, ADDRESS_BUDGET);
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
    return new AddressVisit(address, entry, this.#doors);
  }

  #newEntry(): Entry {
    const { maxAddressConnectionsPerSecond: perSecond, maxBurstMs: burstMs } = this.#limits;
    return {
      budget: new Budget(this.#budgetTerms),
      arrivals: new TokenBucket({ perSecond, burstMs }, this.#clock.monotonicMs()),
      connections: 0,
      documents: 0,
    };
  }

  #openDocument(address: string, entry: Entry): void {
    const { maxAddressDocuments } = this.#limits;
    if (entry.documents >= maxAddressDocuments) {
      this.#hits.count("maxAddressDocuments");
      const message = `${address} has ${maxAddressDocuments} documents open, the limit of one address`;
      throw new JoineryError("TOO_MANY_DOCUMENTS", message);
    }
    entry.documents++;
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
    for (const [address, { budget, arrivals, documents }] of this.#left) {
      // A document that is still being loaded is closed when it has been.
      if (!budget.isFull(now) || !arrivals.isFull(now) || documents > 0) {
        if (this.#left.size <= this.#limits.maxAddresses) return;
        this.#hits.count("maxAddresses");
      }
      this.#left.delete(address);
    }
  }
}

/** What visits have done to their entries. */
interface Doors {
  openDocument(address: string, entry: Entry): void;
  leave(address: string, entry: Entry): void;
}

/** A class, and no closures: every connection has one. */
class AddressVisit implements Visit, DocumentQuota {
  readonly #address: string;
  readonly #entry: Entry;
  readonly #doors: Doors;
  #isHere = true;

  constructor(address: string, entry: Entry, doors: Doors) {
    this.#address = address;
    this.#entry = entry;
    this.#doors = doors;
  }

  get budget(): Budget {
    return this.#entry.budget;
  }

  get documents(): DocumentQuota {
    return this;
  }

  open(): void {
    this.#doors.openDocument(this.#address, this.#entry);
  }

  close(): void {
    this.#entry.documents--;
  }

  leave(): void {
    if (!this.#isHere) return;
    this.#isHere = false;
    this.#doors.leave(this.#address, this.#entry);
  }
}

function tooMany(message: string): JoineryError {
  return new JoineryError("TOO_MANY_CONNECTIONS", message);
}
