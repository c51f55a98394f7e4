import { inspectUpdate, JoineryError } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { documentOf, SAMPLES } from "./sample-documents.ts";
import { howMergingDiffers, howRangesDiffer, howRewritingDiffers, whatGoesWrong } from "./update-oracle.ts";

/** How many mutants are tried. `MUTANTS=200000 npx vitest run --project spec inspector-mutants` tries more. */
const MUTANTS = Number(process.env.MUTANTS ?? 6_000);
const SEED = Number(process.env.SEED ?? 20_261_120);

interface Case {
  readonly name: string;
  readonly before: Uint8Array;
  readonly update: Uint8Array;
}

const CASES: readonly Case[] = SAMPLES.flatMap(({ name, updates }) => [
  ...updates.map((update, i) => ({ name, before: stateAfter(updates.slice(0, i)), update })),
  { name, before: stateAfter([]), update: stateAfter(updates) },
]);

function stateAfter(updates: readonly Uint8Array[]): Uint8Array {
  return Y.encodeStateAsUpdate(documentOf(updates));
}

/** A case, and a copy of its update with one to three bits flipped. */
const mutants = fc
  .constantFrom(...CASES)
  .chain((original) =>
    fc
      .array(fc.nat(original.update.length * 8 - 1), { minLength: 1, maxLength: 3 })
      .map((bits) => ({ ...original, update: flip(original.update, bits) })),
  );

function flip(bytes: Uint8Array, bits: readonly number[]): Uint8Array {
  const flipped = bytes.slice();
  for (const bit of bits) flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
  return flipped;
}

function isAccepted(update: Uint8Array): boolean {
  try {
    inspectUpdate(update);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(JoineryError);
    expect(error).toMatchObject({ code: "MALFORMED_UPDATE" });
    return false;
  }
}

/** Tries mutants of every sample; one that is judged badly is reported with its bytes. */
function tryMutants(judge: (before: Uint8Array, update: Uint8Array) => string | null): number {
  let accepted = 0;
  const property = fc.property(mutants, ({ name, before, update }) => {
    if (!isAccepted(update)) return;
    accepted++;
    const verdict = judge(before, update);
    if (verdict === null) return;
    throw new Error(`${name}: ${verdict}; update ${hex(update)} after ${hex(before)}`);
  });
  fc.assert(property, { numRuns: MUTANTS, seed: SEED });
  return accepted;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("the samples themselves are judged well, so that a mutant judged badly is at fault itself", () => {
  for (const { name, before, update } of CASES) {
    expect(whatGoesWrong(before, update), name).toBeNull();
    expect(howMergingDiffers(before, update), name).toBeNull();
    expect(howRangesDiffer(before, update), name).toBeNull();
    expect(howRewritingDiffers(update), name).toBeNull();
  }
});

test("a mutant that is accepted applies, silences nobody, and leaves a document that loads with the same content", () => {
  expect(tryMutants(whatGoesWrong)).toBeGreaterThan(MUTANTS / 5);
}, 600_000);

test("a mutant that is accepted merges to the state that it gives when it is applied", () => {
  expect(tryMutants(howMergingDiffers)).toBeGreaterThan(MUTANTS / 5);
}, 600_000);

test("a mutant that is accepted and leaves no gap brings exactly the ranges that were reported", () => {
  expect(tryMutants(howRangesDiffer)).toBeGreaterThan(MUTANTS / 5);
}, 600_000);

test("a mutant that is accepted says the same when Yjs has read and written it", () => {
  expect(tryMutants((_, update) => howRewritingDiffers(update))).toBeGreaterThan(MUTANTS / 5);
}, 600_000);
