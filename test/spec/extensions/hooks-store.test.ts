import { JoineryError, parseDocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { RoomObserver } from "../../../server/src/engine/observer.ts";
import { HookCalls } from "../../../server/src/extensions/hooks/calls.ts";
import { DocumentStore } from "../../../server/src/extensions/hooks/document-store.ts";
import type { DocumentState } from "../../../server/src/extensions/hooks/hooks.ts";
import { StoredMarks } from "../../../server/src/extensions/stored-marks.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FaultyStorage, World } from "../../support/world.ts";
import { Held, HookStage, MAX_STORE_DELAY_MS, STORE_DELAY_MS, TIMEOUT_MS, textOf } from "./hooks-stage.ts";

const IDLE_MS = 30_000;

function storing(storage = new FaultyStorage(), limits: { maxStoredMarks?: number } = {}) {
  const held = new Held<DocumentState>();
  const stage = new HookStage({ hooks: { store: held.hook }, storage, limits, idleRoomMs: IDLE_MS });
  const texts = () => held.calls.map(({ document, state }) => `${document}: ${textOf(state)}`);
  const end = async () => {
    held.end(undefined);
    await stage.settle();
  };
  const fail = async () => {
    held.fail(new Error("no database"));
    await stage.settle();
  };
  return { held, stage, storage, texts, end, fail };
}

describe("store", () => {
  test("is given the whole document, a while after it was last changed", async () => {
    const { held, stage, storage, texts, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS - 1);
    ann.type("b");
    await stage.advance(STORE_DELAY_MS - 1);
    expect(texts()).toEqual([]);
    await stage.advance(1);
    expect(texts()).toEqual(["notes: ab"]);
    const stored = await storage.load(stage.world.name("notes"));
    expect(held.last).toMatchObject({ document: "notes", lineage: stored?.lineage, seq: 2 });
    await end();
    await stage.advance(IDLE_MS * 10);
    expect(held.calls).toHaveLength(1);
  });

  test("is given it after some time though people never stop writing", async () => {
    const { stage, texts } = storing();
    const ann = await stage.join("notes");
    for (let i = 0; i < MAX_STORE_DELAY_MS / 1000; i++) {
      ann.type(String(i));
      await stage.advance(1000);
    }
    expect(texts()).toHaveLength(1);
    expect(ann.text).toContain(texts()[0]?.slice("notes: ".length));
  });

  test("is given only what is on disk", async () => {
    const { stage, storage, texts } = storing();
    const ann = await stage.join("notes");
    ann.type("kept");
    await stage.settle();
    storage.hold();
    ann.type(", not kept");
    await stage.advance(STORE_DELAY_MS);
    expect(texts()).toEqual(["notes: kept"]);
  });

  test("is called by one at a time, and again for what came meanwhile", async () => {
    const { held, stage, texts, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    ann.type("b");
    await stage.advance(TIMEOUT_MS - 1);
    expect(held.calls).toHaveLength(1);
    await end();
    await stage.advance(STORE_DELAY_MS);
    expect(texts()).toEqual(["notes: a", "notes: ab"]);
  });

  test("waits for a pause after it too, however long it took", async () => {
    const { held, stage, texts, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    await stage.advance(MAX_STORE_DELAY_MS);
    ann.type("b");
    await stage.settle();
    await end();
    await stage.advance(STORE_DELAY_MS - 1);
    expect(held.calls).toHaveLength(1);
    await stage.advance(1);
    expect(texts()).toEqual(["notes: a", "notes: ab"]);
  });

  test("is tried again after 1, 2, 4 … 30 s, each time with what is there by then", async () => {
    const { held, stage, texts, fail, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    for (const [i, pauseMs] of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].entries()) {
      await fail();
      ann.type(String(i));
      await stage.advance(pauseMs - 1);
      expect(held.calls, `before ${pauseMs} ms`).toHaveLength(i + 1);
      await stage.advance(1);
      expect(held.calls, `after ${pauseMs} ms`).toHaveLength(i + 2);
    }
    expect(texts().at(-1)).toBe("notes: a0123456");
    expect(stage.troubles).toContain("hook-failed store notes no database");
    await end();
    ann.type("b");
    await stage.advance(STORE_DELAY_MS);
    await fail();
    await stage.advance(1000);
    expect(texts().slice(-2)).toEqual(["notes: a0123456b", "notes: a0123456b"]);
  });

  test("that hangs is given up and tried again, and other documents are stored meanwhile", async () => {
    const { stage, texts } = storing();
    const ann = await stage.join("notes");
    const ben = await stage.join("other");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    ben.type("b");
    await stage.advance(STORE_DELAY_MS);
    expect(texts()).toEqual(["notes: a", "other: b"]);
    await stage.advance(TIMEOUT_MS);
    await stage.advance(1000);
    expect(texts()).toContain("notes: a");
    expect(texts().length).toBeGreaterThan(2);
    expect(ann.session.state).toBe("live");
  });
});

describe("a document that nobody has open", () => {
  test("stays in memory until it is stored", async () => {
    const { stage, texts, fail, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    ann.vanish();
    await stage.advance(STORE_DELAY_MS);
    await fail();
    await stage.advance(IDLE_MS);
    expect(stage.world.rooms.counts().rooms).toBe(1);
    await end();
    await stage.settle();
    expect(stage.world.rooms.counts().rooms).toBe(0);
    expect(texts()).toEqual(["notes: a", "notes: a"]);
    expect(stage.world.clock.pendingTimers).toBe(0);
  });

  test("is stored at once when it would go, and stays when somebody comes meanwhile", async () => {
    const held = new Held<DocumentState>();
    const stage = new HookStage({ hooks: { store: held.hook }, idleRoomMs: 500 });
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    ann.vanish();
    await stage.advance(500);
    expect(held.calls).toHaveLength(1);
    const ben = await stage.join("notes");
    held.end(undefined);
    await stage.advance(5000);
    expect([ben.session.state, ben.text]).toEqual(["live", "a"]);
  });
});

describe("at the next opening", () => {
  test("a document that was stored as it is is not stored again", async () => {
    const { held, stage, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    await end();
    ann.vanish();
    await stage.advance(IDLE_MS);
    expect(stage.world.rooms.counts().rooms).toBe(0);
    await stage.join("notes");
    await stage.advance(MAX_STORE_DELAY_MS);
    expect(held.calls).toHaveLength(1);
  });

  test("in another process every document is stored once, for nobody knows", async () => {
    const { stage, storage, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    await end();
    const next = storing(storage);
    await next.stage.join("notes");
    await next.stage.join("empty");
    await next.stage.advance(STORE_DELAY_MS);
    expect(next.texts()).toEqual(["notes: a"]);
  });

  test("what a room could not store because it failed is stored", async () => {
    const { stage, storage, texts } = storing();
    const ann = await stage.join("notes");
    ann.type("kept");
    await stage.settle();
    storage.appendErrors.push(new Error("disk full"));
    ann.type("lost");
    await stage.settle();
    expect(ann.closed?.code).toBe("STORAGE_UNAVAILABLE");
    await stage.advance(MAX_STORE_DELAY_MS);
    expect(texts()).toEqual([]);
    await stage.join("notes");
    await stage.advance(STORE_DELAY_MS);
    expect(texts()).toEqual(["notes: kept"]);
  });

  test("of so many others that it was forgotten, it is stored once more", async () => {
    const { held, stage, end } = storing(new FaultyStorage(), { maxStoredMarks: 1 });
    for (const name of ["first", "second"]) {
      const ann = await stage.join(name);
      ann.type("a");
      await stage.advance(STORE_DELAY_MS);
      await end();
      ann.vanish();
    }
    expect(stage.limitHits).toEqual(["maxStoredMarks"]);
    await stage.advance(IDLE_MS);
    await stage.join("first");
    await stage.join("second");
    await stage.advance(STORE_DELAY_MS);
    expect(held.calls.map(({ document }) => document)).toEqual(["first", "second", "first"]);
  });

  test("a document that is damaged is not stored: what the application has may be more", async () => {
    const { stage, storage } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    const load = storage.load.bind(storage);
    storage.load = async (document) => {
      const stored = await load(document);
      return stored && { ...stored, damage: new JoineryError("DOCUMENT_DAMAGED", "the rest") };
    };
    const next = storing(storage);
    const ben = await next.stage.join("notes");
    await next.stage.advance(MAX_STORE_DELAY_MS);
    expect(next.held.calls).toEqual([]);
    ben.vanish();
    await next.stage.advance(IDLE_MS);
    expect(next.stage.world.rooms.counts().rooms).toBe(0);
  });

  test("while the last store of the room before is under way, the next one waits for it", async () => {
    const { held, stage, storage, texts, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    storage.appendErrors.push(new Error("disk full"));
    ann.type("lost");
    await stage.settle();
    const ben = await stage.join("notes");
    ben.type("b");
    await stage.advance(STORE_DELAY_MS);
    expect(held.calls).toHaveLength(1);
    await end();
    await stage.advance(STORE_DELAY_MS);
    expect(texts()).toEqual(["notes: a", "notes: ab"]);
  });
});

test("what is known of a document is forgotten with its room, or with the last call of its", async () => {
  const held = new Held<DocumentState>();
  const clock = new FakeClock();
  let over = 0;
  const store = new DocumentStore(parseDocumentName("notes"), {
    hooks: { store: held.hook },
    calls: new HookCalls({ clock, timeoutMs: TIMEOUT_MS, report: () => undefined }),
    marks: new StoredMarks(10),
    delayMs: 0,
    maxDelayMs: 0,
    onForgotten: () => undefined,
    onOver: () => over++,
  });
  const observer: RoomObserver = {
    loaded: (room) => store.opened(room) ?? null,
    durable: () => store.changed(),
  };
  const world = new World({ observer });
  (await world.join("notes")).type("a");
  await world.settle();
  clock.advance(0);
  await world.settle();
  expect([held.calls.length, store.isOver, over]).toEqual([1, false, 0]);
  store.ended();
  expect(store.isOver).toBe(false);
  held.end(undefined);
  await world.settle();
  expect([store.isOver, over, clock.pendingTimers]).toEqual([true, 1, 0]);
});

describe("when the server stops", () => {
  test("everything is stored, without its delay", async () => {
    const { stage, texts, end } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.settle();
    const drained = stage.world.rooms.drain(1000, () => stage.plugin.draining?.() ?? null);
    await stage.advance(0);
    expect(texts()).toEqual(["notes: a"]);
    expect(ann.closed).toBeNull();
    await end();
    expect(await drained).toEqual([]);
    expect(stage.world.clock.pendingTimers).toBe(0);
  });

  test("what could not be stored is tried once more at once, and given up with the room", async () => {
    const { held, stage, fail } = storing();
    const ann = await stage.join("notes");
    ann.type("a");
    await stage.advance(STORE_DELAY_MS);
    await fail();
    const enough = Promise.withResolvers<void>();
    const drained = stage.world.rooms.drain(1000, () => {
      void stage.plugin.draining?.();
      return enough.promise;
    });
    await stage.advance(0);
    expect(held.calls).toHaveLength(2);
    await fail();
    enough.resolve();
    await drained;
    await stage.advance(MAX_STORE_DELAY_MS);
    expect(held.calls).toHaveLength(2);
    expect(stage.world.clock.pendingTimers).toBe(0);
  });
});
