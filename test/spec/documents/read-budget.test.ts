import type { LimitName } from "@joinery/shared";
import { expect, test } from "vitest";
import { ReadBudget } from "../../../server/src/documents/read-budget.ts";

function budgetOf(maxReads: number, maxReadBytes: number) {
  const hit: LimitName[] = [];
  const limits = { maxReads, maxReadBytes };
  return { budget: new ReadBudget({ limits, onLimit: (limit) => void hit.push(limit) }), hit };
}

const full = (limit: LimitName) => expect.objectContaining({ code: "SERVER_FULL", limit });

test("as many reads as may be are under way; one that has ended makes room, once", () => {
  const { budget, hit } = budgetOf(2, 100);
  const first = budget.begin();
  budget.begin();
  expect(() => budget.begin()).toThrow(full("maxReads"));
  expect(hit).toEqual(["maxReads"]);
  first.end();
  first.end();
  budget.begin();
  expect(() => budget.begin()).toThrow(full("maxReads"));
});

test("what is ready keeps its bytes, and makes room for another", () => {
  const { budget } = budgetOf(1, 100);
  const first = budget.begin();
  first.hold(60);
  first.ready();
  first.ready();
  const second = budget.begin();
  expect(() => second.hold(41)).toThrow(full("maxReadBytes"));
  expect(() => budget.begin()).toThrow(full("maxReads"));
  first.end();
  expect(() => budget.begin()).toThrow(full("maxReads"));
  second.hold(100);
});

test("what reads keep is bounded all together, and one alone may keep anything", () => {
  const { budget, hit } = budgetOf(10, 100);
  const large = budget.begin();
  large.hold(1000);
  const small = budget.begin();
  expect(() => small.hold(1)).toThrow(full("maxReadBytes"));
  expect(hit).toEqual(["maxReadBytes"]);
  // Rendered, it is smaller than it was.
  large.hold(60);
  small.hold(40);
  expect(() => small.hold(41)).toThrow(full("maxReadBytes"));
  large.end();
  small.hold(1000);
  small.end();
  budget.begin().hold(100);
});

test("what is large is read one after the other, also behind one that failed", async () => {
  const { budget } = budgetOf(10, 100);
  const steps: string[] = [];
  const gate = Promise.withResolvers<void>();
  const loaded = ["a", "b", "c"].map((name) =>
    budget.begin().load(async () => {
      steps.push(`${name} begins`);
      if (name === "a") await gate.promise;
      steps.push(`${name} ends`);
      if (name === "b") throw new Error("b cannot be read");
      return name;
    }),
  );
  const settled = Promise.allSettled(loaded);
  await new Promise(setImmediate);
  expect(steps).toEqual(["a begins"]);
  gate.resolve();
  expect((await settled).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(steps).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
});
