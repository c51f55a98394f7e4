import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import * as Y from "yjs";
import { churnedBy } from "../bytes-load.ts";
import { JOIN_TIMEOUT_MS, MEMORY_DOCUMENTS } from "../config.ts";
import { heldBytes } from "../held-bytes.ts";
import { Connection } from "../load/connection.ts";
import { hocuspocusServer } from "../peers/hocuspocus.ts";
import { joinery } from "../peers/joinery.ts";
import type { Peer } from "../peers/peer.ts";
import { yWebsocketServer } from "../peers/y-websocket.ts";
import { copyPrepared } from "../prepared-folders.ts";
import type { ServerProcess } from "../server-process.ts";
import { type Stored, storeForJoinery } from "../stored-documents.ts";
import { waitUntil } from "../wait.ts";
import { readBothCpuSeconds, waitingLoad } from "./interval.ts";
import type { Measurement, Scenario, Timing } from "./scenario.ts";

const MIB = 1024 * 1024;
/** Opened before, so that the server has compiled what it needs; they stay open. */
const WARM_UP = 2;
/** Of so many it is looked with Yjs whether they are what they should be; of all others at their clocks. */
const READ_BY_YJS = 4;

interface DocumentsMeasurement extends Measurement {
  readonly documents: number;
  readonly documentBytes: number;
  /** How much more memory the server holds with all of them open than without. */
  readonly growthBytes: number;
}

let kinds: readonly Uint8Array[] | null = null;

/** Many large documents are open, and nobody edits them. */
export const memoryDocuments: Scenario<DocumentsMeasurement> = {
  id: "memory-documents",
  summary:
    `${MEMORY_DOCUMENTS.full.documents} documents of 1.3 MiB open, each by one client, without edits ` +
    `(peers: ${MEMORY_DOCUMENTS.full.sentDocuments})`,
  servers: [joinery, yWebsocketServer, hocuspocusServer],
  lessFor: (peer, timing) => (keepsDocuments(peer) ? null : `${documentsOf(peer, timing)} documents`),
  metrics: [
    {
      id: "mibPerDocument",
      label: "memory a document, MiB",
      value: (run) => run.growthBytes / run.documents / MIB,
      decimals: 2,
    },
    {
      id: "timesBytes",
      label: "memory a document, × its bytes",
      value: (run) => run.growthBytes / run.documents / run.documentBytes,
      decimals: 2,
    },
    {
      id: "cpuMillisPerDocument",
      label: "server CPU to open one, ms",
      value: (run) => (run.serverCpuSeconds / run.documents) * 1e3,
      decimals: 1,
    },
  ],
  goals: [{ metric: "mibPerDocument", atMost: MEMORY_DOCUMENTS.maxRatio, times: "best" }],
  prediction:
    "Joinery 0.2 × (0.15–0.3): it holds the bytes, the frame that the one who opened it was sent, and 16 bytes for each " +
    "of some 18,000 ranges of deleted ticks: 2.5 × the document's bytes. A Y.Doc takes some 12 × of them, in both peers.",
  environment: MEMORY_DOCUMENTS.environment,
  prepare: async (dataFolder, peer, timing) => {
    if (!keepsDocuments(peer)) return;
    const { documents } = sizes(timing);
    await copyPrepared(`documents ${documents}`, dataFolder, (folder) =>
      storeForJoinery(folder, storedDocuments(documents + WARM_UP)),
    );
  },
  measure: measureDocuments,
};

function sizes({ isQuick }: Timing) {
  return isQuick ? MEMORY_DOCUMENTS.quick : MEMORY_DOCUMENTS.full;
}

/** Whether it has a storage that documents can be in before it starts. */
function keepsDocuments({ role }: Peer): boolean {
  return role === "subject" || role === "before";
}

function documentsOf(peer: Peer, timing: Timing): number {
  const { documents, sentDocuments } = sizes(timing);
  return keepsDocuments(peer) ? documents : sentDocuments;
}

function* storedDocuments(count: number): Iterable<Stored> {
  for (let number = 0; number < count; number++) yield { name: nameOf(number), state: stateOf(number) };
}

function nameOf(number: number): string {
  return `report ${String(number).padStart(5, "0")}`;
}

function stateOf(number: number): Uint8Array {
  kinds ??= churnedBy(MEMORY_DOCUMENTS.kinds);
  return kinds[number % kinds.length] as Uint8Array;
}

async function measureDocuments(server: ServerProcess, timing: Timing): Promise<DocumentsMeasurement> {
  const isStored = keepsDocuments(server.peer);
  const documents = documentsOf(server.peer, timing);
  const collector = await server.garbageCollector();
  const open: Connection[] = [];
  const openAll = async (from: number, to: number) => {
    for (let number = from; number < to; number++) {
      open.push(isStored ? await join(server, number) : await send(server, number));
    }
  };
  try {
    await openAll(0, WARM_UP);
    const heldBefore = await heldBytes(server, collector, MEMORY_DOCUMENTS.restMs);
    const before = readBothCpuSeconds(server);
    const startMs = performance.now();
    await openAll(WARM_UP, WARM_UP + documents);
    const seconds = (performance.now() - startMs) / 1000;
    const after = readBothCpuSeconds(server);
    const heldAfter = await heldBytes(server, collector, MEMORY_DOCUMENTS.longRestMs);
    for (const connection of open) connection.assertWell();
    return {
      checked: { count: documents, what: "documents" },
      documents,
      documentBytes: stateOf(0).length,
      growthBytes: heldAfter - heldBefore,
      ...waitingLoad(server, before, after, seconds),
    };
  } finally {
    for (const connection of open) connection.close();
    collector.close();
  }
}

/** Opens a document that the server has, and is given all of it. */
async function join({ peer, port }: ServerProcess, number: number): Promise<Connection> {
  const copy = new Copy(stateOf(number), number < READ_BY_YJS);
  const connection = await Connection.open(port, peer.dialect(nameOf(number)), (incoming) => {
    if (incoming.kind === "catch-up" || incoming.kind === "update") copy.add(incoming.update);
  });
  await waitUntil(
    () => {
      connection.assertWell();
      return copy.isWhole;
    },
    JOIN_TIMEOUT_MS,
    () => `whoever opened document ${number} was not given it`,
  );
  return connection;
}

/** Brings the server a document; somebody else is given it, and goes. */
async function send(server: ServerProcess, number: number): Promise<Connection> {
  const wire = server.peer.dialect(nameOf(number));
  const connection = await Connection.open(server.port, wire, () => undefined);
  connection.send(wire.update(stateOf(number)));
  const visitor = await join(server, number);
  visitor.close();
  return connection;
}

/** What a client was given of a document. */
class Copy {
  readonly #expected: ReadonlyMap<number, number>;
  readonly #text: string | null;
  readonly #doc = new Y.Doc();
  readonly #clocks = new Map<number, number>();

  constructor(state: Uint8Array, isReadByYjs: boolean) {
    this.#expected = endsOf(state);
    this.#text = isReadByYjs ? textOf(state) : null;
  }

  add(update: Uint8Array): void {
    if (this.#text !== null) Y.applyUpdate(this.#doc, update);
    for (const [client, end] of endsOf(update)) this.#clocks.set(client, end);
  }

  get isWhole(): boolean {
    for (const [client, end] of this.#expected) if (this.#clocks.get(client) !== end) return false;
    return this.#text === null || this.#doc.getText("text").toString() === this.#text;
  }
}

function endsOf(update: Uint8Array): ReadonlyMap<number, number> {
  return new Map(inspectUpdate(update, NO_UPDATE_LIMITS).structs.map(({ client, end }) => [client, end]));
}

function textOf(state: Uint8Array): string {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, state);
  return doc.getText("text").toString();
}
