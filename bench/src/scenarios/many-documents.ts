import * as prng from "lib0/prng";
import { MANY_DOCUMENTS, VERIFIED_DOCUMENTS } from "../config.ts";
import type { Dialect, Multiplexed } from "../dialects/dialect.ts";
import { hocuspocus, hocuspocusMultiplexed } from "../dialects/hocuspocus.ts";
import { joineryV1, joineryV1Multiplexed } from "../dialects/joinery.ts";
import { Actor } from "../load/actor.ts";
import { Follower } from "../load/follower.ts";
import { joinAll, playAll, Room } from "../load/room.ts";
import { timetable } from "../load/timetable.ts";
import { spread, verifyDocument, verifyReplay } from "../load/verify.ts";
import { hocuspocusBatching, hocuspocusServer } from "../peers/hocuspocus.ts";
import { joineryHocuspocus, joineryNative } from "../peers/joinery.ts";
import { readPeakBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { measureInterval } from "./interval.ts";
import { deliveryMetrics, latencyOf } from "./metrics.ts";
import type { DeliveryMeasurement, Scenario, Timing } from "./scenario.ts";

const MULTIPLEXED = new Map<Dialect, (documents: readonly string[]) => Multiplexed>([
  [joineryV1, joineryV1Multiplexed],
  [hocuspocus, hocuspocusMultiplexed],
]);

/** Of each document. */
const ONE_WRITER = {
  clients: 1,
  editors: 1,
  editsPerSecond: MANY_DOCUMENTS.editsPerSecond,
  presencePerSecond: 0,
};

const METRICS = deliveryMetrics("edit");
const isOfFrames = ({ id }: { readonly id: string }) => id === "framesPerDelivery";

/** One client has many documents open on one connection while others, each on their own, write in all of them. */
export const manyDocuments: Scenario<DeliveryMeasurement> = {
  id: "many-documents",
  summary:
    `one client with ${MANY_DOCUMENTS.documents} documents open on one connection, and in each of them somebody else ` +
    `at ${MANY_DOCUMENTS.editsPerSecond} edit a second; what is delivered to the one is counted`,
  servers: [joineryNative, joineryHocuspocus, hocuspocusServer, hocuspocusBatching],
  metrics: [...METRICS.filter(isOfFrames), ...METRICS.filter((metric) => !isOfFrames(metric))],
  goals: [
    {
      metric: "framesPerDelivery",
      of: ["joinery-native"],
      atMost: MANY_DOCUMENTS.maxFramesRatio,
      times: "best",
    },
  ],
  prediction:
    "Hocuspocus 1.0 frame an edit, with 50 ms too: its window is one of a document, and each has an edit a second. Joinery in " +
    "the native dialect 0.09 × (0.08–0.1), with a connection that gathers for 50 ms what its documents have for it, 18 messages " +
    "a second: acknowledgements of what is durable travel with later edits. p50 30 ms. As Hocuspocus 1.0 ×.",
  measure: measureManyDocuments,
};

async function measureManyDocuments(server: ServerProcess, timing: Timing): Promise<DeliveryMeasurement> {
  const { peer, port } = server;
  const random = prng.create(timing.seed);
  const count = timing.isQuick ? MANY_DOCUMENTS.quickDocuments : MANY_DOCUMENTS.documents;
  const documents = Array.from({ length: count }, (_, i) => `bench-${i}`);
  const scenes = documents.map((document) => {
    const members = [{ actor: new Actor(prng.uint32(random, 1, 2 ** 32 - 1)), wire: peer.dialect(document) }];
    const warmUp = timetable(ONE_WRITER, timing.warmUpSeconds, members, random);
    return {
      room: new Room(members),
      warmUp,
      steps: timetable(ONE_WRITER, timing.measuredSeconds, members, random),
    };
  });
  const rooms = scenes.map(({ room }) => room);
  const multiplexed = MULTIPLEXED.get(peer.dialect);
  if (!multiplexed) throw new Error("the dialect has one document a connection");
  const ledgers = rooms.map(({ edits }) => edits);
  const follower = new Follower(multiplexed(documents), ledgers);
  try {
    await joinAll(rooms, port);
    await follower.join(port);
    await playAll(scenes.map(({ room, warmUp }) => ({ room, steps: warmUp })));
    await follower.settled();

    const latenciesMs = follower.sampleLatencies();
    const interval = await measureInterval(server, {
      play: () => playAll(scenes),
      settled: () => follower.settled(),
      received: () => follower.received(),
    });
    for (const i of spread(count, VERIFIED_DOCUMENTS)) {
      const room = rooms[i] as Room;
      verifyReplay(room, follower.updatesOf(i));
      await verifyDocument(port, peer.dialect(documents[i] as string), room);
    }
    const deliveries = scenes.reduce((sum, { steps }) => sum + steps.length, 0);
    return {
      ...interval,
      checked: { count: deliveries, what: "deliveries of edits" },
      deliveries,
      peakBytes: readPeakBytes(server.pid),
      latencyMs: latencyOf(latenciesMs),
    };
  } finally {
    follower.close();
    for (const room of rooms) room.close();
  }
}
