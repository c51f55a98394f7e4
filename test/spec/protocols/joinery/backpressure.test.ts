import type { Opened } from "@joinery/shared/protocol";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { Rights } from "../../../../server/src/engine/rights.ts";
import { Session } from "../../../../server/src/engine/session.ts";
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

  test("[C14] gets what waited for it in several turns, if that takes long, and others get theirs in between", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await stage.joined("first");
    storage.hold();
    const typist = new Typist(7);
    ann.say(2, openFrame("second", { stateVector: NOTHING }));
    for (let number = 1; number <= 30; number++) {
      ann.say(2, clientFrames.update(number, typist.type(`${number} `)));
    }
    await stage.settle();
    ann.take();
    let elapsedMs = 0;
    const look = vi.spyOn(stage.clock, "monotonicMs").mockImplementation(() => {
      elapsedMs += 5;
      return 2_000_000 + elapsedMs;
    });
    const turns: number[] = [];
    const update = vi.spyOn(Session.prototype, "update").mockImplementation(() => {
      turns.push(turn);
    });
    let turn = 0;
    const nextTurn = () => {
      turn++;
      if (turn < 100) stage.clock.endOfTurn(nextTurn);
    };
    nextTurn();
    storage.release();
    await stage.settle();
    look.mockRestore();
    update.mockRestore();
    expect(turns).toHaveLength(30);
    expect(new Set(turns).size).toBeGreaterThan(3);
    expect(ann.closed).toBeNull();
  });

  test("is opened to those who waited for it in several turns, if that takes long", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    storage.hold();
    const wire = await stage.greeted();
    for (let channel = 1; channel <= 30; channel++) {
      wire.say(channel, openFrame("notes", { stateVector: Uint8Array.of(1, channel, 0) }));
    }
    wire.say(7, clientFrames.close());
    await stage.settle();
    let elapsedMs = 0;
    let turn = 0;
    const turns: number[] = [];
    const look = vi.spyOn(stage.clock, "monotonicMs").mockImplementation(() => {
      elapsedMs += 5;
      turns.push(turn);
      return 2_000_000 + elapsedMs;
    });
    const nextTurn = () => {
      turn++;
      if (turn < 100) stage.clock.endOfTurn(nextTurn);
    };
    nextTurn();
    storage.release();
    await stage.settle();
    look.mockRestore();
    expect(wire.takeOf("caughtUp").map(({ on }) => on)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(new Set(turns).size).toBeGreaterThan(3);
    expect(stage.sessions).toHaveLength(29);
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

async function opened(stage: NativeStage): Promise<unknown> {
  const wire = await stage.greeted();
  wire.say(1, openFrame("one"));
  await stage.settle();
  return wire.takeOf("opened")[0];
}

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
    // All who write here have waited so far: who else is in the round is waited for.
    stage.clock.advance(5);
    await stage.settle();
    const session = stage.sessions[0];
    session?.setRights(Rights.READER, "so be it");
    session?.setRights(Rights.WRITER, "after all");
    await stage.settle();
    ben.connection.readAgain();
    await stage.settle();
    const said = ben.take().filter(({ on }) => on === 1);
    expect(said).toContainEqual(expect.objectContaining({ type: "ack", number: 2 }));
    expect(said.filter(({ type }) => type === "ask")).toHaveLength(1);
    expect(said.filter(({ type }) => type === "permission")).toMatchObject([{ permission: "write" }]);
    expect(textOf(first)).toBe("first ");
  });

  test("[K10] is sent nothing ahead of what it missed, when somebody writes at the moment in which it reads again", async () => {
    const { stage, ben } = await stalled();
    ben.say(1, clientFrames.sync(Uint8Array.of(1, 9, 0)));
    await stage.settle();
    const eve = await stage.joined("one");
    eve.say(1, clientFrames.update(2, new Typist(11).type("just now")));
    ben.connection.readAgain();
    await stage.settle();
    const said = ben.take().filter(({ on }) => on === 1);
    let seq = 0;
    for (const frame of said) {
      if (frame.type === "caughtUp") seq = frame.seq;
      if (frame.type !== "batch") continue;
      expect(frame.seq).toBe(seq + 1);
      seq = frame.seq;
    }
    expect(seq).toBe(7);
  });

  test("[K10] has one answer at most waiting for it, on however many channels it asks", async () => {
    const stage = new NativeStage({ limits });
    const ann = await stage.joined("one");
    ann.say(1, clientFrames.update(2, new Typist(7).type("x".repeat(10_000))));
    await stage.settle();
    const ben = await stage.greeted();
    const channels = Array.from({ length: 20 }, (_, i) => i + 1);
    for (const channel of channels) {
      ben.say(channel, openFrame("one"), clientFrames.answer(1, EMPTY));
      await stage.settle();
    }
    ben.take();
    ben.connection.stall();
    for (const channel of channels) ben.say(channel, clientFrames.sync(Uint8Array.of(1, channel, 0)));
    await stage.settle();
    ben.connection.readAgain();
    for (let i = 0; i < 20; i++) await stage.settle();
    const peak = Math.max(...stage.eventsOf("session-lagging").map(({ bufferedBytes }) => bufferedBytes));
    expect(peak).toBeLessThan(15_000);
    const said = ben.take();
    for (const channel of channels) {
      expect(said).toContainEqual(expect.objectContaining({ type: "caughtUp", on: channel, seq: 1 }));
    }
  });

  test("[K1] that comes back with revisions has what it missed wait, and gets it, and who is here", async () => {
    const stage = new NativeStage({ limits });
    const ann = await stage.joined("one");
    ann.say(1, clientFrames.update(2, new Typist(7).type("first")));
    await stage.settle();
    const { lineage, branch } = (await opened(stage)) as Opened;
    ann.say(1, clientFrames.update(3, new Typist(8).type("x".repeat(10_000))));
    await stage.settle();
    const ben = await stage.greeted();
    ben.connection.stall();
    for (let channel = 1; channel <= 5; channel++) {
      ben.say(channel, openFrame("one", { revision: { lineage, seq: 1, branch: branch.id } }));
    }
    await stage.settle();
    ben.connection.readAgain();
    for (let i = 0; i < 10; i++) await stage.settle();
    const said = ben.take();
    for (let channel = 1; channel <= 5; channel++) {
      const types = said.filter(({ on }) => on === channel).map(({ type }) => type);
      expect(types.slice(0, 3)).toEqual(["opened", "catchUp", "caughtUp"]);
    }
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
