/** Under which symbol a server keeps its record, once the probe is loaded into it. */
export const RECORD = "bench.event-loop";

/** How often the probe's timer is due: what a loop is busy with for less is not seen. */
export const EVERY_MS = 5;

/** What the probe notes. Times are of the server's own monotonic clock, in milliseconds. */
export interface EventLoopRecord {
  sinceMs: number;
  /** When the timer ran last. */
  lastMs: number;
  /** By how much it was late, each time that it was. */
  busyMs: number[];
}
