import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import * as Y from "yjs";
import { churnedBy, drafts } from "../bytes-load.ts";
import { COLD_START, JOIN_TIMEOUT_MS, POLL_MS, START_TIMEOUT_MS } from "../config.ts";
import { Connection } from "../load/connection.ts";
import { hocuspocusSqlite } from "../peers/hocuspocus-sqlite.ts";
import { joinery, joineryNative } from "../peers/joinery.ts";
import { copyPrepared } from "../prepared-folders.ts";
import { readCpuSeconds, readPeakBytes } from "../process-counters.ts";
import type { ServerProcess } from "../server-process.ts";
import { type Stored, storeForHocuspocus, storeForJoinery } from "../stored-documents.ts";
import { waitUntil } from "../wait.ts";
import { peakMemory } from "./metrics.ts";
import type { Measurement, Scenario, Timing } from "./scenario.ts";

const LARGE = "the whole archive";
/** The small ones are this many different ones, under many names. */
const DRAFTS = 20;

interface StartMeasurement extends Measurement {
  /** From the start of the process until it accepts connections, and until it says that it is ready. */
  readonly acceptedMs: number;
  readonly readyMs: number;
  /** CPU of the process until then. */
  readonly startCpuSeconds: number;
  /** From opening a connection until the client has all of the large document. */
  readonly joinMs: number;
  readonly joinCpuSeconds: number;
}

let large: Uint8Array | null = null;

/** A server is started on what it has, and somebody opens the largest document. */
export const coldStart: Scenario<StartMeasurement> = {
  id: "cold-start",
  summary:
    `${COLD_START.full.documents} documents of 1 to 13 KB and one of ${COLD_START.full.largeBytes / 1024 / 1024} MiB in the ` +
    "folder; the server starts, and the large one is opened",
  servers: [joinery, joineryNative, hocuspocusSqlite],
  metrics: [
    { id: "readyMs", label: "ready, ms", value: (run) => run.readyMs, decimals: 0 },
    { id: "acceptedMs", label: "accepts connections, ms", value: (run) => run.acceptedMs, decimals: 0 },
    {
      id: "startCpuMs",
      label: "server CPU to start, ms",
      value: (run) => run.startCpuSeconds * 1e3,
      decimals: 0,
    },
    { id: "joinMs", label: "first join of the large one, ms", value: (run) => run.joinMs, decimals: 0 },
    {
      id: "joinCpuMs",
      label: "server CPU of that join, ms",
      value: (run) => run.joinCpuSeconds * 1e3,
      decimals: 0,
    },
    peakMemory,
  ],
  goals: [{ metric: "readyMs", of: ["joinery", "joinery-native"], atMost: COLD_START.maxReadyMs }],
  prediction:
    "Joinery ready after 900 ms (700–1,200): some 600 ms are modules, read as TypeScript, the rest the check of 100 MB of " +
    "LevelDB's files; nothing is linear in documents but that. The first join 0.1 × (0.05–0.2) of Hocuspocus, which builds a " +
    "Y.Doc: 20 MB are read, inspected at 3 ms a megabyte, their outline built, and sent. Hocuspocus is ready after 400 ms: " +
    "it looks at nothing.",
  prepare: async (dataFolder, { role }, timing) => {
    const { documents, largeBytes } = sizes(timing);
    const isJoinery = role === "subject" || role === "before";
    const key = `start ${isJoinery ? "joinery" : "hocuspocus"} ${documents}`;
    await copyPrepared(key, dataFolder, async (folder) => {
      const stored = storedDocuments(documents, largeBytes);
      if (isJoinery) await storeForJoinery(folder, stored);
      else storeForHocuspocus(folder, stored);
    });
  },
  measure: measureStart,
};

function sizes({ isQuick }: Timing) {
  return isQuick ? COLD_START.quick : COLD_START.full;
}

function* storedDocuments(count: number, largeBytes: number): Iterable<Stored> {
  const small = drafts(DRAFTS, COLD_START.smallEdits);
  for (let number = 0; number < count; number++) {
    yield { name: `note ${number}`, state: small[number % DRAFTS] as Uint8Array };
  }
  yield { name: LARGE, state: largeState(largeBytes) };
}

/** About so many bytes, of as many people as it takes. */
function largeState(bytes: number): Uint8Array {
  if (large === null) {
    const [first] = churnedBy(1) as [Uint8Array];
    large = Y.mergeUpdates(churnedBy(Math.max(1, Math.round(bytes / first.length))));
  }
  return large;
}

async function measureStart(server: ServerProcess, timing: Timing): Promise<StartMeasurement> {
  const { largeBytes } = sizes(timing);
  const readyMs = await untilReady(server);
  const startCpuSeconds = readCpuSeconds(server.pid);
  const ownCpuBefore = process.cpuUsage();
  const { joinMs, clocks } = await join(server);
  const joinCpuSeconds = readCpuSeconds(server.pid) - startCpuSeconds;
  const own = process.cpuUsage(ownCpuBefore);
  const expected = endsOf([largeState(largeBytes)]);
  if (!isDeepStrictEqual(clocks, expected))
    throw new Error("whoever opened the document was not given all of it");
  if (server.peer.role !== "default") await requireNoReplica(server);
  return {
    checked: { count: 1, what: "documents" },
    acceptedMs: server.acceptedAfterMs,
    readyMs,
    startCpuSeconds,
    joinMs,
    joinCpuSeconds,
    seconds: joinMs / 1000,
    drainSeconds: 0,
    serverCpuSeconds: joinCpuSeconds,
    peakBytes: readPeakBytes(server.pid),
    generator: { share: (own.user + own.system) / 1000 / joinMs, lateP99Ms: 0 },
  };
}

/** Until the server says so, where it has a word for it, and answers at all elsewhere. */
async function untilReady({ port, startedMs }: ServerProcess): Promise<number> {
  const deadline = startedMs + START_TIMEOUT_MS;
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    await response.arrayBuffer();
    if (response.ok) return performance.now() - startedMs;
    if (performance.now() > deadline) throw new Error(`is not ready after ${START_TIMEOUT_MS} ms`);
    await sleep(POLL_MS);
  }
}

/** The first join of the large document: how long until all of it was there, and what was. */
async function join({ peer, port }: ServerProcess) {
  const updates: Uint8Array[] = [];
  let hasJoined = false;
  const startMs = performance.now();
  const connection = await Connection.open(port, peer.dialect(LARGE), (incoming) => {
    if (incoming.kind === "catch-up" || incoming.kind === "update") updates.push(incoming.update);
    else if (incoming.kind === "joined") hasJoined = true;
  });
  try {
    await waitUntil(
      () => {
        connection.assertWell();
        return hasJoined;
      },
      JOIN_TIMEOUT_MS,
      () => "whoever opened the document was not given it",
    );
    return { joinMs: performance.now() - startMs, clocks: endsOf(updates) };
  } finally {
    connection.close();
  }
}

/** Replicas are built by workers, which stay for a while. */
async function requireNoReplica(server: ServerProcess): Promise<void> {
  const collector = await server.garbageCollector();
  collector.close();
  if (collector.workers > 0) throw new Error("a worker was started, to build a Y.Doc of the document");
}

/** How far each client comes in what was given. */
function endsOf(updates: readonly Uint8Array[]): ReadonlyMap<number, number> {
  const ends = new Map<number, number>();
  for (const update of updates) {
    for (const { client, end } of inspectUpdate(update, NO_UPDATE_LIMITS).structs) {
      ends.set(client, Math.max(end, ends.get(client) ?? 0));
    }
  }
  return ends;
}
