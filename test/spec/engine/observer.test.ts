import { encodeAwareness, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { ObservedRoom, RoomObserver } from "../../../server/src/engine/observer.ts";
import { NO_OPENING } from "../../../server/src/engine/opening.ts";
import { FaultyStorage, sayingDialect, World } from "../../support/world.ts";
import { typed, Witness } from "./observer-stage.ts";

/** An observer that gets as far as the test lets it. */
function preparing() {
  const gates: PromiseWithResolvers<void>[] = [];
  const rooms: ObservedRoom[] = [];
  const observer: RoomObserver = {
    loaded(room) {
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      rooms.push(room);
      return gate.promise;
    },
  };
  return { observer, gates, rooms };
}

describe("a document that was read", () => {
  test("is shown to nobody before the observer has prepared it and that is durable", async () => {
    const { observer, gates, rooms } = preparing();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    expect([ann.session.state, ben.session.state]).toEqual(["joining", "joining"]);
    storage.hold();
    expect(rooms[0]?.write(typed("prepared"))).toBeNull();
    gates[0]?.resolve();
    await world.settle();
    expect([ann.frames, ben.frames]).toEqual([[], []]);
    storage.release();
    await world.settle();
    expect([ann.text, ben.text]).toEqual(["prepared", "prepared"]);
    expect(await world.storedText("notes")).toBe("prepared");
    expect(gates).toHaveLength(1);
  });

  test("that cannot be prepared sends those who wait away with the reason, and is tried again", async () => {
    const { observer, gates, rooms } = preparing();
    const world = new World({ observer });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    gates[0]?.reject(new JoineryError("PERMISSION_DENIED", "not today"));
    await world.settle();
    expect([ann.closed?.message, ben.closed?.message]).toEqual(["not today", "not today"]);
    expect(world.eventsOf("load-failed")).toMatchObject([{ document: "notes" }]);
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
    await expect(rooms[0]?.whenDurable()).rejects.toThrow("not today");

    const cid = await world.join("notes");
    gates[1]?.resolve();
    await world.settle();
    expect(cid.session.state).toBe("live");
  });

  test("that the disk does not take as prepared is not shown either", async () => {
    const { observer, gates, rooms } = preparing();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer });
    const ann = await world.join("notes");
    storage.appendErrors.push(new Error("disk full"));
    rooms[0]?.write(typed("lost"));
    gates[0]?.resolve();
    await world.settle();
    expect(ann.closed?.code).toBe("STORAGE_UNAVAILABLE");
    expect(ann.text).toBe("");
  });

  test("says who waits for it, in the order in which they came, and who is in it", async () => {
    const { observer, gates, rooms } = preparing();
    const world = new World({ observer });
    const [ann, ben, cid] = [await world.join("notes"), await world.join("notes"), await world.join("notes")];
    const [room] = rooms;
    expect(room?.waiting).toEqual([ann.session, ben.session, cid.session]);
    ann.vanish();
    expect(room?.waiting).toEqual([ben.session, cid.session]);
    expect([...(room?.sessions ?? [])]).toEqual([]);
    gates[0]?.resolve();
    await world.settle();
    expect(room?.waiting).toEqual([]);
    expect([...(room?.sessions ?? [])]).toEqual([ben.session, cid.session]);
    await world.join("notes");
    expect(room?.waiting).toEqual([]);
  });

  test("forgets who left meanwhile, and goes when everybody did", async () => {
    const { observer, gates } = preparing();
    const world = new World({ observer, idleRoomMs: 1000 });
    const ann = await world.join("notes");
    ann.vanish();
    await world.advance(5000);
    expect(world.rooms.counts()).toMatchObject({ rooms: 1, sessions: 0 });
    gates[0]?.resolve();
    await world.advance(1000);
    expect(ann.frames).toEqual([]);
    expect(world.rooms.counts().rooms).toBe(0);
  });

  test("is let go at once when the server stops meanwhile", async () => {
    const { observer, gates, rooms } = preparing();
    const world = new World({ observer });
    const ann = await world.join("notes");
    expect(await world.rooms.drain(1000)).toEqual([]);
    expect(ann.closed?.code).toBe("SERVER_DRAINING");
    gates[0]?.resolve();
    await world.settle();
    expect(() => rooms[0]?.write(typed("too late"))).toThrow(/restarting/);
  });

  test("waits for nothing where the observer is done at once, and a mistake of it ends the load", async () => {
    const observer: RoomObserver = {
      loaded: ({ document }) => {
        if (document === "bad") throw new Error("a bug");
        return null;
      },
    };
    const world = new World({ observer });
    expect((await world.join("good")).session.state).toBe("live");
    expect((await world.join("bad")).closed?.code).toBe("INTERNAL");
  });
});

describe("an observer is told", () => {
  test("what becomes of a room, in the order in which it does", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer: witness, idleRoomMs: 1000 });
    const ann = await world.join("notes", { author: "ann" });
    expect(witness.take()).toEqual(["loaded 0", "ann joined"]);
    const ben = await world.join("notes", { author: "ben" });
    storage.hold();
    ann.type("a");
    ben.type("b", 0);
    ann.type("c");
    await world.settle();
    expect(witness.take()).toEqual([
      "ben joined",
      "accepted of ann: a",
      "accepted of ben: b",
      // Its own text alone: what it builds upon is not in it.
      "accepted of ann: ",
      "appended 1 of ann+ben",
    ]);
    storage.release();
    await world.settle();
    expect(witness.take()).toEqual(["durable 1"]);
    ann.vanish();
    ben.vanish();
    await world.advance(1000);
    expect(witness.take()).toEqual(["ann left", "ben left", "ended idle"]);
    await world.join("notes", { author: "cid" });
    expect(witness.take()).toEqual(["loaded 1", "cid joined"]);
  });

  test("of a batch before anybody is sent it, and that it is durable after those who are there", async () => {
    const order: string[] = [];
    const dialect = sayingDialect("watching");
    const observer: RoomObserver = {
      appended: (_room, { seq }) => order.push(`appended ${seq}`),
      durable: (_room, seq) => order.push(`durable ${seq}`),
    };
    const world = new World({ observer });
    const ann = await world.join("notes", {
      dialect: {
        ...dialect,
        update(update) {
          order.push("sent");
          return dialect.update(update);
        },
        durable(seq) {
          order.push("saved");
          return dialect.durable(seq);
        },
      },
    });
    order.length = 0;
    ann.type("x");
    await world.settle();
    expect(order).toEqual(["appended 1", "sent", "saved", "durable 1"]);
  });

  test("that somebody has gone only if they had been let in, once, and before the room ends", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer: witness });
    storage.hold();
    const early = world.open("notes", { author: "early" });
    await world.settle();
    early.vanish();
    const ann = world.open("notes", { author: "ann" });
    storage.release();
    await world.settle();
    storage.appendErrors.push(new Error("disk full"));
    ann.type("x");
    await world.settle();
    expect(witness.take()).toEqual([
      "loaded 0",
      "ann joined",
      "accepted of ann: x",
      "appended 1 of ann",
      "ann left",
      "ended STORAGE_UNAVAILABLE",
    ]);
    storage.loadErrors.push(new Error("no such disk"));
    await world.join("notes", { author: "ben" });
    // That room was never there.
    expect(witness.take()).toEqual([]);
  });

  test("nothing more of a room that ends while it says what is durable", async () => {
    const witness = new Witness();
    const storage = new FaultyStorage();
    const world = new World({ storage, observer: witness });
    const sound = sayingDialect("breaking");
    let updates = 0;
    const update = (bytes: Uint8Array): Uint8Array => {
      updates++;
      if (updates > 1) throw new Error("a bug");
      return sound.update(bytes);
    };
    const dialect = { ...sound, update, seed: () => Uint8Array.of(253) };
    const ann = await world.join("notes", { dialect, opening: { ...NO_OPENING, offersSeed: true } });
    storage.hold();
    ann.session.seed(typed("seed"));
    ann.type("what waits for it");
    await world.settle();
    storage.release();
    await world.settle();
    expect(ann.closed?.code).toBe("INTERNAL");
    expect(witness.take().slice(-2)).toEqual([" left", "ended INTERNAL"]);
  });

  test("who is in the room", async () => {
    const witness = new Witness();
    const world = new World({ observer: witness });
    await world.join("notes", { author: "ann" });
    const ben = await world.join("notes", { author: "ben", guest: { from: "afar" } });
    const people = () => [...witness.room.sessions].map(({ author, guest }) => [author, guest]);
    expect(people()).toEqual([
      ["ann", null],
      ["ben", { from: "afar" }],
    ]);
    ben.vanish();
    expect(people()).toEqual([["ann", null]]);
  });

  test("of presence under ids that are the session's own, not of what it echoes or is refused", async () => {
    const witness = new Witness();
    const dialect = { ...sayingDialect("polite"), notice: () => Uint8Array.of(255) };
    const world = new World({ observer: witness });
    const ann = await world.join("notes", { author: "ann" });
    const ben = await world.join("notes", { author: "ben", dialect });
    witness.take();
    ann.show({ name: "Ann" });
    ann.show(null);
    expect(witness.take()).toEqual(['announced by ann: {"name":"Ann"}', "announced by ann: gone"]);
    ann.show({ name: "Ann" });
    witness.take();
    const state = new TextEncoder().encode('{"name":"Ben"}');
    const entries = [
      { clientId: ann.doc.clientID, clock: 99, state: new TextEncoder().encode('{"name":"not Ann"}') },
      { clientId: ben.doc.clientID, clock: 1, state },
    ];
    ben.session.presence(encodeAwareness(entries));
    expect(witness.take()).toEqual(['announced by ben: {"name":"Ben"}']);
    ben.session.presence(
      encodeAwareness([{ clientId: ben.doc.clientID, clock: 2, state: Uint8Array.of(1, 2) }]),
    );
    expect(witness.take()).toEqual([]);
    expect(ben.closed).toBeNull();
  });
});

describe("a room in which nobody is", () => {
  function asked(answers: Promise<boolean>[]) {
    const rooms: ObservedRoom[] = [];
    const observer: RoomObserver = {
      evicting(room) {
        rooms.push(room);
        return answers[rooms.length - 1] ?? null;
      },
    };
    return { rooms, observer };
  }

  test("goes when the observer lets it, and is asked about again until then", async () => {
    const { rooms, observer } = asked([Promise.resolve(false), Promise.resolve(true)]);
    const world = new World({ observer, idleRoomMs: 1000 });
    (await world.join("notes")).vanish();
    await world.advance(1000);
    expect([rooms.length, world.rooms.counts().rooms]).toEqual([1, 1]);
    await world.advance(999);
    expect(rooms).toHaveLength(1);
    await world.advance(1);
    expect([rooms.length, world.rooms.counts().rooms]).toEqual([2, 0]);
  });

  test("stays when somebody came meanwhile, also when they have gone again", async () => {
    const answers = [Promise.withResolvers<boolean>(), Promise.withResolvers<boolean>()];
    const { rooms, observer } = asked(answers.map(({ promise }) => promise));
    const world = new World({ observer, idleRoomMs: 1000 });
    (await world.join("notes")).vanish();
    await world.advance(1000);
    const ann = await world.join("notes");
    answers[0]?.resolve(true);
    await world.advance(5000);
    expect(ann.session.state).toBe("live");

    ann.vanish();
    await world.advance(1000);
    expect(rooms).toHaveLength(2);
    (await world.join("notes")).vanish();
    answers[1]?.resolve(true);
    await world.advance(999);
    expect(world.rooms.counts().rooms).toBe(1);
    await world.advance(1);
    expect(world.rooms.counts().rooms).toBe(0);
  });

  test("waits for what the observer wrote when it was asked", async () => {
    const answer = Promise.withResolvers<boolean>();
    const { rooms, observer } = asked([answer.promise]);
    const storage = new FaultyStorage();
    const world = new World({ storage, observer, idleRoomMs: 1000 });
    (await world.join("notes")).vanish();
    await world.advance(1000);
    storage.hold();
    rooms[0]?.write(typed("last words"));
    answer.resolve(true);
    await world.settle();
    expect(world.rooms.counts().rooms).toBe(1);
    storage.release();
    await world.settle();
    expect(world.rooms.counts().rooms).toBe(0);
    expect(await world.storedText("notes")).toBe("last words");
  });

  test("ends as by a mistake when the question fails", async () => {
    const question = Promise.withResolvers<boolean>();
    const { observer } = asked([question.promise]);
    const world = new World({ observer, idleRoomMs: 1000 });
    (await world.join("notes")).vanish();
    await world.advance(1000);
    question.reject(new Error("a bug"));
    await world.settle();
    expect(world.eventsOf("room-failed")).toHaveLength(1);
    expect(world.rooms.counts().rooms).toBe(0);
  });
});
