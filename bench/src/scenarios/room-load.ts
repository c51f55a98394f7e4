import * as prng from "lib0/prng";
import { Actor } from "../load/actor.ts";
import type { Member } from "../load/member.ts";
import { Room } from "../load/room.ts";
import { type RoomLoad, timetable } from "../load/timetable.ts";
import { verifyDocument } from "../load/verify.ts";
import { readCpuSeconds, readPeakBytes } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import { latencyOf } from "./metrics.ts";
import type { DeliveryMeasurement, Timing } from "./scenario.ts";

const DOCUMENT = "bench";

/**
 * One document with a steady load: everybody joins and says a first word, the load runs as a warm-up, everything
 * is delivered, then it runs again and is measured until the last delivery. So a server that falls behind pays
 * for what it still owes, and no work is carried from one interval into the other.
 */
export async function measureRoom(
  server: ServerProcess,
  unit: "edit" | "presence",
  load: RoomLoad,
  timing: Timing,
): Promise<DeliveryMeasurement> {
  const random = prng.create(timing.seed);
  const members = Array.from({ length: load.clients }, () => ({
    actor: new Actor(prng.uint32(random, 1, 2 ** 32 - 1)),
    wire: server.peer.dialect(DOCUMENT),
  }));
  const firstWords = greet(load, members);
  const warmUp = timetable(load, timing.warmUpSeconds, members, random);
  const steps = timetable(load, timing.measuredSeconds, members, random);
  const room = new Room(members);
  try {
    await room.join(server.port);
    for (const { client, kind, frame } of firstWords) room.clients[client]?.send(kind, frame);
    await room.settled();
    await room.play(warmUp);
    await room.settled();

    const latencies = room.sampleLatencies();
    const before = counters(server, room);
    const startMs = performance.now();
    const lateMs = await room.play(steps);
    const sentMs = performance.now();
    await room.settled();
    const endMs = performance.now();
    const after = counters(server, room);

    await verifyDocument(server.port, server.peer.dialect(DOCUMENT), room);
    server.assertAlive();
    const samples = unit === "edit" ? latencies.editMs : latencies.presenceMs;
    const deliveries = steps.filter((step) => step.kind === unit).length * (load.clients - 1);
    return {
      checked: {
        count: deliveries,
        what: unit === "edit" ? "deliveries of edits" : "deliveries of presence",
      },
      deliveries,
      seconds: (endMs - startMs) / 1000,
      drainSeconds: (endMs - sentMs) / 1000,
      serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
      peakBytes: readPeakBytes(server.pid),
      framesOut: after.frames - before.frames,
      bytesOut: after.bytes - before.bytes,
      latencyMs: latencyOf(samples),
      generator: {
        share: (after.ownCpuSeconds - before.ownCpuSeconds) / ((endMs - startMs) / 1000),
        lateP99Ms: quantile(lateMs, 0.99),
      },
    };
  } catch (error) {
    // A client's closed connection says little; a server that has ended says why.
    server.assertAlive();
    throw error;
  } finally {
    room.close();
  }
}

/** What everybody sends on arrival: the end of their paragraph, and where their cursor is. */
function greet(load: RoomLoad, members: readonly Member[]) {
  return members.flatMap(({ actor, wire }, client) => [
    ...(client < load.editors ? [{ client, kind: "edit", frame: wire.update(actor.type()) } as const] : []),
    ...(load.presencePerSecond > 0
      ? [{ client, kind: "presence", frame: wire.presence(actor.moveCursor()) } as const]
      : []),
  ]);
}

function counters(server: ServerProcess, room: Room) {
  const { user, system } = process.cpuUsage();
  return {
    ...room.received(),
    serverCpuSeconds: readCpuSeconds(server.pid),
    ownCpuSeconds: (user + system) / 1_000_000,
  };
}
