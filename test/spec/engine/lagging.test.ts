import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { type Client, World } from "../../support/world.ts";

const LIMITS = { maxBufferedBytes: 1024, stalledTimeoutMs: 30_000 };

async function slowBen() {
  const world = new World({ limits: LIMITS });
  const ann = await world.join("notes");
  const ben = await world.join("notes");
  ann.show({ name: "ann" });
  await world.settle();
  ben.stall();
  await type(world, ann, 3000);
  return { world, ann, ben };
}

async function type(world: World, client: Client, bytes: number): Promise<void> {
  client.type("x".repeat(bytes));
  await world.settle();
}

describe("a client that reads too slowly", () => {
  test("lags above the high-water mark, and nothing more is queued for it", async () => {
    const { world, ann, ben } = await slowBen();
    expect(ben.session.state).toBe("lagging");
    const buffered = ben.bufferedBytes;
    for (let i = 0; i < 20; i++) await type(world, ann, 3000);
    ann.show({ name: "ann", cursor: 1 });
    await world.settle();
    expect(ben.bufferedBytes).toBe(buffered);
    expect(world.eventsOf("session-lagging")).toHaveLength(1);
  });

  test("delays nobody else", async () => {
    const { world, ann } = await slowBen();
    const eve = await world.join("notes");
    await type(world, ann, 10);
    expect(eve.text).toBe(ann.text);
  });

  test("catches up by one merged diff when its socket drains, presence included", async () => {
    const { world, ann, ben } = await slowBen();
    for (let i = 0; i < 20; i++) await type(world, ann, 10);
    ann.show({ name: "ann at the end" });
    await world.settle();
    const before = ben.sent("update").length;
    ben.drain();
    expect(ben.session.state).toBe("live");
    expect(ben.sent("update")).toHaveLength(before + 1);
    expect(ben.text).toBe(ann.text);
    expect(ben.people).toContain("ann at the end");
    await type(world, ann, 1);
    expect(ben.text).toBe(ann.text);
  });

  test("can still write", async () => {
    const { world, ann, ben } = await slowBen();
    ben.type("hello");
    await world.settle();
    expect(ann.text).toContain("hello");
  });

  test("keeps its place when its catch-up fills the buffer again", async () => {
    const { world, ann, ben } = await slowBen();
    await type(world, ann, 5000);
    ben.drain();
    ben.stall();
    await type(world, ann, 5000);
    await type(world, ann, 5000);
    expect(ben.session.state).toBe("lagging");
    ben.drain();
    expect(ben.text).toBe(ann.text);
  });

  test("is brought up even when what it missed was folded away meanwhile", async () => {
    const world = new World({ limits: LIMITS, compaction: { minTailBytes: 10_000, maxTailEntries: 1000 } });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ben.stall();
    for (let i = 0; i < 10; i++) await type(world, ann, 3000);
    await world.settle();
    expect(world.eventsOf("compacted").length).toBeGreaterThan(0);
    ben.drain();
    expect(ben.text).toBe(ann.text);
  });

  test("is closed to come back after 30 s without any progress", async () => {
    const { world, ben } = await slowBen();
    await world.advance(29_000);
    expect(ben.closed).toBeNull();
    await world.advance(7_000);
    expect(ben.closed?.code).toBe("TOO_SLOW");
    expect(world.eventsOf("session-too-slow")).toHaveLength(1);
  });

  test("is kept as long as it makes some", async () => {
    const { world, ben } = await slowBen();
    for (let i = 0; i < 20; i++) {
      ben.trickle(10);
      await world.advance(10_000);
    }
    expect(ben.closed).toBeNull();
  });

  test("costs one catch-up, however often it asks", async () => {
    const { world, ann } = await slowBen();
    const eve = await world.join("notes");
    eve.stall();
    const { frames } = eve;
    const before = frames.length;
    for (let i = 0; i < 500; i++) {
      eve.sync();
      eve.session.queryPresence();
    }
    await world.settle();
    expect(frames.length).toBeLessThan(before + 2 * (1024 / 10));
    expect(eve.bufferedBytes).toBeLessThan(1024 + ann.text.length);
    expect(eve.session.state).toBe("lagging");
  });

  test("is answered when it drains, if it asked meanwhile", async () => {
    const { world, ann, ben } = await slowBen();
    await type(world, ann, 10);
    ben.sync();
    const before = ben.sent("caughtUp").length;
    ben.drain();
    expect(ben.sent("caughtUp")).toHaveLength(before + 1);
    expect(ben.text).toBe(ann.text);
    expect(ben.session.state).toBe("live");
  });

  test("may lag before it was ever caught up, and is caught up then", async () => {
    const { world, ann } = await slowBen();
    const eve = await world.join("notes", { syncs: false });
    ann.show({ name: "a".repeat(500) });
    await world.settle();
    eve.stall();
    for (let i = 0; i < 5; i++) eve.session.queryPresence();
    expect(eve.session.state).toBe("lagging");
    eve.sync();
    eve.drain();
    await world.settle();
    expect(eve.session.state).toBe("live");
    expect(eve.text).toBe(ann.text);
    await type(world, ann, 1);
    expect(eve.text).toBe(ann.text);
  });

  test("hears of presence that changed before it lagged and was not told by then", async () => {
    const world = new World({ limits: LIMITS });
    const ann = await world.join("notes");
    const ben = await world.join("notes", { permission: "read" });
    ann.show({ name: "ann" });
    await world.settle();
    ben.stall();
    ann.show({ name: "ann, later" });
    while (ben.session.state === "live") ben.type("x");
    await world.settle();
    ben.drain();
    expect(ben.people).toContain("ann, later");
  });

  test("hears that somebody left meanwhile", async () => {
    const { world, ann, ben } = await slowBen();
    const eve = await world.join("notes");
    ann.vanish();
    await world.settle();
    await type(world, eve, 5000);
    ben.drain();
    expect(ben.people).not.toContain("ann");
  });

  test("is asked for what is missing when it drains, if its edit left a gap meanwhile", async () => {
    const { world, ann, ben } = await slowBen();
    ben.type("first ", 0);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(ben.doc));
    doc.getText("text").insert(0, "second ");
    const known = Y.encodeStateVector(doc);
    doc.getText("text").insert(0, "third ");
    ben.session.update(Y.encodeStateAsUpdate(doc, known));
    expect(world.eventsOf("held-aside")).toHaveLength(1);
    Y.applyUpdate(ben.doc, Y.encodeStateAsUpdate(doc), ben);
    ben.drain();
    await world.settle();
    // Where they stand beside what ann typed meanwhile depends on the client ids.
    for (const word of ["first ", "second ", "third "]) expect(ann.text).toContain(word);
  });

  test("comes to rest though everybody's presence alone fills its buffer", async () => {
    const { world, ann, ben } = await slowBen();
    for (let i = 0; i < 10; i++) (await world.join("notes")).show({ name: `p${i}`, about: "x".repeat(200) });
    await world.settle();
    const drains = [1, 2, 3, 4].map(() => {
      const before = ben.frames.length;
      ben.drain();
      ben.stall();
      return ben.frames.length - before;
    });
    expect(drains[0]).toBeGreaterThan(0);
    expect(drains.slice(2)).toEqual([0, 0]);
    ben.drain();
    expect(ben.people).toContain("p9");
    await type(world, ann, 1);
    expect(ben.text).toBe(ann.text);
  });

  test("is told again what is durable", async () => {
    const { ben } = await slowBen();
    const seq = ben.durable.at(-1) ?? 0;
    ben.drain();
    expect(ben.durable.at(-1)).toBeGreaterThan(seq);
  });

  test("leaves no timer behind", async () => {
    const { world, ann, ben } = await slowBen();
    ben.vanish();
    ann.vanish();
    await world.advance(120_000);
    expect(world.clock.pendingTimers).toBe(0);
  });
});
