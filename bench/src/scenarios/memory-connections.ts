import * as prng from "lib0/prng";
import { MEMORY_CONNECTIONS } from "../config.ts";
import { heldBytes } from "../held-bytes.ts";
import { Actor } from "../load/actor.ts";
import type { Member } from "../load/member.ts";
import { joinAll, Room } from "../load/room.ts";
import { hocuspocusServer } from "../peers/hocuspocus.ts";
import { joinery, joineryHocuspocus, joineryNative } from "../peers/joinery.ts";
import { relay } from "../peers/relay.ts";
import { yWebsocketServer } from "../peers/y-websocket.ts";
import type { ServerProcess } from "../server-process.ts";
import { readBothCpuSeconds, waitingLoad } from "./interval.ts";
import { peakMemory } from "./metrics.ts";
import type { Measurement, Scenario, Timing } from "./scenario.ts";

interface ConnectionsMeasurement extends Measurement {
  readonly connections: number;
  /** How much more memory the server holds with all of them than without. */
  readonly growthBytes: number;
}

/** The people of one document. */
interface Office {
  readonly members: readonly Member[];
  readonly room: Room;
}

/** Many have a document open and do nothing. */
export const memoryConnections: Scenario<ConnectionsMeasurement> = {
  id: "memory-connections",
  summary:
    `${MEMORY_CONNECTIONS.full.documents * MEMORY_CONNECTIONS.clientsPerDocument} clients, ` +
    `${MEMORY_CONNECTIONS.clientsPerDocument} in each of ${MEMORY_CONNECTIONS.full.documents} small documents, that do nothing`,
  servers: [joinery, joineryNative, joineryHocuspocus, yWebsocketServer, hocuspocusServer, relay],
  metrics: [
    {
      id: "kibPerConnection",
      label: "memory a connection, KiB",
      value: (run) => run.growthBytes / run.connections / 1024,
      decimals: 1,
    },
    {
      id: "cpuMillisPerJoin",
      label: "server CPU a join, ms",
      value: (run) => (run.serverCpuSeconds / run.connections) * 1e3,
      decimals: 2,
    },
    peakMemory,
  ],
  goals: [
    {
      metric: "kibPerConnection",
      of: ["joinery", "joinery-native", "joinery-hocuspocus"],
      atMost: MEMORY_CONNECTIONS.maxRatio,
      times: "best",
    },
  ],
  prediction:
    "Joinery 1.2 × (1.0–1.5) of y-websocket, which is the best peer: a socket, an HTTP request and ws' own objects are some " +
    "9 KiB for everybody; y-websocket adds a timer, a set and a few closures, Joinery a gate, budgets, a session and what its " +
    "dialect keeps, some 5 KiB. Hocuspocus 2 × of y-websocket.",
  environment: MEMORY_CONNECTIONS.environment,
  measure: measureConnections,
};

/** Everybody joins, one in each document says a word that all others get, all rest, and then once more. */
async function measureConnections(server: ServerProcess, timing: Timing): Promise<ConnectionsMeasurement> {
  const { documents } = timing.isQuick ? MEMORY_CONNECTIONS.quick : MEMORY_CONNECTIONS.full;
  const random = prng.create(timing.seed);
  const offices = openOffices(server, "office", documents, random);
  const collector = await server.garbageCollector();
  try {
    await warmUp(server, random);
    const heldBefore = await heldBytes(server, collector, MEMORY_CONNECTIONS.restMs);
    const before = readBothCpuSeconds(server);
    const startMs = performance.now();
    await joinAll(rooms(offices), server.port, addressOf);
    await sayWord(offices);
    const seconds = (performance.now() - startMs) / 1000;
    const after = readBothCpuSeconds(server);
    const heldAfter = await heldBytes(server, collector, MEMORY_CONNECTIONS.restMs);
    await sayWord(offices);
    const { clientsPerDocument } = MEMORY_CONNECTIONS;
    return {
      checked: { count: 2 * documents * (clientsPerDocument - 1), what: "deliveries of edits" },
      connections: documents * clientsPerDocument,
      growthBytes: heldAfter - heldBefore,
      ...waitingLoad(server, before, after, seconds),
    };
  } finally {
    for (const { room } of offices) room.close();
    collector.close();
  }
}

async function warmUp(server: ServerProcess, random: prng.PRNG): Promise<void> {
  const offices = openOffices(server, "warm-up", MEMORY_CONNECTIONS.warmUpDocuments, random);
  try {
    await joinAll(rooms(offices), server.port, addressOf);
    await sayWord(offices);
  } finally {
    for (const { room } of offices) room.close();
  }
}

function openOffices({ peer }: ServerProcess, name: string, documents: number, random: prng.PRNG): Office[] {
  return Array.from({ length: documents }, (_, document) => {
    const members = Array.from({ length: MEMORY_CONNECTIONS.clientsPerDocument }, () => ({
      actor: new Actor(prng.uint32(random, 1, 2 ** 32 - 1)),
      wire: peer.dialect(`${name} ${document}`),
    }));
    return { members, room: new Room(members) };
  });
}

function rooms(offices: readonly Office[]): Room[] {
  return offices.map(({ room }) => room);
}

/** Addresses of this machine; 127.0.0.1 is left to whoever else connects. */
function addressOf(document: number): string {
  return `127.0.0.${2 + (document % MEMORY_CONNECTIONS.addresses)}`;
}

/** One edit in each document, which all others in it are to get. */
async function sayWord(offices: readonly Office[]): Promise<void> {
  for (const { members, room } of offices) {
    const { actor, wire } = members[0] as Member;
    room.clients[0]?.send("edit", wire.update(actor.type()));
  }
  for (const { room } of offices) await room.settled();
}
