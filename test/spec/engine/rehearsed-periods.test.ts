import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { type Client, FaultyStorage, World, type WorldOptions } from "../../support/world.ts";

const LIMIT = 160;

async function stage(options: WorldOptions = {}) {
  const replicas = new HeldReplicas();
  const limits = { maxUnrehearsed: LIMIT };
  const world = new World({ replicas, limits, ...options });
  const ann = await world.join("notes");
  const eve = await world.join("notes");
  return { world, replicas, ann, eve };
}

/** Puts letters where nobody writes, an update each. */
function scatter(client: Client, letters: number): void {
  for (let i = 0; i < letters; i++) client.type("x", 0);
}

type Stage = Awaited<ReturnType<typeof stage>>;

/** Somebody brings so much that a rehearsal begins; what of it came before that is one batch. */
async function fill({ world, replicas }: Stage, client: Client): Promise<void> {
  const { length } = replicas.tried;
  for (let i = 0; i <= LIMIT && replicas.tried.length === length; i++) scatter(client, 1);
  await world.settle();
  expect(replicas.tried.length).toBe(length + 1);
}

/** Ends the last trial. @param share What part of the time each of the batches took. */
async function judge({ world, replicas }: Stage, ...share: number[]): Promise<void> {
  const recentMs = share.map((part) => part * 1000);
  replicas.tried.at(-1)?.done({ isCostly: true, isRecentCostly: true, recentMs });
  await world.settle();
}

describe("when what came since the last rehearsal was too costly", () => {
  test("who brought it is sent away, what came stays, and the others go on", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    ann.type("hello ");
    await world.settle();
    scatter(eve, LIMIT / 2);
    await world.settle();
    await fill(set, ann);
    await judge(set, 0.01, 0.98, 0.01);
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(ann.closed).toBeNull();
    expect(world.eventsOf("input-refused")).toHaveLength(1);
    ann.type("going on");
    await world.settle();
    expect(await world.storedText("notes")).toBe(ann.text);
    expect(ann.text).toContain("xxxx");
  });

  test("who comes with more of it is refused, and that is not added", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    await fill(set, eve);
    const { length } = ann.text;
    await judge(set, 1);
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(eve.text.length).toBeGreaterThan(length);
    expect(await world.storedText("notes")).toBe(ann.text);
    expect(ann.text.length).toBe(length);
  });

  test("it is what it took that counts, not how much it was", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    scatter(eve, 10);
    await world.settle();
    await fill(set, ann);
    await judge(set, 0.9, 0.1);
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(ann.closed).toBeNull();
  });

  test("what two bring into one batch is shared by how much it was", async () => {
    const set = await stage();
    const { ann, eve } = set;
    scatter(ann, 20);
    await fill(set, eve);
    await judge(set, 1);
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(ann.closed).toBeNull();
  });

  test("three who bring a third each go when it was so time after time", async () => {
    const set = await stage();
    const { world, ann } = set;
    const gang = [set.eve, await world.join("notes"), await world.join("notes")];
    const closed = () => gang.filter((member) => member.closed !== null).length;
    const bring = async () => {
      for (const member of gang) {
        scatter(member, 1);
        await world.settle();
      }
      await fill(set, ann);
    };
    await bring();
    await judge(set, 0.33, 0.33, 0.32, 0.02);
    expect(closed()).toBe(0);
    await bring();
    await judge(set, 0, 0.33, 0.32, 0.33, 0.02);
    expect(closed()).toBe(0);
    await bring();
    await judge(set, 0, 0.3, 0.3, 0.38, 0.02);
    expect(closed()).toBe(1);
    expect(ann.closed).toBeNull();
  });

  test("that is forgotten when it was not so the next time", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    const ben = await world.join("notes");
    for (let i = 0; i < 4; i++) {
      for (const member of [eve, ben]) {
        scatter(member, 1);
        await world.settle();
      }
      await fill(set, ann);
      // The first batch is what was tried the last time.
      await judge(set, ...(i === 0 ? [] : [0]), 0.45, 0.45, 0.1);
      await fill(set, ann);
      set.replicas.tried.at(-1)?.done();
      await world.settle();
    }
    expect([ann, ben, eve].map(({ closed }) => closed)).toEqual([null, null, null]);
  });

  test("and nobody knows by what, only who brought all of it is sent away", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    scatter(ann, 1);
    await world.settle();
    await fill(set, eve);
    await judge(set);
    expect([ann.closed, eve.closed]).toEqual([null, null]);
    await fill(set, eve);
    await judge(set);
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(ann.closed).toBeNull();
  });

  test("who has left by then cannot be sent away, nor is anybody else for it", async () => {
    const set = await stage();
    const { world, ann, eve } = set;
    scatter(eve, LIMIT / 2);
    await world.settle();
    eve.vanish();
    await fill(set, ann);
    await judge(set, 0.98, 0.02);
    expect(ann.closed).toBeNull();
    expect(world.eventsOf("input-refused")).toHaveLength(0);
  });
});

describe("how much comes between two rehearsals", () => {
  /** Letters that somebody scatters until something is tried. */
  async function room(set: Stage, client: Client): Promise<number> {
    const { length } = client.text;
    await fill(set, client);
    return client.text.length - length;
  }

  test("is less once the document was found costly, and as much as before when it is not any more", async () => {
    const set = await stage();
    const { world, replicas, ann } = set;
    const normal = await room(set, ann);
    expect(normal).toBeGreaterThan(LIMIT / 2);
    replicas.tried.at(-1)?.done({ isCostly: true });
    await world.settle();
    const watched = await room(set, ann);
    expect(watched).toBeGreaterThan(1);
    expect(watched).toBeLessThanOrEqual(LIMIT / 16 + 1);
    replicas.tried.at(-1)?.done();
    await world.settle();
    expect(await room(set, ann)).toBeGreaterThan(LIMIT / 2);
    expect(ann.closed).toBeNull();
  });

  test("is less in a document that was not rehearsed since it was loaded, unless that is small", async () => {
    const first = await stage();
    first.ann.type("x".repeat(20_000));
    await first.world.settle();
    for (const client of [first.ann, first.eve]) client.vanish();
    const set = await stage({ storage: first.world.storage });
    expect(await room(set, set.eve)).toBeLessThanOrEqual(LIMIT / 16 + 1);
    set.replicas.tried.at(-1)?.done({ isCostly: true });
    await set.world.settle();
    // It was so before anybody came.
    expect(set.eve.closed).toBeNull();
  });

  test("is less the more there is to pass, but never next to nothing", async () => {
    const set = await stage();
    const rooms: number[] = [];
    for (const structs of [10, 3000, 1_000_000_000]) {
      await fill(set, set.ann);
      set.replicas.tried.at(-1)?.done({ structs });
      await set.world.settle();
      rooms.push(await room(set, set.ann));
      set.replicas.tried.at(-1)?.done({ structs });
      await set.world.settle();
    }
    const [few, some, none] = rooms as [number, number, number];
    expect(some).toBeLessThan(few / 3);
    expect(none).toBeLessThan(some);
    expect(none).toBeGreaterThanOrEqual(8);
  });

  test("is as much as one likes of typing on", async () => {
    const set = await stage();
    await fill(set, set.eve);
    await judge(set);
    set.ann.type("a");
    await set.world.settle();
    const { length } = set.replicas.tried;
    for (let i = 0; i < 10 * LIMIT; i++) set.ann.type("x");
    await set.world.settle();
    expect(set.replicas.tried.length).toBe(length);
  });
});

describe("while a rehearsal is under way", () => {
  test("others go on, and all who come when there is no room any more wait for one", async () => {
    const set = await stage();
    const { world, replicas, ann, eve } = set;
    const ben = await world.join("notes");
    await fill(set, eve);
    scatter(ann, LIMIT / 4);
    await world.settle();
    expect(ben.text).toBe(ann.text);
    scatter(ann, LIMIT);
    await world.settle();
    scatter(ben, 1);
    await world.settle();
    expect(ben.text.length).toBeLessThan(ann.text.length);
    expect([ann.pauses, ben.pauses]).toEqual([1, 1]);
    expect(replicas.tried).toHaveLength(1);
    replicas.tried[0]?.done();
    await world.settle();
    expect(replicas.tried).toHaveLength(2);
    replicas.tried[1]?.done();
    await world.settle();
    expect(ben.text).toBe(ann.text);
    expect(await world.storedText("notes")).toBe(ann.text);
    expect(replicas.tried).toHaveLength(2);
  });

  test("what comes is of the next period", async () => {
    const set = await stage();
    const { world, replicas, ann, eve } = set;
    ann.type("before");
    await world.settle();
    await fill(set, eve);
    ann.type("meanwhile");
    await world.settle();
    replicas.tried[0]?.done();
    await world.settle();
    await fill(set, eve);
    const [first, second] = replicas.tried;
    expect(first?.known).toHaveLength(0);
    expect(second?.known).toEqual(first?.recent);
    expect(textOf(second?.recent)).toBeNull();
    expect(textOf([...(second?.known ?? []), ...(second?.recent ?? [])])).toContain("meanwhile");
    replicas.tried[1]?.done();
  });

  test("what several try at once is judged once", async () => {
    const set = await stage();
    const { world, replicas, ann, eve } = set;
    scatter(eve, LIMIT / 2);
    await world.settle();
    for (const client of [ann, eve]) client.doc.transact(() => scatter(client, LIMIT + 1));
    await world.settle();
    expect(replicas.tried).toHaveLength(2);
    for (const { done } of replicas.tried) done({ isCostly: true, isRecentCostly: true, recentMs: [1] });
    await world.settle();
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    expect(ann.closed).toBeNull();
    expect(world.eventsOf("input-refused")).toHaveLength(1);
  });
});

/** The text that updates come to; `null` if they build upon something that is not among them. */
function textOf(updates: readonly Uint8Array[] = []): string | null {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc.store.pendingStructs ? null : doc.getText("text").toString();
}

describe("a document that cannot be built in time", () => {
  const tooLong = () => new JoineryError("REPLICA_FAILED", "takes too long", { limit: "maxReplicaMs" });

  test("takes what is little, and is not tried again for a while", async () => {
    const set = await stage();
    const { world, replicas, ann, eve } = set;
    await fill(set, eve);
    replicas.tried[0]?.done(tooLong());
    await world.settle();
    expect(ann.text).toBe(eve.text);
    scatter(ann, LIMIT / 16 + 1);
    await world.settle();
    expect(ann.closed?.code).toBe("REPLICA_FAILED");
    expect(replicas.tried).toHaveLength(1);
    await world.advance(30_000);
    scatter(eve, LIMIT / 16 + 1);
    await world.settle();
    expect(replicas.tried).toHaveLength(2);
    expect(eve.closed).toBeNull();
  });

  test("is nobody's fault when that is all that is known of it", async () => {
    const set = await stage();
    const { world, replicas, eve } = set;
    await fill(set, eve);
    replicas.tried[0]?.done(tooLong());
    await world.settle();
    await world.advance(30_000);
    await fill(set, eve);
    replicas.tried[1]?.done({ isTried: false, structs: 0, isCostly: true });
    await world.settle();
    expect(eve.closed).toBeNull();
    expect(world.eventsOf("rehearsal-failed")).toHaveLength(2);
  });

  test("is the fault of who alone brought something since it could", async () => {
    const set = await stage();
    const { world, replicas, ann, eve } = set;
    scatter(eve, 5);
    await world.settle();
    ann.doc.transact(() => scatter(ann, LIMIT + 1));
    await world.settle();
    replicas.tried[0]?.done({ isTried: false, structs: 0, isCostly: true });
    await world.settle();
    expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
    // Hers may be as costly, for all that is known.
    expect(ann.closed?.code).toBe("REPLICA_FAILED");
  });
});

test("a log that was folded meanwhile is known, and who alone wrote is asked for what became of it", async () => {
  const storage = new FaultyStorage();
  const set = await stage({ storage, compaction: { minTailBytes: 1, maxTailEntries: 1 } });
  const { world, replicas, ann, eve } = set;
  scatter(eve, LIMIT / 2);
  await world.settle();
  await world.advance(1000);
  expect(storage.compactions.length).toBeGreaterThan(0);
  ann.doc.transact(() => scatter(ann, LIMIT + 1));
  await world.settle();
  expect(replicas.tried[0]?.recent).toEqual([]);
  expect(textOf(replicas.tried[0]?.known)).toContain("xxx");
  replicas.tried[0]?.done({ isCostly: true });
  await world.settle();
  expect(eve.closed?.code).toBe("UPDATE_TOO_COSTLY");
  expect(ann.closed).toBeNull();
});
