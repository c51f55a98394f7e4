import { inspectUpdate, StructCursor } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { contentOf } from "./document-content.ts";
import { edited } from "./random-edits.ts";
import { documentOf } from "./sample-documents.ts";
import { howRewritingDiffers, rewritten } from "./update-oracle.ts";

/** How many documents are edited. `ROUND_TRIPS=20000 npx vitest run --project spec round-trip` edits more. */
const ROUND_TRIPS = Number(process.env.ROUND_TRIPS ?? 300);
const OPTIONS = { numRuns: ROUND_TRIPS, seed: Number(process.env.SEED ?? 20_261_120) };

function expectRoundTrip(update: Uint8Array): void {
  expect(inspectUpdate(update).hasTidyDeletes).toBe(true);
  expect(rewritten(update)).toEqual(withoutNeedlessFlags(update));
  expect(howRewritingDiffers(update)).toBeNull();
}

/**
 * A document writes of each value of a key that it is one, and Yjs forgets it where it reads an update alone and the
 * value has a neighbour: there it says nothing that the neighbour does not.
 */
function withoutNeedlessFlags(update: Uint8Array): Uint8Array {
  const without = update.slice();
  for (const block of inspectUpdate(update).blocks) {
    const cursor = new StructCursor(update, block);
    while (cursor.next()) {
      if (cursor.hasOrigin || cursor.hasRightOrigin)
        without[cursor.start] = (update[cursor.start] as number) & ~0x20;
    }
  }
  return without;
}

test("whatever people edit is accepted, and Yjs reads and writes it byte for byte the same, but for a flag", () => {
  const property = fc.property(edited, ({ updates, states }) => {
    for (const update of [...updates, ...states]) expectRoundTrip(update);
    // With gaps, because only every other update is there.
    const gapped = updates.filter((_, i) => i % 2 === 1);
    if (gapped.length > 1) expectRoundTrip(Y.mergeUpdates(gapped));
  });
  fc.assert(property, OPTIONS);
}, 600_000);

test("accepted updates merge to a document with the same content", () => {
  const property = fc.property(edited, ({ updates }) => {
    const content = contentOf(documentOf(updates));
    const merged = Y.mergeUpdates(updates.slice());
    inspectUpdate(merged);
    expect(contentOf(documentOf([merged]))).toEqual(content);
    expect(contentOf(documentOf([merged, ...updates]))).toEqual(content);
  });
  fc.assert(property, OPTIONS);
}, 600_000);
