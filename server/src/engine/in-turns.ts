import type { Clock } from "./ports.ts";

/** How long one may be busied with them before all others get their turn. */
const MAX_TURN_MS = 25;

/**
 * Does something with each, a turn's time at a time.
 *
 * @param each Returns whether to go on.
 */
export function inTurns<T>(clock: Clock, items: Iterator<T>, each: (item: T) => boolean): void {
  const startMs = clock.monotonicMs();
  for (let next = items.next(); !next.done; next = items.next()) {
    if (!each(next.value)) return;
    if (clock.monotonicMs() - startMs < MAX_TURN_MS) continue;
    clock.endOfTurn(() => inTurns(clock, items, each));
    return;
  }
}
