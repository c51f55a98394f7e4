/** Whom the engine's events are about, and what counts as using somebody else's client id. */

import { describe, expect, test } from "vitest";
import { encodeAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { NO_OPENING } from "../../../server/src/engine/opening.ts";
import type { EngineEvent } from "../../../server/src/engine/ports.ts";
import { type Client, type ClientOptions, World, type WorldOptions } from "../../support/world.ts";
import { block, gc, textAfter, update } from "../shared/raw-update.ts";

const MALLORY = { author: "mallory", peer: { connection: 7, correlation: "abc" } };

/** Ann, who is seen, and another who shall be watched. */
async function annAnd(other: ClientOptions = MALLORY, options: WorldOptions = {}) {
  const world = new World(options);
  const ann = await world.join("notes", { author: other.author === "" ? "" : "ann" });
  ann.show({ name: "ann" });
  ann.type("hello");
  await world.settle();
  const eve = await world.join("notes", other);
  const who = {
    document: "notes",
    session: eve.session.id,
    user: other.author ?? "",
    ...(other.peer ?? { connection: 0, correlation: "local" }),
  };
  return { world, ann, eve, who };
}

/** Announces a state under anybody's id. */
function announce(client: Client, clientId: number, clock: number, state: object | null): void {
  const { awareness } = client;
  if (state === null) awareness.states.delete(clientId);
  else awareness.states.set(clientId, { ...state });
  awareness.meta.set(clientId, { clock, lastUpdated: 0 });
  client.session.presence(encodeAwarenessUpdate(awareness, [clientId]));
}

const clockOf = ({ awareness, doc }: Client): number => awareness.meta.get(doc.clientID)?.clock ?? -1;

describe("whoever causes it is named in", () => {
  type Case = readonly [
    type: EngineEvent["type"],
    options: WorldOptions,
    run: (eve: Client, ann: Client, world: World) => unknown,
  ];
  const cases: readonly Case[] = [
    ["input-refused", {}, (eve) => eve.session.update(Uint8Array.of(9, 9, 9))],
    ["held-aside", {}, (eve) => eve.session.update(update([block(9, 5, textAfter(9, 4, "x"))]))],
    [
      "held-dropped",
      {},
      async (eve, _ann, world) => {
        eve.session.update(update([block(9, 5, textAfter(9, 4, "x"))]));
        await world.advance(30_001);
      },
    ],
    [
      "limit-hit",
      { limits: { maxHeldBytes: 1 } },
      (eve) => eve.session.update(update([block(9, 5, textAfter(9, 4, "x"))])),
    ],
    ["limit-hit", { limits: { maxPresenceBytes: 10 } }, (eve) => eve.show({ name: "x".repeat(20) })],
    [
      "session-lagging",
      { limits: { maxBufferedBytes: 20 } },
      async (eve, ann, world) => {
        eve.stall();
        ann.type("x".repeat(100));
        await world.settle();
      },
    ],
    [
      "session-too-slow",
      { limits: { maxBufferedBytes: 20 } },
      async (eve, ann, world) => {
        eve.stall();
        ann.type("x".repeat(100));
        await world.advance(60_000);
      },
    ],
    ["action-denied", {}, (eve) => eve.type("x")],
  ];

  test.each(cases)("%s (%#)", async (type, options, run) => {
    const permission = type === "action-denied" ? "read" : "write";
    const { world, ann, eve, who } = await annAnd({ ...MALLORY, permission }, options);
    world.events.length = 0;
    await run(eve, ann, world);
    await world.settle();
    expect(world.eventsOf(type)).not.toEqual([]);
    for (const event of world.eventsOf(type)) expect(event).toMatchObject(who);
  });

  test("a denied edit, which is no refused input too", async () => {
    const { world, eve, who } = await annAnd({ ...MALLORY, permission: "read" });
    eve.type("SECRET");
    await world.settle();
    expect(world.eventsOf("action-denied")).toEqual([{ type: "action-denied", action: "write", ...who }]);
    expect(world.eventsOf("input-refused")).toEqual([]);
  });
});

describe("presence under somebody else's id", () => {
  test("is reported when it is news, with whose connection it was", async () => {
    const { world, ann, eve, who } = await annAnd();
    eve.show({ name: "eve" });
    announce(eve, ann.doc.clientID, clockOf(ann) + 1, { name: "not ann" });
    announce(eve, ann.doc.clientID, clockOf(ann) + 1, null);
    const clientIds = [ann.doc.clientID];
    const spoofed = { type: "id-spoofed", kind: "presence", clientIds, ...who };
    expect(world.eventsOf("id-spoofed")).toEqual([spoofed, spoofed]);
    await world.settle();
    expect(ann.people).toEqual(["ann", "eve"]);
  });

  test("of somebody who writes and is not seen is reported too", async () => {
    const world = new World();
    const ann = await world.join("notes", { author: "ann" });
    ann.type("hello");
    const eve = await world.join("notes", { author: "eve" });
    announce(eve, ann.doc.clientID, 1, { name: "not ann" });
    expect(world.eventsOf("id-spoofed")).toMatchObject([{ user: "eve", clientIds: [ann.doc.clientID] }]);
    const again = await world.join("notes", { author: "ann" });
    announce(again, ann.doc.clientID, 1, { name: "ann, who lost the connection" });
    expect(world.eventsOf("id-spoofed")).toHaveLength(1);
  });

  test("is nothing to report when it is an echo", async () => {
    const { world, ann, eve } = await annAnd();
    announce(eve, ann.doc.clientID, clockOf(ann), { name: "ann" });
    announce(eve, ann.doc.clientID, clockOf(ann), null);
    announce(eve, ann.doc.clientID, 0, { name: "ann" });
    expect(world.eventsOf("id-spoofed")).toEqual([]);
    expect(world.rooms.counts().foreignPresence).toBe(3);
  });

  test.each(["", "ann"])(
    "is nothing to report of who returns after a lost connection, as %o",
    async (author) => {
      const { world, ann } = await annAnd({ author });
      const again = await world.join("notes", { author });
      for (let clock = 1; clock < 4; clock++) {
        announce(again, ann.doc.clientID, clockOf(ann) + clock, { name: "ann" });
      }
      // She may hide before the old connection is known to be dead.
      announce(again, ann.doc.clientID, clockOf(ann) + 9, null);
      expect(world.eventsOf("id-spoofed")).toEqual([]);
    },
  );

  test("where everybody is nobody in particular is reported of who is seen under another one already", async () => {
    const { world, ann, eve } = await annAnd({ author: "" });
    eve.show({ name: "eve" });
    announce(eve, ann.doc.clientID, clockOf(ann) + 1, { name: "not ann" });
    expect(world.eventsOf("id-spoofed")).toMatchObject([{ session: eve.session.id }]);
  });

  test("is reported with at most eight ids", async () => {
    const { world, eve } = await annAnd(MALLORY, { limits: { maxPresenceEntries: 20 } });
    const crowd: Client[] = [];
    for (let i = 0; i < 12; i++) crowd.push(await world.join("notes", { author: "ann" }));
    for (const one of crowd) one.show({ name: "one" });
    await world.settle();
    for (const one of crowd) eve.awareness.meta.set(one.doc.clientID, { clock: 99, lastUpdated: 0 });
    const ids = crowd.map(({ doc }) => doc.clientID);
    eve.session.presence(encodeAwarenessUpdate(eve.awareness, ids));
    expect(world.eventsOf("id-spoofed").map(({ clientIds }) => clientIds)).toEqual([ids.slice(0, 8)]);
  });
});

describe("edits under somebody else's id", () => {
  const forged = (ann: Client) => update([block(ann.doc.clientID, 5, gc(1000))]);

  test("are reported when they are let go, because their owner is alive", async () => {
    const { world, ann, eve, who } = await annAnd();
    eve.session.update(forged(ann));
    await world.settle();
    expect(world.eventsOf("id-spoofed")).toEqual([]);
    await world.advance(30_001);
    const clientIds = [ann.doc.clientID];
    expect(world.eventsOf("id-spoofed")).toEqual([{ type: "id-spoofed", kind: "edit", clientIds, ...who }]);
    expect(eve.closed?.code).toBe("CLIENT_ID_IN_USE");
  });

  test("are reported too where there was no room to hold them aside", async () => {
    const { world, ann, eve } = await annAnd(MALLORY, { limits: { maxHeldBytes: 1 } });
    eve.session.update(forged(ann));
    await world.advance(30_001);
    expect(world.eventsOf("id-spoofed")).toMatchObject([{ kind: "edit", clientIds: [ann.doc.clientID] }]);
  });

  test("are reported of somebody else who leaves before that, and of nobody who was there before", async () => {
    const { world, ann, eve } = await annAnd();
    const again = await world.join("notes", { author: "ann" });
    for (const client of [eve, again]) {
      client.session.update(forged(ann));
      client.vanish();
    }
    expect(world.eventsOf("id-spoofed")).toMatchObject([{ user: "mallory", kind: "edit" }]);
  });

  test("are nothing to report of who passes on what their owner made, and brings herself", async () => {
    const { world, ann, eve } = await annAnd();
    const known = Y.encodeStateVector(ann.doc);
    ann.isMute = true;
    ann.type(" world");
    const edit = Y.encodeStateAsUpdate(ann.doc, known);
    eve.session.update(edit);
    ann.session.update(edit);
    await world.advance(30_001);
    expect(world.eventsOf("id-spoofed")).toEqual([]);
    expect(await world.storedText("notes")).toBe("hello world");
  });
});

test("a seed under somebody else's id is refused, and reported", async () => {
  const world = new World();
  const ann = await world.join("notes", { author: "ann" });
  ann.show({ name: "ann" });
  const opening = { ...NO_OPENING, offersSeed: true };
  const eve = await world.join("notes", { ...MALLORY, opening });
  eve.session.seed(update([block(ann.doc.clientID, 0, gc(1000))]));
  await world.settle();
  expect(eve.closed?.code).toBe("CLIENT_ID_IN_USE");
  expect(world.eventsOf("id-spoofed")).toMatchObject([{ kind: "edit", clientIds: [ann.doc.clientID] }]);
  expect(await world.storedText("notes")).toBe("");
});
