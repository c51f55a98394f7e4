import { DEFAULT_LIMITS } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import { Budget, BudgetTerms, CONNECTION_BUDGET } from "../../../server/src/transports/budget.ts";
import { FakeClock } from "../../support/fake-clock.ts";

const LIMITS = {
  ...DEFAULT_LIMITS,
  maxMessagesPerSecond: 10,
  maxBytesPerSecond: 1_024,
  maxCpuMsPerSecond: 100,
  maxBurstMs: 1_000,
};

function stage() {
  const clock = new FakeClock();
  const budget = new Budget(new BudgetTerms(clock, LIMITS, CONNECTION_BUDGET));
  return { clock, budget, now: () => clock.monotonicMs() };
}

describe("a budget", () => {
  test("is owed messages, bytes and time of the processor, each by itself", () => {
    for (const [spend, limit] of [
      [(it: Budget, now: number) => Array.from({ length: 11 }, () => it.spendMessage(0, now)), "maxMessages"],
      [(it: Budget, now: number) => it.spendBytes(1_025, now), "maxBytes"],
      [(it: Budget, now: number) => it.spendMessage(101, now), "maxCpuMs"],
    ] as const) {
      const { budget, now } = stage();
      expect([budget.owedMs(now()), budget.isFull(now())]).toEqual([0, true]);
      spend(budget, now());
      expect(budget.exceeded(now())).toEqual([`${limit}PerSecond`]);
      expect(budget.owedMs(now())).toBeGreaterThan(0);
      expect(budget.isFull(now())).toBe(false);
    }
  });

  test("waits for what takes longest", () => {
    const { budget, now } = stage();
    budget.spendBytes(1_536, now());
    budget.spendMessage(110, now());
    expect(budget.owedMs(now())).toBe(500);
    expect(budget.exceeded(now())).toEqual(["maxBytesPerSecond", "maxCpuMsPerSecond"]);
  });

  test("calls back when nothing is owed, with one timer for all who wait", () => {
    const { clock, budget, now } = stage();
    budget.spendBytes(1_536, now());
    const called: string[] = [];
    budget.wait(() => called.push("a"));
    budget.wait(() => called.push("b"));
    budget.wait(() => called.push("c")).cancel();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(499);
    expect(called).toEqual([]);
    clock.advance(1);
    expect(called).toEqual(["a", "b"]);
    expect(clock.pendingTimers).toBe(0);
  });

  test("gives each its turn: who spends it anew goes to the end of the queue", () => {
    const { clock, budget, now } = stage();
    const called: string[] = [];
    const greedy = (name: string): void => {
      called.push(name);
      for (let i = 0; i < 3; i++) budget.spendMessage(0, now());
      budget.wait(() => greedy(name));
    };
    for (let i = 0; i < 11; i++) budget.spendMessage(0, now());
    for (const name of ["a", "b", "c"]) budget.wait(() => greedy(name));
    clock.advance(10_000);
    const turns = called.slice(0, Math.floor(called.length / 3) * 3);
    expect(turns.length).toBeGreaterThan(9);
    expect(turns.join("")).toBe("abc".repeat(turns.length / 3));
    // It gave no more than its rate.
    expect(called.length * 3).toBeLessThanOrEqual(10 * 10 + 3);
  });

  test("is not woken for less than it is worth", () => {
    const { clock, budget, now } = stage();
    for (let i = 0; i < 10; i++) budget.spendMessage(0, now());
    budget.spendBytes(1_025, now());
    let isCalled = false;
    budget.wait(() => {
      isCalled = true;
    });
    clock.advance(49);
    expect(isCalled).toBe(false);
    clock.advance(1);
    expect(isCalled).toBe(true);
  });
});
