import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import type { Clock } from "../engine/ports.ts";
import { TokenBucket } from "../engine/token-bucket.ts";

export interface OpeningBudgetOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly limits: Limits;
  readonly onLimit: (limit: LimitName) => void;
}

/** How many documents one connection may have open, and how fast it may open them. */
export class OpeningBudget {
  readonly #options: OpeningBudgetOptions;
  readonly #rate: TokenBucket;

  constructor(options: OpeningBudgetOptions) {
    const { maxOpensPerSecond: perSecond, maxBurstMs: burstMs } = options.limits;
    this.#options = options;
    this.#rate = new TokenBucket({ perSecond, burstMs }, options.clock.monotonicMs());
  }

  /**
   * One more is opened, where so many are.
   *
   * @throws JoineryError TOO_MANY_DOCUMENTS (backoff).
   */
  spend(open: number): void {
    const { clock, limits } = this.#options;
    if (open >= limits.maxDocumentsPerConnection) throw this.oneTooMany();
    if (this.#rate.spend(clock.monotonicMs())) return;
    const message = `a connection may open ${limits.maxOpensPerSecond} documents a second`;
    throw this.#tooMany("maxOpensPerSecond", message);
  }

  oneTooMany(): JoineryError {
    const message = `the connection has ${this.#options.limits.maxDocumentsPerConnection} documents open, its limit`;
    return this.#tooMany("maxDocumentsPerConnection", message);
  }

  #tooMany(limit: LimitName, message: string): JoineryError {
    this.#options.onLimit(limit);
    return new JoineryError("TOO_MANY_DOCUMENTS", message, { limit });
  }
}
