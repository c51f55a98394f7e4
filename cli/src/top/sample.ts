/** How a server is at a moment, and how fast things go from one moment to the next. */

import type { ServerConnection } from "../remote/connection.ts";
import { Fields } from "../remote/fields.ts";
import { listRooms, type RoomSample } from "../remote/rooms.ts";

/** Counted since the server started. */
export interface Totals {
  readonly updatesIn: number;
  readonly bytesIn: number;
  readonly updatesOut: number;
  readonly bytesOut: number;
  readonly catchUps: number;
  readonly batches: number;
  readonly batchUpdates: number;
  readonly deliveries: number;
  readonly deliverySeconds: number;
  readonly commits: number;
  readonly commitSeconds: number;
  readonly cpuSeconds: number;
}

export interface Sample {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly uptimeSeconds: number;
  /** By kind. */
  readonly connections: ReadonlyMap<string, number>;
  readonly sessions: number;
  readonly users: number;
  readonly rooms: readonly RoomSample[];
  readonly roomCount: number;
  readonly uncommittedBytes: number;
  readonly heldBytes: number;
  readonly limitHits: ReadonlyMap<string, number>;
  readonly totals: Totals;
  readonly memory: { readonly rss: number; readonly heapUsed: number; readonly outsideBytes: number };
  /** How late the event loop was, in seconds, over the last while. */
  readonly eventLoop: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** Rejects as `ServerConnection.call`. Cost: a request, and one for each thousand rooms. */
export async function takeSample(connection: ServerConnection): Promise<Sample> {
  const stats = new Fields(await connection.json({ path: ["stats"] }), "the state of a server");
  const counts = stats.fields("counts");
  const memory = stats.fields("memory");
  const eventLoop = stats.fields("eventLoop");
  return {
    version: stats.text("version"),
    pid: stats.whole("pid"),
    startedAt: stats.time("startedAt"),
    uptimeSeconds: stats.number("uptimeSeconds"),
    connections: stats.fields("connections").numbers(),
    sessions: counts.whole("sessions"),
    users: counts.whole("users"),
    rooms: await listRooms(connection),
    roomCount: counts.whole("rooms"),
    uncommittedBytes: counts.whole("uncommittedBytes"),
    heldBytes: counts.whole("heldBytes"),
    limitHits: stats.fields("limitHits").numbers(),
    totals: totalsOf(stats),
    memory: {
      rss: memory.number("rss"),
      heapUsed: memory.number("heapUsed"),
      outsideBytes: memory.number("external"),
    },
    eventLoop: {
      p50: eventLoop.number("p50Seconds"),
      p99: eventLoop.number("p99Seconds"),
      max: eventLoop.number("maxSeconds"),
    },
  };
}

function totalsOf(stats: Fields): Totals {
  const dialects = stats.each("traffic");
  const sum = (...names: readonly string[]) => {
    return dialects.reduce(
      (all, dialect) => all + names.reduce((some, name) => some + dialect.number(name), 0),
      0,
    );
  };
  const batches = stats.fields("batches");
  const [delivery, durable] = [batches.fields("delivery"), batches.fields("durable")];
  const cpu = stats.fields("cpu");
  return {
    updatesIn: sum("updatesIn"),
    bytesIn: sum("updateBytesIn", "answerBytesIn", "presenceBytesIn"),
    updatesOut: sum("updatesOut"),
    bytesOut: sum("updateBytesOut", "presenceBytesOut", "catchUpBytesOut"),
    catchUps: sum("catchUps"),
    batches: batches.number("count"),
    batchUpdates: batches.number("updates"),
    deliveries: delivery.number("count"),
    deliverySeconds: delivery.number("seconds"),
    commits: durable.number("count"),
    commitSeconds: durable.number("seconds"),
    cpuSeconds: cpu.number("user") + cpu.number("system"),
  };
}

/** How fast things went between two samples. */
export interface Rates {
  /** Of each total, a second. */
  readonly perSecond: Totals;
  /** Of a room, batches a second. */
  readonly ofRoom: (room: RoomSample) => number;
  /** Limits that were reached meanwhile, and how often. */
  readonly limitHits: ReadonlyMap<string, number>;
}

/** @param before `null`, or of a server that was started again since: then nothing is known. */
export function ratesBetween(before: Sample | null, now: Sample): Rates | null {
  if (before === null || before.pid !== now.pid || before.startedAt !== now.startedAt) return null;
  const seconds = now.uptimeSeconds - before.uptimeSeconds;
  if (seconds <= 0) return null;
  const rooms = new Map(before.rooms.map(({ room, batches }) => [room, batches]));
  const names = Object.keys(now.totals) as (keyof Totals)[];
  const perSecond = names.map((name) => [
    name,
    Math.max(0, now.totals[name] - before.totals[name]) / seconds,
  ]);
  const hits = [...now.limitHits].map(
    ([limit, count]) => [limit, count - (before.limitHits.get(limit) ?? 0)] as const,
  );
  return {
    // reason: it has the names that the totals have.
    perSecond: Object.fromEntries(perSecond) as unknown as Totals,
    // What a room did before it was seen first, it did meanwhile.
    ofRoom: ({ room, batches }) => Math.max(0, batches - (rooms.get(room) ?? 0)) / seconds,
    limitHits: new Map(hits.filter(([, count]) => count > 0)),
  };
}
