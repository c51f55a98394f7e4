import * as prng from "lib0/prng";
import { VERIFIED_DOCUMENTS } from "../config.ts";
import { Actor } from "../load/actor.ts";
import type { Member } from "../load/member.ts";
import { joinAll, playAll, Room } from "../load/room.ts";
import { type RoomLoad, type Step, timetable } from "../load/timetable.ts";
import { spread, verifyDocument } from "../load/verify.ts";
import { readPeakBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { measureInterval } from "./interval.ts";
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
    await joinAll(rooms, server.port);
    for (const { room, firstWords } of scenes) {
      for (const { client, kind, frame } of firstWords) room.clients[client]?.send(kind, frame);
    }
    await settled();
    await playAll(scenes.map(({ room, warmUp }) => ({ room, steps: warmUp })));
    await settled();

    const latencies = rooms.map((room) => room.sampleLatencies());
    const interval = await measureInterval(server, {
      play: () => playAll(scenes),
      settled,
      received: () => received(rooms),
    });

    for (const i of spread(scenes.length, VERIFIED_DOCUMENTS)) {
      const { document, room } = scenes[i] as Scene;
      await verifyDocument(server.port, server.peer.dialect(document), room);
    }
    const deliveries =
      scenes.flatMap(({ steps }) => steps).filter((step) => step.kind === unit).length * (load.clients - 1);
    return {
      ...interval,
      checked: {
        count: deliveries,
        what: unit === "edit" ? "deliveries of edits" : "deliveries of presence",
      },
      deliveries,
      peakBytes: readPeakBytes(server.pid),
      latencyMs: latencyOf(
        latencies.flatMap(({ editMs, presenceMs }) => (unit === "edit" ? editMs : presenceMs)),
      ),
    };
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

/** Frames and bytes that the server has sent to all clients so far. */
function received(rooms: readonly Room[]): { readonly frames: number; readonly bytes: number } {
  let frames = 0;
  let bytes = 0;
  for (const room of rooms) {
    const ofRoom = room.received();
    frames += ofRoom.frames;
    bytes += ofRoom.bytes;
  }
  return { frames, bytes };
}
