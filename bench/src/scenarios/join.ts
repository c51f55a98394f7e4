import * as prng from "lib0/prng";
import * as Y from "yjs";
import { JOIN, QUICK_DIVISOR } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { type Arrivals, Party } from "../load/arrivals.ts";
import { Author } from "../load/author.ts";
import { megabyte } from "../load/opened-documents.ts";
import { hocuspocusServer } from "../peers/hocuspocus.ts";
import { joinery, joineryDeflate, joineryHocuspocus } from "../peers/joinery.ts";
import { yWebsocketServer } from "../peers/y-websocket.ts";
import type { ServerProcess } from "../server-process.ts";
import {
  type ArrivalMeasurement,
  bytesDownPerJoin,
  cpuPerJoin,
  latencyAndPeak,
  measurementOf,
} from "./arrival-metrics.ts";
import type { Scenario, Timing } from "./scenario.ts";

/** A lecture begins: everybody opens the document at once. */
export const join: Scenario<ArrivalMeasurement> = {
  id: "join",
  summary: `one document of 1.35 MB, which its author has open; ${JOIN.clients} clients open it at once`,
  servers: [joinery, joineryHocuspocus, joineryDeflate, yWebsocketServer, hocuspocusServer],
  metrics: [cpuPerJoin, bytesDownPerJoin, ...latencyAndPeak],
  goals: [
    {
      metric: cpuPerJoin.id,
      of: [joinery.id, joineryHocuspocus.id, joineryDeflate.id],
      atMost: JOIN.maxCpuRatio,
      times: "best",
    },
    { metric: bytesDownPerJoin.id, of: [joineryDeflate.id], atMost: JOIN.maxBytesRatio, times: "best" },
  ],
  prediction:
    "Joinery 0.03 × (0.02–0.05): what a peer encodes for each client, some 50 ms, is there once; a join is a handshake, and " +
    "1.35 MB that are copied to the kernel, 1 to 1.5 ms. Native with deflate 0.02 × and a quarter of the bytes. Who comes last " +
    "waits 5 s at a peer, and 0.3 s here.",
  measure,
};

async function measure(server: ServerProcess, timing: Timing): Promise<ArrivalMeasurement> {
  const divisor = timing.isQuick ? QUICK_DIVISOR : 1;
  const random = prng.create(timing.seed);
  // Another document, so that nothing of the measured one is there already.
  await arrive(server, "warm-up", JOIN.warmUpClients, random);
  const arrivals = await arrive(server, "bench", JOIN.clients / divisor, random);
  return measurementOf(server, arrivals, "clients that were given the document");
}

async function arrive(
  server: ServerProcess,
  name: string,
  clients: number,
  random: prng.PRNG,
): Promise<Arrivals> {
  const document = megabyte();
  const author = await Author.open(server, name, document);
  const party = new Party(server, newcomers(server, name, clients, random));
  try {
    const arrivals = await party.arrive();
    party.verify([], document.fingerprint);
    return arrivals;
  } finally {
    party.close();
    author.close();
  }
}

/** Clients that have nothing. */
export function newcomers(server: ServerProcess, name: string, count: number, random: prng.PRNG): Wire[] {
  const doc = new Y.Doc();
  const serverStateVector = Y.encodeStateVector(doc);
  return Array.from({ length: count }, () => {
    const wire = server.peer.dialect(name);
    const clientId = prng.uint32(random, 1, 2 ** 32 - 1);
    return { ...wire, ...wire.arriving({ clientId, doc, serverStateVector, revision: null }) };
  });
}
