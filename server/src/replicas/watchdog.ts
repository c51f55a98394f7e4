/**
 * How often longer than allowed something may take in real time, when its CPU time is not known or does not pass. What
 * lets others go first has a quarter of a core that one of them wants, and less where several do.
 */
const MAX_REAL_TIMES = 16;
/** No use in looking sooner than this. */
const MIN_LOOK_MS = 20;

/** How it ended: it took the CPU time, or it did not come to it within several times that in real time. */
export type Expiry = "spent" | "stuck";

export interface WatchdogOptions {
  /** CPU time of what is watched so far, in milliseconds; `null` where that cannot be told. */
  readonly cpuMs: () => Promise<number> | null;
  /** Called once, when the time that was allowed is over. */
  readonly onExpired: (expiry: Expiry) => void;
}

/**
 * Watches what runs on another thread. It allows CPU time rather than real time: on a busy machine that passes
 * while nothing happens. Its timers do not keep the process alive.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #look: NodeJS.Timeout | null = null;
  #end: NodeJS.Timeout | null = null;
  /** Which watch this is: an answer about an older one comes too late. */
  #watch = 0;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /**
   * Allows so much time from now on, whatever was allowed before.
   *
   * @param cpuMs CPU time so far.
   */
  allow(allowedMs: number, cpuMs: number): void {
    this.stop();
    this.#end = setTimeout(() => this.#expire("stuck"), allowedMs * MAX_REAL_TIMES).unref();
    this.#lookIn(allowedMs, cpuMs + allowedMs);
  }

  stop(): void {
    this.#watch++;
    if (this.#look) clearTimeout(this.#look);
    if (this.#end) clearTimeout(this.#end);
    this.#look = null;
    this.#end = null;
  }

  #lookIn(delayMs: number, untilCpuMs: number): void {
    this.#look = setTimeout(() => void this.#check(untilCpuMs), Math.max(delayMs, MIN_LOOK_MS)).unref();
  }

  async #check(untilCpuMs: number): Promise<void> {
    const watch = this.#watch;
    const cpuMs = await this.#options.cpuMs();
    if (watch !== this.#watch) return;
    const leftMs = cpuMs === null ? 0 : untilCpuMs - cpuMs;
    if (leftMs <= 0) this.#expire("spent");
    else this.#lookIn(leftMs, untilCpuMs);
  }

  #expire(expiry: Expiry): void {
    this.stop();
    this.#options.onExpired(expiry);
  }
}
