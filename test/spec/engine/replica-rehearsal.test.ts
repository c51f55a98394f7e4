import { type DocumentName, parseDocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { Pace } from "../../../server/src/engine/pace.ts";
import { rehearse } from "../../../server/src/engine/rehearsal.ts";
import * as bombs from "../../support/bombs.ts";
import { applyTransaction, readSequentialTrace } from "../../support/traces.ts";
import { block, deletion, gc, raw, text, update } from "../shared/raw-update.ts";
import { SAMPLES } from "../shared/sample-documents.ts";

const DOCUMENT: DocumentName = parseDocumentName("notes");

/** What it takes is what the test says, one thing after the other; what is usual is always the same. */
class ScriptedPace extends Pace {
  readonly #takesMs: number[];
  readonly #usualMs: number;

  constructor(usualMs: number, ...takesMs: number[]) {
    super({ cpuMs: () => 0, monotonicMs: () => 0 });
    this.#usualMs = usualMs;
    this.#takesMs = takesMs;
  }

  override time(run: () => void): number {
    // What throws is not timed.
    run();
    const ms = this.#takesMs.shift();
    if (ms === undefined) throw new Error("nothing more was to be timed");
    return ms;
  }

  override usualMs(): number {
    return this.#usualMs;
  }
}

function outcomeOf(run: () => void): unknown {
  try {
    run();
    return "accepted";
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
}

/** Tries something small; integrating it, loading the document with it and without it takes what the test says. */
function tryWithin(usualMs: number, ...takesMs: number[]): unknown {
  const pace = new ScriptedPace(usualMs, ...takesMs);
  const base = update([block(1, 0, text("before"))]);
  return outcomeOf(() => rehearse([base], update([block(2, 0, text("x"))]), { pace }));
}

describe("an update is too costly", () => {
  test.each([
    ["takes a quarter of a second, whatever is usual", "accepted", [0, 250, 10]],
    ["takes longer, and no more than is usual for its size", "accepted", [100, 900, 10]],
    ["takes twelve times what is usual", "accepted", [30, 360, 10]],
    ["takes more than that", "UPDATE_TOO_COSTLY", [30, 361]],
    ["makes the document slow to load", "UPDATE_TOO_COSTLY", [1, 5, 800, 100]],
    ["comes to a document that is slow to load without it", "accepted", [1, 5, 800, 700]],
    ["makes a slow document slower still", "UPDATE_TOO_COSTLY", [1, 5, 2000, 700]],
    ["comes to a large document", "accepted", [100, 5, 1200]],
  ] as const)("when it %s: %s", (_, outcome, [usualMs, ...takesMs]) => {
    expect(tryWithin(usualMs, ...takesMs)).toBe(outcome);
  });

  test.each([
    ["F71 300,000 maps", bombs.manyMaps(300_000)],
    ["F53 20,000 subdocuments", bombs.manySubdocuments(20_000)],
    ["F69 100,000 clients", bombs.manyClients(100_000)],
  ])("when it takes memory beyond measure: %s", async (_, bomb) => {
    const replicas = new InlineReplicas();
    const refused = { code: "UPDATE_TOO_COSTLY" };
    await expect(replicas.rehearse(DOCUMENT, [], bomb)).rejects.toMatchObject(refused);
    await replicas.rehearse(DOCUMENT, [], update([block(1, 0, text("x"))]));
  });

  test("but not for a few new clients where there are too many", () => {
    const crowd = bombs.manyClients(40_000);
    const more = (clients: number) =>
      update(Array.from({ length: clients }, (_, i) => block(100_000 - i, 0, gc(1))));
    expect(outcomeOf(() => rehearse([crowd], more(999), { pace: null }))).toBe("accepted");
    expect(outcomeOf(() => rehearse([crowd], more(1000), { pace: null }))).toBe("UPDATE_TOO_COSTLY");
  });

  test("but not for what people really write, pasted at once", () => {
    const doc = new Y.Doc();
    const typed = doc.getText("text");
    for (const transaction of readSequentialTrace().transactions.slice(0, 30_000))
      applyTransaction(typed, transaction);
    const list = doc.getArray("list");
    list.push(Array.from({ length: 20_000 }, (_, i) => new Y.Map([["done", i]])));
    const clocks = { cpuMs: () => 0, monotonicMs: () => 0 };
    rehearse([], Y.encodeStateAsUpdate(doc), { pace: new Pace(clocks) });
    for (const { updates } of SAMPLES)
      rehearse(updates.slice(0, -1), updates.at(-1) as Uint8Array, { pace: null });
  });
});

describe("an update is malformed", () => {
  const base = update([block(1, 0, text("before"))]);

  test.each([
    ["does not decode", raw(1, 2, 3)],
    ["leaves a gap", update([block(2, 5, text("x"))])],
    ["deletes what is missing", update([], [deletion(3, [0, 1])])],
  ] as const)("when it %s", (_, bytes) => {
    expect(outcomeOf(() => rehearse([base], bytes, { pace: null }))).toBe("MALFORMED_UPDATE");
  });

  test("when the document cannot be read back with it", () => {
    const other = update([block(3, 0, [raw(0x44), 1, 0, "x"])]);
    const misplaced = update([block(2, 0, [raw(0xc4), 1, 5, 1, 1, "y"])]);
    expect(outcomeOf(() => rehearse([base, other], misplaced, { pace: null }))).toBe("MALFORMED_UPDATE");
  });

  test("not when the document could not be read back before", () => {
    const other = update([block(3, 0, [raw(0x44), 1, 0, "x"])]);
    const misplaced = update([block(2, 0, [raw(0xc4), 1, 5, 1, 1, "y"])]);
    const innocent = update([block(9, 0, text("z"))]);
    const pace = new ScriptedPace(1, 5);
    expect(outcomeOf(() => rehearse([base, other, misplaced], innocent, { pace }))).toBe("accepted");
  });

  test("not when the document itself cannot be built: then nothing can be said", () => {
    const gap = update([block(3, 5, text("x"))]);
    const innocent = update([block(9, 0, text("z"))]);
    expect(outcomeOf(() => rehearse([gap], innocent, { pace: null }))).toBe("REPLICA_FAILED");
  });
});

test("what is usual grows with the size of the work, and on a slow machine", () => {
  let nowMs = 0;
  const clocks = { cpuMs: () => 0, monotonicMs: () => nowMs++ * 40 };
  const pace = new Pace(clocks);
  const work = { structs: 10_000, deletes: 0, clients: 1, bytes: 64_000 };
  const once = pace.usualMs(work);
  expect(once).toBeGreaterThan(0);
  expect(pace.usualMs({ ...work, structs: 20_000 })).toBeGreaterThan(once);
  expect(pace.usualMs({ ...work, deletes: 10_000 })).toBeGreaterThan(once);
  expect(pace.usualMs({ ...work, clients: 5_000 })).toBeGreaterThan(once);
  nowMs = 0;
  const slow = new Pace({ ...clocks, monotonicMs: () => nowMs++ * 160 });
  expect(slow.usualMs(work)).toBeCloseTo(4 * once);
});
