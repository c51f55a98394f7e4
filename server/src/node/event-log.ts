/**
 * The log as the server writes it. Whoever connects and is refused makes a line, and can do so as fast as it likes: so
 * the lines of each type have a rate, and what is beyond is counted.
 */

import type { Clock } from "../engine/ports.ts";
import { TokenBucket } from "../engine/token-bucket.ts";
import { type Logger, levelOf, logEvent, type ServerEvent } from "./log.ts";

/** Enough to see what goes on, and 200 MB a day at the worst; a hundred at once, as when a server starts. */
const LINES = { perSecond: 10, burstMs: 10_000 };

interface Rate {
  readonly lines: TokenBucket;
  unlogged: number;
}

export class EventLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #rates = new Map<ServerEvent["type"], Rate>();

  /** @param onEvent Told of all of them, before they are written or not. Default: nobody. */
  constructor(logger: Logger, clock: Clock, onEvent: (event: ServerEvent) => void = () => undefined) {
    this.#logger = logger;
    this.#onEvent = onEvent;
    this.#clock = clock;
  }

  report(event: ServerEvent): void {
    this.#onEvent(event);
    const level = levelOf(event);
    // No client can cause errors at will, and each must be read; who wants to debug wants to see all.
    if (level === "error" || level === "debug") {
      logEvent(this.#logger, event);
      return;
    }
    const now = this.#clock.monotonicMs();
    const rate = this.#rateOf(event.type, now);
    if (!rate.lines.has(1, now)) {
      rate.unlogged++;
      return;
    }
    rate.lines.take(1, now);
    logEvent(this.#logger, event, rate.unlogged);
    rate.unlogged = 0;
  }

  #rateOf(type: ServerEvent["type"], now: number): Rate {
    const rate = this.#rates.get(type) ?? { lines: new TokenBucket(LINES, now), unlogged: 0 };
    this.#rates.set(type, rate);
    return rate;
  }
}
