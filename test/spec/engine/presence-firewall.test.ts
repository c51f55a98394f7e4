/**
 * What presence may not do to others, whoever sends it: the entries are made by hand, as no y-protocols client
 * would, and what the room tells is read by one.
 */

import { DEFAULT_LIMITS, decodeAwareness } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { encodeAwarenessUpdate } from "y-protocols/awareness";
import { awarenessOf, entry, json, Somebody, Stage } from "./presence-stage.ts";

const HUGE = Number.MAX_SAFE_INTEGER;

describe("F77 many ids", () => {
  test("an update of a million entries is refused before they are read", () => {
    // Its count says so; a reader that believed it would look for them first.
    const update = new Uint8Array(3_000_003).fill(1);
    update.set([0xc0, 0x84, 0x3d]);
    expect(() => decodeAwareness(update)).toThrow(
      expect.objectContaining({ code: "PRESENCE_TOO_LARGE", message: expect.stringContaining("1000000") }),
    );
  });

  test("what a room may have told a client is not too much to hear from it", () => {
    const { maxPresenceIds, maxPresenceTombstones } = DEFAULT_LIMITS;
    const count = maxPresenceIds + maxPresenceTombstones;
    const update = Uint8Array.of(0xf8, 0x55, ...new Uint8Array(count * 3));
    expect(count).toBe(11_000);
    expect(decodeAwareness(update)).toHaveLength(1);
  });

  test("a session that announces more ids than it may has none of them", () => {
    const stage = new Stage({ maxPresenceEntries: 3 });
    const { refused, limits } = stage.presence.receive(
      new Somebody(),
      [11, 12, 13, 14].map((id) => entry(id, 1, {})),
    );
    expect(refused?.code).toBe("PRESENCE_TOO_LARGE");
    expect(limits).toEqual(["maxPresenceEntries"]);
    expect(stage.flush()).toEqual([]);
    expect(stage.remembered).toBe(0);
  });

  test("a room that is full shows nobody else, refuses nobody, and has room again when somebody leaves", () => {
    const stage = new Stage({ maxPresenceIds: 2 });
    const [ann, ben, kim] = [new Somebody(), new Somebody(), new Somebody()];
    stage.presence.receive(ann, [entry(11, 1, {})]);
    stage.presence.receive(ben, [entry(12, 1, {})]);
    expect(stage.presence.receive(kim, [entry(13, 1, {})])).toMatchObject({
      changed: false,
      limits: ["maxPresenceIds"],
      refused: null,
    });
    stage.presence.release(ann);
    stage.presence.receive(kim, [entry(13, 2, {})]);
    expect(stage.everybody.map(({ clientId }) => clientId)).toEqual([12, 13]);
  });
});

describe("F78 clocks", () => {
  test("a huge one is told as one that its owner can outgrow", () => {
    const stage = new Stage();
    stage.presence.receive(new Somebody(), [entry(11, HUGE, { name: "eve" })]);
    expect(stage.flush()).toEqual([entry(11, 2 ** 32, { name: "eve" })]);
  });

  test("one that jumps counts as a single step, however often it does", () => {
    const stage = new Stage({ maxPresenceClockStep: 10 });
    const eve = new Somebody();
    stage.presence.receive(eve, [entry(11, 5, {})]);
    stage.presence.receive(eve, [entry(11, 15, {})]);
    stage.presence.receive(eve, [entry(11, 26, {})]);
    for (let i = 0; i < 100; i++) stage.presence.receive(eve, [entry(11, HUGE, { i })]);
    expect(stage.everybody).toEqual([entry(11, 15 + 1 + 100, { i: 99 })]);
  });

  test("whoever pushed an id's clock cannot keep its owner out", () => {
    const stage = new Stage();
    const eve = new Somebody();
    stage.presence.receive(eve, [entry(11, HUGE, { name: "eve" })]);
    stage.flush();
    stage.presence.release(eve);
    stage.flush();

    const victim = awarenessOf(11);
    const session = new Somebody();
    const announce = () =>
      stage.presence.receive(session, decodeAwareness(encodeAwarenessUpdate(victim, [11])));
    victim.setLocalState({ name: "ann" });
    const { outdated } = announce();
    expect(outdated).toEqual([entry(11, 2 ** 32, null)]);
    // y-protocols hears that it is gone, counts on from there, and announces itself again.
    victim.meta.set(11, { clock: 2 ** 32, lastUpdated: 0 });
    victim.setLocalState({ name: "ann" });
    announce();
    stage.flush();
    expect(stage.sees(11)).toEqual({ name: "ann" });

    // It goes, the room forgets, and it comes back with the clock that it was pushed to.
    stage.presence.release(session);
    stage.flush();
    stage.clock.advance(DEFAULT_LIMITS.presenceTombstoneMs + 1);
    victim.setLocalState({ name: "ann again" });
    announce();
    stage.flush();
    victim.setLocalState({ name: "ann again" });
    announce();
    stage.flush();
    expect(stage.sees(11)).toEqual({ name: "ann again" });
  });

  test("an owner whose own clock is far ahead is shown with every change", () => {
    const stage = new Stage();
    const ann = new Somebody();
    for (let i = 0; i < 3; i++) {
      stage.presence.receive(ann, [entry(11, 2 ** 40 + i, { i })]);
      stage.flush();
      expect(stage.sees(11)).toEqual({ i });
    }
    stage.presence.receive(ann, [entry(11, 2 ** 40 + 3, null)]);
    stage.flush();
    expect(stage.departures).toEqual([11]);
  });
});

describe("F79 the departed", () => {
  test("that were never here leave nothing behind and are told to nobody", () => {
    const stage = new Stage();
    const eve = new Somebody();
    const outcome = stage.presence.receive(
      eve,
      Array.from({ length: 5000 }, (_, i) => entry(100 + i, 1, null)),
    );
    expect(outcome).toMatchObject({ changed: false, refused: null });
    expect(stage.flush()).toEqual([]);
    expect(stage.remembered).toBe(0);
    expect(stage.presence.release(eve)).toBe(false);
  });

  test("that came and went before anybody was told leave nothing behind either", () => {
    const stage = new Stage();
    const eve = new Somebody();
    for (let id = 100; id < 10_100; id++) {
      stage.presence.receive(eve, [entry(id, 1, {})]);
      stage.presence.receive(eve, [entry(id, 2, null)]);
    }
    expect(stage.remembered).toBe(0);
    expect(stage.flush()).toEqual([]);
  });

  test("cannot be made faster than they are told", () => {
    const stage = new Stage({ maxPresenceEntries: 3 });
    const eve = new Somebody();
    const comeAndGo = (id: number) => {
      const { refused } = stage.presence.receive(eve, [entry(id, 1, {})]);
      // Somebody joins and is told.
      stage.presence.encodeAll({ withDeparted: false });
      stage.presence.receive(eve, [entry(id, 2, null)]);
      return refused?.code ?? "taken";
    };
    expect([11, 12, 13, 14].map(comeAndGo)).toEqual(["taken", "taken", "taken", "PRESENCE_TOO_LARGE"]);
    stage.flush();
    expect(comeAndGo(14)).toBe("taken");
  });

  test("are remembered up to a number, and for a time", () => {
    const stage = new Stage({ maxPresenceTombstones: 4, presenceTombstoneMs: 60_000 });
    const eve = new Somebody();
    for (let id = 11; id <= 20; id++) {
      stage.presence.receive(eve, [entry(id, 1, {})]);
      stage.flush();
      stage.presence.receive(eve, [entry(id, 2, null)]);
      stage.flush();
    }
    expect(stage.remembered).toBe(4);
    stage.clock.advance(59_999);
    expect(stage.remembered).toBe(4);
    stage.clock.advance(1);
    expect(stage.remembered).toBe(0);
  });

  test("are all told when thousands go at once, and then forgotten down to the number", () => {
    const stage = new Stage({ maxPresenceTombstones: 4 });
    const people = Array.from({ length: 2000 }, () => new Somebody());
    for (const [i, somebody] of people.entries()) stage.presence.receive(somebody, [entry(100 + i, 1, {})]);
    stage.flush();
    for (const somebody of people) stage.presence.release(somebody);
    expect(stage.flush()).toHaveLength(2000);
    expect(stage.departures).toHaveLength(2000);
    expect(stage.remembered).toBe(4);
  });

  test("cannot be called gone by anybody else while they are here", () => {
    const stage = new Stage();
    stage.presence.receive(new Somebody(), [entry(11, 3, { name: "ann" })]);
    stage.flush();
    const outcome = stage.presence.receive(new Somebody(), [entry(11, 3, null)]);
    expect(outcome).toMatchObject({ changed: false, foreign: 1, refused: null });
    stage.presence.receive(new Somebody(), [entry(11, 4, null)]);
    stage.flush();
    expect(stage.sees(11)).toEqual({ name: "ann" });
  });

  test("stay departed at the clock that they had: nobody else moves it", () => {
    const stage = new Stage();
    const ann = new Somebody();
    stage.presence.receive(ann, [entry(11, 3, {})]);
    stage.flush();
    stage.presence.release(ann);
    stage.flush();
    stage.presence.receive(new Somebody(), [entry(11, 900, null)]);
    expect(stage.flush()).toEqual([]);
    expect(decodeAwareness(stage.presence.encodeAll({ withDeparted: true })?.update as Uint8Array)).toEqual([
      entry(11, 3, null),
    ]);
  });
});

describe("a part that may not come in keeps all of it out", () => {
  const deep = (depth: number): unknown => JSON.parse(`${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`);

  test.each([
    ["F80 a state that is no JSON", new TextEncoder().encode("{"), "MALFORMED_UPDATE"],
    ["F80 a state that is no UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), "MALFORMED_UPDATE"],
    ["F81 a number", json(7), "MALFORMED_UPDATE"],
    ["F81 a text", json("hello"), "MALFORMED_UPDATE"],
    ["F81 an array", json([{}]), "MALFORMED_UPDATE"],
    ["F81 true", json(true), "MALFORMED_UPDATE"],
    ["F82 a state nested 17 deep", json(deep(17)), "MALFORMED_UPDATE"],
    ["F82 a state nested 2,000 deep", json(deep(2000)), "MALFORMED_UPDATE"],
    ["F83 a state of 10 MB", json({ a: "x".repeat(10_000_000) }), "PRESENCE_TOO_LARGE"],
  ])("%s", (_, state, code) => {
    const stage = new Stage();
    const [ann, eve] = [new Somebody(), new Somebody()];
    stage.presence.receive(ann, [entry(11, 3, { name: "ann" })]);
    stage.presence.receive(eve, [entry(12, 3, { name: "eve" })]);
    stage.flush();
    const bad = { clientId: 14, clock: 4, state };
    const outcome = stage.presence.receive(eve, [
      entry(12, 4, null),
      entry(13, 1, {}),
      bad,
      entry(15, 1, {}),
    ]);
    expect(outcome).toMatchObject({ changed: false, outdated: [], refused: { code } });
    expect(stage.flush()).toEqual([]);
    expect(stage.everybody).toEqual([entry(11, 3, { name: "ann" }), entry(12, 3, { name: "eve" })]);
  });

  test("F83 the states of all ids of a session count together", () => {
    const stage = new Stage({ maxPresenceBytes: 100 });
    const eve = new Somebody();
    const big = { a: "x".repeat(50) };
    expect(stage.presence.receive(eve, [entry(11, 1, big)]).refused).toBeNull();
    expect(stage.presence.receive(eve, [entry(11, 2, big)]).refused).toBeNull();
    const { refused, limits } = stage.presence.receive(eve, [entry(12, 1, big)]);
    expect(refused).toMatchObject({ code: "PRESENCE_TOO_LARGE", message: expect.stringContaining("100") });
    expect(limits).toEqual(["maxPresenceBytes"]);
    // What is taken back makes room, as often as one likes.
    for (let clock = 3; clock < 20; clock += 2) {
      stage.flush();
      stage.presence.receive(eve, [entry(11, clock, null)]);
      stage.flush();
      expect(stage.presence.receive(eve, [entry(11, clock + 1, big)]).refused).toBeNull();
    }
  });
});

describe("the pace of changes", () => {
  test("is bounded: others are told so many a second, and always the newest", () => {
    const stage = new Stage({ maxPresenceChangesPerSecond: 10, maxBurstMs: 1000 });
    const [ann, eve] = [new Somebody(), new Somebody()];
    let told = 0;
    let clock = 0;
    // A thousand changes a second for about three seconds, with a flush after each.
    for (let ms = 0; ms < 2950; ms++) {
      stage.presence.receive(eve, [entry(12, ++clock, { clock })]);
      told += stage.flush().length;
      stage.clock.advance(1);
    }
    // What was saved up, and the pace since.
    expect(told).toBe(10 + 29);
    expect(stage.everybody).toEqual([entry(12, clock, { clock })]);
    // Nobody else waits.
    stage.presence.receive(ann, [entry(11, 1, {})]);
    expect(stage.flush()).toEqual([entry(11, 1, {})]);
    // The last one is told too, when the room asks again.
    expect(stage.presence.dueInMs).toBe(50);
    stage.clock.advance(50);
    expect(stage.flush()).toEqual([entry(12, clock, { clock })]);
    expect(stage.presence.dueInMs).toBeNull();
  });

  test("does not keep anybody who has gone on the screen", () => {
    const stage = new Stage({ maxPresenceChangesPerSecond: 1, maxBurstMs: 1 });
    const eve = new Somebody();
    stage.presence.receive(eve, [entry(12, 1, {})]);
    stage.flush();
    stage.presence.receive(eve, [entry(12, 2, {})]);
    expect(stage.flush()).toEqual([]);
    stage.presence.release(eve);
    expect(stage.flush()).toEqual([entry(12, 2, null)]);
  });
});
