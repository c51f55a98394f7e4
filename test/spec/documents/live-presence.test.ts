import { describe, expect, test } from "vitest";
import { FaultyStorage } from "../../support/world.ts";
import { LiveWorld, Reader, type } from "./live-world.ts";

describe("presence and signals", () => {
  test("who comes, changes and goes is told", async () => {
    const world = new LiveWorld();
    const events = await world.follow("doc");
    const bob = await world.join("doc", { author: "bob" });
    const clientId = bob.doc.clientID;
    bob.show({ name: "Bob" });
    await world.advance(1000);
    bob.show({ name: "Bob", cursor: 7 });
    await world.advance(1000);
    bob.vanish();
    await world.advance(1000);
    const nothing = { all: false, joined: [], changed: [], left: [] };
    expect(events.of("presence")).toEqual([
      { ...nothing, all: true },
      { ...nothing, joined: [{ clientId, user: "bob", state: { name: "Bob" } }] },
      { ...nothing, changed: [{ clientId, user: "bob", state: { name: "Bob", cursor: 7 } }] },
      { ...nothing, left: [clientId] },
    ]);
  });

  test("a follower is not seen by others", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    await world.follow("doc");
    await world.advance(60_000);
    expect(bob.sent("presence")).toEqual([]);
  });

  test("signals are told to whom they are for", async () => {
    const world = new LiveWorld();
    const events = await world.follow("doc");
    expect(world.live.signal({ document: world.name("doc") }, "saved", { by: ["x"] })).toBe(1);
    expect(world.live.signal({ document: world.name("doc"), user: "bob" }, "bob", null)).toBe(0);
    expect(world.live.signal({ document: world.name("doc"), user: "ann" }, "ann", null)).toBe(1);
    await world.settle();
    expect(events.of("signal")).toEqual([
      { name: "saved", user: "", session: 0, payload: { by: ["x"] } },
      { name: "ann", user: "", session: 0, payload: null },
    ]);
  });

  test("to who had gone before, nothing is told of whoever went then", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    bob.show({ name: "Bob" });
    await world.settle();
    bob.vanish();
    const events = await world.follow("doc");
    await world.advance(1000);
    expect(events.of("presence")).toEqual([{ all: true, joined: [], changed: [], left: [] }]);
  });

  test("who came while nobody followed has not come for who follows then", async () => {
    const world = new LiveWorld();
    (await world.following("doc")).leave();
    const bob = await world.join("doc");
    bob.show({ name: "Bob" });
    await world.advance(1000);
    const events = await world.follow("doc");
    bob.show({ name: "Bob", cursor: 1 });
    await world.advance(1000);
    expect(events.of("presence").map(({ joined, changed }) => [joined.length, changed.length])).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });

  test("to who does not read, presence is told once, as it is then", async () => {
    const world = new LiveWorld({ limits: { maxFollowerBytes: 1024 } });
    const reader = new Reader(await world.following("doc"));
    await reader.next();
    const bob = await world.join("doc");
    for (let i = 0; i < 50; i++) {
      bob.show({ name: "Bob", cursor: i });
      await world.advance(1000);
    }
    const told = await reader.next();
    expect([...told.matchAll(/event: presence/g)]).toHaveLength(1);
    expect(told).toContain('"cursor":49');
  });

  test("for who does not read a bounded part waits: presence comes as a whole then, signals are counted", async () => {
    const world = new LiveWorld({ limits: { maxFollowerBytes: 2048 } });
    const reader = new Reader(await world.following("doc"));
    await reader.next();
    const bob = await world.join("doc");
    for (let i = 0; i < 100; i++) {
      bob.show({ name: "Bob", cursor: i });
      world.live.signal({ document: world.name("doc") }, "tick", i);
      await world.advance(1000);
    }
    const waited = await reader.next();
    expect(waited.length).toBeLessThan(2048 + 1024);
    const told = [...waited.matchAll(/event: signal/g)].length;
    expect(told).toBeGreaterThan(0);
    expect(waited).toContain(`event: missed\ndata: {"signals":${100 - told}}`);
    const presence = [...waited.matchAll(/event: presence\ndata: (.*)\n/g)].map(([, data]) =>
      JSON.parse(data ?? ""),
    );
    expect(presence.map(({ all }) => all)).toEqual([true]);
    expect(presence[0].joined[0].state.cursor).toBe(99);
    expect(world.hits).toContain("maxFollowerBytes");
    world.live.signal({ document: world.name("doc") }, "tick", 100);
    expect(await reader.next()).not.toContain("missed");
  });
});

describe("what is in memory", () => {
  test("who is here is listed, with their session; nobody of a document that is not loaded", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc", { author: "bob" });
    bob.show({ name: "Bob" });
    await world.settle();
    expect(world.live.presence(world.name("doc"))).toEqual([
      {
        clientId: bob.doc.clientID,
        user: "bob",
        state: { name: "Bob" },
        session: bob.session.id,
        since: null,
      },
    ]);
    expect(world.live.presence(world.name("other"))).toEqual([]);
    expect(world.rooms.counts().rooms).toBe(1);
  });

  test("rooms are listed in pages, with what is known of them", async () => {
    const storage = new FaultyStorage();
    const world = new LiveWorld({ storage });
    const bob = await world.join("a/1");
    await type(world, bob, 2);
    await world.join("b");
    await world.join("a/2");
    storage.hold();
    world.open("a/3");
    await world.settle();
    const page = (after: number, prefix = "a/") => world.live.rooms({ prefix, after, limit: 2 });
    const { rooms, next } = page(0);
    expect(rooms).toMatchObject([
      { document: "a/1", state: "live", sessions: 1, seq: 2, durableSeq: 2, batches: 2, uncommittedBytes: 0 },
      { document: "a/2", state: "live", sessions: 1, seq: 0, durableSeq: 0, batches: 0 },
    ]);
    expect(rooms[0]?.bytes).toBeGreaterThan(0);
    expect(next).toBe(rooms[1]?.room);
    expect(page(next ?? 0)).toEqual({
      rooms: [expect.objectContaining({ document: "a/3", state: "loading", loadedAt: null })],
      next: null,
    });
    expect(page(0, "c")).toEqual({ rooms: [], next: null });
  });
});
