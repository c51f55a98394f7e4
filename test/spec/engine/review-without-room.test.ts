import { describe, expect, test } from "vitest";
import { FaultyStorage, World } from "../../support/world.ts";

/** Work on a document that lasts until it is told to end. */
function lasting(world: World) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let hasBegun = false;
  const working = world.rooms.withoutRoom(world.name("notes"), () => {
    hasBegun = true;
    return promise;
  });
  return { working, end: resolve, hasBegun: () => hasBegun };
}

describe("work on a document that has no room", () => {
  test("is waited for also where the last write of the room before fails meanwhile", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("lost");
    await world.settle();
    const work = lasting(world);
    storage.appendErrors.push(new Error("the disk is gone"));
    storage.release();
    await world.settle();
    expect(ann.closed?.code).toBe("STORAGE_UNAVAILABLE");
    expect(work.hasBegun()).toBe(true);
    const ben = await world.join("notes");
    expect(ben.session.state).toBe("joining");
    work.end();
    await work.working;
    await world.settle();
    expect(ben.session.state).toBe("live");
  });

  test("is waited for also where the last one who was there leaves meanwhile", async () => {
    const world = new World({ idleRoomMs: 10 });
    const ann = await world.join("notes");
    const work = lasting(world);
    await world.settle();
    ann.vanish();
    await world.advance(20);
    const ben = await world.join("notes");
    expect(ben.session.state).toBe("joining");
    work.end();
    await work.working;
    await world.settle();
    expect(ben.session.state).toBe("live");
  });

  test("has no log folded beside it", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, compaction: { minTailBytes: 1, maxTailEntries: 1000 } });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("a");
    await world.settle();
    const work = lasting(world);
    storage.release();
    await world.settle();
    expect(work.hasBegun()).toBe(true);
    expect(storage.compactions).toEqual([]);
    work.end();
    await work.working;
  });
});

test("a server that stops meanwhile stores what was accepted before, and lets go of who was there", async () => {
  const storage = new FaultyStorage();
  const world = new World({ storage });
  const ann = await world.join("notes");
  storage.hold();
  ann.type("a");
  const work = lasting(world);
  let unsaved: readonly string[] | null = null;
  const draining = world.rooms.drain(1000).then((names) => {
    unsaved = names;
  });
  await world.settle();
  expect(unsaved).toBeNull();
  storage.release();
  await world.settle();
  work.end();
  await work.working;
  await world.settle();
  await draining;
  expect(unsaved).toEqual([]);
  expect(ann.closed?.code).toBe("SERVER_DRAINING");
});

test("folding a document while it is changed as a whole, or loaded, tells who asks to come back", async () => {
  const world = new World();
  const ann = await world.join("notes");
  ann.type("a");
  await world.settle();
  const work = lasting(world);
  const told = { code: "SERVER_DRAINING" };
  await expect(world.rooms.compact(world.name("notes"))).rejects.toMatchObject(told);
  await world.join("notes");
  await expect(world.rooms.compact(world.name("notes"))).rejects.toMatchObject(told);
  work.end();
  await work.working;
});
