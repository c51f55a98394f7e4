import { inflateRawSync } from "node:zlib";
import { equalBytes } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { Rights } from "../../../../server/src/engine/rights.ts";
import { THREAD_POOL_COMPRESSION } from "../../../../server/src/node/compression.ts";
import {
  clientFrames,
  EMPTY,
  joined,
  NativeStage,
  type NativeStageOptions,
  NOTHING,
  openFrame,
  Typist,
  textOf,
} from "../../../support/native-wire.ts";
import { FaultyStorage } from "../../../support/world.ts";

const FAR = "f".repeat(32);
const OTHER_BRANCH = "f".repeat(16);

/** A document with some batches, all durable, and who typed it. */
async function written(words: readonly string[], options: NativeStageOptions = {}) {
  const stage = new NativeStage(options);
  const ann = new Typist(7);
  const wire = await stage.joined();
  for (const [i, word] of words.entries()) {
    wire.say(1, clientFrames.update(i + 2, ann.type(word)));
    await stage.settle();
  }
  wire.take();
  const stored = await stage.storage.load("notes" as never);
  const lineage = stored?.lineage ?? "";
  const branch = stored?.branches.at(-1)?.id ?? "";
  return { stage, ann, wire, lineage, branch };
}

describe("who opens a document", () => {
  test("[K4] [K7] [O1] with nothing is asked for what the server misses, and sent all when it says so", async () => {
    const { stage, lineage, branch } = await written(["one ", "two"]);
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes"));
    await stage.settle();
    const [opened, ask, ...rest] = ben.take();
    expect(opened).toEqual({
      type: "opened",
      on: 1,
      lineage,
      seq: 2,
      durableSeq: 2,
      branch: { seq: 1, id: branch, before: "0".repeat(16) },
      permission: "write",
      user: "",
      beginning: "exchange",
    });
    expect(ask).toMatchObject({ type: "ask", on: 1 });
    expect(rest).toEqual([]);
    ben.say(1, clientFrames.sync(NOTHING));
    await stage.settle();
    const said = ben.take();
    expect(said.map(({ type }) => type)).toEqual(["catchUp", "caughtUp"]);
    expect(said[0]).toMatchObject({ isDeflated: false });
    expect(textOf((said[0] as { update: Uint8Array }).update)).toBe("one two");
    expect(said[1]).toMatchObject({ seq: 2, durableSeq: 2 });
  });

  test("[K2] with a state vector in the same frame is sent what it lacks in the same message", async () => {
    const { stage, ann, wire } = await written(["one ", "two"]);
    const doc = new Y.Doc();
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(ann.doc));
    const known = Y.encodeStateVector(doc);
    wire.say(1, clientFrames.update(4, ann.type(" three")));
    await stage.settle();
    const ben = await stage.greeted();
    ben.messages.length = 0;
    ben.say(1, openFrame("notes", { stateVector: known }));
    await stage.settle();
    const said = ben.take();
    expect(said.map(({ type }) => type)).toEqual(["opened", "ask", "catchUp", "caughtUp"]);
    Y.applyUpdate(doc, (said[2] as { update: Uint8Array }).update);
    expect(doc.getText("text").toString()).toBe("one two three");
    expect(ben.messages).toHaveLength(1);
  });

  test("[K1] [K3] with a revision is sent exactly the log since, and asked nothing", async () => {
    const { stage, lineage, branch } = await written(["one ", "two ", "three"]);
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { revision: { lineage, seq: 2, branch } }));
    await stage.settle();
    const said = ben.take();
    expect(said).toMatchObject([
      { type: "opened", beginning: "continue", seq: 3 },
      { type: "catchUp", isDeflated: false },
      { type: "caughtUp", seq: 3, durableSeq: 3 },
    ]);
    const { structs } = Y.decodeUpdate((said[1] as { update: Uint8Array }).update);
    expect(structs).toHaveLength(1);
    expect(structs[0]).toMatchObject({ id: { client: 7, clock: 8 }, length: 5 });
  });

  test("[K1] with the last revision is sent no document bytes at all", async () => {
    const { stage, lineage, branch } = await written(["one ", "two"]);
    const ben = await stage.greeted();
    ben.messages.length = 0;
    ben.say(1, openFrame("notes", { revision: { lineage, seq: 2, branch } }));
    await stage.settle();
    expect(ben.take().map(({ type }) => type)).toEqual(["opened", "caughtUp"]);
    expect(ben.messages.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(60);
  });

  test("[K2] [K3] with a revision that is folded away is asked nothing, and compared by its state vector", async () => {
    const { stage, ann, wire, lineage, branch } = await written(["one "], {
      compaction: { minTailBytes: 1, maxTailEntries: 2 },
    });
    const known = Y.encodeStateVector(ann.doc);
    for (let i = 0; i < 4; i++) {
      wire.say(1, clientFrames.update(3 + i, ann.type("two ")));
      await stage.settle();
    }
    expect(stage.eventsOf("compacted").length).toBeGreaterThan(0);
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { revision: { lineage, seq: 1, branch } }));
    await stage.settle();
    expect(ben.take()).toMatchObject([{ type: "opened", beginning: "compare", seq: 5 }]);
    ben.say(1, clientFrames.sync(known));
    await stage.settle();
    expect(ben.take()).toMatchObject([{ type: "catchUp" }, { type: "caughtUp", seq: 5, durableSeq: 5 }]);
  });

  test.each([
    ["of another lineage", (_: string, branch: string) => ({ revision: { lineage: FAR, seq: 1, branch } })],
    ["of another lineage without a revision", (_lineage: string, _branch: string) => ({ lineage: FAR })],
    [
      "that is further than the server's",
      (lineage: string, branch: string) => ({ revision: { lineage, seq: 3, branch } }),
    ],
    ["of another branch", (lineage: string) => ({ revision: { lineage, seq: 2, branch: OTHER_BRANCH } })],
  ])(
    "[L1] [L2] [L6] with a copy %s is told what the server has, and is merged with nothing",
    async (_, copyOf) => {
      const { stage, lineage, branch } = await written(["one ", "two"]);
      const ben = await stage.greeted();
      ben.say(
        1,
        openFrame("notes", { ...copyOf(lineage, branch), stateVector: NOTHING }),
        clientFrames.answer(1, EMPTY),
      );
      await stage.settle();
      expect(ben.take()).toMatchObject([
        {
          type: "close",
          on: 1,
          code: "LINEAGE_CHANGED",
          retry: "never",
          number: 0,
          remote: { lineage, seq: 2 },
        },
      ]);
      expect(ben.closed).toBeNull();
    },
  );

  test("[L3] with a copy of a document that was deleted is told that there is none", async () => {
    const stage = new NativeStage();
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { revision: { lineage: FAR, seq: 4, branch: OTHER_BRANCH } }));
    await stage.settle();
    expect(ben.take()).toMatchObject([
      { type: "close", code: "LINEAGE_CHANGED", remote: { seq: 0 }, message: expect.stringContaining(FAR) },
    ]);
  });

  test("[L3] is told that there is one only when it is stored, if it is just being made", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await stage.joined();
    storage.hold();
    ann.say(1, clientFrames.update(2, new Typist(7).type("new life")));
    await stage.settle();
    const ben = await stage.greeted();
    ben.say(
      1,
      openFrame("notes", { revision: { lineage: FAR, seq: 4, branch: OTHER_BRANCH } }),
      clientFrames.answer(1, EMPTY),
    );
    ann.say(1, clientFrames.signal({ kind: "all" }, "hello", Uint8Array.of(0x31)));
    await stage.settle();
    expect(ben.take()).toEqual([]);
    storage.release();
    await stage.settle();
    expect(ben.take()).toMatchObject([{ type: "close", code: "LINEAGE_CHANGED", remote: { seq: 1 } }]);
  });

  test("is told why, if it was waiting for what then could not be stored", async () => {
    const storage = new FaultyStorage();
    const stage = new NativeStage({ storage });
    const ann = await stage.joined();
    storage.hold();
    storage.appendErrors.push(new Error("EIO"));
    ann.say(1, clientFrames.update(2, new Typist(7).type("new life")));
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { lineage: FAR }));
    await stage.settle();
    storage.release();
    await stage.settle();
    expect(ben.take()).toMatchObject([{ type: "close", code: "STORAGE_UNAVAILABLE", retry: "backoff" }]);
  });

  test("[O2] is told who it is taken for, and what it may do", async () => {
    const stage = new NativeStage();
    const ben = await stage.greeted({ author: "ben", rights: Rights.READER });
    ben.say(1, openFrame("notes"));
    await stage.settle();
    expect(ben.takeOf("opened")).toMatchObject([{ user: "ben", permission: "read" }]);
  });

  test("[K8] [P2] hears who is there after it has caught up, and for whom the server takes them", async () => {
    const stage = new NativeStage();
    const ann = await stage.joined("notes", { author: "ann", rights: Rights.WRITER });
    ann.say(1, clientFrames.presence(presenceOf(7, { name: "Ann" })));
    await stage.settle();
    const eve = await stage.joined("notes");
    eve.say(1, clientFrames.presence(presenceOf(8, { name: "Eve" })));
    await stage.settle();
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { stateVector: NOTHING }));
    await stage.settle();
    const said = ben.take();
    expect(said.map(({ type }) => type)).toEqual(["opened", "ask", "caughtUp", "presence"]);
    expect(said[3]).toMatchObject({ users: new Map([[7, "ann"]]) });
    ann.take();
    eve.say(1, clientFrames.presence(presenceOf(8, { name: "Eve", at: 1 }, 2)));
    await stage.settle();
    expect(ann.take()).toMatchObject([{ type: "presence", users: new Map() }]);
  });

  test("[O3] [C9] of a name that is not allowed is told so on its channel, and other documents go on", async () => {
    const stage = new NativeStage();
    const ben = await stage.greeted();
    ben.say(1, openFrame(""));
    ben.say(2, openFrame("notes"));
    await stage.settle();
    expect(ben.take()).toMatchObject([
      { type: "close", on: 1, code: "INVALID_NAME" },
      { type: "opened", on: 2 },
      { type: "ask", on: 2 },
    ]);
  });

  test("with a state vector that does not decode is told so on its channel", async () => {
    const stage = new NativeStage();
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes", { stateVector: Uint8Array.of(9) }));
    await stage.settle();
    expect(ben.take()).toMatchObject([
      { type: "opened" },
      { type: "ask" },
      { type: "close", on: 1, code: "MALFORMED_UPDATE" },
    ]);
  });

  test("[O4] one more than a connection may have is told so on its channel", async () => {
    const stage = new NativeStage({ limits: { maxDocumentsPerConnection: 2 } });
    const ben = await stage.greeted();
    for (const channel of [1, 2, 3]) ben.say(channel, openFrame(`document ${channel}`));
    await stage.settle();
    expect(ben.takeOf("close")).toMatchObject([{ on: 3, code: "TOO_MANY_DOCUMENTS", retry: "backoff" }]);
    expect(stage.limitHits).toEqual(["maxDocumentsPerConnection"]);
    ben.say(1, clientFrames.close());
    ben.say(4, openFrame("document 4"));
    await stage.settle();
    expect(ben.takeOf("opened")).toMatchObject([{ on: 4 }]);
  });

  test("faster than a connection may is told so on its channel", async () => {
    const stage = new NativeStage({ limits: { maxOpensPerSecond: 1, maxBurstMs: 2000 } });
    const ben = await stage.greeted();
    for (const channel of [1, 2, 3]) ben.say(channel, openFrame("notes"), clientFrames.close());
    await stage.settle();
    expect(ben.takeOf("close")).toMatchObject([{ on: 3, code: "TOO_MANY_DOCUMENTS" }]);
    expect(stage.limitHits).toEqual(["maxOpensPerSecond"]);
  });

  test("[O1] that cannot be loaded is told so on its channel, to come back", async () => {
    const stage = new NativeStage();
    stage.storage.loadErrors.push(new Error("EIO"));
    const ben = await stage.greeted();
    ben.say(1, openFrame("notes"), clientFrames.sync(NOTHING), clientFrames.update(1, EMPTY));
    await stage.settle();
    expect(ben.take()).toMatchObject([{ type: "close", on: 1, retry: "backoff" }]);
    expect(ben.closed).toBeNull();
  });
});

describe("a document of 4 KiB and more", () => {
  const text = "the quick brown fox jumps over the lazy dog ".repeat(400);

  test("[K5] [K6] is sent to a newcomer compressed, once made and shared by all who come", async () => {
    let deflations = 0;
    const { stage } = await written([text], {
      compression: {
        deflate: (bytes) => {
          deflations++;
          return THREAD_POOL_COMPRESSION.deflate(bytes);
        },
      },
    });
    const wires = await Promise.all([stage.greeted(), stage.greeted()]);
    for (const wire of wires) {
      wire.messages.length = 0;
      wire.say(1, openFrame("notes", { stateVector: NOTHING }));
    }
    await until(stage, () => wires.every((wire) => wire.messages.length > 1));
    for (const wire of wires) {
      const [catchUp] = wire.takeOf("catchUp");
      expect(catchUp).toMatchObject({ isDeflated: true });
      expect(catchUp?.update.length).toBeLessThan(text.length / 10);
      expect(textOf(new Uint8Array(inflateRawSync(catchUp?.update as Uint8Array)))).toBe(text);
    }
    expect(deflations).toBe(1);
  });

  test("[K6] is sent as it is to a client that cannot inflate", async () => {
    const { stage } = await written([text], { compression: THREAD_POOL_COMPRESSION });
    const wire = stage.connect();
    wire.send(clientFrames.hello({ version: 1, capabilities: 0, agent: "", token: "" }));
    wire.say(1, openFrame("notes", { stateVector: NOTHING }));
    await stage.settle();
    expect(wire.takeOf("catchUp")).toMatchObject([{ isDeflated: false }]);
  });

  test("is sent as it is when it cannot be compressed", async () => {
    const compression = { deflate: () => Promise.reject(new Error("no threads left")) };
    const { stage } = await written([text], { compression });
    const wire = await stage.greeted();
    wire.say(1, openFrame("notes", { stateVector: NOTHING }));
    await stage.settle();
    expect(wire.takeOf("catchUp")).toMatchObject([{ isDeflated: false }]);
  });

  test("is sent in the order in which it was asked for, be it compressed first", async () => {
    const { stage } = await written([text], { compression: THREAD_POOL_COMPRESSION });
    const wire = await stage.greeted();
    wire.say(1, openFrame("notes", { stateVector: NOTHING }));
    wire.say(1, clientFrames.answer(1, EMPTY), clientFrames.update(2, new Typist(9).type("more")));
    await until(stage, () => wire.messages.length > 2);
    await stage.settle();
    const types = wire.take().map(({ type }) => type);
    expect(types).toEqual(["opened", "ask", "catchUp", "caughtUp", "batch", "ack", "durable"]);
  });
});

describe("a document that is larger than a fragment", () => {
  const FRAGMENT = 20 * 1024;
  const limits = { maxFragmentBytes: FRAGMENT };
  const text = "x".repeat(5 * FRAGMENT - 100);

  async function fragmentsOf(stage: NativeStage, partial: { id: Uint8Array; have: number } | null) {
    const wire = await stage.greeted();
    wire.say(1, openFrame("notes", { stateVector: NOTHING, partial }));
    await stage.settle();
    return wire.takeOf("fragment");
  }

  test("[B1] is sent in fragments of that size, up to the last", async () => {
    const { stage } = await written([text], { limits });
    const fragments = await fragmentsOf(stage, null);
    expect(fragments.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4].map((i) => i * FRAGMENT));
    const total = fragments[0]?.total as number;
    expect(fragments.map(({ bytes }) => bytes.length)).toEqual([
      ...[1, 2, 3, 4].map(() => FRAGMENT),
      total - 4 * FRAGMENT,
    ]);
    for (const { id } of fragments) expect(equalBytes(id, fragments[0]?.id as Uint8Array)).toBe(true);
  });

  test("is kept in memory once for all who are sent it", async () => {
    const { stage } = await written([text], { limits });
    const [one, two] = [await fragmentsOf(stage, null), await fragmentsOf(stage, null)];
    expect(one).toHaveLength(5);
    for (const [i, { bytes }] of one.entries()) expect(two[i]?.bytes.buffer === bytes.buffer).toBe(true);
  });

  test.each([FRAGMENT, 3 * FRAGMENT, 1500])(
    "is sent on from %i bytes to who was cut off there",
    async (have) => {
      const { stage } = await written([text], { limits });
      const fragments = await fragmentsOf(stage, null);
      const whole = joined(fragments.map(({ bytes }) => bytes));
      const rest = await fragmentsOf(stage, { id: fragments[0]?.id as Uint8Array, have });
      expect(rest[0]?.offset).toBe(have);
      const again = joined([whole.subarray(0, have), ...rest.map(({ bytes }) => bytes)]);
      expect(equalBytes(again, whole)).toBe(true);
    },
  );

  test("is sent on though somebody has typed meanwhile: what was large is as it was", async () => {
    const { stage, ann, wire } = await written([text], { limits });
    const [before] = await fragmentsOf(stage, null);
    wire.say(1, clientFrames.update(3, ann.type("y", 0)));
    await stage.settle();
    const [after] = await fragmentsOf(stage, { id: before?.id as Uint8Array, have: FRAGMENT });
    expect(after?.offset).toBe(FRAGMENT);
  });

  test("[B7] is sent from the beginning when it is another by now", async () => {
    const compaction = { minTailBytes: 1e9, maxTailEntries: 1e9 };
    const { stage, ann, wire } = await written([text], { limits, compaction });
    const [before] = await fragmentsOf(stage, null);
    wire.say(1, clientFrames.update(3, ann.type("y".repeat(4 * FRAGMENT), 0)));
    await stage.settle();
    const [after] = await fragmentsOf(stage, { id: before?.id as Uint8Array, have: FRAGMENT });
    expect(after?.offset).toBe(0);
  });

  test("[B7] is sent from the beginning to who has a part of something else, or all of it", async () => {
    const { stage } = await written([text], { limits });
    const [first] = await fragmentsOf(stage, null);
    const id = first?.id as Uint8Array;
    for (const partial of [
      { id: new Uint8Array(8), have: FRAGMENT },
      { id, have: first?.total as number },
      { id, have: 10_000_000 },
    ]) {
      expect((await fragmentsOf(stage, partial))[0]?.offset).toBe(0);
    }
  });
});

function presenceOf(clientId: number, state: object, clock = 1): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(state));
  return Uint8Array.of(1, clientId, clock, json.length, ...json);
}

/** Threads take real time. */
async function until(stage: NativeStage, holds: () => boolean): Promise<void> {
  while (!holds()) await stage.settle();
}
