import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import {
  clientFrames,
  EMPTY,
  NativeStage,
  NOTHING,
  openFrame,
  Typist,
  textOf,
  type Wire,
} from "../../../support/native-wire.ts";
import { FaultyStorage } from "../../../support/world.ts";

/** Whether the server reads what a connection sends. */
async function isRead(stage: NativeStage, wire: Wire): Promise<boolean> {
  wire.take();
  wire.send(clientFrames.ping());
  await stage.settle();
  return wire.takeOf("pong").length > 0;
}

describe("a document that is loading", () => {
  test("[C14] stops no other of the connection, and gets what it was sent in order when it is there", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const wire = await stage.joined("first");
    storage.hold();
    const typist = new Typist(7);
    wire.say(2, openFrame("second", { stateVector: NOTHING }), clientFrames.answer(1, EMPTY));
    wire.say(2, clientFrames.update(2, typist.type("one ")), clientFrames.update(3, typist.type("two")));
    await stage.settle();
    wire.say(1, clientFrames.sync(NOTHING));
    await stage.settle();
    expect(wire.take()).toMatchObject([{ type: "caughtUp", on: 1 }]);
    storage.release();
    await stage.settle();
    const said = wire.take();
    expect(said.map(({ type, on }) => `${type} ${on}`)).toEqual([
      "opened 2",
      "ask 2",
      "caughtUp 2",
      "batch 2",
      "ack 2",
      "durable 2",
    ]);
    expect(said[4]).toMatchObject({ number: 3 });
  });

  test("[C14] has the connection not read, once too much waits for it", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage, limits: { maxWaitingInputBytes: 2048 } });
    const wire = await stage.joined("first");
    storage.hold();
    const typist = new Typist(7);
    wire.say(2, openFrame("second", { stateVector: NOTHING }));
    wire.say(2, clientFrames.update(1, typist.type("x".repeat(1000))));
    expect(await isRead(stage, wire)).toBe(true);
    wire.say(2, clientFrames.update(2, typist.type("y".repeat(1500))));
    expect(await isRead(stage, wire)).toBe(false);
    expect(stage.limitHits).toEqual(["maxWaitingInputBytes"]);
    storage.release();
    await stage.settle();
    expect(wire.takeOf("ack").at(-1)).toMatchObject({ number: 2 });
    expect(await isRead(stage, wire)).toBe(true);
  });

  test("and never loads lets nothing wait for it any more", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage, limits: { maxWaitingInputBytes: 2048 } });
    const wire = await stage.joined("first");
    storage.hold();
    storage.loadErrors.push(new Error("EIO"));
    wire.say(2, openFrame("second"), clientFrames.update(1, new Typist(7).type("x".repeat(5000))));
    expect(await isRead(stage, wire)).toBe(false);
    storage.release();
    await stage.settle();
    expect(wire.takeOf("close")).toMatchObject([{ on: 2 }]);
    expect(await isRead(stage, wire)).toBe(true);
  });

  test("takes in what was sent before its channel, or the connection, was closed", async () => {
    for (const close of [
      (wire: Wire) => wire.say(2, clientFrames.close()),
      (wire: Wire) => wire.socket.close(),
    ]) {
      const storage = new FaultyStorage();
      const stage = new NativeStage({ storage });
      const wire = await stage.joined("first");
      storage.hold();
      wire.say(2, openFrame("second"), clientFrames.update(1, new Typist(7).type("last words")));
      close(wire);
      await stage.settle();
      storage.release();
      await stage.settle();
      await stage.advance(40_000);
      const stored = await storage.load("second" as never);
      expect(textOf(...(stored?.tail ?? []).flatMap(({ parts }) => parts.map(({ update }) => update)))).toBe(
        "last words",
      );
      expect(stage.sessions.filter(({ document }) => document === "second")).toEqual([]);
    }
  });
});

describe("a storage that has fallen behind", () => {
  test("has writers wait, and nothing is lost", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage, limits: { maxUncommittedBytes: 1000 } });
    const ann = await stage.joined();
    const typist = new Typist(7);
    storage.hold();
    for (let i = 0; i < 10; i++) {
      ann.say(1, clientFrames.update(2 + i, typist.type("x".repeat(300))));
      await stage.settle();
    }
    expect(storage.appends.length).toBeLessThan(6);
    storage.release();
    for (let i = 0; i < 5; i++) await stage.settle();
    expect(ann.takeOf("ack").at(-1)).toMatchObject({ number: 11 });
  });
});

describe("a client that does not read", () => {
  const limits = { maxBufferedBytes: 2048, stalledTimeoutMs: 1000 };

  /** Somebody with two documents open who has stopped reading, and somebody who writes to both. */
  async function stalled() {
    const stage = new NativeStage({ limits });
    const ben = await stage.joined("one");
    ben.say(2, openFrame("two", { stateVector: NOTHING }), clientFrames.answer(1, EMPTY));
    await stage.settle();
    ben.take();
    const ann = [await stage.joined("one"), await stage.joined("two")];
    const typists = [new Typist(7), new Typist(8)];
    ben.connection.stall();
    let number = 2;
    const write = async () => {
      for (const i of [0, 1])
        ann[i]?.say(1, clientFrames.update(number, typists[i]?.type("x".repeat(600)) ?? EMPTY));
      number++;
      await stage.settle();
    };
    for (let i = 0; i < 6; i++) await write();
    return { stage, ben, typists };
  }

  test("[K10] is queued no more, and brought up to date in all documents when it reads again", async () => {
    const { stage, ben, typists } = await stalled();
    expect(stage.sessions.filter(({ state }) => state === "lagging")).toHaveLength(2);
    ben.connection.readAgain();
    await stage.settle();
    const said = ben.take();
    for (const [i, typist] of typists.entries()) {
      const doc = new Y.Doc();
      for (const frame of said) {
        if (frame.on === i + 1 && (frame.type === "batch" || frame.type === "catchUp"))
          Y.applyUpdate(doc, frame.update);
      }
      expect(doc.getText("text").toString()).toBe(typist.text);
      expect(said.filter((frame) => frame.on === i + 1).at(-2)).toMatchObject({
        type: "caughtUp",
        seq: 6,
        durableSeq: 6,
      });
    }
    expect(stage.sessions.filter(({ state }) => state === "lagging")).toEqual([]);
  });

  test("[U11] is told then what it was owed: acknowledgements, questions, permissions", async () => {
    const { stage, ben } = await stalled();
    const typist = new Typist(9);
    const first = typist.type("first ");
    ben.say(
      1,
      clientFrames.update(2, new Typist(10).type("kept")),
      clientFrames.update(3, typist.type("second")),
    );
    await stage.settle();
    const session = stage.sessions[0];
    session?.setPermission("read", "so be it");
    session?.setPermission("write", "after all");
    await stage.settle();
    ben.connection.readAgain();
    await stage.settle();
    const said = ben.take().filter(({ on }) => on === 1);
    expect(said).toContainEqual(expect.objectContaining({ type: "ack", number: 2 }));
    expect(said.filter(({ type }) => type === "ask")).toHaveLength(1);
    expect(said.filter(({ type }) => type === "permission")).toMatchObject([{ permission: "write" }]);
    expect(textOf(first)).toBe("first ");
  });

  test("[C13] is sent away with all of its documents when it takes nothing for long", async () => {
    const { stage, ben } = await stalled();
    await stage.advance(5000);
    ben.connection.readAgain();
    await stage.settle();
    expect(ben.closed?.code).toBe(4508);
    expect(ben.takeOf("failed")).toMatchObject([{ code: "TOO_SLOW", retry: "backoff" }]);
    expect(stage.sessions).toHaveLength(2);
  });

  test("has documents opened only when it reads again", async () => {
    const { stage, ben } = await stalled();
    ben.say(3, openFrame("three", { stateVector: NOTHING }), clientFrames.answer(1, EMPTY));
    ben.say(4, openFrame(""));
    await stage.settle();
    expect(stage.sessions.map(({ document }) => document)).not.toContain("three");
    ben.connection.readAgain();
    await stage.settle();
    const said = ben.take();
    expect(said.filter(({ on }) => on === 3).map(({ type }) => type)).toEqual([
      "opened",
      "ask",
      "caughtUp",
      "ack",
    ]);
    expect(said).toContainEqual(expect.objectContaining({ type: "close", on: 4, code: "INVALID_NAME" }));
  });

  test("[C11] is not answered pings that it does not read, and gets no more memory by sending them", async () => {
    const { stage, ben } = await stalled();
    const before = ben.messages.length;
    for (let i = 0; i < 1000; i++) ben.send(clientFrames.ping(new Uint8Array(100)));
    await stage.settle();
    ben.connection.readAgain();
    await stage.settle();
    expect(ben.messages.length - before).toBeLessThan(20);
    expect(ben.takeOf("pong").length).toBeLessThan(20);
  });

  test("and has no document open any more is sent away too", async () => {
    const { stage, ben } = await stalled();
    ben.say(1, clientFrames.close());
    ben.say(2, clientFrames.close());
    ben.send(clientFrames.ping());
    await stage.settle();
    await stage.advance(5000);
    ben.connection.readAgain();
    await stage.settle();
    expect(ben.closed?.code).toBe(4508);
  });

  test("and opens more documents than it may is sent away", async () => {
    const stage = new NativeStage({ limits: { ...limits, maxDocumentsPerConnection: 10 } });
    const ben = await stage.greeted();
    ben.connection.stall();
    const name = "n".repeat(600);
    for (let channel = 1; channel <= 50; channel++) ben.say(channel, openFrame(`${name}\u0000`));
    await stage.settle();
    ben.connection.readAgain();
    await stage.settle();
    expect(ben.closed?.code).toBe(4508);
  });
});

describe("a connection that dies", () => {
  test("[C13] is asked for a sign of life for any of its documents, and ends as a whole", async () => {
    const stage = new NativeStage({ limits: { probeTimeoutMs: 100 } });
    const wire = await stage.joined();
    stage.sessions[0]?.probe();
    await stage.advance(200);
    expect(wire.closed).toBeNull();
    wire.connection.cut();
    await stage.settle();
    expect(wire.closed).toEqual({ code: 1006, reason: "" });
    expect(stage.sessions).toEqual([]);
  });
});
