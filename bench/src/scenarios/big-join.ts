import * as prng from "lib0/prng";
import { BIG_JOIN, QUICK_DIVISOR } from "../config.ts";
import { Party } from "../load/arrivals.ts";
import { Author } from "../load/author.ts";
import { megabytes, type OpenedDocument } from "../load/opened-documents.ts";
import { hocuspocusServer } from "../peers/hocuspocus.ts";
import { joinery, joineryDeflate } from "../peers/joinery.ts";
import type { Peer } from "../peers/peer.ts";
import { yWebsocketServer } from "../peers/y-websocket.ts";
import { copyPrepared } from "../prepared-folders.ts";
import { forgetPeak, readPeakBytes, readResidentBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { storeForJoinery } from "../stored-documents.ts";
import {
  type ArrivalMeasurement,
  bytesDownPerJoin,
  cpuPerJoin,
  latencyAndPeak,
  measurementOf,
} from "./arrival-metrics.ts";
import { newcomers } from "./join.ts";
import type { Scenario, Timing } from "./scenario.ts";

const DOCUMENT = "bench";

interface BigJoinMeasurement extends ArrivalMeasurement {
  readonly documentBytes: number;
  /** The most memory while they came, beside what the server had before it had the document. */
  readonly growthBytes: number;
}

/** Everybody opens a document that is as large as documents get. */
export const bigJoin: Scenario<BigJoinMeasurement> = {
  id: "big-join",
  summary:
    `one document of 20 MB, which its author has open; ${BIG_JOIN.clients} clients open it at once, ` +
    `of a peer ${BIG_JOIN.peerClients}, because it would take minutes`,
  servers: [joinery, joineryDeflate, yWebsocketServer, hocuspocusServer],
  lessFor: (peer, timing) => (isPeer(peer) ? `${clientsOf(peer, timing)} clients` : null),
  metrics: [
    latencyAndPeak[0] as (typeof latencyAndPeak)[number],
    {
      id: "growth",
      label: "peak memory that the document takes, × its size",
      value: (run) => run.growthBytes / run.documentBytes,
      decimals: 1,
    },
    cpuPerJoin,
    bytesDownPerJoin,
    ...latencyAndPeak.slice(1),
  ],
  goals: [
    { metric: "latencyP50Ms", of: [joinery.id, joineryDeflate.id], atMost: BIG_JOIN.maxP50Ms },
    { metric: "growth", of: [joinery.id, joineryDeflate.id], atMost: BIG_JOIN.maxGrowthRatio },
  ],
  prediction:
    "Native with deflate 0.9 s at the median: 0.3 s to compress, then 750 MB over the loopback. As y-websocket 2.5 s: it is " +
    "3 GB. Memory 5 × the document: read, framed, in fragments, compressed, and LevelDB's own copies while it loads. A peer " +
    "takes 15 × and more, and a second for each client.",
  prepare,
  measure,
};

let big: OpenedDocument | null = null;

function document(isQuick: boolean): OpenedDocument {
  const wanted = isQuick ? BIG_JOIN.quickMegabytes : BIG_JOIN.megabytes;
  big ??= megabytes(wanted);
  return big;
}

function isPeer({ role }: Peer): boolean {
  return role === "default";
}

function clientsOf(peer: Peer, { isQuick }: Timing): number {
  return Math.ceil((isPeer(peer) ? BIG_JOIN.peerClients : BIG_JOIN.clients) / (isQuick ? QUICK_DIVISOR : 1));
}

async function prepare(dataFolder: string, peer: Peer, { isQuick }: Timing): Promise<void> {
  // They keep nothing.
  if (isPeer(peer)) return;
  const { update } = document(isQuick);
  await copyPrepared(`big join ${update.length}`, dataFolder, (folder) =>
    storeForJoinery(folder, [{ name: DOCUMENT, state: update }]),
  );
}

async function measure(server: ServerProcess, timing: Timing): Promise<BigJoinMeasurement> {
  const clients = clientsOf(server.peer, timing);
  const random = prng.create(timing.seed);
  const { update, fingerprint } = document(timing.isQuick);
  const bytesBefore = readResidentBytes(server.pid);
  const author = await Author.open(server, DOCUMENT, document(timing.isQuick));
  const party = new Party(server, newcomers(server, DOCUMENT, clients, random));
  const peakBefore = readPeakBytes(server.pid);
  forgetPeak(server.pid);
  try {
    const arrivals = await party.arrive();
    const peak = readPeakBytes(server.pid);
    party.verify([], fingerprint);
    return {
      ...measurementOf(server, arrivals, "clients that were given the document"),
      peakBytes: Math.max(peakBefore, peak),
      documentBytes: update.length,
      growthBytes: peak - bytesBefore,
    };
  } finally {
    party.close();
    author.close();
  }
}
