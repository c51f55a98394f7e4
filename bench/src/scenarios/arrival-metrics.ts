import type { Arrivals } from "../load/arrivals.ts";
import { readPeakBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { latencyOf, peakMemory } from "./metrics.ts";
import type { Latency, Measurement, Metric } from "./scenario.ts";

/** Of a scenario in which clients open a document at the same time. */
export interface ArrivalMeasurement extends Measurement {
  readonly clients: number;
  /** On the TCP connections, from the server to all clients, and back. */
  readonly bytesDown: number;
  readonly bytesUp: number;
  /** From the connecting until all of the document was there. */
  readonly latencyMs: Latency;
}

export const cpuPerJoin: Metric<ArrivalMeasurement> = {
  id: "cpuMillisPerJoin",
  label: "server CPU a client, ms",
  value: (run) => (run.serverCpuSeconds / run.clients) * 1000,
  decimals: 2,
};

export const bytesDownPerJoin: Metric<ArrivalMeasurement> = {
  id: "bytesDownPerJoin",
  label: "bytes out a client",
  value: (run) => run.bytesDown / run.clients,
  decimals: 0,
};

export const latencyAndPeak: readonly Metric<ArrivalMeasurement>[] = [
  {
    id: "latencyP50Ms",
    label: "until all is there, p50, ms",
    value: (run) => run.latencyMs.p50,
    decimals: 0,
  },
  {
    id: "latencyP99Ms",
    label: "until all is there, p99, ms",
    value: (run) => run.latencyMs.p99,
    decimals: 0,
  },
  peakMemory,
];

export function measurementOf(server: ServerProcess, arrivals: Arrivals, what: string): ArrivalMeasurement {
  const { latenciesMs, bytes, arrivalSeconds, restlessSeconds, serverCpuSeconds, ownCpuSeconds } = arrivals;
  return {
    checked: { count: latenciesMs.length, what },
    clients: latenciesMs.length,
    bytesDown: bytes.down,
    bytesUp: bytes.up,
    latencyMs: latencyOf(latenciesMs),
    seconds: arrivalSeconds + restlessSeconds,
    drainSeconds: restlessSeconds,
    serverCpuSeconds,
    peakBytes: readPeakBytes(server.pid),
    generator: { share: ownCpuSeconds / arrivalSeconds, lateP99Ms: 0 },
  };
}
