import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { Graves } from "../../../server/src/engine/graves.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { FaultyStorage, World } from "../../support/world.ts";

async function deleted(world: World, document = "notes") {
  const told = new JoineryError("DOCUMENT_DELETED", "it was deleted");
  const work = (stateVector: Uint8Array | null) => {
    const by = { time: 1, author: "ann", stateVector: stateVector ?? Uint8Array.of(0) };
    return world.storage.delete(world.name(document), by);
  };
  const deleting = world.rooms.withoutRoom(world.name(document), work, told);
  await world.settle();
  return await deleting;
}

describe("a document that is deleted", () => {
  test("is taken with all that was accepted, and everybody in it is told", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 10_000 } });
    const ann = await world.join("notes");
    ann.type("accepted a moment ago");
    await deleted(world);
    expect(ann.closed?.code).toBe("DOCUMENT_DELETED");
    expect(await world.storage.load(world.name("notes"))).toBeNull();
    const [deletion] = await world.storage.deletionsOf(world.name("notes"));
    expect(deletion?.stateVector).toEqual(Y.encodeStateVector(ann.doc));
    await world.storage.restore(world.name("notes"), deletion?.number ?? 0);
    expect(await world.storedText("notes")).toBe("accepted a moment ago");
  });

  test("does not come back with who still has a copy and cannot say of what", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    await deleted(world);
    const again = await world.join("notes", { doc: ann.doc });
    expect(again.closed?.code).toBe("DOCUMENT_DELETED");
    expect(await world.storedText("notes")).toBe("");
    expect(await world.storage.load(world.name("notes"))).toBeNull();
  });

  test("does not come back with what was typed meanwhile upon it", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    await deleted(world);
    ann.isMute = true;
    ann.type(", and more");
    const again = await world.join("notes", { doc: ann.doc });
    expect(again.closed?.code).toBe("DOCUMENT_DELETED");
    const ben = await world.join("notes");
    expect(ben.text).toBe("");
  });

  test("makes room for another one of its name", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    await deleted(world);
    const ben = await world.join("notes");
    ben.type("another");
    await world.settle();
    expect(await world.storedText("notes")).toBe("another");
    expect(ben.closed).toBeNull();
  });

  test("does not come back after a restart either", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("deleted");
    await world.settle();
    await deleted(world);
    const next = new World({ storage: world.storage, life: 1 });
    const again = await next.join("notes", { doc: ann.doc });
    expect(again.closed?.code).toBe("DOCUMENT_DELETED");
  });

  test("is brought up to date again by those who have a copy once it is restored", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("back");
    await world.settle();
    await deleted(world);
    const restoring = world.rooms.withoutRoom(world.name("notes"), () =>
      world.storage.restore(world.name("notes"), 1),
    );
    await world.settle();
    await restoring;
    ann.isMute = true;
    ann.type(" again");
    const again = await world.join("notes", { doc: ann.doc });
    expect(again.closed).toBeNull();
    await world.settle();
    expect(await world.storedText("notes")).toBe("back again");
  });
});

describe("work on a document that has no room", () => {
  test("lets nothing in that comes while it is done, and tells who brings it to come back", async () => {
    const world = new World();
    const [ann, ben] = [await world.join("notes"), await world.join("notes")];
    ann.type("before");
    await world.settle();
    const { promise, resolve } = Promise.withResolvers<void>();
    const working = world.rooms.withoutRoom(world.name("notes"), () => promise);
    await world.settle();
    ann.type(", and meanwhile");
    await world.settle();
    expect([ann.closed?.code, ben.closed]).toEqual(["SERVER_DRAINING", null]);
    resolve();
    await working;
    expect(ben.closed?.code).toBe("SERVER_DRAINING");
    await world.settle();
    expect(await world.storedText("notes")).toBe("before");
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0, uncommittedBytes: 0 });
  });

  test("lets nothing in that was being tried when it began", async () => {
    const replicas = new HeldReplicas();
    const world = new World({ replicas });
    const ann = await world.join("notes");
    ann.doc.transact(() => {
      for (let i = 0; i < 3000; i++) ann.type("x", 0);
    });
    await world.settle();
    expect(replicas.tried).toHaveLength(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    const working = world.rooms.withoutRoom(world.name("notes"), () => promise);
    await world.settle();
    replicas.tried[0]?.done();
    await world.settle();
    resolve();
    await working;
    await world.settle();
    expect(await world.storage.load(world.name("notes"))).toBeNull();
  });

  test("is waited for by whoever comes meanwhile", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const { promise, resolve } = Promise.withResolvers<void>();
    const working = world.rooms.withoutRoom(world.name("notes"), () => promise);
    await world.settle();
    const ben = await world.join("notes");
    expect(ben.session.state).toBe("joining");
    resolve();
    await working;
    await world.settle();
    expect(ben.text).toBe("a");
  });

  test("begins when the last write of the room before has ended, and comes one after the other", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    storage.hold();
    ann.type("a");
    const order: string[] = [];
    const first = world.rooms.withoutRoom(world.name("notes"), async () => void order.push("first"));
    const second = world.rooms.withoutRoom(world.name("notes"), async () => void order.push("second"));
    await world.settle();
    expect(order).toEqual([]);
    storage.release();
    await Promise.all([first, second]);
    expect(order).toEqual(["first", "second"]);
  });

  test("does not hold up the document for good where it fails", async () => {
    const world = new World();
    const failing = world.rooms.withoutRoom(world.name("notes"), () => Promise.reject(new Error("no")));
    await expect(failing).rejects.toThrow("no");
    const ann = await world.join("notes");
    expect(ann.session.state).toBe("live");
  });

  test("is not begun while the server stops", async () => {
    const world = new World();
    await world.rooms.drain(0);
    await expect(world.rooms.withoutRoom(world.name("notes"), () => Promise.resolve())).rejects.toMatchObject(
      { code: "SERVER_DRAINING" },
    );
  });
});

test("what was deleted several times is told by the furthest", () => {
  const of = (clock: number) => ({ stateVector: Uint8Array.of(1, 7, clock) });
  const graves = new Graves([of(3), of(5), of(4)]);
  const brings = (start: number) => () =>
    graves.refuse({ structs: [{ client: 7, start, end: 9 }] } as unknown as Parameters<Graves["refuse"]>[0]);
  expect(brings(4)).toThrow(expect.objectContaining({ code: "DOCUMENT_DELETED" }));
  expect(brings(5)).not.toThrow();
});
