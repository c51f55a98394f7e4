import type { ScenarioRecord, ServerRecord } from "../../../bench/src/report/record.ts";

/** A server whose rounds measured this. */
export function serverRecord(
  id: string,
  role: ServerRecord["role"],
  values: Readonly<Record<string, readonly number[]>>,
  title = id,
): ServerRecord {
  const count = Object.values(values)[0]?.length ?? 0;
  return {
    id,
    role,
    title,
    rounds: Array.from({ length: count }, (_, round) => ({
      values: Object.fromEntries(
        Object.entries(values).map(([metric, rounds]) => [metric, rounds[round] ?? 0]),
      ),
      wallSeconds: 10,
      measurement: {
        checked: { count: 1000, what: "deliveries of edits" },
        seconds: 10,
        drainSeconds: 0,
        serverCpuSeconds: 1,
        peakBytes: 1,
        generator: { share: 0.5, lateP99Ms: 2 },
      },
    })),
  };
}

/** Joinery, a default peer and a tuned one, in three rounds, with a goal of each kind. */
export function scenarioRecord(changes: Partial<ScenarioRecord> = {}): ScenarioRecord {
  return {
    id: "meeting",
    summary: "one document & <many> writers",
    prediction: "half of it",
    circumstances: {
      finishedAt: "2026-01-02T03:04:05.000Z",
      machine: "2 × a processor",
      pinning: "not pinned",
      version: "1.2.3",
      commit: "0123456789",
      rounds: 3,
      warmUpSeconds: 2,
      measuredSeconds: 6,
    },
    metrics: [
      { id: "cpu", label: "CPU per edit, µs", decimals: 1 },
      { id: "latencyP99Ms", label: "latency p99, ms", decimals: 0 },
      { id: "peakMiB", label: "peak memory, MiB", decimals: 0 },
    ],
    goals: [
      { metric: "cpu", atMost: 0.5, times: "best" },
      { metric: "cpu", atMost: 0.9, times: "batching" },
      { metric: "latencyP99Ms", atMost: 60 },
    ],
    servers: [
      serverRecord(
        "joinery",
        "subject",
        { cpu: [4, 5, 30], latencyP99Ms: [50, 70, 61], peakMiB: [9, 9, 9] },
        "Joinery 1",
      ),
      serverRecord(
        "peer",
        "default",
        { cpu: [10, 20, 60], latencyP99Ms: [5, 6, 7], peakMiB: [7, 7, 7] },
        "Peer <2>",
      ),
      serverRecord(
        "batching",
        "tuned",
        { cpu: [5, 5, 40], latencyP99Ms: [40, 41, 42], peakMiB: [8, 8, 8] },
        "Peer, 50 ms",
      ),
    ],
    ...changes,
  };
}
