import { expect, test } from "vitest";
import { EventCounts } from "../../../server/src/metrics/event-counts.ts";
import { LabelCounts } from "../../../server/src/metrics/label-counts.ts";

test("values of labels have an end, whatever is counted; nothing is left out", () => {
  const counts = new LabelCounts();
  for (let i = 0; i < 1_000; i++) counts.add([`hook-${i}`, "failed"]);
  counts.add(["hook-1", "failed"], 2);
  const all = [...counts.all()];
  expect(all).toHaveLength(301);
  expect(counts.countOf(["other", "other"])).toBe(700);
  expect(counts.countOf(["hook-1", "failed"])).toBe(3);
  expect(counts.countOf(["hook-999", "failed"])).toBe(0);
  expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(1_002);
});

test("an event that nobody knows is counted by its name", () => {
  const counts = new EventCounts();
  counts.count({ type: "something-new" });
  counts.count({ type: "toString" });
  expect(counts.events.countOf(["something-new"])).toBe(1);
});

test("hooks of extensions are counted by the hook, close codes that clients make up as others", () => {
  const counts = new EventCounts();
  counts.count({ type: "hook-timed-out", hook: "Some.Extension.onChange" } as { type: string });
  counts.count({ type: "disconnected", closeCode: 4999 } as { type: string });
  counts.count({ type: "disconnected", closeCode: 4401 } as { type: string });
  expect([...counts.hookFailures.all()]).toEqual([{ values: ["onChange", "timed_out"], count: 1 }]);
  expect([...counts.connectionsClosed.all()].map(({ values }) => values[0])).toEqual(["other", "4401"]);
});
