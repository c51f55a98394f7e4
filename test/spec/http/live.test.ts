import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS, parseDocumentName } from "@joinery/shared";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { openOwnSession } from "../../../server/src/extensions/hocuspocus/own-session.ts";
import { type ServerStats, STATS } from "../../../server/src/http/api/server-stats.ts";
import { receive } from "../../support/server-sent-events.ts";
import { until } from "../../support/until.ts";
import { type Followed, LiveStage, type LiveStageOptions } from "./live-stage.ts";

let parent: string;
let folders = 0;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), "joinery-live-"));
});

afterAll(async () => {
  await rm(parent, { recursive: true, force: true });
});

const newFolder = (): string => join(parent, String(++folders));

async function open(options: Partial<LiveStageOptions> = {}): Promise<LiveStage> {
  return await LiveStage.open({ folder: newFolder(), ...options });
}

describe("events over HTTP", () => {
  test("an edit becomes an event, in a document of any name", async () => {
    const stage = await open();
    const name = "notes/ä b?#%2F\u{1F600}";
    const { response, events } = await stage.follow(name);
    expect(response.statusCode).toBe(200);
    expect(response.headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    stage.client(name, { author: "bob" }).type("hello");
    const batch = await events.got("batch");
    expect(batch.parts).toMatchObject([{ author: "bob", inserted: 5 }]);
    expect(events.kinds).toEqual(["hello", "presence", "batch"]);
    expect(events.of("hello")[0]).toMatchObject({ document: name, user: "writer" });
    expect(await durableSeq(stage, name)).toBe(1);
  });

  test("a follower is one of the sessions, until it goes", async () => {
    const stage = await open();
    const { events, cut } = await stage.follow("a", { token: "reader" });
    await events.got("presence");
    const { session } = events.of("hello")[0];
    const listed = await stage.api.ask({ path: "/sessions?document=a", token: "manager-of-a" });
    expect(listed.body?.sessions).toMatchObject([{ session, user: "reader", dialect: "events" }]);
    cut();
    await until("the session to go", () => stage.rooms.counts().sessions === 0);
  });

  test("presence and signals come along", async () => {
    const stage = await open();
    const { events } = await stage.follow("a");
    const bob = stage.client("a", { author: "bob" });
    bob.show({ name: "Bob" });
    expect((await events.got("presence", 2)).joined).toEqual([
      { clientId: bob.doc.clientID, user: "bob", state: { name: "Bob" } },
    ]);
    const sent = await stage.api.ask({
      method: "POST",
      path: "/documents/a/signals",
      token: "manager-of-a",
      body: { name: "saved", payload: { version: 7 } },
    });
    expect(sent.body).toEqual({ sentTo: 1 });
    expect(await events.got("signal")).toEqual({
      name: "saved",
      user: "",
      session: 0,
      payload: { version: 7 },
    });
    const here = await stage.api.ask({ path: "/documents/a/presence", token: "reader" });
    expect(here.body?.presence).toMatchObject([
      { user: "bob", state: { name: "Bob" }, session: bob.session.id },
    ]);
    bob.vanish();
    expect((await events.got("presence", 3)).left).toEqual([bob.doc.clientID]);
  });

  test.each([
    ["kicked", { path: "/access/kick", body: { user: "reader", reason: "spam" } }, "PERMISSION_DENIED", 200],
    ["banned", { path: "/access/bans", body: { user: "reader", reason: "spam" } }, "PERMISSION_DENIED", 403],
    ["revoked", { path: "/access/revoke", body: { token: "reader" } }, "UNAUTHENTICATED", 401],
  ])("who is %s is told so, and it ends", async (_, asking, code, after) => {
    const stage = await open();
    const { events } = await stage.follow("a", { token: "reader" });
    await events.got("presence");
    const done = await stage.api.ask({ method: "POST", token: "manager", ...asking });
    expect(done.status).toBeLessThan(300);
    await events.ended();
    expect(events.kinds).toEqual(["hello", "presence", "closed"]);
    expect(events.of("closed")[0].code).toBe(code);
    expect(stage.rooms.counts().sessions).toBe(0);
    expect((await stage.follow("a", { token: "reader" })).response.statusCode).toBe(after);
  });

  test("a server that stops tells when to come back, and the end is one of HTTP", async () => {
    const stage = await open();
    const { events, response } = await stage.follow("a");
    await events.got("presence");
    await stage.stop();
    await events.ended();
    expect(events.of("closed")[0]).toMatchObject({ code: "SERVER_DRAINING", retry: "backoff" });
    expect(events.retryMs).toBeGreaterThanOrEqual(1000);
    expect(events.retryMs).toBeLessThanOrEqual(5000);
    expect(response.complete).toBe(true);
    expect((await stage.follow("a")).response.statusCode).toBe(503);
  });

  test("who may not read, or not see the history, is refused before it begins", async () => {
    const stage = await open();
    expect((await stage.follow("a", { token: "manager-of-b" })).response.statusCode).toBe(403);
    expect((await stage.follow("a", { token: "nonsense" })).response.statusCode).toBe(401);
    expect((await stage.follow("a", { token: "reader", hasUpdates: true })).response.statusCode).toBe(403);
    expect(stage.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
  });

  test("who asks for the head alone stays nowhere", async () => {
    const stage = await open();
    const { status, headers } = await stage.api.ask({
      method: "HEAD",
      path: "/documents/a/events",
      token: "reader",
    });
    expect([status, headers["content-type"]]).toEqual([200, "text/event-stream"]);
    await until("the session to go", () => stage.rooms.counts().sessions === 0);
  });

  test("one more than may follow a document is told to come back", async () => {
    const stage = await open({ limits: { maxDocumentFollowers: 1 } });
    const { events } = await stage.follow("a");
    await events.got("presence");
    const { response } = await stage.follow("a");
    expect(response.statusCode).toBe(429);
    expect(response.headers["retry-after"]).toBe("2");
    expect(stage.api.hits.counts().maxDocumentFollowers).toBe(1);
  });

  test("who does not read costs no more than a little, and is told everything when he reads", async () => {
    const stage = await open({ compacts: false });
    const { response } = await stage.follow("a", { hasUpdates: true, reads: false });
    const updates = Array.from({ length: 12 }, (_, i) => updateOf(String(i % 10).repeat(1024 * 1024)));
    const session = openOwnSession({
      rooms: stage.rooms,
      document: NAME,
      guest: {},
      onClosed: () => undefined,
    });
    for (const [i, update] of updates.entries()) {
      session.update(update);
      await until("it to be on disk", async () => (await durableSeq(stage, "a")) === i + 1);
    }
    await until(
      "the pace to end",
      isStill(() => stage.encoded.bytes),
    );
    const written = updates.reduce((sum, { length }) => sum + length, 0) * (4 / 3);
    // What the kernel holds for a connection within one machine is some megabytes.
    expect(stage.encoded.bytes).toBeLessThan(written * 0.8);
    const events = receive(response);
    await events.got("batch", updates.length);
    const told = events
      .of("batch")
      .flatMap(({ parts }) => parts.map(({ update }: { update: string }) => update));
    expect(told).toEqual(updates.map((update) => Buffer.from(update).toString("base64")));
  }, 20_000);
});

describe("going on where one was", () => {
  test.each([1, 2, 3, 4, 5, 6])(
    "nothing is left out and nothing told twice, whatever happens (seed %i)",
    async (seed) => {
      const random = randomOf(seed);
      const folder = newFolder();
      let stage = await LiveStage.open({ folder });
      let bob = stage.client("a");
      let followed: Followed = await stage.follow("a");
      await followed.events.got("presence");
      const streams = [followed.events];
      let written = 0;
      const again = async () => {
        const lastEventId = streams.findLast(({ lastId }) => lastId !== "")?.lastId as string;
        followed = await stage.follow("a", { lastEventId });
        streams.push(followed.events);
      };
      for (let step = 0; step < 25; step++) {
        const what = random(10);
        if (what < 6) {
          for (let i = random(8); i >= 0; i--) {
            bob.type("x");
            written++;
            if (random(3) === 0)
              await until("it to be on disk", () => stage.rooms.room(NAME)?.isDurable === true);
          }
        } else if (what < 8) {
          if (random(2) === 0) await until("something told", () => told(streams) > 0 || written === 0);
          followed.cut();
          await followed.events.ended();
          await again();
        } else if (what === 8) {
          await stage.rooms.compact(NAME);
        } else {
          const { doc } = bob;
          await stage.stop();
          await followed.events.ended();
          stage = await LiveStage.open({ folder });
          bob = stage.client("a", { doc });
          await again();
        }
      }
      await until("all to be on disk", () => stage.rooms.room(NAME)?.isDurable === true);
      const last = await durableSeq(stage, "a");
      await until("all to be told", () => told(streams) >= last, {
        saw: () => `${told(streams)} of ${last}`,
      });
      expect(written).toBeGreaterThan(0);
      expect(streams.flatMap((events) => events.of("reset"))).toEqual([]);
      expect(placesTold(streams)).toEqual(Array.from({ length: last }, (_, i) => i + 1));
    },
  );
});

describe("what is in memory", () => {
  test("rooms are listed", async () => {
    const stage = await open();
    const bob = stage.client("a");
    bob.type("hello");
    await until("it to be on disk", async () => (await durableSeq(stage, "a")) === 1);
    const { body } = await stage.api.ask({ path: "/rooms?limit=1", token: "manager" });
    expect(body).toMatchObject({
      rooms: [{ document: "a", state: "live", sessions: 1, seq: 1, durableSeq: 1, batches: 1 }],
      next: null,
    });
  });

  test("nobody is loaded to see who is there", async () => {
    const stage = await open();
    const { body } = await stage.api.ask({ path: "/documents/a/presence", token: "reader" });
    expect(body).toEqual({ document: "a", presence: [] });
    expect(stage.rooms.counts().rooms).toBe(0);
  });

  test("a signal that a client could not have sent either is refused", async () => {
    const stage = await open();
    const refused = await stage.api.ask({
      method: "POST",
      path: "/documents/a/signals",
      token: "manager",
      body: { name: "x".repeat(65), payload: null },
    });
    expect(refused.status).toBe(400);
    expect(refused.body).toMatchObject({ code: "SIGNAL_REFUSED", limit: "maxSignalNameBytes" });
  });

  test("the totals grow with what happens", async () => {
    const stage = await open();
    const before = await statsOf(stage);
    const bob = stage.client("a", { author: "bob" });
    bob.type("hello");
    await until("it to be on disk", async () => (await durableSeq(stage, "a")) === 1);
    const after = await statsOf(stage);
    expect(after.startedAt).toBe(before.startedAt);
    expect(after.uptimeSeconds).toBeGreaterThan(before.uptimeSeconds);
    expect(after.batches.count - before.batches.count).toBe(1);
    expect(after.traffic.find(({ dialect }) => dialect === "test")).toMatchObject({
      sessions: 1,
      updatesIn: 1,
    });
    expect(after).toMatchObject({
      version: "1.2.3",
      pid: process.pid,
      connections: { websocket: 3, loopback: 0 },
      counts: { rooms: 1, sessions: 1 },
      limitHits: {},
    });
    expect(after.memory.rss).toBeGreaterThan(0);
  });
});

async function statsOf(stage: LiveStage): Promise<ServerStats> {
  const { body } = await stage.api.ask({ path: "/stats", token: "manager" });
  return STATS.read(body, DEFAULT_LIMITS);
}

const NAME = parseDocumentName("a");

async function durableSeq(stage: LiveStage, document: string): Promise<number> {
  const room = stage.rooms.room(parseDocumentName(document));
  return room?.isAlive ? room.durableSeq : 0;
}

interface Streams extends ReadonlyArray<Followed["events"]> {}

/** Seqs that they were told of, one by one or as a part of a gap, in the order in which they were. */
function placesTold(streams: Streams): number[] {
  return streams.flatMap((events) =>
    events.all.flatMap(({ event, data }) => {
      if (event === "batch") return [data.seq as number];
      if (event !== "gap") return [];
      return Array.from({ length: data.to - data.from + 1 }, (_, i) => data.from + i);
    }),
  );
}

function told(streams: Streams): number {
  return placesTold(streams).length;
}

/** Whole numbers below what is asked for, the same for each seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** An edit of a client of its own. */
function updateOf(text: string): Uint8Array {
  const doc = new Y.Doc();
  doc.getText("text").insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

/** Whether a number has not changed for a while. */
function isStill(read: () => number): () => boolean {
  let before = -1;
  let times = 0;
  return () => {
    const now = read();
    times = now === before ? times + 1 : 0;
    before = now;
    return times >= 20;
  };
}
