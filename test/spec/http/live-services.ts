import type { ApiServices } from "../../../server/src/http/api/services.ts";

/** What is live where nothing happens: the same for everybody. */
export const NOTHING_LIVE: Pick<ApiServices, "live" | "stats"> = {
  live: {
    follow: async () => ({ events: nothing(), leave: () => undefined }),
    presence: () => [],
    signal: () => 0,
    rooms: () => ({ rooms: [], next: null }),
  },
  stats: () => ({
    version: "1.2.3",
    pid: 1,
    startedAt: "2026-11-21T10:00:00.000Z",
    now: "2026-11-21T10:00:01.000Z",
    uptimeSeconds: 1,
    connections: {},
    counts: {
      sessions: 0,
      users: 0,
      rooms: 0,
      tickets: 0,
      replicaJobs: 0,
      heldBytes: 0,
      uncommittedBytes: 0,
      foreignPresence: 0,
      droppedSignals: 0,
      hostedDocuments: 0,
      hostedBytes: 0,
      pendingStores: 0,
      failingStores: 0,
    },
    limitHits: {},
    traffic: [],
    batches: {
      ...{ count: 0, updates: 0, bytes: 0 },
      delivery: { count: 0, seconds: 0 },
      durable: { count: 0, seconds: 0 },
    },
    memory: { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 },
    cpu: { user: 0, system: 0 },
    eventLoop: { p50Seconds: 0, p99Seconds: 0, maxSeconds: 0, overSeconds: 0 },
  }),
};

async function* nothing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from(":\n\n");
}
