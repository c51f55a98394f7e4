import { expect, test } from "vitest";
import { Rate } from "../../../server/src/engine/rate.ts";

test("a rate allows what was saved up at once, and then one after the other", () => {
  const rate = new Rate({ perSecond: 10, burstMs: 300 });
  const atOnce = [1, 2, 3, 4].map(() => rate.spend(1000));
  expect(atOnce).toEqual([true, true, true, false]);
  expect([rate.spend(1099), rate.spend(1100), rate.spend(1100), rate.spend(1200)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});

test("a rate saves up no more than that, however long nothing happens", () => {
  const rate = new Rate({ perSecond: 10, burstMs: 200 });
  rate.spend(0);
  expect([1, 2, 3].map(() => rate.spend(1_000_000))).toEqual([true, true, false]);
});

test("a rate always allows one, be the time for which it is saved up shorter than it takes", () => {
  const rate = new Rate({ perSecond: 1, burstMs: 1 });
  expect([rate.spend(0), rate.spend(999), rate.spend(1000)]).toEqual([true, false, true]);
});
