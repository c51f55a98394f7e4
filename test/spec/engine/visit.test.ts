import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { EMPTY_UPDATE } from "../../../server/src/engine/merge.ts";
import { Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import { Visit } from "../../../server/src/engine/visit.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { FaultyStorage, World } from "../../support/world.ts";

function visit(world: World, { author = "http", rights = "write" as RightsSpec } = {}): Promise<Visit> {
  return Visit.open("http", (link) => {
    return world.rooms.open({
      document: world.name("notes"),
      author,
      rights: Rights.from(rights),
      ...link,
    });
  });
}

function typed(text: string, { doc = new Y.Doc(), at = 0 } = {}): Uint8Array {
  const before = Y.encodeStateVector(doc);
  doc.getText("text").insert(at, text);
  return Y.encodeStateAsUpdate(doc, before);
}

/** Whether it is settled, without waiting for it. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  return (await Promise.race([promise.catch(() => null), Promise.resolve(open)])) !== open;
}

describe("somebody without a socket", () => {
  test("writes as their author, and is told when it is on disk and not before", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const ann = await world.join("notes");
    const here = await visit(world, { author: "ben" });
    storage.hold();
    const writing = here.write(typed("by ben"));
    await world.settle();
    expect(ann.text).toBe("by ben");
    expect(await isSettled(writing)).toBe(false);
    storage.release();
    expect(await writing).toMatchObject({ seq: 1 });
    expect((await storage.load(world.name("notes")))?.tail[0]?.parts.map(({ author }) => author)).toEqual([
      "ben",
    ]);
  });

  test("sees all that was accepted, in the log or not", async () => {
    const world = new World({ flush: { kind: "fixed", windowMs: 10_000 } });
    const ann = await world.join("notes");
    ann.type("not in the log yet");
    const here = await visit(world);
    expect(here.whereItIs).toBeNull();
    const doc = new Y.Doc();
    for (const update of here.allUpdates()) Y.applyUpdate(doc, update);
    expect(doc.getText("text").toString()).toBe("not in the log yet");
  });

  test("is refused what their rights do not allow, and nothing of it is anywhere", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const here = await visit(world, { rights: "read" });
    await expect(here.write(typed("smuggled"))).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await world.settle();
    expect(ann.text).toBe("");
    expect(await world.storedText("notes")).toBe("");
  });

  test("has all of an update taken in or nothing, and is told at once what it builds upon is missing", async () => {
    const world = new World();
    const doc = new Y.Doc();
    typed("one ", { doc });
    const second = typed("two ", { doc, at: 4 });
    const here = await visit(world);
    await expect(here.write(second)).rejects.toMatchObject({ code: "MALFORMED_UPDATE" });
    expect(world.rooms.counts().heldBytes).toBe(0);
  });

  test("writes only where the document is as was demanded, also where that is tried for long", async () => {
    const replicas = new HeldReplicas();
    const world = new World({ replicas });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const here = await visit(world);
    const { seq } = here.whereItIs ?? { seq: -1 };
    const changed = new JoineryError("REVISION_CHANGED", "it went on");
    const many = new Y.Doc();
    many.transact(() => {
      for (let i = 0; i < 3000; i++) many.getText("text").insert(0, "x");
    });
    const writing = here.write(Y.encodeStateAsUpdate(many), (at) => {
      if (at?.seq !== seq) throw changed;
    });
    const told = expect(writing).rejects.toMatchObject({ code: "REVISION_CHANGED" });
    await world.settle();
    ann.type("b");
    await world.settle();
    expect(replicas.tried).toHaveLength(1);
    replicas.tried[0]?.done();
    await world.settle();
    await told;
    expect(ann.text).toBe("ab");
  });

  test("makes a document by writing nothing to it", async () => {
    const world = new World();
    const here = await visit(world);
    const writing = here.write(EMPTY_UPDATE);
    await world.settle();
    expect(await writing).toMatchObject({ seq: 1 });
    here.leave();
    const next = new World({ storage: world.storage, life: 1 });
    const ann = await next.join("notes");
    ann.type("and goes on");
    await next.settle();
    expect(await next.storedText("notes")).toBe("and goes on");
  });

  test("writes nothing to a document that is there without making a batch of it", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const here = await visit(world, { rights: "read" });
    expect(await here.write(EMPTY_UPDATE)).toMatchObject({ seq: 1 });
  });

  test("is told why when the room ends while it writes", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    const here = await visit(world);
    storage.appendErrors.push(new Error("the disk is gone"));
    const told = expect(here.write(typed("lost"))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await world.settle();
    await told;
    await expect(here.write(typed("later"))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  test("is not let in where the document cannot be loaded", async () => {
    const storage = new FaultyStorage();
    const world = new World({ storage });
    storage.loadErrors.push(new Error("unreadable"));
    await expect(visit(world)).rejects.toThrow("unreadable");
  });

  test("keeps the document in memory until they leave", async () => {
    const world = new World({ idleRoomMs: 1000 });
    const here = await visit(world);
    await world.advance(5000);
    expect(world.rooms.counts()).toMatchObject({ rooms: 1, sessions: 1 });
    here.leave();
    here.leave();
    await world.advance(1000);
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
  });
});

describe("folding a log because somebody asks", () => {
  test("makes a snapshot of what is in the log, be it due or not", async () => {
    const world = new World();
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const compacting = world.rooms.compact(world.name("notes"));
    await world.settle();
    await compacting;
    expect((await world.storage.load(world.name("notes")))?.snapshot?.seq).toBe(1);
    await world.rooms.compact(world.name("notes"));
    expect(world.eventsOf("compacted")).toHaveLength(1);
  });

  test("says why where it cannot be done, or the room ends before", async () => {
    const replicas = new InlineReplicas();
    const { promise } = Promise.withResolvers<Uint8Array>();
    replicas.fold = () => promise;
    const world = new World({ replicas });
    const ann = await world.join("notes");
    ann.type("a");
    await world.settle();
    const told = expect(world.rooms.compact(world.name("notes"))).rejects.toMatchObject({
      code: "SERVER_DRAINING",
    });
    await world.settle();
    await world.rooms.drain(1000);
    await told;
  });
});
