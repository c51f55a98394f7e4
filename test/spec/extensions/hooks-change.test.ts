import { describe, expect, test } from "vitest";
import type { DocumentChange } from "../../../server/src/extensions/hooks/hooks.ts";
import { FaultyStorage } from "../../support/world.ts";
import { Held, HookStage, TIMEOUT_MS, textOf } from "./hooks-stage.ts";

const IDLE_MS = 100;

function watching(options: { storage?: FaultyStorage; maxPendingChanges?: number } = {}) {
  const held = new Held<DocumentChange>();
  const { storage = new FaultyStorage(), maxPendingChanges = 100 } = options;
  const stage = new HookStage({
    hooks: { change: held.hook },
    storage,
    limits: { maxPendingChanges },
    idleRoomMs: IDLE_MS,
  });
  const seqs = () => held.calls.map(({ firstSeq, seq }) => (firstSeq === seq ? seq : `${firstSeq}-${seq}`));
  return { held, stage, storage, seqs };
}

describe("change", () => {
  test("is told what was written once that is on disk, not before", async () => {
    const { held, stage, storage } = watching();
    const ann = await stage.join("notes", "ann");
    const ben = await stage.join("notes", "ben");
    storage.hold();
    ann.type("a");
    ben.type("b");
    await stage.settle();
    expect(held.calls).toEqual([]);
    storage.release();
    await stage.settle();
    const stored = await storage.load(stage.world.name("notes"));
    expect(held.calls).toMatchObject([
      {
        document: "notes",
        lineage: stored?.lineage,
        firstSeq: 1,
        seq: 1,
        time: stage.world.clock.now(),
        authors: ["ann", "ben"],
      },
    ]);
    expect(textOf(held.last.update)).toBe(ann.text);
  });

  test("is told batch by batch in their order, one call after the other, and other documents go on", async () => {
    const { held, stage, seqs } = watching();
    const ann = await stage.join("notes");
    const ben = await stage.join("other");
    for (const letter of "abc") {
      ann.type(letter);
      await stage.advance(100);
    }
    expect(seqs()).toEqual([1]);
    ben.type("x");
    await stage.advance(100);
    expect(held.calls.map(({ document }) => document)).toEqual(["notes", "other"]);
    held.end(undefined, 0);
    await stage.settle();
    held.end(undefined);
    await stage.settle();
    const ofNotes = held.calls.filter(({ document }) => document === "notes");
    expect(ofNotes.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(textOf(...ofNotes.map(({ update }) => update))).toBe("abc");
  });

  test("is told several batches by one call when as many wait as may", async () => {
    const { held, stage, seqs } = watching({ maxPendingChanges: 2 });
    const ann = await stage.join("notes", "ann");
    const ben = await stage.join("notes", "ben");
    for (const [i, letter] of [..."abcdef"].entries()) {
      (i % 2 === 0 ? ann : ben).type(letter);
      await stage.advance(100);
    }
    expect(stage.limitHits).toEqual(["maxPendingChanges", "maxPendingChanges", "maxPendingChanges"]);
    for (let i = 0; i < 3; i++) {
      held.end(undefined);
      await stage.settle();
    }
    expect(seqs()).toEqual([1, 2, "3-6"]);
    expect(held.last.authors).toEqual(["ann", "ben"]);
    expect(textOf(...held.calls.map(({ update }) => update))).toBe("abcdef");
    ann.type("g");
    await stage.advance(100);
    expect(seqs()).toEqual([1, 2, "3-6", 7]);
  });

  test("is told each once, and the next one too, when it fails or takes too long", async () => {
    const { held, stage, seqs } = watching();
    const ann = await stage.join("notes");
    for (const letter of "abc") {
      ann.type(letter);
      await stage.advance(100);
    }
    held.fail(new Error("no queue"));
    await stage.settle();
    await stage.advance(TIMEOUT_MS);
    expect(seqs()).toEqual([1, 2, 3]);
    expect(stage.troubles).toEqual([
      "hook-failed change notes no queue",
      `hook-timed-out change notes change took longer than ${TIMEOUT_MS} ms`,
    ]);
    expect(ann.session.state).toBe("live");
  });

  test("is told of a document's next room after what waits of the one before", async () => {
    const { held, stage, storage, seqs } = watching();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(100);
    ann.type("b");
    await stage.advance(100);
    storage.appendErrors.push(new Error("disk full"));
    ann.type("c");
    await stage.advance(100);
    expect(ann.closed?.code).toBe("STORAGE_UNAVAILABLE");
    const ben = await stage.join("notes");
    ben.type("d");
    await stage.advance(100);
    expect(seqs()).toEqual([1]);
    for (let i = 0; i < 3; i++) {
      held.end(undefined);
      await stage.settle();
    }
    // What the disk did not take is not told.
    expect(seqs()).toEqual([1, 2, 3]);
    expect(textOf(...held.calls.map(({ update }) => update))).toBe(ben.text);
  });

  test("is told what was written to a document that was made anew apart from what was written to the one before", async () => {
    const { held, stage, storage } = watching({ maxPendingChanges: 1 });
    for (const letter of "abc") {
      const ann = await stage.join("notes");
      ann.type(letter);
      await stage.settle();
      ann.vanish();
      await stage.advance(IDLE_MS);
      await storage.erase(stage.world.name("notes"));
    }
    for (let i = 0; i < 2; i++) {
      held.end(undefined);
      await stage.settle();
    }
    expect(new Set(held.calls.map(({ lineage }) => lineage)).size).toBe(3);
    expect(held.calls.map(({ update }) => textOf(update))).toEqual(["a", "b", "c"]);
  });

  test("has been told everything when the server stops", async () => {
    const { held, stage } = watching();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(100);
    ann.type("b");
    let isDone = false;
    const drained = stage.world.rooms.drain(1000, async () => {
      await stage.plugin.draining?.();
      isDone = true;
    });
    await stage.settle();
    held.end(undefined);
    await stage.settle();
    expect([held.calls.length, isDone]).toEqual([2, false]);
    held.end(undefined);
    await drained;
    expect(isDone).toBe(true);
  });
});
