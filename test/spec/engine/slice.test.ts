import { inspectUpdate } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { sliceStructs, withDeletes } from "../../../server/src/engine/slice.ts";
import { block, gc, skip, text, update } from "../shared/raw-update.ts";
import { documentOf, SAMPLES } from "../shared/sample-documents.ts";

const WHOLES = SAMPLES.map(({ name, updates }) => ({
  name,
  whole: Y.encodeStateAsUpdate(documentOf(updates)),
}));

function slice(bytes: Uint8Array, from: (client: number) => number, to?: (client: number) => number) {
  return sliceStructs(bytes, inspectUpdate(bytes), from, to);
}

/** The bytes of an update up to its delete set, as merging writes them: it leaves out a mark that nobody reads. */
function structsOf(bytes: Uint8Array): Uint8Array {
  const merged = Y.mergeUpdates([bytes, Uint8Array.of(0, 0)]);
  return merged.slice(0, inspectUpdate(merged).deletesStart);
}

/** For each client, a clock that is some share of its own. */
function part(whole: Uint8Array, shares: readonly number[]): ReadonlyMap<number, number> {
  const clocks = [...Y.decodeStateVector(Y.encodeStateVectorFromUpdate(whole))];
  return new Map(
    clocks.map(([client, clock], i) => [client, Math.round(clock * (shares[i % shares.length] ?? 0))]),
  );
}

test("what is sliced off from a state vector on is what Yjs gives for it", () => {
  const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.constantFrom(...WHOLES), shares, ({ whole }, portions) => {
      const clocks = part(whole, portions);
      const stateVector = Y.encodeStateVector(new Map(clocks));
      const sliced = withDeletes(slice(whole, (client) => clocks.get(client) ?? 0));
      expect(structsOf(sliced)).toEqual(structsOf(Y.diffUpdate(whole, stateVector)));
    }),
    { numRuns: 500 },
  );
});

test("two halves make the whole", () => {
  for (const { whole } of WHOLES) {
    // Cut where a struct begins, as the upper end has to be.
    const middle = new Map<number, number>();
    for (const { id } of Y.decodeUpdate(whole).structs) {
      if (id.clock <= (Y.decodeStateVector(Y.encodeStateVectorFromUpdate(whole)).get(id.client) ?? 0) / 2)
        middle.set(id.client, id.clock);
    }
    const clockOf = (client: number) => middle.get(client) ?? 0;
    const halves = [slice(whole, () => 0, clockOf), slice(whole, clockOf)].map((half) => withDeletes(half));
    expect(structsOf(Y.mergeUpdates(halves))).toEqual(structsOf(whole));
  }
});

test("nothing is left where the two ends meet, in the middle of a struct too", () => {
  const bytes = update([block(1, 0, gc(1000))]);
  expect(
    slice(
      bytes,
      () => 4,
      () => 4,
    ),
  ).toBeNull();
  expect(slice(bytes, () => 1000)).toBeNull();
});

test("a block does not begin with a gap", () => {
  const bytes = update([block(1, 0, text("ab"), skip(3), text("cd"))]);
  const sliced = withDeletes(slice(bytes, () => 3));
  expect(Y.decodeUpdate(sliced).structs).toMatchObject([{ id: { client: 1, clock: 5 }, length: 2 }]);
});
