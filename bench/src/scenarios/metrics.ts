import type { Metric, Scenario } from "./scenario.ts";

const MIB = 1024 * 1024;

/** What the delivery of a unit takes: CPU, time, bytes and frames, and the memory of the whole run. */
export function deliveryMetrics(unit: Scenario["unit"]): readonly Metric[] {
  return [
    {
      id: "cpuMicrosPerDelivery",
      label: `server CPU per delivered ${unit}, µs`,
      value: (run) => (run.serverCpuSeconds / run.deliveries) * 1e6,
      decimals: 2,
    },
    { id: "latencyP50Ms", label: "latency p50, ms", value: (run) => run.latencyMs.p50, decimals: 1 },
    { id: "latencyP99Ms", label: "latency p99, ms", value: (run) => run.latencyMs.p99, decimals: 1 },
    {
      id: "bytesPerDelivery",
      label: `bytes out per delivered ${unit}`,
      value: (run) => run.bytesOut / run.deliveries,
      decimals: 1,
    },
    {
      id: "framesPerDelivery",
      label: `frames out per delivered ${unit}`,
      value: (run) => run.framesOut / run.deliveries,
      decimals: 3,
    },
    { id: "peakMiB", label: "peak memory, MiB", value: (run) => run.peakBytes / MIB, decimals: 0 },
  ];
}
