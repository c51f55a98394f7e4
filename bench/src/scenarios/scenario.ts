import type { Peer } from "../peers/peer.ts";
import type { ServerProcess } from "../server-process.ts";

/** A load and what it is measured by. How it is produced is the scenario's own business. */
export interface Scenario<M extends Measurement = Measurement> {
  /** What `--scenario` selects it by. */
  readonly id: string;
  /** One line for the report. */
  readonly summary: string;
  /** The servers that it is run against, in the order of the report. */
  readonly servers: readonly Peer[];
  /** What of the load a server is given that cannot take all of it, as "6 clients"; `null` for all. Default: all. */
  lessFor?(peer: Peer, timing: Timing): string | null;
  /** The rows of its table; the first is what it is about. */
  readonly metrics: readonly Metric<M>[];
  /** Design goals for Joinery. */
  readonly goals: readonly Goal[];
  /** What was expected of it, written before it was run for the first time and left as it was. */
  readonly prediction: string;
  /** Of the server's process, whichever it is. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The path of a module that Node loads before the server, whichever it is. */
  readonly preload?: string;
  /** Fills the data folder of a server that keeps documents, before the server starts. */
  prepare?(dataFolder: string, peer: Peer, timing: Timing): Promise<void>;
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

/** What a metric of Joinery should be at most. */
export interface Goal {
  /** Id of the metric. */
  readonly metric: string;
  /** Ids of the servers that it is for. Default: `joinery`. */
  readonly of?: readonly string[];
  readonly atMost: number;
  /** What `atMost` is a multiple of: a server by its id, or the best default peer. Default: it is a plain number. */
  readonly times?: "best" | string;
}

export interface Timing {
  readonly warmUpSeconds: number;
  readonly measuredSeconds: number;
  /** How much passes through the document where a scenario is as long as that takes. */
  readonly trafficBytes: number;
  /** A smoke run: what has a size of its own is made small. */
  readonly isQuick: boolean;
  /** Of everything random in the run. */
  readonly seed: number;
}

/** What one run of one scenario against one server gave: what all scenarios have. */
export interface Measurement {
  /** How many things were found where they should be, and what they are, in the plural. */
  readonly checked: { readonly count: number; readonly what: string };
  /** From the first step until the last thing that was waited for. */
  readonly seconds: number;
  /** From the last step until then: long when the server cannot keep up. */
  readonly drainSeconds: number;
  /** Of what was due, the share that had not arrived when the server was given up on; 0..1. Default: 0. */
  readonly owedShare?: number;
  /** CPU of the whole server process in these seconds. */
  readonly serverCpuSeconds: number;
  /** The most memory that the server had resident at once, from its start. */
  readonly peakBytes: number;
  readonly generator: Generator;
}

/** The load generator itself. */
interface Generator {
  /** Of its core. */
  readonly share: number;
  /** How late it sent; 0 where it waits for the server. */
  readonly lateP99Ms: number;
  /** Whether it looks at the clock again and again, so that its core is full whatever there is to do. Default: false. */
  readonly waitsBusily?: boolean;
}

/** Of a scenario whose load is deliveries: one thing that one client sent, at one other client. */
export interface DeliveryMeasurement extends Measurement {
  readonly deliveries: number;
  /** WebSocket messages, and bytes on the TCP connections, from the server to all clients in the interval. */
  readonly framesOut: number;
  readonly bytesOut: number;
  /** From send to receive, at the sampled clients. */
  readonly latencyMs: Latency;
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly samples: number;
}
