import {
  decodeServerFrame,
  forEachFrame,
  type Opened,
  type Revision,
  SUBPROTOCOL,
} from "@joinery/shared/protocol";
import * as prng from "lib0/prng";
import * as Y from "yjs";
import { ARRIVAL_TIMEOUT_MS, QUICK_DIVISOR, REJOIN } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { joineryV1 } from "../dialects/joinery.ts";
import { type Arrivals, Party, rested } from "../load/arrivals.ts";
import { Author } from "../load/author.ts";
import { megabyte, type OpenedDocument, withKeystroke } from "../load/opened-documents.ts";
import { Skimmer, scriptOf } from "../load/skimmer.ts";
import { hocuspocusServer } from "../peers/hocuspocus.ts";
import { joinery, joineryDeflate, joineryHocuspocus } from "../peers/joinery.ts";
import { yWebsocketServer } from "../peers/y-websocket.ts";
import type { ServerProcess } from "../server-process.ts";
import { waitUntil } from "../wait.ts";
import {
  type ArrivalMeasurement,
  bytesDownPerJoin,
  cpuPerJoin,
  latencyAndPeak,
  measurementOf,
} from "./arrival-metrics.ts";
import { newcomers } from "./join.ts";
import type { Scenario, Timing } from "./scenario.ts";

/** The network was away for a moment, and everybody comes back. */
export const rejoin: Scenario<ArrivalMeasurement> = {
  id: "rejoin",
  summary:
    `one document of 1.35 MB with 20,000 deletions, which its author has open; ${REJOIN.clients} clients come back at once, ` +
    "one keystroke behind",
  servers: [joinery, joineryHocuspocus, joineryDeflate, yWebsocketServer, hocuspocusServer],
  metrics: [
    cpuPerJoin,
    {
      id: "bytesPerReturn",
      label: "bytes a client, both ways",
      value: (run) => (run.bytesDown + run.bytesUp) / run.clients,
      decimals: 0,
    },
    bytesDownPerJoin,
    ...latencyAndPeak,
  ],
  goals: [
    {
      metric: cpuPerJoin.id,
      of: [joinery.id, joineryHocuspocus.id],
      atMost: REJOIN.maxCpuRatio,
      times: "best",
    },
    { metric: "bytesPerReturn", of: [joineryDeflate.id], atMost: REJOIN.maxNativeBytes },
  ],
  prediction:
    "Joinery as y-websocket 0.25 × (0.15–0.35): what is missing is cut once for all, but the 79 KB of deletions that each client " +
    "sends are unmasked, read and looked up, some 3 ms, where a peer takes 12 ms. Native 0.6 KB and 0.4 ms: a revision says " +
    "it all.",
  measure,
};

async function measure(server: ServerProcess, timing: Timing): Promise<ArrivalMeasurement> {
  const random = prng.create(timing.seed);
  const clients = REJOIN.clients / (timing.isQuick ? QUICK_DIVISOR : 1);
  // Another document, so that nothing of the measured one is there already.
  await comeBack(server, "warm-up", REJOIN.warmUpClients, random);
  const arrivals = await comeBack(server, "bench", clients, random);
  return measurementOf(server, arrivals, "clients that were brought up to date");
}

async function comeBack(
  server: ServerProcess,
  name: string,
  clients: number,
  random: prng.PRNG,
): Promise<Arrivals> {
  const before = megabyte();
  const after = withKeystroke(before);
  const author = await Author.open(server, name, before);
  const revision = await revisionOf(server, name);
  author.send(after.keystroke);
  await rested(server);
  const party = new Party(server, returners(server, { name, clients, before, after, revision }, random));
  try {
    const arrivals = await party.arrive();
    party.verify([before.update], after.fingerprint);
    const newcomer = new Party(server, newcomers(server, name, 1, random));
    await newcomer.arrive();
    newcomer.verify([], after.fingerprint);
    newcomer.close();
    return arrivals;
  } finally {
    party.close();
    author.close();
  }
}

interface Returners {
  readonly name: string;
  readonly clients: number;
  readonly before: OpenedDocument;
  readonly after: OpenedDocument;
  readonly revision: Revision | null;
}

function returners(server: ServerProcess, load: Returners, random: prng.PRNG): Wire[] {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, load.before.update);
  const serverStateVector = Y.encodeStateVectorFromUpdate(load.after.update);
  return Array.from({ length: load.clients }, () => {
    const wire = server.peer.dialect(load.name);
    const clientId = prng.uint32(random, 1, 2 ** 32 - 1);
    return { ...wire, ...wire.arriving({ clientId, doc, serverStateVector, revision: load.revision }) };
  });
}

/** Where the document is in the log of a server that says so. */
async function revisionOf(server: ServerProcess, name: string): Promise<Revision | null> {
  if (server.peer.dialect(name).subprotocol !== SUBPROTOCOL) return null;
  const client = new Skimmer(server.port, scriptOf(joineryV1(name), server.port), true);
  const joined = () => {
    client.assertWell();
    return client.joinedAtMs !== null;
  };
  await waitUntil(joined, ARRIVAL_TIMEOUT_MS, () => "a client that asked for the revision was not let in");
  client.close();
  for (const message of client.messages) {
    let opened: Opened | null = null;
    forEachFrame(message, (raw) => {
      const frame = decodeServerFrame(raw);
      if (frame?.type === "opened") opened = frame;
    });
    if (opened !== null) return durableRevision(opened);
  }
  throw new Error("the server did not say where the document is");
}

function durableRevision({ lineage, seq, durableSeq, branch }: Opened): Revision {
  if (durableSeq !== seq) throw new Error(`of ${seq} batches ${durableSeq} are on disk`);
  return { lineage, seq, branch: seq >= branch.seq ? branch.id : branch.before };
}
