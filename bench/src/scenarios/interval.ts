import { readCpuSeconds, readPeakBytes } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import type { DeliveryMeasurement, Measurement } from "./scenario.ts";

/** CPU seconds so far. */
export interface CpuSeconds {
  readonly serverCpuSeconds: number;
  /** Of this process, which makes the load. */
  readonly ownCpuSeconds: number;
}

export function readBothCpuSeconds(server: ServerProcess): CpuSeconds {
  const { user, system } = process.cpuUsage();
  return { serverCpuSeconds: readCpuSeconds(server.pid), ownCpuSeconds: (user + system) / 1_000_000 };
}

/** What a load that waits for the server, and so is never late, took between two looks. */
export function waitingLoad(
  server: ServerProcess,
  before: CpuSeconds,
  after: CpuSeconds,
  seconds: number,
): Pick<Measurement, "seconds" | "drainSeconds" | "serverCpuSeconds" | "peakBytes" | "generator"> {
  return {
    seconds,
    drainSeconds: 0,
    serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
    peakBytes: readPeakBytes(server.pid),
    generator: { share: (after.ownCpuSeconds - before.ownCpuSeconds) / seconds, lateP99Ms: 0 },
  };
}

/** What is known of an interval whatever its load was. */
type Interval = Pick<
  DeliveryMeasurement,
  "seconds" | "drainSeconds" | "serverCpuSeconds" | "framesOut" | "bytesOut" | "generator"
>;

export interface IntervalLoad {
  /** Sends everything. @returns How late each step was sent, in milliseconds. */
  play(): Promise<readonly number[]>;
  /** Resolves once all of it is where it should be. */
  settled(): Promise<unknown>;
  /** What all clients were sent so far. */
  received(): { readonly frames: number; readonly bytes: number };
}

/** The measured interval: from the first step until the last delivery. */
export async function measureInterval(server: ServerProcess, load: IntervalLoad): Promise<Interval> {
  const counters = () => ({ ...load.received(), ...readBothCpuSeconds(server) });
  const before = counters();
  const startMs = performance.now();
  const lateMs = await load.play();
  const sentMs = performance.now();
  await load.settled();
  const endMs = performance.now();
  const after = counters();
  const seconds = (endMs - startMs) / 1000;
  return {
    seconds,
    drainSeconds: (endMs - sentMs) / 1000,
    serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
    framesOut: after.frames - before.frames,
    bytesOut: after.bytes - before.bytes,
    generator: {
      share: (after.ownCpuSeconds - before.ownCpuSeconds) / seconds,
      lateP99Ms: quantile(lateMs, 0.99),
    },
  };
}
