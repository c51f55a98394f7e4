/**
 * Counts by the values of a few labels. Each set of values is a series that Prometheus keeps for weeks, so there is an
 * end to them, whatever is counted.
 */

/** A table of errors has 31 rows, and routes have statuses: far fewer than this are ever in use. */
const MAX_SERIES = 300;
const OTHER = "other";

export interface LabelCount {
  /** In the order of the label names. */
  readonly values: readonly string[];
  count: number;
}

export class LabelCounts {
  readonly #counts = new Map<string, LabelCount>();

  /** @param values In the order of the label names. Beyond what there is room for, all of them count as `other`. */
  add(values: readonly string[], count = 1): void {
    const key = values.join("\n");
    const known = this.#counts.get(key);
    if (known) known.count += count;
    else if (this.#counts.size < MAX_SERIES || values.every((value) => value === OTHER)) {
      this.#counts.set(key, { values, count });
    } else
      this.add(
        values.map(() => OTHER),
        count,
      );
  }

  countOf(values: readonly string[]): number {
    return this.#counts.get(values.join("\n"))?.count ?? 0;
  }

  all(): Iterable<LabelCount> {
    return this.#counts.values();
  }
}
