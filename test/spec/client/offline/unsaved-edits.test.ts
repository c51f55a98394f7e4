import fc from "fast-check";
import { expect, test } from "vitest";
import { UnsavedEdits } from "../../../../client/src/offline/unsaved-edits.ts";

const edit = (n: number) => Uint8Array.of(n >> 8, n & 0xff);
const numberOf = (update: Uint8Array) => ((update[0] as number) << 8) | (update[1] as number);

test("packs leave whole, in order, and together with what waits they are what is not saved, or more", () => {
  const steps = fc.array(
    fc.oneof(fc.constant("add"), fc.constant("pack"), fc.constant("repack"), fc.nat(5)),
    {
      maxLength: 400,
      size: "max",
    },
  );
  fc.assert(
    fc.property(steps, (played) => {
      const edits = new UnsavedEdits([]);
      let [added, saved, key] = [0, 0, 0];
      const gone: number[] = [];
      for (const step of played) {
        if (step === "add") edits.add(edit(added++));
        else if (step === "pack") {
          if (edits.hasWaiting) edits.pack(Uint8Array.of(key++));
        } else if (step === "repack") {
          const count = edits.packs.length;
          const repacked = edits.repack(() => Uint8Array.of(key++));
          if (repacked !== null) expect(edits.packs.length).toBe(count - repacked.former.length + 1);
        } else if (typeof step === "number" && saved + step <= added) {
          const { packs, waiting } = edits.saved(step);
          saved += step;
          gone.push(...packs.flatMap(({ updates }) => updates.map(numberOf)), ...waiting.map(numberOf));
        }
        const packed = edits.packs.flatMap(({ updates }) => updates.map(numberOf));
        expect([...gone, ...packed]).toEqual(
          Array.from({ length: gone.length + packed.length }, (_, n) => n),
        );
        expect(gone.length).toBeLessThanOrEqual(saved);
        expect(edits.hasWaiting).toBe(added > Math.max(saved, gone.length + packed.length));
      }
    }),
  );
});

test("many small packs become one, and large ones are left alone", () => {
  const edits = new UnsavedEdits([{ key: Uint8Array.of(0), updates: [new Uint8Array(40_000)] }]);
  for (let n = 0; n < 64; n++) {
    expect(edits.repack(() => Uint8Array.of(99))).toBeNull();
    edits.add(edit(n));
    edits.pack(Uint8Array.of(1, n));
  }
  const repacked = edits.repack(() => Uint8Array.of(99));
  expect(repacked?.former.length).toBe(64);
  expect(repacked?.pack.updates.map(numberOf)).toEqual(Array.from({ length: 64 }, (_, n) => n));
  expect(edits.packs.map(({ key }) => key[0])).toEqual([0, 99]);
});

test("a pack that is saved in part is not put together with others", () => {
  const edits = new UnsavedEdits([]);
  for (let n = 0; n < 66; n++) {
    for (const each of [0, 1]) edits.add(edit(2 * n + each));
    edits.pack(Uint8Array.of(n));
  }
  edits.saved(1);
  expect(edits.repack(() => Uint8Array.of(99))?.former.length).toBe(65);
  expect(edits.saved(1).packs.map(({ key }) => key[0])).toEqual([0]);
});
