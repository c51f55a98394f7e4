import { readCpuSeconds } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import type { DeliveryMeasurement } from "./scenario.ts";

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
  const counters = () => {
    const { user, system } = process.cpuUsage();
    return {
      ...load.received(),
      serverCpuSeconds: readCpuSeconds(server.pid),
      ownCpuSeconds: (user + system) / 1_000_000,
    };
  };
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
