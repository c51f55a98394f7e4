/** How a server is, as one JSON: `GET /api/v1/stats`. It reads what others count, when somebody asks. */

import type { Meter } from "../engine/meter.ts";
import type { Clock } from "../engine/ports.ts";
import type { ServerStats as Stats } from "../http/api/server-stats.ts";
import { EventLoopDelay } from "./machine.ts";

/** What a server counts anyway. */
type Counted = Stats["counts"] & { readonly limitHits: Readonly<Record<string, number>> };

export interface ServerStatsSources {
  readonly version: string;
  readonly clock: Pick<Clock, "now" | "monotonicMs">;
  readonly meter: Meter;
  readonly counts: () => Counted;
  /** Open connections, by what they come by. */
  readonly connections: () => Readonly<Record<string, number>>;
}

/** Who asks within so many milliseconds after somebody else is told the same of the event loop: it begins anew each time. */
const LEAST_LOOKED_AT_MS = 1_000;

export class ServerStats {
  readonly #sources: ServerStatsSources;
  readonly #startedAt: number;
  readonly #startedMs: number;
  readonly #delay = new EventLoopDelay();
  #lookedAtMs: number;
  #eventLoop: Stats["eventLoop"] = { p50Seconds: 0, p99Seconds: 0, maxSeconds: 0, overSeconds: 0 };

  constructor(sources: ServerStatsSources) {
    const { clock } = sources;
    this.#sources = sources;
    this.#startedAt = clock.now();
    this.#startedMs = clock.monotonicMs();
    this.#lookedAtMs = this.#startedMs;
  }

  /** The event loop is watched from now on. */
  start(): void {
    this.#lookedAtMs = this.#sources.clock.monotonicMs();
    this.#delay.start();
  }

  stop(): void {
    this.#delay.stop();
  }

  /** Cost: linear in rooms. */
  read(): Stats {
    const { version, clock, meter, counts, connections } = this.#sources;
    const { user, system } = process.cpuUsage();
    const { limitHits, ...counted } = counts();
    return {
      version,
      pid: process.pid,
      startedAt: new Date(this.#startedAt).toISOString(),
      now: new Date(clock.now()).toISOString(),
      uptimeSeconds: (clock.monotonicMs() - this.#startedMs) / 1000,
      connections: connections(),
      counts: countsOf(counted),
      limitHits: Object.fromEntries(Object.entries(limitHits).filter(([, times]) => times > 0)),
      traffic: [...meter.traffic].map(([dialect, traffic]) => ({ dialect, ...traffic })),
      batches: batchesOf(meter),
      memory: memoryOf(process.memoryUsage()),
      cpu: { user: user / 1e6, system: system / 1e6 },
      eventLoop: this.#readEventLoop(),
    };
  }

  #readEventLoop(): Stats["eventLoop"] {
    const nowMs = this.#sources.clock.monotonicMs();
    const overMs = nowMs - this.#lookedAtMs;
    if (overMs < LEAST_LOOKED_AT_MS && this.#eventLoop.overSeconds > 0) return this.#eventLoop;
    const [p50Seconds = 0, p99Seconds = 0, maxSeconds = 0] = this.#delay.take().map(({ count }) => count);
    this.#lookedAtMs = nowMs;
    this.#eventLoop = { p50Seconds, p99Seconds, maxSeconds, overSeconds: overMs / 1000 };
    return this.#eventLoop;
  }
}

/** Without what else the server may count. */
function countsOf(counted: Stats["counts"]): Stats["counts"] {
  const { sessions, users, rooms, tickets, replicaJobs, heldBytes, uncommittedBytes } = counted;
  const { foreignPresence, droppedSignals, hostedDocuments, hostedBytes, pendingStores, failingStores } =
    counted;
  return {
    ...{ sessions, users, rooms, tickets, replicaJobs, heldBytes, uncommittedBytes },
    ...{ foreignPresence, droppedSignals, hostedDocuments, hostedBytes, pendingStores, failingStores },
  };
}

function batchesOf(meter: Meter): Stats["batches"] {
  const { batchUpdates, batchBytes, deliverySeconds, durableSeconds } = meter;
  return {
    count: countOf(batchUpdates),
    updates: batchUpdates.sum,
    bytes: batchBytes.sum,
    delivery: { count: countOf(deliverySeconds), seconds: deliverySeconds.sum },
    durable: { count: countOf(durableSeconds), seconds: durableSeconds.sum },
  };
}

function countOf({ counts }: { readonly counts: Float64Array }): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function memoryOf({ rss, heapTotal, heapUsed, external, arrayBuffers }: NodeJS.MemoryUsage): Stats["memory"] {
  return { rss, heapTotal, heapUsed, external, arrayBuffers };
}
