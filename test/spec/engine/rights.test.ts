/** What sessions may do: the one place of each action in the engine, and what becomes of what was begun before. */

import { JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { encodeAwarenessUpdate } from "y-protocols/awareness";
import type { Dialect } from "../../../server/src/engine/ports.ts";
import { ACTIONS, Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import { HeldReplicas } from "../../support/held-replicas.ts";
import { type Client, sayingDialect, World } from "../../support/world.ts";

/** A dialect that has a word for all that may be said of rights, and keeps what was. */
class Telling {
  readonly notices: string[] = [];
  readonly permissions: string[] = [];
  readonly dialect: Dialect = {
    ...sayingDialect("telling"),
    notice: ({ code, message }: JoineryError) => {
      this.notices.push(`${code}: ${message}`);
      return Uint8Array.of(99);
    },
    permission: (permission, reason) => {
      this.permissions.push(`${permission}: ${reason}`);
      return Uint8Array.of(98);
    },
    signal: ({ name, user, payload }) =>
      new TextEncoder().encode(`s${name} of ${user}: ${new TextDecoder().decode(payload)}`),
  };
}

const UNSEEN: RightsSpec = ["read", "write", "signal"];
const MUTE: RightsSpec = ["read", "write", "presence"];

const signal = (name: string) =>
  ({ to: { kind: "all" }, name, payload: new TextEncoder().encode("1") }) as const;

/** Who has a name there; everybody has a state of their own from the beginning, which is empty. */
const seenBy = ({ people }: Client): string[] => people.filter((name) => name !== "undefined");

const signalsOf = (client: Client): string[] =>
  client.frames.map((bytes) => new TextDecoder().decode(bytes)).filter((text) => text.startsWith("s"));

describe("rights", () => {
  test("are sets of actions: who may not read may nothing, and each action is demanded by its name", () => {
    for (const action of ACTIONS) {
      const rights = Rights.from([action]);
      expect(rights.isNone).toBe(action !== "read");
      expect(() => Rights.NONE.demand(action)).toThrow(
        expect.objectContaining({ code: "PERMISSION_DENIED", action }),
      );
      expect(() => Rights.MANAGER.demand(action)).not.toThrow();
    }
    expect(Rights.from(["read", "signal"])).toBe(Rights.from(["signal", "read"]));
    expect(Rights.WRITER.and(Rights.READER)).toBe(Rights.READER);
  });
});

describe("a session", () => {
  test("is not opened for who may not read, and ends when nothing is left", async () => {
    const world = new World();
    expect(() => world.open("notes", { permission: "none" })).toThrow(
      expect.objectContaining({ code: "PERMISSION_DENIED", action: "read" }),
    );
    expect(world.rooms.counts()).toMatchObject({ rooms: 0, sessions: 0 });
    const ann = await world.join("notes");
    ann.session.setRights(Rights.NONE, "the owner said so");
    expect(ann.closed).toMatchObject({ code: "PERMISSION_DENIED", message: "the owner said so" });
    expect([...world.rooms.sessions()]).toEqual([]);
  });

  test("is found among all others, whichever document it is in", async () => {
    const world = new World();
    const ann = await world.join("notes", { author: "ann" });
    const ben = await world.join("plans", { author: "ben" });
    const zoe = world.open("loading");
    expect([...world.rooms.sessions()]).toEqual([ann.session, ben.session, zoe.session]);
    ben.vanish();
    expect([...world.rooms.sessions()]).toEqual([ann.session, zoe.session]);
  });

  test("F85 that may not write any more brings nothing that was held aside for it", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const eve = await world.join("notes");
    const made: Uint8Array[] = [];
    eve.doc.on("update", (update: Uint8Array) => made.push(update));
    eve.isMute = true;
    eve.type("first,");
    eve.type("SECRET");
    const [first, second] = made as [Uint8Array, Uint8Array];
    // It builds upon what is not there.
    eve.session.update(second);
    expect(world.rooms.counts().heldBytes).toBeGreaterThan(0);
    eve.session.setRights(Rights.READER, "no more");
    ann.session.update(first);
    await world.settle();
    expect(ann.text).toBe("first,");
    expect(await world.storedText("notes")).toBe("first,");
    expect(world.rooms.counts().heldBytes).toBe(0);
  });

  test("F85 that may not write any more brings nothing of what is being tried", async () => {
    const replicas = new HeldReplicas();
    const world = new World({ replicas, limits: { maxUnrehearsed: 10 } });
    const ann = await world.join("notes");
    const eve = await world.join("notes");
    eve.doc.transact(() => {
      for (let i = 0; i < 20; i++) eve.type("SECRET", 0);
    });
    await world.settle();
    expect(replicas.tried).toHaveLength(1);
    eve.session.setRights(Rights.READER, "no more");
    replicas.tried[0]?.done();
    await world.settle();
    expect(ann.text).toBe("");
    expect(await world.storedText("notes")).toBe("");
    expect(world.eventsOf("action-denied")).toMatchObject([{ action: "write" }]);
  });
});

describe("a session that was sent away", () => {
  test.each(["PERMISSION_DENIED", "UNAUTHENTICATED"] as const)(
    "F85 with %s brings nothing of what was being tried",
    async (code) => {
      const replicas = new HeldReplicas();
      const world = new World({ replicas, limits: { maxUnrehearsed: 10 } });
      const ann = await world.join("notes");
      const eve = await world.join("notes");
      eve.doc.transact(() => {
        for (let i = 0; i < 20; i++) eve.type("SECRET", 0);
      });
      await world.settle();
      expect(replicas.tried).toHaveLength(1);
      eve.session.close(new JoineryError(code, "you were sent away"));
      replicas.tried[0]?.done();
      await world.settle();
      expect(ann.text).toBe("");
      expect(await world.storedText("notes")).toBe("");
    },
  );

  test("for another reason, or gone by itself, brings what it had sent before", async () => {
    const replicas = new HeldReplicas();
    const world = new World({ replicas, limits: { maxUnrehearsed: 10 } });
    const ann = await world.join("notes");
    const ben = await world.join("notes");
    ben.doc.transact(() => {
      for (let i = 0; i < 20; i++) ben.type("a", 0);
    });
    await world.settle();
    ben.session.close(new JoineryError("TOO_SLOW", "reads nothing"));
    replicas.tried[0]?.done();
    await world.settle();
    expect(ann.text).toBe("a".repeat(20));
  });
});

describe("presence that a session may not show", () => {
  test("is nobody's to see; its client is told once, and the session goes on", async () => {
    const world = new World();
    const telling = new Telling();
    const ann = await world.join("notes");
    const peer = { connection: 7, correlation: "abc" };
    const { dialect } = telling;
    const eve = await world.join("notes", { permission: UNSEEN, author: "eve", dialect, peer });
    for (let renewal = 0; renewal < 3; renewal++) eve.show({ name: "eve" });
    await world.settle();
    expect(seenBy(ann)).toEqual([]);
    expect(eve.closed).toBeNull();
    expect(telling.notices).toEqual(["PERMISSION_DENIED: this session may not show presence"]);
    expect(world.eventsOf("action-denied")).toEqual([
      {
        type: "action-denied",
        document: "notes",
        action: "presence",
        session: eve.session.id,
        user: "eve",
        connection: 7,
        correlation: "abc",
      },
    ]);
    expect(world.eventsOf("input-refused")).toEqual([]);
    eve.type("still here");
    await world.settle();
    expect(ann.text).toBe("still here");
  });

  test("is dropped without a word where the dialect has none: the connection stays", async () => {
    const world = new World();
    const ann = await world.join("notes");
    const eve = await world.join("notes", { permission: ["read"] });
    for (let renewal = 0; renewal < 3; renewal++) eve.show({ name: "eve" });
    await world.settle();
    expect(eve.closed).toBeNull();
    expect(seenBy(ann)).toEqual([]);
    expect(world.eventsOf("action-denied")).toMatchObject([{ action: "presence" }]);
  });

  test("is not what it echoes of others: that does no harm, and is nothing to refuse", async () => {
    const world = new World();
    const telling = new Telling();
    const ann = await world.join("notes");
    const eve = await world.join("notes", { permission: ["read"], dialect: telling.dialect });
    ann.show({ name: "ann" });
    await world.settle();
    const echo = encodeAwarenessUpdate(eve.awareness, [ann.doc.clientID]);
    eve.session.presence(echo);
    ann.show(null);
    await world.settle();
    eve.session.presence(echo);
    eve.session.presence(encodeAwarenessUpdate(eve.awareness, [ann.doc.clientID]));
    await world.settle();
    expect(telling.notices).toEqual([]);
    expect(world.eventsOf("action-denied")).toEqual([]);
    expect(world.eventsOf("id-spoofed")).toEqual([]);
    expect(seenBy(eve)).toEqual([]);
    expect(seenBy(ann)).toEqual([]);
  });

  test("goes at once when the right is taken, and comes back with what the client announces next", async () => {
    const world = new World();
    const telling = new Telling();
    const ann = await world.join("notes");
    const { dialect } = telling;
    const eve = await world.join("notes", { dialect });
    eve.show({ name: "eve" });
    await world.settle();
    expect(seenBy(ann)).toEqual(["eve"]);
    eve.session.setRights(Rights.from(UNSEEN), "be quiet");
    await world.settle();
    expect(seenBy(ann)).toEqual([]);
    // What it writes under is still its own.
    const forged = encodeAwarenessUpdate(eve.awareness, [eve.doc.clientID]);
    ann.session.presence(forged);
    await world.settle();
    expect(seenBy(ann)).toEqual([]);
    eve.show({ name: "eve" });
    await world.settle();
    expect(seenBy(ann)).toEqual([]);
    expect(telling.notices).toHaveLength(1);
    eve.session.setRights(Rights.WRITER, "speak");
    eve.show({ name: "eve" });
    await world.settle();
    expect(seenBy(ann)).toEqual(["eve"]);
    expect(telling.notices).toHaveLength(1);
  });

  test("is not handed to who claims it: its owner is there", async () => {
    const world = new World();
    const eve = await world.join("notes");
    eve.show({ name: "eve" });
    const mallory = await world.join("notes");
    const clientId = eve.doc.clientID;
    mallory.awareness.states.set(clientId, { name: "mallory" });
    mallory.awareness.meta.set(clientId, { clock: 50, lastUpdated: 0 });
    mallory.session.presence(encodeAwarenessUpdate(mallory.awareness, [clientId]));
    eve.session.setRights(Rights.from(UNSEEN), "be quiet");
    await world.settle();
    const onlooker = await world.join("notes");
    expect(seenBy(onlooker)).toEqual([]);
  });
});

describe("signals of who may not send any", () => {
  test("are refused by a notice, before the application sees them", async () => {
    const world = new World();
    const telling = new Telling();
    const { dialect } = telling;
    const ann = await world.join("notes", { dialect });
    const eve = await world.join("notes", { permission: MUTE, author: "eve", dialect });
    eve.session.signal(signal("SECRET"));
    eve.session.signal(signal("SECRET"));
    await world.settle();
    expect(signalsOf(ann)).toEqual([]);
    expect(telling.notices).toEqual(Array(2).fill("PERMISSION_DENIED: this session may not send signals"));
    expect(world.eventsOf("action-denied")).toMatchObject(Array(2).fill({ action: "signal", user: "eve" }));
    eve.session.setRights(Rights.WRITER, "speak");
    eve.session.signal(signal("hello"));
    await world.settle();
    expect(signalsOf(ann)).toEqual(["shello of eve: 1"]);
    // That is no change of what the two words for it say.
    expect(telling.permissions).toEqual([]);
  });
});

describe("signals of the server", () => {
  test("go to those for whom all fits, in all documents and all tabs, and are counted", async () => {
    const world = new World();
    const { dialect } = new Telling();
    const [ann, annToo, ben] = [
      await world.join("notes", { author: "ann", dialect }),
      await world.join("plans", { author: "ann", dialect }),
      await world.join("notes", { author: "ben", dialect }),
    ];
    // Whose dialect has no word for it.
    await world.join("notes", { author: "ann" });
    const notes = world.name("notes");
    expect(world.rooms.signal({ user: "ann" }, "a", { mail: 3 })).toBe(2);
    expect(world.rooms.signal({ document: notes }, "b", null)).toBe(2);
    expect(world.rooms.signal({ document: notes, user: "ben" }, "c", undefined)).toBe(1);
    expect(world.rooms.signal({}, "d", "all")).toBe(3);
    expect(world.rooms.signal({ user: "" }, "e", 1)).toBe(0);
    expect(world.rooms.signal({ document: world.name("nowhere") }, "f", 1)).toBe(0);
    expect(signalsOf(ann)).toEqual(['sa of : {"mail":3}', "sb of : null", 'sd of : "all"']);
    expect(signalsOf(annToo)).toEqual(['sa of : {"mail":3}', 'sd of : "all"']);
    expect(signalsOf(ben)).toEqual(["sb of : null", "sc of : null", 'sd of : "all"']);
  });

  test("are not sent, nor counted, to who reads too slowly", async () => {
    const world = new World({ limits: { maxBufferedBytes: 10 } });
    const { dialect } = new Telling();
    const ann = await world.join("notes", { author: "ann", dialect });
    ann.stall();
    expect(world.rooms.signal({ user: "ann" }, "first", 1)).toBe(1);
    expect(world.rooms.signal({ user: "ann" }, "second", 1)).toBe(0);
    expect(world.rooms.counts().droppedSignals).toBe(1);
  });

  const nested = JSON.parse(`${"[".repeat(100)}${"]".repeat(100)}`) as unknown;
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  test.each([
    ["a name that is empty", "", 1],
    ["a name that is too long", "x".repeat(1000), 1],
    ["a payload that is too large", "a", "x".repeat(1_000_000)],
    ["a payload that is too deep", "a", nested],
    ["a payload that is no JSON", "a", circular],
    ["a payload that is a bigint", "a", 1n],
  ])("are refused as a client's are: %s", (_what, name, payload) => {
    expect(() => new World().rooms.signal({}, name, payload)).toThrow(
      expect.objectContaining({ code: "SIGNAL_REFUSED" }),
    );
  });
});

test("a client is told of rights in the two words that there are, once each time that they change", async () => {
  const world = new World();
  const telling = new Telling();
  const eve = await world.join("notes", { dialect: telling.dialect });
  eve.session.setRights(Rights.READER, "down");
  eve.session.setRights(Rights.from("read"), "the same");
  eve.session.setRights(Rights.from(["read"]), "less, but no other word");
  eve.session.setRights(Rights.MANAGER, "up");
  expect(telling.permissions).toEqual(["read: down", "write: up"]);
});
