import type { Inspection } from "@joinery/shared";

/** Which edits of whom are there: of every client all up to some clock, because a log has no gaps. */
export class LogCoverage {
  readonly #clocks: Map<number, number>;

  constructor(clocks: Iterable<readonly [number, number]> = []) {
    this.#clocks = new Map(clocks);
  }

  /**
   * Adds updates that came together, in whatever order.
   *
   * @returns What they build upon that is not there, as a sentence for people; `null` when that is nothing.
   */
  add(updates: readonly Inspection[]): string | null {
    const ranges = updates.flatMap(({ structs }) => structs);
    if (updates.length > 1) ranges.sort((a, b) => a.start - b.start);
    for (const { client, start, end } of ranges) {
      const clock = this.#clocks.get(client) ?? 0;
      if (start > clock)
        return `edits ${clock} to ${start - 1} of client ${client}, before its own, are not there`;
      if (end > clock) this.#clocks.set(client, end);
    }
    for (const { needs } of updates) {
      for (const [client, needed] of needs) {
        const clock = this.#clocks.get(client) ?? 0;
        if (needed > clock)
          return `it builds upon edit ${needed - 1} of client ${client}, which is not there`;
      }
    }
    return null;
  }

  equals(other: LogCoverage): boolean {
    if (this.#clocks.size !== other.#clocks.size) return false;
    return [...this.#clocks].every(([client, clock]) => other.#clocks.get(client) === clock);
  }

  copy(): LogCoverage {
    return new LogCoverage(this.#clocks);
  }
}
