import { describe, expect, test } from "vitest";
import { BreakableDialect, FaultyStorage, World } from "../../support/world.ts";

describe("draining", () => {
  test("stores what is in open batches, then sends everybody away to come back", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, flush: { kind: "fixed", windowMs: 10_000 } });
    const ann = await world.join("notes");
    ann.type("first");
    await world.settle();
    ann.type(", and what has not been flushed");
    const unsaved = await world.rooms.drain(1000);
    expect(unsaved).toEqual([]);
    expect(ann.closed?.code).toBe("SERVER_DRAINING");
    expect(await world.storedText("notes")).toBe("first, and what has not been flushed");
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0, uncommittedBytes: 0 });
    expect(world.clock.pendingTimers).toBe(0);
  });

  test("waits for the commit before anybody is sent away, and reads nothing more", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("x");
    const drained = world.rooms.drain(1000);
    await world.settle();
    expect(ann.closed).toBeNull();
    expect(ann.pauses).toBe(1);
    storage.release();
    expect(await drained).toEqual([]);
    expect(ann.closed?.code).toBe("SERVER_DRAINING");
  });

  test("names the documents that could not be stored", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("bad");
    const ben = await world.join("good");
    storage.hold();
    ann.type("x");
    ben.type("y");
    storage.appendErrors.push(new Error("disk full"));
    const drained = world.rooms.drain(1000);
    storage.release();
    expect(await drained).toEqual(["bad"]);
  });

  test("names the documents whose storage does not answer in time", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("stuck");
    storage.hold();
    ann.type("x");
    const drained = world.rooms.drain(1000);
    await world.advance(1000);
    expect(await drained).toEqual(["stuck"]);
  });

  test("names a document whose last flush went wrong", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 10_000 } });
    const breakable = new BreakableDialect();
    const ann = await world.join("notes", breakable);
    ann.type("a");
    await world.settle();
    breakable.isBroken = true;
    ann.type("b");
    expect(await world.rooms.drain(1000)).toEqual(["notes"]);
  });

  test("lets nobody in", async () => {
    const world = new World();
    await world.rooms.drain(1000);
    expect(() => world.open("notes")).toThrow(expect.objectContaining({ code: "SERVER_DRAINING" }));
  });

  test("closes those whose document is still loading", async () => {
    const storage = new FaultyStorage();
    storage.hold();
    const world = new World({ storage });
    const ann = world.open("notes");
    expect(await world.rooms.drain(1000)).toEqual([]);
    expect(ann.closed?.code).toBe("SERVER_DRAINING");
    storage.release();
    await world.settle();
    expect(world.rooms.counts().rooms).toBe(0);
  });
});
