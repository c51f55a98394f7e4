import { describe, expect, test } from "vitest";
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

  test("leaves no timer behind", async () => {
    const { world, ann, ben } = await slowBen();
    ben.vanish();
    ann.vanish();
    await world.advance(120_000);
    expect(world.clock.pendingTimers).toBe(0);
  });
});
