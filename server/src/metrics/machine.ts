import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { LabelCount } from "./label-counts.ts";

/** A timer every so often, in milliseconds: what comes later than that is the delay. 20 a second cost 1.5 ms of CPU. */
const RESOLUTION_MS = 50;

/** How long the event loop kept a timer waiting, since somebody last asked. */
export class EventLoopDelay {
  readonly #histogram: ELDHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#histogram.enable();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /** In seconds, by quantile; begins anew. */
  take(): LabelCount[] {
    const { max } = this.#histogram;
    const [p50, p99] = [this.#histogram.percentile(50), this.#histogram.percentile(99)];
    const isEmpty = this.#histogram.count === 0;
    this.#histogram.reset();
    const quantiles: [string, number][] = [
      ["0.5", p50],
      ["0.99", p99],
      ["1", max],
    ];
    return quantiles.map(([quantile, nanoseconds]) => {
      const ms = isEmpty ? 0 : Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
      return { values: [quantile], count: ms / 1000 };
    });
  }
}

/** Bytes of the process, by kind. */
export function memoryCounts(): LabelCount[] {
  const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage();
  const kinds = { rss, heap_total: heapTotal, heap_used: heapUsed, external, array_buffers: arrayBuffers };
  return Object.entries(kinds).map(([kind, count]) => ({ values: [kind], count }));
}
