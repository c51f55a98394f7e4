import { setTimeout as sleep } from "node:timers/promises";
import { DRAIN_TIMEOUT_MS, STORAGE } from "../config.ts";
import { type Stretch, stretchesOfPaper } from "../load/paper.ts";
import { Typist } from "../load/typist.ts";
import { verifyText } from "../load/verify.ts";
import { hocuspocusSqliteHasty } from "../peers/hocuspocus-sqlite-hasty.ts";
import { joineryNative } from "../peers/joinery.ts";
import { readPeakBytes, readWrittenBytes } from "../process-counters.ts";
import { quantile } from "../report/statistics.ts";
import type { ServerProcess } from "../server-process.ts";
import { waitUntil } from "../wait.ts";
import { readBothCpuSeconds } from "./interval.ts";
import { peakMemory } from "./metrics.ts";
import type { Measurement, Scenario, Timing } from "./scenario.ts";

interface StorageMeasurement extends Measurement {
  readonly edits: number;
  /** On the TCP connections, from all clients, with headers. */
  readonly receivedBytes: number;
  /** What the server gave the kernel to write into files, and the pages of files that this dirtied. */
  readonly fileBytes: number;
  readonly pageBytes: number;
}

/** The same in every run, and some seconds' work. */
let stretches: readonly Stretch[] | null = null;

/** What it takes to keep a text that is being typed. */
export const storage: Scenario<StorageMeasurement> = {
  id: "storage",
  summary:
    `${STORAGE.documents} people each type a stretch of automerge-paper's 259,778 edits, ` +
    `${STORAGE.edits.full.toLocaleString("en")} of each tenth of them, into a document of their own that has what comes before: ` +
    `${STORAGE.editsPerSecond} a second, each edit when the last one is in the log (where the server says so), so that it is a ` +
    `batch of its own as at ${STORAGE.liveEditsPerSecond} a second; the times after which Hocuspocus stores a document are ` +
    "shortened alike. A commit is shared by those who type at the same time",
  servers: [joineryNative, hocuspocusSqliteHasty],
  metrics: [
    {
      id: "writtenPerReceived",
      label: "bytes written to files ÷ bytes received",
      value: (run) => run.fileBytes / run.receivedBytes,
      decimals: 2,
    },
    {
      id: "writtenPerEdit",
      label: "bytes written to files, an edit",
      value: (run) => run.fileBytes / run.edits,
      decimals: 0,
    },
    {
      id: "receivedPerEdit",
      label: "bytes received, an edit",
      value: (run) => run.receivedBytes / run.edits,
      decimals: 1,
    },
    {
      id: "pagesPerReceived",
      label: "bytes of dirtied pages ÷ bytes received",
      value: (run) => run.pageBytes / run.receivedBytes,
      decimals: 1,
    },
    {
      id: "cpuMicrosPerEdit",
      label: "server CPU per edit, µs",
      value: (run) => (run.serverCpuSeconds / run.edits) * 1e6,
      decimals: 1,
    },
    peakMemory,
  ],
  goals: [{ metric: "writtenPerReceived", of: [joineryNative.id], atMost: STORAGE.maxWrittenPerReceived }],
  prediction:
    "Joinery 5.5 × (5–6.5), so the goal is missed: of an edit 35 bytes are received and 65 go into LevelDB's log; its deletion, when " +
    "the log is folded, is another 18, snapshots are 40, since a log of 4,096 keystrokes is folded however large the document is, " +
    "and all of it is written once more, compressed, when LevelDB makes tables of it: 60. Hocuspocus 300 ×: it writes the " +
    "document, some 200 KB on average and all of it twice, every fifty edits.",
  measure: measureStorage,
};

async function measureStorage(server: ServerProcess, timing: Timing): Promise<StorageMeasurement> {
  const count = timing.isQuick ? STORAGE.edits.quick : STORAGE.edits.full;
  stretches ??= stretchesOfPaper(STORAGE.documents, count);
  const papers = stretches.map((stretch, i) => ({
    ...stretch,
    document: `paper ${i}`,
  }));
  const typists = papers.map(
    ({ document, state, updates }) => new Typist(server.peer.dialect(document), [state, ...updates]),
  );
  try {
    await Promise.all(typists.map((typist) => typist.join(server.port)));
    for (const typist of typists) typist.type();
    await allDone(typists);
    await sleep(STORAGE.restMs);
    const before = counters(server, typists);
    const startMs = performance.now();
    const lateMs = await type(typists);
    const sentMs = performance.now();
    await allDone(typists);
    // What is stored some time after the last change, too.
    await sleep(STORAGE.restMs);
    const endMs = performance.now();
    const after = counters(server, typists);

    for (const { document, state, updates } of papers) {
      await verifyText(server.port, server.peer.dialect(document), [state, ...updates]);
    }
    const edits = count * papers.length;
    const socketBytes = after.sentBytes - before.sentBytes;
    const seconds = (endMs - startMs) / 1000;
    return {
      checked: { count: edits, what: "edits, in what a newcomer is given" },
      edits,
      receivedBytes: after.receivedBytes - before.receivedBytes,
      // What threads wake each other with, 8 bytes a commit, is counted too.
      fileBytes: after.written.given - before.written.given - socketBytes,
      pageBytes: after.written.dirtied - before.written.dirtied,
      seconds,
      drainSeconds: (endMs - sentMs - STORAGE.restMs) / 1000,
      serverCpuSeconds: after.serverCpuSeconds - before.serverCpuSeconds,
      peakBytes: readPeakBytes(server.pid),
      generator: {
        share: (after.ownCpuSeconds - before.ownCpuSeconds) / seconds,
        lateP99Ms: quantile(lateMs, 0.99),
        waitsBusily: true,
      },
    };
  } finally {
    for (const typist of typists) typist.close();
  }
}

async function allDone(typists: readonly Typist[]): Promise<void> {
  await waitUntil(
    () => typists.every(({ isDone }) => isDone),
    DRAIN_TIMEOUT_MS,
    () => "what was typed was not acknowledged",
  );
}

/**
 * Everybody types at the same pace, not all in the same moment; nobody before the last edit is in the log. Who is late for
 * that does not hurry, or edits would share a batch. To a server that says nothing of its log who is late hurries: it
 * stores by the clock, and would store more an edit.
 *
 * @returns How late each edit was sent, in milliseconds.
 */
async function type(typists: readonly Typist[]): Promise<number[]> {
  const lateMs: number[] = [];
  const intervalMs = 1000 / STORAGE.editsPerSecond;
  const startMs = performance.now();
  const next = typists.map((_, i) => startMs + (i / typists.length) * intervalMs);
  const deadlineMs = startMs + STORAGE.timeoutMs;
  while (typists.some(({ hasMore }) => hasMore)) {
    const nowMs = performance.now();
    if (nowMs > deadlineMs) throw new Error(`it was not typed within ${STORAGE.timeoutMs} ms`);
    for (const [i, typist] of typists.entries()) {
      const dueMs = next[i] as number;
      if (dueMs > nowMs || !typist.hasMore || typist.isWaiting) continue;
      typist.type();
      lateMs.push(nowMs - dueMs);
      next[i] = Math.max(dueMs + intervalMs, typist.acknowledges ? nowMs : 0);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return lateMs;
}

function counters(server: ServerProcess, typists: readonly Typist[]) {
  return {
    written: readWrittenBytes(server.pid),
    receivedBytes: typists.reduce((sum, { connection }) => sum + connection.bytesSent, 0),
    sentBytes: typists.reduce((sum, { connection }) => sum + connection.bytes, 0),
    ...readBothCpuSeconds(server),
  };
}
