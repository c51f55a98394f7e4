import type { AwarenessEntry } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rights } from "../../../server/src/engine/rights.ts";
import { entry, Somebody, Stage } from "./presence-stage.ts";

/** In which order ids are told says nothing. */
function byId(entries: readonly AwarenessEntry[]): AwarenessEntry[] {
  return entries.toSorted((a, b) => a.clientId - b.clientId);
}

describe("showing something else under the same id", () => {
  const what = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom({ at: 1 }, { at: 2 }, { at: 10, name: "ann" }) },
    { weight: 1, arbitrary: fc.constant(null) },
    // Not an object, and more than a session may show.
    { weight: 1, arbitrary: fc.constantFrom<unknown>(7, { at: "x".repeat(90) }) },
  );
  const announcement = fc.record({
    // Most have an id of their own.
    by: fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(2) }),
    clientId: fc.integer({ min: 11, max: 13 }),
    // From what is known of the id.
    step: fc.oneof(
      { weight: 4, arbitrary: fc.constant(1) },
      { weight: 1, arbitrary: fc.integer({ min: -1, max: 12 }) },
    ),
    what,
  });
  const step = fc.oneof(
    { weight: 10, arbitrary: fc.record({ kind: fc.constant("announce" as const), announcement }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("flush" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), by: fc.nat(2) }) },
  );

  test("is taken in the short way as it is in the long one", () => {
    let renewals = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 40 }), (steps) => {
        const limits = { maxPresenceClockStep: 10, maxPresenceBytes: 100, maxPresenceEntries: 2 };
        const [short, long] = [new Stage(limits), new Stage(limits)];
        const people = [new Somebody(), new Somebody("ben"), new Somebody("eve", Rights.READER)];
        const clocks = new Map<number, number>();
        for (const next of steps) {
          if (next.kind === "flush") expect(byId(short.flush())).toEqual(byId(long.flush()));
          else if (next.kind === "leave") {
            const leaver = people[next.by] as Somebody;
            expect(short.presence.release(leaver)).toBe(long.presence.release(leaver));
          } else {
            const { by, clientId, step: more } = next.announcement;
            const clock = Math.max(0, (clocks.get(clientId) ?? 0) + more);
            clocks.set(clientId, clock);
            const announced = entry(clientId, clock, next.announcement.what);
            const who = people[by ?? clientId - 11] as Somebody;
            const outcome = long.presence.receive(who, [announced]);
            if (short.presence.renew(who, announced)) {
              renewals++;
              expect(outcome).toMatchObject({ changed: true, outdated: [], foreign: 0, refused: null });
            } else expect(short.presence.receive(who, [announced])).toEqual(outcome);
          }
          expect(byId(short.everybody)).toEqual(byId(long.everybody));
          expect(short.remembered).toBe(long.remembered);
          for (const id of [11, 12, 13]) {
            expect(short.presence.ownerOf(id)).toBe(long.presence.ownerOf(id));
          }
        }
      }),
    );
    expect(renewals).toBeGreaterThan(50);
  });

  test("keeps nothing of the frame that it came in", () => {
    const stage = new Stage();
    const ann = new Somebody();
    stage.presence.receive(ann, [entry(11, 1, { at: 1 })]);
    const moved = entry(11, 2, { at: 22 });
    expect(stage.presence.renew(ann, moved)).toBe(true);
    moved.state?.fill(0);
    expect(stage.flush()).toEqual([entry(11, 2, { at: 22 })]);
  });
});
