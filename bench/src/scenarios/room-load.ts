import * as prng from "lib0/prng";
import { CONNECT_TOGETHER, VERIFIED_DOCUMENTS } from "../config.ts";
import { Actor } from "../load/actor.ts";
import type { Member } from "../load/member.ts";
import { Room } from "../load/room.ts";
import { type RoomLoad, type Step, timetable } from "../load/timetable.ts";
import { verifyDocument } from "../load/verify.ts";
import { readCpuSeconds, readPeakBytes } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import { latencyOf } from "./metrics.ts";
import type { DeliveryMeasurement, Timing } from "./scenario.ts";

/** A document, its clients, and what they do. */
interface Scene {
  readonly document: string;
  readonly room: Room;
  readonly firstWords: readonly Omit<Step, "atMs">[];
  readonly warmUp: readonly Step[];
  readonly steps: readonly Step[];
}

/**
 * Documents with a steady load: everybody joins and says a first word, the load runs as a warm-up, everything is
 * delivered, then it runs again and is measured until the last delivery. So a server that falls behind pays for
 * what it still owes, and no work is carried from one interval into the other.
 */
export async function measureRooms(
  server: ServerProcess,
  unit: "edit" | "presence",
  load: RoomLoad,
  timing: Timing,
): Promise<DeliveryMeasurement> {
  const random = prng.create(timing.seed);
  const scenes = Array.from({ length: load.documents ?? 1 }, (_, i) =>
    setScene(server, `bench-${i}`, load, timing, random),
  );
  const rooms = scenes.map(({ room }) => room);
  const settled = () => Promise.all(rooms.map((room) => room.settled()));
  try {
    await joinAll(rooms, server.port, load.clients);
    for (const { room, firstWords } of scenes) {
      for (const { client, kind, frame } of firstWords) room.clients[client]?.send(kind, frame);
    }
    await settled();
    await Promise.all(scenes.map(({ room, warmUp }) => room.play(warmUp)));
    await settled();

    const latencies = rooms.map((room) => room.sampleLatencies());
    const before = counters(server, rooms);
    const startMs = performance.now();
    const lateMs = await Promise.all(scenes.map(({ room, steps }) => room.play(steps)));
    const sentMs = performance.now();
    await settled();
    const endMs = performance.now();
    const after = counters(server, rooms);

    for (const { document, room } of sampled(scenes)) {
      await verifyDocument(server.port, server.peer.dialect(document), room);
    }
    server.assertAlive();
    const deliveries =
      scenes.flatMap(({ steps }) => steps).filter((step) => step.kind === unit).length * (load.clients - 1);
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
      latencyMs: latencyOf(
        latencies.flatMap(({ editMs, presenceMs }) => (unit === "edit" ? editMs : presenceMs)),
      ),
      generator: {
        share: (after.ownCpuSeconds - before.ownCpuSeconds) / ((endMs - startMs) / 1000),
        lateP99Ms: quantile(lateMs.flat(), 0.99),
      },
    };
  } catch (error) {
    // A client's closed connection says little; a server that has ended says why.
    server.assertAlive();
    throw error;
  } finally {
    for (const room of rooms) room.close();
  }
}

function setScene(
  { peer }: ServerProcess,
  document: string,
  load: RoomLoad,
  timing: Timing,
  random: prng.PRNG,
): Scene {
  const members = Array.from({ length: load.clients }, () => ({
    actor: new Actor(prng.uint32(random, 1, 2 ** 32 - 1)),
    wire: peer.dialect(document),
  }));
  return {
    document,
    room: new Room(members),
    firstWords: greet(load, members),
    warmUp: timetable(load, timing.warmUpSeconds, members, random),
    steps: timetable(load, timing.measuredSeconds, members, random),
  };
}

/** What everybody sends on arrival: the end of their paragraph, and where their cursor is. */
function greet(load: RoomLoad, members: readonly Member[]): Scene["firstWords"] {
  return members.flatMap(({ actor, wire }, client) => [
    ...(client < load.editors ? [{ client, kind: "edit", frame: wire.update(actor.type()) } as const] : []),
    ...(load.presencePerSecond > 0
      ? [{ client, kind: "presence", frame: wire.presence(actor.moveCursor()) } as const]
      : []),
  ]);
}

async function joinAll(rooms: readonly Room[], port: number, clients: number): Promise<void> {
  const together = Math.max(1, Math.floor(CONNECT_TOGETHER / clients));
  for (let i = 0; i < rooms.length; i += together) {
    await Promise.all(rooms.slice(i, i + together).map((room) => room.join(port)));
  }
}

/** Some of many, spread over all. */
function sampled(scenes: readonly Scene[]): readonly Scene[] {
  const stride = Math.max(1, Math.floor(scenes.length / VERIFIED_DOCUMENTS));
  return scenes.filter((_, i) => i % stride === 0);
}

function counters(server: ServerProcess, rooms: readonly Room[]) {
  const { user, system } = process.cpuUsage();
  let frames = 0;
  let bytes = 0;
  for (const room of rooms) {
    const received = room.received();
    frames += received.frames;
    bytes += received.bytes;
  }
  return {
    frames,
    bytes,
    serverCpuSeconds: readCpuSeconds(server.pid),
    ownCpuSeconds: (user + system) / 1_000_000,
  };
}
