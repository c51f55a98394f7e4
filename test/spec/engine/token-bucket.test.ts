import { describe, expect, test } from "vitest";
import { TokenBucket } from "../../../server/src/engine/token-bucket.ts";

/** 100 tokens a second, up to 200 of them. */
const bucket = (nowMs = 0) => new TokenBucket({ perSecond: 100, burstMs: 2_000 }, nowMs);

describe("a token bucket", () => {
  test("is full at first, and owes nothing until more was taken than it holds", () => {
    const it = bucket();
    expect(it.isFull(0)).toBe(true);
    it.take(200, 0);
    expect([it.owedMs(0), it.has(1, 0)]).toEqual([0, false]);
    it.take(1, 0);
    expect(it.owedMs(0)).toBeCloseTo(10);
  });

  test("fills at its rate, up to what it holds, and no further", () => {
    const it = bucket();
    it.take(200, 0);
    expect([it.has(50, 499), it.has(50, 500), it.has(51, 500)]).toEqual([false, true, false]);
    expect([it.isFull(1_999), it.isFull(2_000)]).toEqual([false, true]);
    expect([it.has(200, 100_000), it.has(201, 100_000)]).toEqual([true, false]);
  });

  test("pays what it owes first", () => {
    const it = bucket();
    it.take(250, 0);
    expect(it.owedMs(0)).toBe(500);
    expect(it.owedMs(400)).toBe(100);
    expect(it.owedMs(500)).toBe(0);
    expect(it.has(1, 500)).toBe(false);
    expect(it.has(1, 510)).toBe(true);
  });

  test("never owes more than it can hold: a wait has an end", () => {
    const it = bucket();
    it.take(1e9, 0);
    it.take(1e9, 100);
    expect(it.owedMs(100)).toBe(2_000);
  });

  test("gives the same in the long run, however it is taken from", () => {
    const it = bucket(5_000);
    let taken = 0;
    for (let now = 5_000; now < 105_000; now += 7) {
      while (it.owedMs(now) === 0) {
        it.take(3, now);
        taken += 3;
      }
    }
    expect(Math.abs(taken - (200 + 100 * 100))).toBeLessThan(6);
  });

  test("holds at least one token, however slowly they come", () => {
    const it = new TokenBucket({ perSecond: 1, burstMs: 1 }, 0);
    expect(it.has(1, 0)).toBe(true);
    it.take(1, 0);
    expect([it.has(1, 999), it.has(1, 1_000)]).toEqual([false, true]);
  });
});

describe("a bucket that is spent from", () => {
  test("allows what was saved up at once, and then one after the other", () => {
    const rate = new TokenBucket({ perSecond: 10, burstMs: 300 }, 0);
    const atOnce = [1, 2, 3, 4].map(() => rate.spend(1000));
    expect(atOnce).toEqual([true, true, true, false]);
    expect([rate.spend(1099), rate.spend(1100), rate.spend(1100), rate.spend(1200)]).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  test("saves up no more than that, however long nothing happens", () => {
    const rate = new TokenBucket({ perSecond: 10, burstMs: 200 }, 0);
    rate.spend(0);
    expect([1, 2, 3].map(() => rate.spend(1_000_000))).toEqual([true, true, false]);
  });

  test("always allows one, be the time for which it is saved up shorter than it takes", () => {
    const rate = new TokenBucket({ perSecond: 1, burstMs: 1 }, 0);
    expect([rate.spend(0), rate.spend(999), rate.spend(1000)]).toEqual([true, false, true]);
  });
});
