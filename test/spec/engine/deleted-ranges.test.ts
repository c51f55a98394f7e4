import { encodeDeleteSet, inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DeletedRanges, tidyTicks } from "../../../server/src/engine/deleted-ranges.ts";

const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 8 }));
const some = fc.array(range, { maxLength: 40 });

function missing(ranges: DeletedRanges, client: number): number[] {
  const ticks: number[] = [];
  ranges.forEachMissing(client, 0, 80, (start, end) => {
    for (let tick = start; tick < end; tick++) ticks.push(tick);
  });
  return ticks;
}

test("holds what was added, in any order and number at a time", () => {
  fc.assert(
    fc.property(fc.array(some, { maxLength: 5 }), some, (additions, looked) => {
      const ranges = new DeletedRanges();
      const model = new Set<number>();
      for (const added of additions) {
        ranges.add(
          1,
          added.map(([start]) => start),
          added.map(([start, length]) => start + length),
        );
        for (const [start, length] of added) {
          for (let tick = start; tick < start + length; tick++) model.add(tick);
        }
      }
      const expected = Array.from({ length: 80 }, (_, tick) => tick).filter((tick) => !model.has(tick));
      expect(missing(ranges, 1)).toEqual(expected);
      for (const [start, length] of looked) {
        const isMissing = expected.some((tick) => tick >= start && tick < start + length);
        expect(ranges.has(1, start, start + length)).toBe(!isMissing);
      }
      expect(ranges.has(2, 0, 1)).toBe(false);
    }),
  );
});

test.each([0, 2 ** 32 - 40, 2 ** 48 - 100])(
  "holds what was stored, in any order and number, and what is added to it, from tick %d on",
  (first) => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 3 }), some, (stored, later) => {
        const ranges = new DeletedRanges();
        const model = new DeletedRanges();
        for (const added of stored) {
          const starts = added.map(([start]) => first + start);
          const ends = added.map(([start, length]) => first + start + length);
          const deletes = encodeDeleteSet([
            [2, { starts: [first], ends: [first + 1] }],
            [1, { starts, ends }],
          ]);
          const update = Uint8Array.of(0, ...deletes);
          ranges.addStored(update, inspectUpdate(update, NO_UPDATE_LIMITS));
          model.add(2, [first], [first + 1]);
          for (const [i, start] of starts.entries()) model.add(1, [start], [ends[i] as number]);
        }
        expect(ranges.deleteSet).toEqual(model.deleteSet);
        expect(ranges.deleteSetBelow([[1, first + 20]])).toEqual(model.deleteSetBelow([[1, first + 20]]));
        for (const [start, length] of later) {
          ranges.add(1, [first + start], [first + start + length]);
          model.add(1, [first + start], [first + start + length]);
        }
        expect(ranges.deleteSet).toEqual(model.deleteSet);
      }),
    );
  },
);

test("does not hold on to lists that it was given", () => {
  const starts = Array.from({ length: 40 }, (_, i) => i * 2);
  const ends = starts.map((start) => start + 1);
  const ranges = new DeletedRanges();
  ranges.add(1, starts, ends);
  ranges.add(1, [1], [2]);
  expect(starts).toHaveLength(40);
  starts.length = 0;
  expect(ranges.has(1, 78, 79)).toBe(true);
});

test("encodes ranges that neither overlap nor touch, and none beyond a clock that was given", () => {
  const ranges = new DeletedRanges();
  ranges.add(7, [5, 1, 3], [9, 3, 4]);
  expect([...ranges.deleteSet]).toEqual([1, 7, 2, 1, 3, 5, 4]);
  expect([...ranges.deleteSetBelow(new Map([[7, 6]]))]).toEqual([1, 7, 2, 1, 3, 5, 1]);
  expect([...ranges.deleteSetBelow(new Map([[7, 5]]))]).toEqual([1, 7, 1, 1, 3]);
  expect([...ranges.deleteSetBelow(new Map([[7, 0]]))]).toEqual([0]);
  // What was cut for one is whole for the next.
  expect([...ranges.deleteSet]).toEqual([1, 7, 2, 1, 3, 5, 4]);
});

test("tidies ranges", () => {
  expect(tidyTicks({ starts: [5, 0, 2], ends: [6, 2, 4] })).toEqual({ starts: [0, 5], ends: [4, 6] });
});
