/** What the server counts, as one JSON: for who looks at it now and then. What watches it all the time reads /metrics. */

import type { Of } from "./schema.ts";
import { described, listOf, mapOf, moment, nested, number, schema, text, wholeNumber } from "./schema.ts";

const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
const SINCE_START = "Since the start; it only grows.";

const COUNTS = schema("ServerCounts", {
  sessions: described("Clients in documents.", count, 42),
  users: described("Users in documents, as they were verified.", count, 17),
  rooms: described("Documents in memory.", count, 9),
  tickets: described("Tickets that wait to be used.", count),
  replicaJobs: described("Replicas that are being built or wait for it.", count),
  heldBytes: described("Of updates that wait for what they build upon.", count),
  uncommittedBytes: described("Of updates that are not on disk yet.", count),
  foreignPresence: described("Presence entries that were dropped since the start.", count),
  droppedSignals: described(
    "Signals that were not sent since the start, because somebody read too slowly.",
    count,
  ),
  hostedDocuments: described("Documents of which Hocuspocus extensions see a Y.Doc.", count),
  hostedBytes: count,
  pendingStores: described("Documents that the application has not stored yet.", count),
  failingStores: described("Of those, which failed the last time.", count),
});
const TRAFFIC = schema("DialectTraffic", {
  dialect: described("A protocol.", text(64), "joinery"),
  sessions: count,
  resumedSessions: count,
  updatesIn: count,
  updateBytesIn: count,
  answerBytesIn: count,
  presenceBytesIn: count,
  updatesOut: count,
  updateBytesOut: count,
  presenceBytesOut: count,
  catchUps: count,
  catchUpBytesOut: count,
});
const LATENCY = schema("LatencyTotals", {
  count: described("How often it was measured since the start.", count),
  seconds: described("All of them together.", number),
});
const BATCHES = schema("BatchTotals", {
  count: described("Batches that were written.", count),
  updates: described("Updates in them.", count),
  bytes: count,
  delivery: described("From an update's arrival until it was sent.", nested(LATENCY)),
  durable: described("From an update's arrival until it was on disk.", nested(LATENCY)),
});
const MEMORY = schema("MemoryBytes", {
  rss: count,
  heapTotal: count,
  heapUsed: count,
  external: count,
  arrayBuffers: count,
});
const CPU = schema("CpuSeconds", { user: number, system: number });
const EVENT_LOOP = schema("EventLoopDelay", {
  p50Seconds: number,
  p99Seconds: number,
  maxSeconds: number,
  overSeconds: described("Over how long it was looked at, up to now.", number),
});
export const STATS = schema("ServerStats", {
  version: described("Of the server.", text(64), "0.1.0"),
  pid: described("Its process.", count),
  startedAt: moment,
  now: moment,
  uptimeSeconds: described("On a clock that never goes back: what rates are made of.", number, 86_400.5),
  connections: described("Open ones, by what they come by.", mapOf(count), { websocket: 42, loopback: 0 }),
  counts: nested(COUNTS),
  limitHits: described(
    "How often each limit was reached since the start; those that were not are left out.",
    mapOf(count),
    {
      maxAddressRequestsPerSecond: 3,
    },
  ),
  traffic: described(`By protocol. ${SINCE_START}`, listOf(nested(TRAFFIC))),
  batches: described(SINCE_START, nested(BATCHES)),
  memory: described("Of the process.", nested(MEMORY)),
  cpu: described(`Time that the process took. ${SINCE_START}`, nested(CPU)),
  eventLoop: described("How long timers had to wait.", nested(EVENT_LOOP)),
});

export type ServerStats = Of<typeof STATS>;
