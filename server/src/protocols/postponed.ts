import { JoineryError, type Limits } from "@joinery/shared";
import type { Clock, Outbox } from "../engine/ports.ts";
import { StallWatch } from "../engine/stall-watch.ts";

/** Whose client it is. */
export interface PostponedLink {
  readonly clock: Clock;
  readonly limits: Pick<Limits, "stalledTimeoutMs">;
  readonly outbox: Outbox;
  /** Whether more waits for the client than may. */
  readonly isAboveMark: boolean;
}

/**
 * What a client asked for that it has to be answered, and does not read what it was sent. It waits, and somebody watches
 * over the client: where no session lags, nobody else would.
 */
export class Postponed {
  readonly #link: PostponedLink;
  /** Most of the time nothing waits. */
  #waiting: (() => void)[] | null = null;
  #watch: StallWatch | null = null;

  constructor(link: PostponedLink) {
    this.#link = link;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting?.length ?? 0;
  }

  /**
   * Runs something, now or when the client reads again.
   *
   * @param mayWait Whether it may wait.
   * @throws JoineryError TOO_SLOW (backoff) if it would have to and may not; whatever `run` throws, if it runs now.
   */
  run(run: () => void, mayWait: boolean): void {
    if (!this.#link.isAboveMark) {
      run();
      return;
    }
    if (!mayWait) throw new JoineryError("TOO_SLOW", "opens documents and reads nothing");
    this.#waiting ??= [];
    this.#waiting.push(run);
    this.watch();
  }

  /** Ends the connection when the client goes on to read nothing. */
  watch(): void {
    const { clock, limits, outbox } = this.#link;
    this.#watch ??= new StallWatch(clock, outbox, limits.stalledTimeoutMs, () => {
      const message = `read nothing for ${limits.stalledTimeoutMs} ms`;
      outbox.close(new JoineryError("TOO_SLOW", message, { limit: "stalledTimeoutMs" }));
    });
  }

  /** The client has read what it was sent: runs what waits, until that fills the buffer again. */
  drained(): void {
    this.#stopWatching();
    while (!this.#link.isAboveMark) {
      const run = this.#waiting?.shift();
      if (this.#waiting?.length === 0) this.#waiting = null;
      if (!run) return;
      run();
    }
    this.watch();
  }

  /** The connection is gone: nothing that waits is run. */
  close(): void {
    this.#stopWatching();
    this.#waiting = null;
  }

  #stopWatching(): void {
    this.#watch?.stop();
    this.#watch = null;
  }
}
