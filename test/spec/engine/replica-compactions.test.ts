import { type DocumentName, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { World } from "../../support/world.ts";

/** Folds when the test says so. */
class HeldReplicas extends InlineReplicas {
  readonly folds: { readonly document: DocumentName; finish(): void; fail(): void }[] = [];
  isPrepared = false;

  prepare(): void {
    this.isPrepared = true;
  }

  override fold(document: DocumentName, updates: readonly Uint8Array[]): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const finish = () => void super.fold(document, updates).then(resolve, reject);
      const fail = () => reject(new JoineryError("REPLICA_FAILED", "takes too long"));
      this.folds.push({ document, finish, fail });
    });
  }
}

/** Everything that is long enough is folded. */
const SOON = { minTailBytes: 1, maxTailEntries: 3 };

function stage() {
  const replicas = new HeldReplicas();
  const world = new World({ replicas, compaction: SOON, flush: { kind: "fixed", windowMs: 0 } });
  return { replicas, world };
}

async function snapshotOf(world: World, document: string): Promise<number | null> {
  const stored = await world.storage.load(world.name(document));
  return stored?.snapshot?.seq ?? null;
}

test("a log that is half as long as it may be is prepared for", async () => {
  const replicas = new HeldReplicas();
  const world = new World({ replicas, compaction: { minTailBytes: 200, maxTailEntries: 1000 } });
  const ann = await world.join("notes");
  ann.type("a short line");
  await world.settle();
  expect(replicas.isPrepared).toBe(false);
  ann.type("x".repeat(100));
  await world.settle();
  expect(replicas.isPrepared).toBe(true);
  expect(replicas.folds).toEqual([]);
});

describe("a log that is being folded", () => {
  test("grows meanwhile; what came after stays in it, and it is not folded again for that", async () => {
    const { replicas, world } = stage();
    const ann = await world.join("notes");
    ann.type("one ");
    await world.settle();
    expect(replicas.folds).toHaveLength(1);
    ann.type("two");
    await world.settle();
    replicas.folds[0]?.finish();
    await world.settle();
    expect(await snapshotOf(world, "notes")).toBe(1);
    expect(await world.storedText("notes")).toBe("one two");
    expect(world.eventsOf("compacted")).toMatchObject([{ document: "notes", seq: 1 }]);
    expect(replicas.folds).toHaveLength(1);
  });

  test("is the only one: others wait for their turn", async () => {
    const { replicas, world } = stage();
    const ann = await world.join("notes");
    const ben = await world.join("plans");
    ann.type("a");
    ben.type("b");
    await world.settle();
    expect(replicas.folds.map(({ document }) => document)).toEqual(["notes"]);
    replicas.folds[0]?.finish();
    await world.settle();
    expect(replicas.folds.map(({ document }) => document)).toEqual(["notes", "plans"]);
  });

  test("stays as it is when that fails, and is tried again when it has doubled", async () => {
    const { replicas, world } = stage();
    const ann = await world.join("notes");
    ann.type("a long line to begin with");
    await world.settle();
    replicas.folds[0]?.fail();
    await world.settle();
    expect(await snapshotOf(world, "notes")).toBeNull();
    expect(world.eventsOf("compaction-failed")).toMatchObject([{ error: { code: "REPLICA_FAILED" } }]);
    ann.type("x");
    await world.settle();
    expect(replicas.folds).toHaveLength(1);
    ann.type(" and another that makes it twice as long as it was before");
    await world.settle();
    expect(replicas.folds).toHaveLength(2);
    replicas.folds[1]?.finish();
    await world.settle();
    expect(await snapshotOf(world, "notes")).toBe(3);
    expect(await world.storedText("notes")).toBe(ann.text);
  });

  test("is left alone when its room ended meanwhile: the log may be another room's by now", async () => {
    const { replicas, world } = stage();
    const ann = await world.join("notes");
    ann.type("text");
    await world.settle();
    ann.session.left();
    await world.advance(60_000);
    expect(world.rooms.counts().rooms).toBe(0);
    replicas.folds[0]?.finish();
    await world.settle();
    expect(await snapshotOf(world, "notes")).toBeNull();
    expect(world.eventsOf("compacted")).toEqual([]);
    // The next room folds it.
    const ben = await world.join("notes");
    ben.type("!");
    await world.settle();
    replicas.folds[1]?.finish();
    await world.settle();
    expect(await snapshotOf(world, "notes")).toBe(2);
  });

  test("is left alone when the server stops meanwhile, and nobody is told of a failure", async () => {
    const { replicas, world } = stage();
    const ann = await world.join("notes");
    ann.type("text");
    await world.settle();
    expect(await world.rooms.drain(1000)).toEqual([]);
    replicas.folds[0]?.fail();
    await world.settle();
    expect(world.eventsOf("compaction-failed")).toEqual([]);
    expect(await world.storedText("notes")).toBe("text");
  });
});
