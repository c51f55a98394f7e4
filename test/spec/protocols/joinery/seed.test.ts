import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as awarenessProtocol from "y-protocols/awareness";
import * as Y from "yjs";
import { Rights } from "../../../../server/src/engine/rights.ts";
import { HeldReplicas } from "../../../support/held-replicas.ts";
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

/** Somebody who would fill the document if it is new, and has been told all. */
async function offering(stage: NativeStage): Promise<Wire> {
  const wire = await stage.greeted();
  wire.say(1, openFrame("notes", { stateVector: NOTHING, offersSeed: true }), clientFrames.answer(1, EMPTY));
  await stage.settle();
  return wire;
}

const seedOf = (clientId: number, text: string): Uint8Array => new Typist(clientId).type(text);

/** So many words, none of which follows another: that is as many structs. */
function longSeedOf(clientId: number, words: number): Uint8Array {
  const typist = new Typist(clientId);
  for (let i = 0; i < words; i++) typist.type("word ", 0);
  return Y.encodeStateAsUpdate(typist.doc);
}

function presenceOf(clientId: number): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const awareness = new awarenessProtocol.Awareness(doc);
  awareness.setLocalState({ name: "somebody" });
  const update = awarenessProtocol.encodeAwarenessUpdate(awareness, [clientId]);
  awareness.destroy();
  return update;
}

const types = (wire: Wire): string[] => wire.take().map(({ type }) => type);

describe("a new document", () => {
  test("[S1] [S2] is filled by the first who offers, and comes to all as a batch that is durable", async () => {
    const stage = new NativeStage();
    const ann = await offering(stage);
    expect(types(ann)).toEqual(["opened", "ask", "caughtUp", "seed", "ack"].sort(asSent));
    const ben = await offering(stage);
    expect(types(ben)).not.toContain("seed");
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    await stage.settle();
    for (const wire of [ann, ben]) {
      const said = wire.take();
      expect(said).toMatchObject([
        { type: "batch", seq: 1, durableSeq: 1 },
        { type: "durable", seq: 1 },
      ]);
      expect(textOf((said[0] as { update: Uint8Array }).update)).toBe("welcome");
    }
  });

  test("[S4] [S5] is shown filled to nobody before that is durable, and what others write waits for it", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await offering(stage);
    const ben = await stage.joined();
    ann.take();
    storage.hold();
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    ben.say(1, clientFrames.update(2, seedOf(8, "too early")));
    await stage.settle();
    expect([types(ann), types(ben)]).toEqual([[], []]);
    const eva = await stage.greeted();
    eva.say(1, openFrame("notes", { stateVector: Uint8Array.of(9) }));
    await stage.settle();
    expect(eva.takeOf("close")).toMatchObject([{ code: "MALFORMED_UPDATE" }]);
    // Whoever comes now finds it empty.
    const eve = await offering(stage);
    expect(eve.take()).toMatchObject([
      { type: "opened", seq: 0, durableSeq: 0 },
      { type: "ask" },
      { type: "caughtUp", seq: 0, durableSeq: 0 },
    ]);
    storage.release();
    await stage.settle();
    for (const wire of [ann, ben, eve]) {
      const batches = wire.takeOf("batch");
      expect(batches.map(({ seq }) => seq)).toEqual([1, 2]);
      expect(textOf(...batches.map(({ update }) => update))).toContain("welcome");
    }
  });

  test("keeps nothing of a seed that a crash takes, so that it is filled once", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await offering(stage);
    ann.take();
    storage.appendErrors.push(new Error("EIO"));
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    await stage.settle();
    expect(ann.take()).toMatchObject([{ type: "close", code: "STORAGE_UNAVAILABLE" }]);
    const again = await offering(stage);
    expect(types(again)).toContain("seed");
    again.say(1, clientFrames.seed(seedOf(9, "welcome")));
    await stage.settle();
    expect(textOf(...again.takeOf("batch").map(({ update }) => update))).toBe("welcome");
  });

  test.each([
    ["passes", (ann: Wire) => ann.say(1, clientFrames.seed(EMPTY))],
    ["leaves", (ann: Wire) => ann.socket.close()],
    ["closes the document", (ann: Wire) => ann.say(1, clientFrames.close())],
    ["sends what is malformed", (ann: Wire) => ann.say(1, clientFrames.seed(Uint8Array.of(9)))],
  ])("asks the next one when who was asked %s", async (_, does) => {
    const stage = new NativeStage();
    const [ann, ben] = [await offering(stage), await offering(stage)];
    ben.take();
    does(ann);
    await stage.settle();
    expect(types(ben)).toEqual(["seed"]);
  });

  test("[S2] asks the next one too when who was asked takes too long, and the first answer counts", async () => {
    const stage = new NativeStage({ limits: { seedTimeoutMs: 1000 } });
    const [ann, ben] = [await offering(stage), await offering(stage)];
    ben.take();
    await stage.advance(1000);
    expect(types(ben)).toEqual(["seed"]);
    // Nobody else is asked who is not there yet.
    const eve = await offering(stage);
    expect(types(eve)).not.toContain("seed");
    await stage.advance(1000);
    expect(types(eve)).toEqual(["seed"]);
    ann.say(1, clientFrames.seed(seedOf(7, "ann's")));
    ben.say(1, clientFrames.seed(seedOf(8, "ben's")));
    await stage.settle();
    expect(textOf(...eve.takeOf("batch").map(({ update }) => update))).toBe("ann's");
  });

  test("[S3] is not filled once somebody has written to it", async () => {
    const stage = new NativeStage();
    const ann = await offering(stage);
    const ben = await stage.joined();
    ben.say(1, clientFrames.update(2, seedOf(8, "written")));
    await stage.settle();
    ann.take();
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    await stage.settle();
    expect(types(ann)).toEqual([]);
    const eve = await offering(stage);
    expect(eve.takeOf("catchUp").map(({ update }) => textOf(update))).toEqual(["written"]);
    expect(types(eve)).not.toContain("seed");
  });

  test("asks nobody who may only read", async () => {
    const stage = new NativeStage();
    const wire = await stage.greeted({ author: "", rights: Rights.READER });
    wire.say(1, openFrame("notes", { offersSeed: true }));
    await stage.settle();
    expect(types(wire)).toEqual(["opened", "ask"]);
  });

  test("[S7] takes no seed of who was not asked", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined();
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    await stage.settle();
    expect(ann.take()).toMatchObject([{ type: "close", code: "MALFORMED_FRAME" }]);
    expect(ann.closed).toBeNull();
  });

  test("that is filled with much is tried first, and what others write meanwhile comes after it", async () => {
    const stage = new NativeStage({ limits: { maxUnrehearsed: 0 } });
    const ann = await offering(stage);
    const ben = await stage.joined();
    ann.take();
    ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
    ben.say(1, clientFrames.update(2, seedOf(8, "meanwhile")));
    await stage.settle();
    const batches = ben.takeOf("batch");
    expect(batches.map(({ update }) => textOf(update))).toEqual(["welcome", "meanwhile"]);
  });

  describe("while a seed is being tried", () => {
    /** Ann was asked, and Ben is there too. What has more than a hundred structs is tried when the test says so. */
    async function trying() {
      const replicas = new HeldReplicas();
      const stage = new NativeStage({ replicas, limits: { maxUnrehearsed: 100 } });
      const ann = await offering(stage);
      const ben = await stage.joined();
      const reader = await stage.joined();
      ann.take();
      const shown = () => textOf(...reader.takeOf("batch").map(({ update }) => update));
      return { replicas, stage, ann, ben, shown };
    }

    test("[S8] F85 is not filled by who may only read by then, who goes on and is asked again as a writer", async () => {
      const { replicas, stage, ann, shown } = await trying();
      ann.say(1, clientFrames.seed(longSeedOf(7, 120)));
      await stage.settle();
      const [session] = stage.sessions;
      session?.setRights(Rights.READER, "no more");
      replicas.tried[0]?.done();
      await stage.settle();
      expect(types(ann)).toEqual(["permission", "notice"]);
      expect(shown()).toBe("");
      session?.setRights(Rights.WRITER, "again");
      await stage.settle();
      expect(types(ann)).toContain("seed");
      ann.say(1, clientFrames.seed(seedOf(7, "welcome")));
      await stage.settle();
      expect(shown()).toBe("welcome");
    });

    test("[S8] F85 is not filled by who was sent away meanwhile, but by who comes next", async () => {
      const { replicas, stage, ann, shown } = await trying();
      ann.say(1, clientFrames.seed(longSeedOf(7, 120)));
      await stage.settle();
      stage.sessions[0]?.close(new JoineryError("PERMISSION_DENIED", "you were sent away"));
      replicas.tried[0]?.done();
      await stage.settle();
      expect(shown()).toBe("");
      const eva = await offering(stage);
      expect(types(eva)).toContain("seed");
    });

    test("[S3] is not filled beside an edit that was held aside before, and is released meanwhile", async () => {
      const { replicas, stage, ann, ben, shown } = await trying();
      const owner = await stage.joined();
      owner.say(1, clientFrames.presence(presenceOf(8)));
      await stage.settle();
      // It comes under a client id that is somebody else's, as long as that one is there.
      ben.say(1, clientFrames.update(2, seedOf(8, "written")));
      ann.say(1, clientFrames.seed(longSeedOf(7, 120)));
      await stage.settle();
      expect([replicas.tried.length, shown()]).toEqual([1, ""]);
      owner.socket.close();
      await stage.settle();
      replicas.tried[0]?.done();
      await stage.settle();
      await stage.advance(6_000);
      expect(shown()).toBe("written");
      expect(ann.closed).toBeNull();
    });

    test("[S3] is not filled beside an edit that is being tried since before", async () => {
      const { replicas, stage, ann, ben, shown } = await trying();
      ben.say(1, clientFrames.update(2, longSeedOf(8, 110)));
      await stage.settle();
      ann.say(1, clientFrames.seed(longSeedOf(7, 120)));
      await stage.settle();
      for (const { done } of replicas.tried.splice(0)) done();
      await stage.settle();
      for (const { done } of replicas.tried.splice(0)) done();
      await stage.settle();
      expect(shown()).toBe("word ".repeat(110));
      ben.say(1, clientFrames.update(3, seedOf(9, "more ")));
      await stage.settle();
      expect(shown()).toContain("more ");
    });

    test("[S3] is not filled with a part of it, because the rest came to be somebody else's and its author is gone", async () => {
      const { replicas, stage, ann, ben, shown } = await trying();
      ann.say(1, clientFrames.seed(Y.mergeUpdates([longSeedOf(7, 120), seedOf(9, "of two")])));
      await stage.settle();
      ben.say(1, clientFrames.presence(presenceOf(9)));
      await stage.settle();
      stage.sessions[0]?.close(new JoineryError("TOO_SLOW", "reads nothing"));
      await stage.settle();
      for (const { done } of replicas.tried) done();
      await stage.settle();
      expect(shown()).toBe("");
      // Whoever comes next is asked.
      expect(types(await offering(stage))).toContain("seed");
    });

    test("[S5] is filled first where the edit that was held aside is released after that", async () => {
      const { replicas, stage, ann, ben, shown } = await trying();
      const owner = await stage.joined();
      owner.say(1, clientFrames.presence(presenceOf(8)));
      await stage.settle();
      ben.say(1, clientFrames.update(2, seedOf(8, "written")));
      ann.say(1, clientFrames.seed(longSeedOf(7, 120)));
      await stage.settle();
      replicas.tried[0]?.done();
      await stage.settle();
      expect(shown()).toBe("word ".repeat(120));
      owner.socket.close();
      await stage.settle();
      await stage.advance(6_000);
      expect(ben.takeOf("batch").map(({ update }) => update).length).toBe(2);
    });
  });

  test("[S3] takes no seed that would have to be held aside, now or later", async () => {
    const stage = new NativeStage();
    const [ann, ben] = [await offering(stage), await offering(stage)];
    const owner = await stage.joined();
    owner.say(1, clientFrames.presence(presenceOf(8)));
    await stage.settle();
    ann.take();
    ann.say(1, clientFrames.seed(seedOf(8, "ann's")));
    await stage.settle();
    expect(ann.take()).toMatchObject([{ type: "close", code: "CLIENT_ID_IN_USE", retry: "backoff" }]);
    ben.say(1, clientFrames.seed(seedOf(9, "ben's")));
    await stage.settle();
    owner.socket.close();
    await stage.advance(6_000);
    const eve = await stage.greeted();
    eve.say(1, openFrame("notes", { stateVector: NOTHING }));
    await stage.settle();
    expect(textOf(...eve.takeOf("catchUp").map(({ update }) => update))).toBe("ben's");
  });

  test("takes no seed that builds upon something else", async () => {
    const stage = new NativeStage();
    const ann = await offering(stage);
    ann.take();
    const typist = new Typist(7);
    typist.type("no ");
    ann.say(1, clientFrames.seed(typist.type("welcome")));
    await stage.settle();
    expect(ann.take()).toMatchObject([{ type: "close", code: "MALFORMED_UPDATE", retry: "never" }]);
    expect(stage.rooms.counts().heldBytes).toBe(0);
  });

  test("leaves no timer behind when all are gone", async () => {
    const stage = new NativeStage({ idleRoomMs: 10 });
    const wires = [await offering(stage), await offering(stage)];
    for (const wire of wires) wire.socket.close();
    await stage.advance(1000);
    expect(stage.clock.pendingTimers).toBe(0);
    expect(stage.rooms.counts().rooms).toBe(0);
  });
});

function asSent(a: string, b: string): number {
  const order = ["opened", "ask", "caughtUp", "seed", "ack"];
  return order.indexOf(a) - order.indexOf(b);
}
