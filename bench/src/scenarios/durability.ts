import { setTimeout as sleep } from "node:timers/promises";
import * as prng from "lib0/prng";
import { DRAIN_TIMEOUT_MS, DURABILITY } from "../config.ts";
import { DurableWriter } from "../load/durable-writer.ts";
import { inGroups } from "../load/in-groups.ts";
import { SingleFsync } from "../load/single-fsync.ts";
import { verifyText } from "../load/verify.ts";
import { joineryNative } from "../peers/joinery.ts";
import { onePut } from "../peers/one-put.ts";
import type { ServerProcess } from "../server-process.ts";
import { waitUntil } from "../wait.ts";
import { readBothCpuSeconds, waitingLoad } from "./interval.ts";
import { latencyOf, peakMemory } from "./metrics.ts";
import type { Latency, Measurement, Scenario, Timing } from "./scenario.ts";

interface DurabilityMeasurement extends Measurement {
  readonly edits: number;
  /** Of all writers at once: from send until it is known to be on disk. */
  readonly busyMs: Latency;
  /** The same of one writer alone, and of a single fsync between its edits. */
  readonly idleMs: Latency;
  readonly fsyncMs: Latency;
}

/** Everybody waits for the disk before they go on. */
export const durability: Scenario<DurabilityMeasurement> = {
  id: "durability",
  summary:
    `${DURABILITY.documents} documents with ${DURABILITY.writersPerDocument} writers each, who make the next edit when the ` +
    "last one is acknowledged as fsynced; before that, one writer alone. Beside it a server that fsyncs each edit by itself and " +
    "passes none on. Hocuspocus' acknowledgement, SyncStatus, says that an edit was applied in memory, so it is not compared",
  servers: [joineryNative, onePut],
  metrics: [
    {
      id: "msPerEdit",
      label: "ms per acknowledged edit",
      value: (run) => (run.seconds * 1000) / run.edits,
      decimals: 4,
    },
    { id: "busyP50Ms", label: "acknowledged after, p50, ms", value: (run) => run.busyMs.p50, decimals: 1 },
    { id: "busyP99Ms", label: "acknowledged after, p99, ms", value: (run) => run.busyMs.p99, decimals: 1 },
    {
      id: "idleP99Fsyncs",
      label: "alone: p99, × that of a single fsync",
      value: (run) => run.idleMs.p99 / run.fsyncMs.p99,
      decimals: 2,
    },
    { id: "idleP50Ms", label: "alone: p50, ms", value: (run) => run.idleMs.p50, decimals: 2 },
    { id: "idleP99Ms", label: "alone: p99, ms", value: (run) => run.idleMs.p99, decimals: 2 },
    { id: "fsyncP50Ms", label: "a single fsync: p50, ms", value: (run) => run.fsyncMs.p50, decimals: 2 },
    { id: "fsyncP99Ms", label: "a single fsync: p99, ms", value: (run) => run.fsyncMs.p99, decimals: 2 },
    {
      id: "cpuMicrosPerEdit",
      label: "server CPU per acknowledged edit, µs",
      value: (run) => (run.serverCpuSeconds / run.edits) * 1e6,
      decimals: 1,
    },
    peakMemory,
  ],
  goals: [
    {
      metric: "msPerEdit",
      of: [joineryNative.id],
      atMost: DURABILITY.maxTimeRatio,
      times: onePut.id,
    },
    { metric: "idleP99Fsyncs", of: [joineryNative.id], atMost: DURABILITY.maxFsyncsAlone },
  ],
  prediction:
    "0.25 × the time (0.15–0.4): this disk takes 0.2 ms for an fsync, so one an edit is some 3,000 edits a second, and Joinery, " +
    "which shares them all but also inspects, merges and passes on each to nineteen others, is bound by its core at 12,000. On a " +
    "disk with 5 ms it would be 0.02 ×. Alone: 2.5 × a single fsync at p99; the p50 is 0.6 ms.",
  measure: measureDurability,
};

async function measureDurability(server: ServerProcess, timing: Timing): Promise<DurabilityMeasurement> {
  const random = prng.create(timing.seed);
  const documents = Array.from({ length: DURABILITY.documents }, (_, i) => `bench ${i}`);
  const rooms = documents.map((document) => ({
    document,
    writers: Array.from(
      { length: DURABILITY.writersPerDocument },
      () => new DurableWriter(prng.uint32(random, 1, 2 ** 32 - 1), server.peer.dialect(document)),
    ),
  }));
  const writers = rooms.flatMap((room) => room.writers);
  const [first] = writers as [DurableWriter];
  try {
    await first.join(server.port);
    const { idleMs, fsyncMs } = await measureAlone(first, server.dataFolder, timing);
    await inGroups(writers.slice(1), (writer) => writer.join(server.port));
    await playTogether(writers, timing.warmUpSeconds);

    const before = counters(server, writers);
    const busyMs = await playTogether(writers, timing.measuredSeconds);
    const after = counters(server, writers);

    let checked = 0;
    for (const room of rooms) {
      checked += await verifyText(
        server.port,
        server.peer.dialect(room.document),
        room.writers.map(({ actor }) => actor.document),
      );
    }
    const seconds = (after.atMs - before.atMs) / 1000;
    return {
      checked: { count: checked, what: "edits that were acknowledged, in what a newcomer is given" },
      edits: after.edits - before.edits,
      busyMs: latencyOf(busyMs),
      idleMs: latencyOf(idleMs),
      fsyncMs: latencyOf(fsyncMs),
      ...waitingLoad(server, before, after, seconds),
    };
  } finally {
    for (const writer of writers) writer.close();
  }
}

/** One edit and one fsync in turn, on the same disk, with a pause before each: nothing else is under way. */
async function measureAlone(writer: DurableWriter, folder: string, { isQuick }: Timing) {
  const count = isQuick ? DURABILITY.editsAlone.quick : DURABILITY.editsAlone.full;
  const fsync = new SingleFsync(folder);
  const idleMs: number[] = [];
  const fsyncMs: number[] = [];
  try {
    // What comes first compiles, and makes files.
    for (let i = -DURABILITY.warmUpsAlone; i < count; i++) {
      await sleep(DURABILITY.pauseAloneMs);
      const single = fsync.measure();
      await sleep(DURABILITY.pauseAloneMs);
      const edit = await durably(writer);
      if (i < 0) continue;
      fsyncMs.push(single);
      idleMs.push(edit);
    }
  } finally {
    fsync.close();
  }
  return { idleMs, fsyncMs };
}

async function durably(writer: DurableWriter): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const timeout = setTimeout(() => reject(new Error("an edit was not acknowledged")), DRAIN_TIMEOUT_MS);
  writer.edit(resolve);
  try {
    return await promise;
  } catch (error) {
    writer.connection.assertWell();
    throw error;
  } finally {
    clearTimeout(timeout);
  }
}

/** All make edits, each the next when the last one is acknowledged, and then wait for that. */
async function playTogether(writers: readonly DurableWriter[], seconds: number): Promise<number[]> {
  const takenMs: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  for (const writer of writers) {
    const next = (ms: number) => {
      takenMs.push(ms);
      if (performance.now() < endMs) writer.edit(next);
    };
    writer.edit(next);
  }
  await waitUntil(
    () => {
      for (const { connection } of writers) connection.assertWell();
      return writers.every(({ isDone }) => isDone);
    },
    seconds * 1000 + DRAIN_TIMEOUT_MS,
    () => `${writers.filter(({ isDone }) => !isDone).length} edits were not acknowledged`,
  );
  return takenMs;
}

function counters(server: ServerProcess, writers: readonly DurableWriter[]) {
  return {
    atMs: performance.now(),
    edits: writers.reduce((sum, { durable }) => sum + durable, 0),
    ...readBothCpuSeconds(server),
  };
}
