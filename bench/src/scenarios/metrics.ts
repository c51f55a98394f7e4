import { quantile } from "../report/statistics.ts";
import type { DeliveryMeasurement, Latency, Measurement, Metric } from "./scenario.ts";

const MIB = 1024 * 1024;

/** What delivering an edit or a presence takes: CPU, time, bytes and frames, and the memory of the whole run. */
export function deliveryMetrics(unit: "edit" | "presence"): readonly Metric<DeliveryMeasurement>[] {
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
    peakMemory,
  ];
}

export const peakMemory: Metric<Measurement> = {
  id: "peakMiB",
  label: "peak memory, MiB",
  value: (run) => run.peakBytes / MIB,
  decimals: 0,
};

/** @throws Error for no samples. */
export function latencyOf(samplesMs: readonly number[]): Latency {
  return {
    p50: quantile(samplesMs, 0.5),
    p99: quantile(samplesMs, 0.99),
    max: quantile(samplesMs, 1),
    samples: samplesMs.length,
  };
}
