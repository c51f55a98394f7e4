import * as prng from "lib0/prng";
import { SLOW_CONSUMER } from "../config.ts";
import type { GarbageCollector } from "../garbage-collector.ts";
import { heldBytes } from "../held-bytes.ts";
import { Crowd } from "../load/crowd.ts";
import { DOCUMENT_PEERS } from "../peers/peers.ts";
import { readQueuedBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { readBothCpuSeconds, waitingLoad } from "./interval.ts";
import { deliveryMetrics, latencyOf } from "./metrics.ts";
import type { DeliveryMeasurement, Scenario, Timing } from "./scenario.ts";

const DOCUMENT = "bench";
const MIB = 1024 * 1024;

interface SlowConsumerMeasurement extends DeliveryMeasurement {
  /** How much more memory the server has while one client does not read than with the same load when all do. */
  readonly growthBytes: number;
  /** How long the traffic takes, as a ratio to the time when all read. */
  readonly slowdown: number;
  /**
   * What the client that did not read is sent when it does again, until it has everything: beside the bytes that
   * waited in the kernel, which are as many as that has room for, whatever the server.
   */
  readonly catchUp: { readonly bytes: number; readonly frames: number };
}

/** One client does not read while others write a lot into a small document. */
export const slowConsumer: Scenario<SlowConsumerMeasurement> = {
  id: "slow-consumer",
  summary:
    `one document, ${SLOW_CONSUMER.writers} writers overwriting ${SLOW_CONSUMER.valueBytes / 1024} KiB each time, ` +
    `${SLOW_CONSUMER.readers} readers, and one more that reads nothing`,
  servers: DOCUMENT_PEERS,
  metrics: [
    { id: "growthMiB", label: "memory growth, MiB", value: (run) => run.growthBytes / MIB, decimals: 0 },
    {
      id: "catchUpMiB",
      label: "bytes to catch up, MiB",
      value: (run) => run.catchUp.bytes / MIB,
      decimals: 1,
    },
    { id: "catchUpFrames", label: "frames to catch up", value: (run) => run.catchUp.frames, decimals: 0 },
    {
      id: "slowdown",
      label: "time, × that when all read",
      value: (run) => run.slowdown,
      decimals: 2,
    },
    ...deliveryMetrics("edit"),
  ],
  goals: [{ metric: "growthMiB", atMost: SLOW_CONSUMER.maxGrowthMiB }],
  prediction:
    "Joinery under 8 MiB: it lets 1 MiB wait and then catches up by one diff; the peers keep all 200 MiB, twice where " +
    "a frame is copied.",
  environment: SLOW_CONSUMER.environment,
  measure: measureSlowConsumer,
};

/**
 * The same traffic twice, first with everybody reading, then with one client paused. The memory that the server
 * holds is looked at in between and at the end, while that one is still paused: what differs is what it costs.
 */
async function measureSlowConsumer(server: ServerProcess, timing: Timing): Promise<SlowConsumerMeasurement> {
  const crowd = new Crowd(() => server.peer.dialect(DOCUMENT), SLOW_CONSUMER, prng.create(timing.seed));
  const edits = Math.round(timing.trafficBytes / SLOW_CONSUMER.valueBytes);
  const collector = await server.garbageCollector();
  try {
    await crowd.join(server.port);
    await play(crowd, collector, SLOW_CONSUMER.warmUpBytes / SLOW_CONSUMER.valueBytes);
    const secondsWhenAllRead = await play(crowd, collector, edits);
    await crowd.slowOneSettled();
    const heldBefore = await heldBytes(server, collector, SLOW_CONSUMER.restMs);

    crowd.slowOne.connection.pause();
    const latenciesMs = crowd.sampleLatencies();
    const before = counters(server, crowd);
    const seconds = await play(crowd, collector, edits);
    const after = counters(server, crowd);
    const heldAfter = await heldBytes(server, collector, SLOW_CONSUMER.restMs);

    const { connection } = crowd.slowOne;
    const unread = { frames: connection.frames, bytes: connection.bytes + readQueuedBytes(connection.port) };
    connection.resume();
    await crowd.slowOneSettled();
    const catchUp = { frames: connection.frames - unread.frames, bytes: connection.bytes - unread.bytes };

    await crowd.verify(server.port);
    const deliveries = edits * (SLOW_CONSUMER.writers + SLOW_CONSUMER.readers - 1);
    return {
      checked: { count: deliveries, what: "deliveries of edits" },
      growthBytes: heldAfter - heldBefore,
      slowdown: seconds / secondsWhenAllRead,
      catchUp,
      deliveries,
      ...waitingLoad(server, before, after, seconds),
      framesOut: after.frames - before.frames,
      bytesOut: after.bytes - before.bytes,
      latencyMs: latencyOf(latenciesMs),
    };
  } finally {
    crowd.close();
    collector.close();
  }
}

/** Returns the seconds that it took, without those of the collector. */
async function play(crowd: Crowd, collector: GarbageCollector, edits: number): Promise<number> {
  let seconds = 0;
  for (let left = edits; left > 0; left -= SLOW_CONSUMER.editsPerCollection) {
    seconds += await crowd.play(Math.min(left, SLOW_CONSUMER.editsPerCollection));
    await collector.run();
  }
  return seconds;
}

function counters(server: ServerProcess, crowd: Crowd) {
  return {
    ...crowd.received(),
    ...readBothCpuSeconds(server),
  };
}
