import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { delayQuantile } from "../../../bench/src/event-loop/event-loop-delay.ts";

describe("the delay of an event loop", () => {
  test("is what moments wait, not what timers count", () => {
    // Busy for a hundredth of the time in one piece: half of a per cent of all moments waits for half of it or longer.
    const delays = { busyMs: [100], seconds: 10 };
    expect(delayQuantile(delays, 1)).toBe(100);
    expect(delayQuantile(delays, 0.995)).toBeCloseTo(50);
    expect(delayQuantile(delays, 0.99)).toBeCloseTo(0);
  });

  test("is nearly all of it where the loop stands still", () => {
    expect(delayQuantile({ busyMs: [4000, 5900], seconds: 10 }, 0.99)).toBeCloseTo(5800);
  });

  test("is nothing where the loop is never busy", () => {
    expect(delayQuantile({ busyMs: [], seconds: 10 }, 0.99)).toBe(0);
  });

  test("is exceeded by as many moments as it should be", () => {
    const busyMs = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(busyMs, fc.double({ min: 0.5, max: 1, noNaN: true }), (times, share) => {
        const totalMs = times.reduce((sum, ms) => sum + ms, 0) * 1.5;
        const delayMs = delayQuantile({ busyMs: times, seconds: totalMs / 1000 }, share);
        const longerMs = times.reduce((sum, ms) => sum + Math.max(0, ms - delayMs), 0);
        const allowedMs = (1 - share) * totalMs;
        if (delayMs > 0) expect(longerMs).toBeCloseTo(allowedMs, 5);
        else expect(longerMs).toBeLessThanOrEqual(allowedMs + 1e-6);
      }),
    );
  });
});
