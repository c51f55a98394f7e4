import { DEFAULT_LIMITS } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { entry, Somebody, Stage } from "./presence-stage.ts";

describe("F84 somebody else's id", () => {
  const ANN = { name: "ann" };
  const EVE = { name: "eve" };

  test("is not had by an anonymous newcomer while its owner may be alive, who is asked", () => {
    const stage = new Stage();
    const [ann, eve] = [new Somebody(), new Somebody()];
    stage.presence.receive(ann, [entry(11, 3, ANN)]);
    stage.flush();
    expect(stage.presence.receive(eve, [entry(11, 4, EVE)])).toMatchObject({ changed: false, foreign: 1 });
    expect(ann.probes).toBe(1);
    expect(stage.flush()).toEqual([]);
    // The owner goes on as if nothing had happened.
    stage.presence.receive(ann, [entry(11, 4, { ...ANN, cursor: 1 })]);
    stage.flush();
    expect(stage.sees(11)).toEqual({ ...ANN, cursor: 1 });
    expect(stage.presence.ownerOf(11)).toBe(ann);
  });

  test("is the newcomer's as soon as its owner is gone, with the newest state, and nobody sees them leave", () => {
    const stage = new Stage();
    const [old, again] = [new Somebody(), new Somebody()];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.receive(again, [entry(11, 4, ANN)]);
    stage.presence.receive(again, [entry(11, 5, { ...ANN, cursor: 2 })]);
    // It gave no sign of life, so its session was ended.
    expect(stage.presence.release(old)).toBe(true);
    stage.flush();
    expect(stage.sees(11)).toEqual({ ...ANN, cursor: 2 });
    expect(stage.departures).toEqual([]);
    expect(stage.presence.ownerOf(11)).toBe(again);
    stage.presence.release(again);
    stage.flush();
    expect(stage.departures).toEqual([11]);
  });

  test("is nobody's when who waited for it has gone too", () => {
    const stage = new Stage();
    const [old, again] = [new Somebody(), new Somebody()];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.receive(again, [entry(11, 4, ANN)]);
    stage.presence.release(again);
    stage.presence.release(old);
    stage.flush();
    expect(stage.sees(11)).toBeUndefined();
  });

  test("is nobody's when who waited for it is not to be seen any more", () => {
    const stage = new Stage();
    const [old, again] = [new Somebody(), new Somebody()];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.receive(again, [entry(11, 4, ANN)]);
    expect(stage.presence.receive(again, [entry(11, 5, null)]).refused).toBeNull();
    stage.presence.release(old);
    stage.flush();
    expect(stage.sees(11)).toBeUndefined();
    // Shown again, it is there.
    stage.presence.receive(again, [entry(11, 6, ANN)]);
    stage.flush();
    expect(stage.sees(11)).toEqual(ANN);
  });

  test("is still waited for when who waits for it passes on that somebody else is gone, or says again what it said", () => {
    const stage = new Stage();
    const [old, again] = [new Somebody(), new Somebody()];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.presence.receive(new Somebody(), [entry(12, 3, ANN)]);
    stage.flush();
    stage.presence.receive(again, [entry(11, 4, ANN)]);
    stage.presence.receive(again, [entry(12, 9, null)]);
    // What it heard before it announced itself.
    stage.presence.receive(again, [entry(11, 3, null)]);
    stage.presence.release(old);
    stage.flush();
    expect(stage.sees(11)).toEqual(ANN);
    expect(stage.departures).toEqual([]);
  });

  test("is the newest newcomer's where several wait, and not that of one who has an id of its own", () => {
    const stage = new Stage();
    const [old, first, second] = [new Somebody(), new Somebody(), new Somebody()];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.receive(first, [entry(11, 4, { name: "first" })]);
    stage.presence.receive(second, [entry(11, 5, { name: "second" })]);
    stage.presence.receive(second, [entry(12, 1, { name: "another window" })]);
    stage.presence.receive(first, [entry(11, 6, { name: "first" })]);
    stage.presence.release(old);
    stage.flush();
    expect(stage.sees(11)).toEqual({ name: "first" });
    expect(stage.sees(12)).toEqual({ name: "another window" });
  });

  test("is had at once by a newer session of the same author, and by no other author", () => {
    const stage = new Stage();
    const [old, again, eve] = [new Somebody("ann"), new Somebody("ann"), new Somebody("eve")];
    stage.presence.receive(old, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.receive(eve, [entry(11, 4, EVE)]);
    expect(stage.flush()).toEqual([]);
    stage.presence.receive(again, [entry(11, 4, { ...ANN, cursor: 2 })]);
    expect(stage.presence.release(old)).toBe(true);
    stage.flush();
    expect(stage.sees(11)).toEqual({ ...ANN, cursor: 2 });
    expect([old.probes, again.probes]).toEqual([0, 0]);
  });

  test("waits for its author's return, while it is remembered", () => {
    const stage = new Stage();
    const [ann, again, eve] = [new Somebody("ann"), new Somebody("ann"), new Somebody("eve")];
    stage.presence.receive(ann, [entry(11, 3, ANN)]);
    stage.flush();
    stage.presence.release(ann);
    stage.flush();
    expect(stage.presence.receive(eve, [entry(11, 4, EVE)])).toMatchObject({ changed: false, foreign: 1 });
    stage.presence.receive(again, [entry(11, 4, ANN)]);
    stage.presence.release(again);
    stage.flush();
    stage.clock.advance(DEFAULT_LIMITS.presenceTombstoneMs);
    expect(stage.presence.receive(eve, [entry(11, 5, EVE)])).toMatchObject({ changed: true, foreign: 0 });
  });

  test("does not have its owner asked more often than presence may change", () => {
    const stage = new Stage({ maxPresenceChangesPerSecond: 10, maxBurstMs: 1000 });
    const [ann, eve] = [new Somebody(), new Somebody()];
    stage.presence.receive(ann, [entry(11, 3, ANN)]);
    for (let i = 0; i < 1000; i++) stage.presence.receive(eve, [entry(11, 4 + i, EVE)]);
    expect(ann.probes).toBe(10);
  });

  test("cannot be waited for with what is no state", () => {
    const stage = new Stage({ maxPresenceBytes: 100 });
    stage.presence.receive(new Somebody(), [entry(11, 3, ANN)]);
    const huge = stage.presence.receive(new Somebody(), [entry(11, 4, { a: "x".repeat(100) })]);
    expect(huge.refused?.code).toBe("PRESENCE_TOO_LARGE");
    const none = stage.presence.receive(new Somebody(), [entry(11, 4, [])]);
    expect(none.refused?.code).toBe("MALFORMED_UPDATE");
  });
});
