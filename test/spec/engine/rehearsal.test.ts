import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { HeldReplicas } from "../../support/held-replicas.ts";
import type { Client } from "../../support/world.ts";
import { FaultyStorage, World } from "../../support/world.ts";

const LIMIT = 20;

async function stage() {
  const replicas = new HeldReplicas();
  const world = new World({ replicas, limits: { maxUnrehearsed: LIMIT } });
  const ann = await world.join("notes");
  const ben = await world.join("notes");
  return { world, replicas, ann, ben };
}

/** One update with many items. */
function paste({ doc }: Client, words: number): void {
  doc.transact(() => {
    for (let i = 0; i < words; i++) doc.getText("text").insert(0, `w${i} `);
  });
}

describe("an update with many structs", () => {
  test("is tried before it is taken, and what its sender sends after it waits; others do not", async () => {
    const { world, replicas, ann, ben } = await stage();
    paste(ann, LIMIT + 1);
    ann.type("after");
    ben.type("meanwhile ");
    await world.settle();
    expect(replicas.tried).toHaveLength(1);
    expect(ann.pauses).toBe(1);
    expect(await world.storedText("notes")).toBe("meanwhile ");
    replicas.tried[0]?.done();
    await world.settle();
    expect(ann.pauses).toBe(0);
    expect(await world.storedText("notes")).toBe(ann.text);
    expect(ben.text).toBe(ann.text);
    expect(ann.text).toContain("meanwhile");
    expect(ann.text).toContain("after");
  });

  test("is refused when that takes too long; nobody else notices", async () => {
    const { world, replicas, ann, ben } = await stage();
    paste(ann, LIMIT + 1);
    await world.settle();
    replicas.tried[0]?.done(new JoineryError("UPDATE_TOO_COSTLY", "takes too long"));
    await world.settle();
    expect(ann.closed?.code).toBe("UPDATE_TOO_COSTLY");
    ben.type("going on");
    await world.settle();
    expect(await world.storedText("notes")).toBe("going on");
    expect(ben.closed).toBeNull();
  });

  test("is sent away to come back when the document without it cannot be built", async () => {
    const { world, replicas, ann, ben } = await stage();
    paste(ann, LIMIT + 1);
    await world.settle();
    replicas.tried[0]?.done(new JoineryError("REPLICA_FAILED", "takes too long"));
    await world.settle();
    expect(ann.closed?.code).toBe("REPLICA_FAILED");
    expect(ben.text).toBe("");
  });

  test("that is small is taken when the document without it cannot be built: that is no fault of its sender", async () => {
    const { world, replicas, ann, ben } = await stage();
    for (let i = 0; i < LIMIT + 2; i++) ann.type("x", 0);
    await world.settle();
    replicas.tried[0]?.done(new JoineryError("REPLICA_FAILED", "takes too long"));
    await world.settle();
    expect(ann.closed).toBeNull();
    expect(ben.text).toBe(ann.text);
    expect(world.eventsOf("rehearsal-failed")).toHaveLength(1);
  });

  test("is taken though its sender has left by then", async () => {
    const { world, replicas, ann, ben } = await stage();
    paste(ann, LIMIT + 1);
    await world.settle();
    ann.vanish();
    expect(ann.pauses).toBe(0);
    replicas.tried[0]?.done();
    await world.settle();
    expect(ben.text).toBe(ann.text);
  });

  test("does nothing when the room has ended by then", async () => {
    const { world, replicas, ann } = await stage();
    paste(ann, LIMIT + 1);
    await world.settle();
    await world.rooms.drain(1000);
    replicas.tried[0]?.done();
    await world.settle();
    expect(await world.storedText("notes")).toBe("");
    expect(world.events.filter(({ type }) => type === "room-failed")).toEqual([]);
  });

  test("is news as others have not brought it meanwhile", async () => {
    const { world, replicas, ann, ben } = await stage();
    paste(ann, LIMIT + 1);
    await world.settle();
    ann.vanish();
    // Another connection of the same client brings it too, and is done first.
    const again = world.open("notes", { doc: ann.doc });
    await world.settle();
    expect(replicas.tried).toHaveLength(2);
    for (const { done } of replicas.tried) done();
    await world.settle();
    expect(ben.text).toBe(again.text);
    expect(await world.storedText("notes")).toBe(again.text);
  });
});

test("F64 one item a message comes to the same: many away from where their client was are tried too", async () => {
  const { world, replicas, ann } = await stage();
  ann.type("0123456789");
  for (let i = 0; i < LIMIT + 2; i++) ann.type("x", 1 + (i % 5) * 2);
  await world.settle();
  expect(replicas.tried.length).toBeGreaterThan(0);
  replicas.tried[0]?.done();
  await world.settle();
  expect(await world.storedText("notes")).toBe(ann.text);
});

test("typing on is never tried, however long", async () => {
  const { world, replicas, ann } = await stage();
  for (let i = 0; i < LIMIT * 5; i++) ann.type("x");
  await world.settle();
  expect(replicas.tried).toHaveLength(0);
  expect(Y.encodeStateVector(ann.doc).length).toBeGreaterThan(0);
});

test("several sessions with a little each come to the same as one with much", async () => {
  const { world, replicas } = await stage();
  for (let i = 0; i < 3; i++) {
    const client = await world.join("notes");
    paste(client, LIMIT / 2);
    await world.settle();
  }
  expect(replicas.tried.length).toBeGreaterThan(0);
});

test("what was held aside is tried like all else", async () => {
  const { world, replicas, ann } = await stage();
  const stranger = new Y.Doc();
  stranger.getText("text").insert(0, "1");
  const first = Y.encodeStateAsUpdate(stranger);
  const known = Y.encodeStateVector(stranger);
  stranger.transact(() => {
    for (let i = 0; i <= LIMIT; i++) stranger.getText("text").insert(0, "x");
  });
  ann.session.update(Y.encodeStateAsUpdate(stranger, known));
  ann.session.update(first);
  await world.settle();
  expect(await world.storedText("notes")).toBe("1");
  // It is asked for, and its answer would be tried.
  expect(ann.sent("ask").length).toBeGreaterThan(1);
  expect(replicas.tried).toHaveLength(0);
});

test("what grew while it was tried is tried again", async () => {
  const { world, replicas, ann, ben } = await stage();
  const other = new Y.Doc();
  other.getText("other").insert(0, "1");
  const first = Y.encodeStateAsUpdate(other);
  const doc = new Y.Doc();
  Y.applyUpdate(doc, first);
  doc.transact(() => {
    for (let i = 0; i <= LIMIT; i++) doc.getText("text").insert(0, "x");
    for (let i = 0; i <= LIMIT; i++) doc.getText("other").insert(0, "x");
  });
  const known = Y.encodeStateVectorFromUpdate(first);
  ann.session.answer(Y.encodeStateAsUpdate(doc, known));
  await world.settle();
  expect(replicas.tried.length).toBeLessThanOrEqual(1);
  ben.session.update(first);
  await world.settle();
  for (let i = 0; i < 4; i++) {
    replicas.tried[i]?.done();
    await world.settle();
  }
  expect(ann.closed).toBeNull();
  expect(world.rooms.counts().replicaJobs).toBe(0);
});

test("what ends being tried when everybody has left is stored, and the room goes", async () => {
  const storage = new FaultyStorage();
  const replicas = new HeldReplicas();
  const world = new World({ storage, replicas, limits: { maxUnrehearsed: LIMIT }, idleRoomMs: 10 });
  const ann = await world.join("notes");
  ann.type("first ");
  await world.settle();
  storage.hold();
  ann.type("second ");
  await world.settle();
  paste(ann, LIMIT + 1);
  await world.settle();
  const { text } = ann;
  ann.vanish();
  await world.advance(20);
  replicas.tried[0]?.done();
  await world.settle();
  storage.release();
  await world.advance(1000);
  expect(world.rooms.counts().rooms).toBe(0);
  expect(await world.storedText("notes")).toBe(text);
});
