import type { ServerProcess } from "../server-process.ts";

/** A load and what it is measured by. How it is produced is the scenario's own business. */
export interface Scenario<M extends Measurement = Measurement> {
  /** What `--scenario` selects it by. */
  readonly id: string;
  /** One line for the report. */
  readonly summary: string;
  /** What counts as delivered: one of these at one other client. */
  readonly unit: "edit" | "presence";
  /** The rows of its table; the first is what it is about. */
  readonly metrics: readonly Metric<M>[];
  /** Of the first metric. */
  readonly goal: Goal;
  /** Of the server's process, whichever it is. */
  readonly environment?: Readonly<Record<string, string>>;
  /** @throws Error when something was not delivered, or the server failed: there is no number for a wrong run. */
  measure(server: ServerProcess, timing: Timing): Promise<M>;
}

/** A number of a run; smaller is better. */
export interface Metric<M extends Measurement = Measurement> {
  /** What the JSON calls it. */
  readonly id: string;
  readonly label: string;
  value(measurement: M): number;
  readonly decimals: number;
}

/** Design goal for Joinery: at most this, or at most this often what the best default peer has. */
export type Goal = { readonly atMost: number } | { readonly atMostTimesBest: number };

export interface Timing {
  readonly warmUpSeconds: number;
  readonly measuredSeconds: number;
  /** How much passes through the document where a scenario is as long as that takes. */
  readonly trafficBytes: number;
  /** Of everything random in the run. */
  readonly seed: number;
}

/** What one run of one scenario against one server gave. */
export interface Measurement {
  /** Units sent in the measured interval, times the other clients. */
  readonly deliveries: number;
  /** From the first step until the last delivery. */
  readonly seconds: number;
  /** From the last step until the last delivery: long when the server cannot keep up. */
  readonly drainSeconds: number;
  /** CPU of the whole server process in the measured interval. */
  readonly serverCpuSeconds: number;
  /** The most memory that the server had resident at once, from its start. */
  readonly peakBytes: number;
  /** WebSocket messages, and bytes on the TCP connections, from the server to all clients in the interval. */
  readonly framesOut: number;
  readonly bytesOut: number;
  /** From send to receive of a unit, at the sampled clients. */
  readonly latencyMs: {
    readonly p50: number;
    readonly p99: number;
    readonly max: number;
    readonly samples: number;
  };
  /** The load generator itself: its share of a core, and how late it sent; 0 where it waits for the server. */
  readonly generator: { readonly share: number; readonly lateP99Ms: number };
}
