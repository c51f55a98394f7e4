import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { Append } from "../../../server/src/engine/ports.ts";
import { MemoryStorage } from "../../../server/src/storage/memory.ts";
import { FaultyStorage } from "../../support/world.ts";
import { LiveWorld, NEVER, type Place, Reader, revisionOf, type } from "./live-world.ts";

/** Has what was appended at once, and says so when it is told to. */
class SlowToSay extends MemoryStorage {
  readonly #waiting: (() => void)[] = [];

  override async append(append: Append): Promise<void> {
    await super.append(append);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Of the one that came first. */
  say(): void {
    this.#waiting.shift()?.();
  }
}

describe("batches", () => {
  test("a follower is told first where the document is, and who is here", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    bob.type("hello");
    bob.show({ name: "Bob" });
    await world.settle();
    const { lineage, seq, branch } = await revisionOf(world, "doc");
    const events = await world.follow("doc");
    expect(events.kinds).toEqual(["hello", "presence"]);
    expect(events.all[0]).toMatchObject({
      id: `${lineage}.${branch}.${seq}`,
      data: { document: "doc", revision: `${lineage}.${branch}.${seq}`, user: "ann", updates: false },
    });
    const clientId = bob.doc.clientID;
    expect(events.of("presence")).toEqual([
      { all: true, joined: [{ clientId, user: "", state: { name: "Bob" } }], changed: [], left: [] },
    ]);
    expect(events.retryMs).toBe(2000);
  });

  test("an edit is an event once it is on disk, and not before", async () => {
    const storage = new FaultyStorage();
    const world = new LiveWorld({ storage });
    const bob = await world.join("doc", { author: "bob" });
    bob.type("a");
    await world.settle();
    const events = await world.follow("doc");
    storage.hold();
    bob.type("bc");
    await world.advance(1000);
    expect(events.seqs).toEqual([]);
    storage.release();
    await world.settle();
    const { lineage, branch } = await revisionOf(world, "doc");
    expect(events.all.at(-1)).toMatchObject({
      id: `${lineage}.${branch}.2`,
      event: "batch",
      data: {
        seq: 2,
        parts: [{ author: "bob", clients: [bob.doc.clientID], inserted: 2, deleted: 0, problem: null }],
      },
    });
    const [batch] = events.of("batch");
    expect(batch.timeMs).toBe(Date.parse(batch.time));
    expect(batch.parts[0]).not.toHaveProperty("update");
  });

  test("with updates, those who follow can make the same edits", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const events = await world.follow("doc", { hasUpdates: true });
    bob.type("hello");
    await world.advance(1000);
    bob.erase(0, 1);
    await world.advance(1000);
    const copy = new Y.Doc();
    for (const { parts } of events.of("batch")) {
      for (const { update } of parts) Y.applyUpdate(copy, Buffer.from(update, "base64"));
    }
    expect(copy.getText("text").toString()).toBe("ello");
    expect(events.seqs).toEqual([1, 2]);
  });

  test("what is written while it is read is told in order, once each", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const reader = new Reader(await world.following("doc"));
    const told: string[] = [];
    for (let i = 0; i < 20; i++) {
      bob.type("x");
      await world.advance(1000);
      if (i % 3 === 0) told.push(await reader.next());
    }
    while (told.join("").split("event: batch").length <= 20) told.push(await reader.next());
    const seqs = [...told.join("").matchAll(/"seq":(\d+)/g)].map(([, seq]) => Number(seq));
    expect(seqs).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });

  test("for who does not read nothing is read nor encoded", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const reader = new Reader(await world.following("doc", { hasUpdates: true }));
    await reader.next();
    const before = [world.reads.length, world.encoded];
    await type(world, bob, 20);
    expect([world.reads.length, world.encoded]).toEqual(before);
    expect(await reader.next()).toContain("event: batch");
  });

  test("a document that is not there yet can be followed", async () => {
    const world = new LiveWorld();
    const events = await world.follow("doc");
    expect(events.of("hello")[0].revision).toMatch(/\.0$/);
    const bob = await world.join("doc");
    bob.type("first");
    await world.settle();
    expect(events.seqs).toEqual([1]);
  });

  test("what many are told is read and encoded once", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const all = await Promise.all(Array.from({ length: 50 }, () => world.follow("doc")));
    const [reads, encoded] = [world.reads.length, world.encoded];
    bob.type("x");
    await world.settle();
    expect(all.map(({ seqs }) => seqs)).toEqual(all.map(() => [1]));
    expect(world.reads.length - reads).toBe(1);
    expect(world.encoded - encoded).toBe(1);
    bob.show({ name: "Bob" });
    await world.settle();
    world.live.signal({ document: world.name("doc") }, "saved", null);
    await world.settle();
    expect(world.encoded - encoded).toBe(3);
    expect(all.map(({ kinds }) => kinds.slice(-2))).toEqual(all.map(() => ["presence", "signal"]));
    expect(all.map((events) => events.of("presence").at(-1).joined.length)).toEqual(all.map(() => 1));
  });

  test("what the storage has before it says that it is durable is not told before that", async () => {
    const storage = new SlowToSay();
    const world = new LiveWorld({ storage });
    const bob = await world.join("doc");
    const events = await world.follow("doc");
    await type(world, bob, 2);
    expect((await storage.read(world.name("doc"), 0, 1000)).map(({ seq }) => seq)).toEqual([1, 2]);
    storage.say();
    await world.settle();
    expect(events.seqs).toEqual([1]);
    storage.say();
    await world.settle();
    expect(events.seqs).toEqual([1, 2]);
  });

  test("who is a little behind is told what was encoded for the others", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const behind = new Reader(await world.following("doc"));
    await behind.next();
    const events = await world.follow("doc");
    await type(world, bob, 10);
    expect(events.seqs).toHaveLength(10);
    const encoded = world.encoded;
    expect([...(await behind.next()).matchAll(/event: batch/g)]).toHaveLength(10);
    expect(world.encoded).toBe(encoded);
  });

  test("a log that is read from its beginning is told in order, and no batch is left out", async () => {
    const world = new LiveWorld({ compaction: NEVER });
    const bob = await world.join("doc");
    const events = await world.follow("doc", { hasUpdates: true });
    for (let i = 0; i < 60; i++) {
      bob.type("x".repeat(i % 20 === 7 ? 70_000 : 2_000));
      await world.advance(1000);
    }
    const again = await world.follow("doc", {
      hasUpdates: true,
      after: `${"0".repeat(32)}.${"0".repeat(16)}.0`,
    });
    await again.got("batch", 60);
    expect(again.of("batch")).toEqual(events.of("batch"));
    expect(again.seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  });

  test("a large batch is looked at elsewhere, and told also where that fails", async () => {
    const world = new LiveWorld({ compaction: NEVER });
    const bob = await world.join("doc");
    const events = await world.follow("doc");
    bob.type("x".repeat(60_000));
    bob.type("y".repeat(10_000));
    await world.advance(1000);
    expect(world.summarized).toEqual([expect.any(Number)]);
    expect(events.of("batch")[0].parts).toMatchObject([{ inserted: 70_000, problem: null }]);
    world.isWorkerBroken = true;
    bob.type("z".repeat(70_000));
    await world.advance(1000);
    expect(events.of("batch")[1]).toMatchObject({
      bytes: world.summarized[1],
      parts: [{ clients: [], inserted: 0, problem: "the worker is gone" }],
    });
    await type(world, bob, 1);
    expect(events.seqs).toEqual([1, 2, 3]);
  });

  test("what is folded before it was told is a gap, with its ends", async () => {
    const world = new LiveWorld({ compaction: { minTailBytes: 1, maxTailEntries: 1 } });
    const bob = await world.join("doc");
    const reader = new Reader(await world.following("doc"));
    expect(await reader.next()).toContain("event: hello");
    for (let i = 0; i < 4; i++) {
      bob.type("some text that is long enough");
      await world.advance(1000);
    }
    await world.advance(60_000);
    const stored = await world.storage.load(world.name("doc"));
    const folded = stored?.snapshot?.seq ?? 0;
    expect(folded).toBeGreaterThan(0);
    const { lineage, branch } = await revisionOf(world, "doc");
    const gap = `id: ${lineage}.${branch}.${folded}\nevent: gap\ndata: {"from":1,"to":${folded}}\n\n`;
    expect((await reader.next()).startsWith(gap)).toBe(true);
  });
});

describe("going on", () => {
  test("whoever comes back goes on behind what they had, nothing twice", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    const before = new AbortController();
    const first = await world.follow("doc", { signal: before.signal });
    await type(world, bob, 3);
    before.abort();
    await world.settle();
    await type(world, bob, 4);
    const second = await world.follow("doc", { after: first.lastId });
    await type(world, bob, 2);
    expect(first.seqs).toEqual([1, 2, 3]);
    expect(second.of("hello")[0].revision).toBe(first.lastId);
    expect(second.seqs).toEqual([4, 5, 6, 7, 8, 9]);
    expect(second.of("reset")).toEqual([]);
  });

  test("who had nothing is told everything that there is", async () => {
    const world = new LiveWorld();
    const bob = await world.join("doc");
    await type(world, bob, 3);
    const events = await world.follow("doc", { after: `${"f".repeat(32)}.${"e".repeat(16)}.0` });
    expect(events.seqs).toEqual([1, 2, 3]);
  });

  test.each([
    ["unreadable", () => "yesterday"],
    ["unreadable", ({ lineage, branch }: Place) => `${lineage}.${branch}.99999999999999999999`],
    ["lineage", ({ branch }: Place) => `${"f".repeat(32)}.${branch}.2`],
    ["branch", ({ lineage }: Place) => `${lineage}.${"f".repeat(16)}.2`],
    ["ahead", ({ lineage, branch }: Place) => `${lineage}.${branch}.4`],
  ] as const)(
    "what they had and does not fit is said to be so (%s), and they go on from now",
    async (reason, of) => {
      const world = new LiveWorld();
      const bob = await world.join("doc");
      await type(world, bob, 3);
      const given = of(await revisionOf(world, "doc"));
      const events = await world.follow("doc", { after: given });
      expect(events.of("reset")).toEqual([{ reason, given }]);
      await type(world, bob, 1);
      expect(events.seqs).toEqual([4]);
    },
  );
});
