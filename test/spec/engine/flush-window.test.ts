import { describe, expect, test } from "vitest";
import { DEFAULT_FLUSH, FlushWindow } from "../../../server/src/engine/flush-window.ts";
import { World } from "../../support/world.ts";

describe("the adaptive window", () => {
  const adaptive = () => new FlushWindow({ kind: "adaptive", share: 0.25, maxWindowMs: 100 });

  test("is nothing for a room that has been quiet", () => {
    expect(adaptive().delayMs(0)).toBe(0);
  });

  test("grows with what a flush costs, so that flushing takes its share of a core", () => {
    const window = adaptive();
    for (let at = 0; at < 1000; at += 50) window.flushed(at, 5);
    expect(window.windowMs).toBeCloseTo(20, 0);
    expect(window.delayMs(950 + 5)).toBeCloseTo(15, 0);
  });

  test("is over for a room whose last flush is further back than the window", () => {
    const window = adaptive();
    window.flushed(0, 10);
    expect(window.delayMs(500)).toBe(0);
  });

  test("never grows beyond the cap", () => {
    const window = adaptive();
    for (let at = 0; at < 10_000; at += 1000) window.flushed(at, 900);
    expect(window.windowMs).toBe(100);
  });

  test("follows a rise of the cost faster than a fall", () => {
    const window = adaptive();
    for (const at of [0, 100]) window.flushed(at, 8);
    const risen = window.windowMs;
    for (const at of [200, 300]) window.flushed(at, 0);
    expect(risen).toBeGreaterThanOrEqual(16);
    expect(window.windowMs).toBeGreaterThan(risen / 2);
  });
});

test("one flush that was interrupted does not make the window longer", () => {
  const window = new FlushWindow(DEFAULT_FLUSH);
  for (let at = 0; at < 1000; at += 50) window.flushed(at, 0.5);
  window.flushed(1000, 40);
  expect(window.windowMs).toBeCloseTo(20, 0);
  window.flushed(1100, 0.5);
  expect(window.windowMs).toBeCloseTo(20, 0);
  for (const at of [1200, 1300]) window.flushed(at, 40);
  expect(window.windowMs).toBe(100);
});

describe("presence", () => {
  /** A room whose last two flushes cost 1 ms each, the second one just now: its window is 40 ms. */
  async function busyRoom() {
    const world = new World();
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    await world.advance(1000);
    const send = ben.send.bind(ben);
    ben.send = (frames) => {
      world.clock.pass(1);
      send(frames);
    };
    ann.type("a");
    await world.advance(1000);
    ann.type("b");
    await world.settle();
    ben.send = send;
    return { world, ann, ben };
  }

  test("waits for the window that edits wait for, and is told with them", async () => {
    const { world, ann, ben } = await busyRoom();
    const sentBefore = ben.sent("update").length;
    ann.show({ name: "ann" });
    await world.advance(5);
    ann.type("c");
    expect(ben.people).not.toContain("ann");
    await world.advance(40);
    expect(ben.people).toContain("ann");
    expect(ben.text).toBe("abc");
    expect(ben.sent("update")).toHaveLength(sentBefore + 1);
  });

  test("is told without an edit", async () => {
    const { world, ann, ben } = await busyRoom();
    ann.show({ name: "ann" });
    await world.advance(5);
    expect(ben.people).not.toContain("ann");
    await world.advance(40);
    expect(ben.people).toContain("ann");
  });
});

describe("the fixed throttle", () => {
  test("lets the first update through at once, and then one flush a window", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 50 } });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ann.type("a");
    await world.settle();
    expect(ben.text).toBe("a");
    ann.type("b");
    ann.type("c");
    await world.advance(49);
    expect(ben.text).toBe("a");
    await world.advance(1);
    expect(ben.text).toBe("abc");
    expect(ben.sent("update")).toHaveLength(2);
  });

  test("is cut short by a batch that is full", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 1000 }, limits: { maxBatchBytes: 1024 } });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ann.type("a");
    await world.settle();
    ann.type("b".repeat(2000));
    expect(ben.text).toHaveLength(2001);
  });
});
