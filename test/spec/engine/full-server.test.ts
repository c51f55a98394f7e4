import { describe, expect, test } from "vitest";
import { clientFrames, NativeStage, NOTHING, openFrame, Typist, textOf } from "../../support/native-wire.ts";
import { FaultyStorage, World } from "../../support/world.ts";

const IDLE_ROOM_MS = 30_000;

describe("a server with as many documents in memory as it may have", () => {
  test("lets go of those first in which nobody is, the one that was left first before others", async () => {
    const world = new World({ limits: { maxRooms: 3 }, idleRoomMs: IDLE_ROOM_MS });
    const ann = await world.join("kept");
    const [first, second] = [await world.join("first"), await world.join("second")];
    first.type("stays stored");
    await world.settle();
    first.vanish();
    second.vanish();
    await world.join("fourth");
    expect(world.eventsOf("room-evicted").map(({ document }) => document)).toEqual(["first"]);
    expect(world.eventsOf("limit-hit").map(({ limit }) => limit)).toEqual(["maxRooms"]);
    expect(ann.closed).toBeNull();
    expect(world.rooms.counts().rooms).toBe(3);
    await world.join("fifth");
    expect(world.eventsOf("room-evicted").map(({ document }) => document)).toEqual(["first", "second"]);
    // And it is told to whoever comes when there is somebody in each.
    expect(() => world.open("first")).toThrow(
      expect.objectContaining({ code: "SERVER_FULL", limit: "maxRooms" }),
    );
    ann.vanish();
    const again = await world.join("first");
    expect(again.text).toBe("stays stored");
  });

  test("lets nobody go who has come back", async () => {
    const world = new World({ limits: { maxRooms: 1 }, idleRoomMs: IDLE_ROOM_MS });
    const ann = await world.join("one");
    ann.vanish();
    await world.join("one");
    expect(() => world.open("two")).toThrow(expect.objectContaining({ code: "SERVER_FULL" }));
  });

  test("does not let go of what is not on disk, and does as soon as it is", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage, limits: { maxRooms: 1 }, idleRoomMs: IDLE_ROOM_MS });
    const ann = await world.join("one");
    storage.hold();
    ann.type("hello");
    await world.settle();
    ann.vanish();
    expect(() => world.open("two")).toThrow(expect.objectContaining({ code: "SERVER_FULL" }));
    storage.release();
    await world.settle();
    await world.join("two");
    expect(await world.storedText("one")).toBe("hello");
  });

  test("refuses a native client's document alone, to come back, and counts that", async () => {
    const stage = new NativeStage({ limits: { maxRooms: 1 }, idleRoomMs: IDLE_ROOM_MS });
    const ann = await stage.joined("one");
    ann.say(2, openFrame("two", { stateVector: NOTHING }));
    ann.say(1, clientFrames.update(2, new Typist(7).type("goes on")));
    await stage.settle();
    const said = ann.take();
    expect(said).toContainEqual(
      expect.objectContaining({ on: 2, type: "close", code: "SERVER_FULL", retry: "backoff" }),
    );
    const [batch] = said.filter((frame) => frame.type === "batch");
    expect(textOf(batch?.update as Uint8Array)).toBe("goes on");
    expect(stage.limitHits).toEqual(["maxRooms"]);
    ann.say(1, clientFrames.close());
    await stage.settle();
    ann.say(3, openFrame("two", { stateVector: NOTHING }));
    await stage.settle();
    expect(ann.takeOf("opened")).toMatchObject([{ on: 3 }]);
  });
});
