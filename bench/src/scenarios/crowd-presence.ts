import * as prng from "lib0/prng";
import { CROWD_PRESENCE } from "../config.ts";
import { type Delays, delayQuantile, PROBE } from "../event-loop/event-loop-delay.ts";
import { Actor } from "../load/actor.ts";
import { PresenceCrowd } from "../load/presence-crowd.ts";
import { timetable } from "../load/timetable.ts";
import { verifyNewcomer } from "../load/verify.ts";
import { DOCUMENT_PEERS } from "../peers/peers.ts";
import { readPeakBytes } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import { readBothCpuSeconds } from "./interval.ts";
import { deliveryMetrics, latencyOf } from "./metrics.ts";
import type { DeliveryMeasurement, Scenario, Timing } from "./scenario.ts";

const DOCUMENT = "bench";
const { clients, presencePerSecond, catchUpTimeoutMs, maxEventLoopP99Ms } = CROWD_PRESENCE;

interface CrowdPresenceMeasurement extends DeliveryMeasurement {
  /** From the first state until the last delivery, or until the server was given up on. */
  readonly eventLoop: Delays;
  readonly owedShare: number;
}

/** A hall full of people, all of whom are seen to be there. */
export const crowdPresence: Scenario<CrowdPresenceMeasurement> = {
  id: "crowd-presence",
  summary: `one document, ${clients} clients showing presence, ${presencePerSecond} a second each`,
  servers: DOCUMENT_PEERS,
  preload: PROBE,
  metrics: [
    {
      id: "eventLoopP99Ms",
      label: "event-loop delay p99, ms",
      value: (run) => delayQuantile(run.eventLoop, 0.99),
      decimals: 0,
    },
    {
      id: "eventLoopMaxMs",
      label: "event loop busy without a break, at most ms",
      value: (run) => delayQuantile(run.eventLoop, 1),
      decimals: 0,
    },
    {
      id: "owedPercent",
      label: `not delivered ${catchUpTimeoutMs / 1000} s after the load, %`,
      value: (run) => run.owedShare * 100,
      decimals: 1,
    },
    ...deliveryMetrics("presence"),
  ],
  goals: [
    { metric: "eventLoopP99Ms", atMost: maxEventLoopP99Ms },
    { metric: "owedPercent", atMost: 0 },
  ],
  prediction:
    "Joinery 30 ms (15–50), nothing owed, and most of a core: 2.2 million states a second are 600 MB. In one piece a flush to " +
    "1,500 sockets takes 100 ms. The default peers stand still for ten seconds and more, and owe most of it: a turn that reads " +
    "1,500 messages sends 2.2 million frames at 5 µs. Hocuspocus with 50 ms delivers, with a p99 of 100 to 500 ms.",
  measure: measureCrowdPresence,
};

/**
 * The load once, without a warm-up, which would leave a server that cannot keep up with all that it owes. Presence is what is
 * newest: a server may leave out a state that a newer one stands for, and has to show everybody the last one of all.
 */
async function measureCrowdPresence(
  server: ServerProcess,
  timing: Timing,
): Promise<CrowdPresenceMeasurement> {
  const random = prng.create(timing.seed);
  const size = timing.isQuick ? CROWD_PRESENCE.quickClients : clients;
  const members = Array.from({ length: size }, () => ({
    actor: new Actor(prng.uint32(random, 1, 2 ** 32 - 1)),
    wire: server.peer.dialect(DOCUMENT),
  }));
  const load = { clients: size, editors: 0, editsPerSecond: 0, presencePerSecond };
  const steps = timetable(load, timing.measuredSeconds, members, random);
  const crowd = new PresenceCrowd(members, CROWD_PRESENCE.readers);
  const eventLoop = await server.eventLoopDelay();
  try {
    await crowd.join(server.port);
    const latencies = crowd.sampleLatencies();
    await eventLoop.reset();
    const before = counters(server, crowd);
    const startMs = performance.now();
    const lateMs = await crowd.play(steps);
    const sentMs = performance.now();
    const isSettled = await crowd.settled(catchUpTimeoutMs);
    const endMs = performance.now();
    const after = counters(server, crowd);
    const delays = await eventLoop.read();
    const { due, missing } = crowd;
    const owedShare = missing / due;
    if (isSettled) await verifyNewcomer(server.port, server.peer.dialect(DOCUMENT), members, "");
    const deliveries = Math.round(steps.length * (size - 1) * (1 - owedShare));
    const seconds = (endMs - startMs) / 1000;
    return {
      checked: { count: due - missing, what: "deliveries of presence" },
      eventLoop: delays,
      owedShare,
      deliveries,
      seconds,
      drainSeconds: (endMs - sentMs) / 1000,
      serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
      peakBytes: readPeakBytes(server.pid),
      framesOut: after.frames - before.frames,
      bytesOut: after.bytes - before.bytes,
      latencyMs: latencyOf(latencies),
      generator: {
        share: (after.ownCpuSeconds - before.ownCpuSeconds) / seconds,
        lateP99Ms: quantile(lateMs, 0.99),
      },
    };
  } finally {
    crowd.close();
    eventLoop.close();
  }
}

function counters(server: ServerProcess, crowd: PresenceCrowd) {
  return {
    ...crowd.received(),
    ...readBothCpuSeconds(server),
  };
}
