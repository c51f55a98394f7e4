import { LIMITS, type LimitName } from "@joinery/shared";

/** How often each limit of the table was reached since the start. */
export class LimitHits {
  readonly #counts = Object.fromEntries(Object.keys(LIMITS).map((name) => [name, 0])) as Record<
    LimitName,
    number
  >;

  count(limit: LimitName): void {
    this.#counts[limit]++;
  }

  /** A copy, with a number for every limit. */
  counts(): Readonly<Record<LimitName, number>> {
    return { ...this.#counts };
  }
}
