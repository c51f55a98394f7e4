import { DEFAULT_LIMITS } from "@joinery/shared";
import { expect, onTestFinished, test } from "vitest";
import { Meter } from "../../../server/src/engine/meter.ts";
import { STATS } from "../../../server/src/http/api/server-stats.ts";
import { ServerStats } from "../../../server/src/metrics/server-stats.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { sayingDialect } from "../../support/world.ts";

const COUNTS = {
  sessions: 2,
  users: 1,
  rooms: 1,
  tickets: 0,
  replicaJobs: 0,
  heldBytes: 3,
  uncommittedBytes: 4,
  foreignPresence: 5,
  droppedSignals: 6,
  hostedDocuments: 7,
  hostedBytes: 8,
  pendingStores: 9,
  failingStores: 10,
};

function statsOf() {
  const clock = new FakeClock();
  const meter = new Meter();
  const stats = new ServerStats({
    version: "1.2.3",
    clock,
    meter,
    // The server counts more than is told, and may count more one day.
    counts: () => ({ ...COUNTS, connections: 3, limitHits: { maxRooms: 2, maxBans: 0 } }),
    connections: () => ({ websocket: 3 }),
  });
  stats.start();
  onTestFinished(() => stats.stop());
  return { clock, meter, stats };
}

test("is what the route says that it answers, and nothing besides", () => {
  const { clock, meter, stats } = statsOf();
  meter.trafficOf(sayingDialect()).updatesIn = 5;
  meter.batchUpdates.add(3);
  meter.batchBytes.add(700);
  meter.durableSeconds.add(0.5);
  clock.advance(1500);
  const read = stats.read();
  expect(STATS.read(read, DEFAULT_LIMITS)).toEqual(read);
  expect(read).toMatchObject({
    uptimeSeconds: 1.5,
    counts: COUNTS,
    limitHits: { maxRooms: 2 },
    connections: { websocket: 3 },
    traffic: [{ dialect: "test", updatesIn: 5 }],
    batches: {
      count: 1,
      updates: 3,
      bytes: 700,
      delivery: { count: 0 },
      durable: { count: 1, seconds: 0.5 },
    },
  });
  expect(read.limitHits).not.toHaveProperty("maxBans");
  expect(Date.parse(read.now) - Date.parse(read.startedAt)).toBe(1500);
});

test("who asks right after somebody else is told the same of the event loop", () => {
  const { clock, stats } = statsOf();
  clock.advance(5000);
  const first = stats.read().eventLoop;
  expect(first.overSeconds).toBe(5);
  clock.advance(999);
  expect(stats.read().eventLoop).toBe(first);
  clock.advance(1);
  expect(stats.read().eventLoop.overSeconds).toBe(1);
});
