import { type DocumentName, parseDocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { InlineReplicas } from "../../../server/src/engine/inline-replicas.ts";
import { Pace } from "../../../server/src/engine/pace.ts";
import type { Rehearsal, Verdict } from "../../../server/src/engine/ports.ts";
import { rehearse } from "../../../server/src/engine/rehearsal.ts";
import * as bombs from "../../support/bombs.ts";
import { applyTransaction, readSequentialTrace } from "../../support/traces.ts";
import { block, deletion, gc, raw, text, update } from "../shared/raw-update.ts";
import { SAMPLES } from "../shared/sample-documents.ts";

const DOCUMENT: DocumentName = parseDocumentName("notes");

/** An update to a document to which nothing was added since it was last rehearsed. */
function toDocument(known: readonly Uint8Array[], update: Uint8Array): Rehearsal {
  return { known, recent: [], update };
}

/** What a rehearsal measures, in its order, in milliseconds. What a test does not say takes no time. */
interface Takes {
  readonly recent?: number;
  readonly update?: number;
  /** Reading the document back, with the update. From here on only where that is slow. */
  readonly read?: number;
  readonly known?: number;
  readonly recentAgain?: number;
  readonly updateAgain?: number;
  readonly loadKnown?: number;
  readonly loadWithout?: number;
  readonly load?: number;
  /** What is looked at once more, in order. */
  readonly again?: readonly number[];
}

const ORDER = [
  "recent",
  "update",
  "read",
  "known",
  "recentAgain",
  "updateAgain",
  "loadKnown",
  "loadWithout",
  "load",
] as const satisfies readonly (keyof Takes)[];

/** What it takes is what the test says; what is usual is always the same. Each look at the clock takes 1 ms. */
class ScriptedPace extends Pace {
  readonly #takes: Takes;
  readonly #usualMs: number;
  #measured = 0;
  #nowMs = 0;

  constructor(usualMs: number, takes: Takes) {
    super({ cpuMs: () => 0, monotonicMs: () => 0 });
    this.#usualMs = usualMs;
    this.#takes = takes;
  }

  override time(run: () => void): number {
    // What throws is not timed.
    run();
    const i = this.#measured++;
    const part = ORDER[i];
    if (part !== undefined) return this.#takes[part] ?? 0;
    return this.#takes.again?.[i - ORDER.length] ?? Number.POSITIVE_INFINITY;
  }

  override nowMs(): number {
    return this.#nowMs++;
  }

  override usualMs(): number {
    return this.#usualMs;
  }
}

/** What is said of a small update after two small ones, where they take as long as the test says. */
function verdictWithin(usualMs: number, takes: Takes): Verdict {
  const known = [update([block(1, 0, text("before"))])];
  const recent = [update([block(3, 0, text("a"))]), update([block(3, 1, text("b"))])];
  const rehearsal = { known, recent, update: update([block(2, 0, text("x"))]) };
  return rehearse(rehearsal, { pace: new ScriptedPace(usualMs, takes) });
}

function outcomeOf(run: () => void): unknown {
  try {
    run();
    return "accepted";
  } catch (error) {
    return (error as { code?: string }).code ?? error;
  }
}

describe("an update is too costly", () => {
  test.each([
    ["takes a quarter of a second, whatever is usual", "accepted", 0, { update: 250 }],
    ["takes longer, and no more than is usual for its size", "accepted", 100, { update: 900 }],
    ["takes twelve times what is usual", "accepted", 30, { update: 360 }],
    ["takes more than that", "UPDATE_TOO_COSTLY", 30, { update: 361 }],
    ["makes the document slow to load", "UPDATE_TOO_COSTLY", 1, { read: 800, load: 800, loadWithout: 100 }],
    [
      "comes to a document that is slow without it",
      "accepted",
      1,
      { read: 800, load: 800, loadWithout: 700 },
    ],
    ["makes a slow document slower", "UPDATE_TOO_COSTLY", 1, { read: 2000, load: 2000, loadWithout: 700 }],
    ["does so by chance", "accepted", 1, { read: 2000, load: 2000, loadWithout: 700, again: [700, 760] }],
    ["comes to a large document", "accepted", 100, { read: 1200 }],
    ["is slow where all is slow", "UPDATE_TOO_COSTLY", 1, { update: 20, read: 800, updateAgain: 20 }],
    ["is slow there by chance", "accepted", 1, { update: 20, read: 800, updateAgain: 2 }],
    ["is slow there in proportion", "accepted", 2, { update: 20, read: 800, updateAgain: 20 }],
  ] as const)("when it %s: %s", (_, outcome, usualMs, takes) => {
    expect(outcomeOf(() => verdictWithin(usualMs, takes))).toBe(outcome);
  });

  test.each([
    ["F71 300,000 maps", bombs.manyMaps(300_000)],
    ["F53 20,000 subdocuments", bombs.manySubdocuments(20_000)],
    ["F69 100,000 clients", bombs.manyClients(100_000)],
  ])("when it takes memory beyond measure: %s", async (_, bomb) => {
    const replicas = new InlineReplicas();
    const refused = { code: "UPDATE_TOO_COSTLY" };
    await expect(replicas.rehearse(DOCUMENT, toDocument([], bomb))).rejects.toMatchObject(refused);
    await replicas.rehearse(DOCUMENT, toDocument([], update([block(1, 0, text("x"))])));
  });

  test("but not for a few new clients where there are too many", () => {
    const crowd = bombs.manyClients(40_000);
    const more = (clients: number) =>
      update(Array.from({ length: clients }, (_, i) => block(100_000 - i, 0, gc(1))));
    expect(outcomeOf(() => rehearse(toDocument([crowd], more(999)), { pace: null }))).toBe("accepted");
    expect(outcomeOf(() => rehearse(toDocument([crowd], more(1000)), { pace: null }))).toBe(
      "UPDATE_TOO_COSTLY",
    );
  });

  test("but not for what people really write, pasted at once", () => {
    const doc = new Y.Doc();
    const typed = doc.getText("text");
    for (const transaction of readSequentialTrace().transactions.slice(0, 30_000))
      applyTransaction(typed, transaction);
    const list = doc.getArray("list");
    list.push(Array.from({ length: 20_000 }, (_, i) => new Y.Map([["done", i]])));
    const clocks = { cpuMs: () => 0, monotonicMs: () => 0 };
    rehearse(toDocument([], Y.encodeStateAsUpdate(doc)), { pace: new Pace(clocks) });
    for (const { updates } of SAMPLES)
      rehearse(toDocument(updates.slice(0, -1), updates.at(-1) as Uint8Array), { pace: null });
  });
});

describe("what came since the last rehearsal is too costly", () => {
  test.each([
    ["takes more than a quarter of a second, and more than is usual", true, 1, { recent: 251 }],
    ["takes less", false, 1, { recent: 250 }],
    ["takes what is usual", false, 100, { recent: 900 }],
    ["takes a sixteenth of that in a document that is slow to load", true, 1, slow({ recent: 16 })],
    ["takes that only once", false, 1, slow({ recent: 16, recentAgain: 15 })],
    ["makes the document slow to load", true, 1, slow({ loadKnown: 100 })],
    ["does so by chance", false, 1, slow({ loadWithout: 1200, again: [780, 790] })],
    ["comes to a document that is slow to load without it", false, 1, slow({ loadKnown: 700 })],
  ] as const)("when it %s: %s", (_, isRecentCostly, usualMs, takes) => {
    const verdict = verdictWithin(usualMs, takes);
    expect(verdict).toMatchObject({ isTried: true, structs: 4, isRecentCostly });
    expect(verdict.isCostly).toBe("load" in takes);
  });

  test("and then it is known what each update took", () => {
    expect(verdictWithin(1, { recent: 300 }).recentMs).toEqual([1, 1]);
    expect(verdictWithin(1, slow({ recent: 16 })).recentMs).toEqual([1, 1]);
    expect(verdictWithin(1, { recent: 200 }).recentMs).toEqual([]);
    expect(verdictWithin(1, slow({ loadKnown: 100 })).recentMs).toEqual([]);
  });
});

/** The document is slow to load, and so it was without the update. */
function slow(takes: Takes): Takes {
  const load = { read: 800, loadKnown: 780, loadWithout: 790, load: 800 };
  return { ...load, ...takes, recentAgain: takes.recentAgain ?? takes.recent ?? 0 };
}

describe("an update is malformed", () => {
  const base = update([block(1, 0, text("before"))]);

  test.each([
    ["does not decode", raw(1, 2, 3)],
    ["leaves a gap", update([block(2, 5, text("x"))])],
    ["deletes what is missing", update([], [deletion(3, [0, 1])])],
  ] as const)("when it %s", (_, bytes) => {
    expect(outcomeOf(() => rehearse(toDocument([base], bytes), { pace: null }))).toBe("MALFORMED_UPDATE");
  });

  // Of one entry under a key Yjs keeps what is not deleted, until it reads it back.
  const contradictory = [update([block(50, 0, [0x24, 1, "text", "k", "entry"])])];
  const lastStraw = update([], [deletion(50, [1, 3])]);

  test("when the document cannot be read back with it", () => {
    const rehearsal = toDocument(contradictory, lastStraw);
    expect(outcomeOf(() => rehearse(rehearsal, { pace: null }))).toBe("MALFORMED_UPDATE");
  });

  // Between the first and the third, before itself, behind the first, and before that.
  const wandering = [
    update([block(5, 0, text("abcd"))]),
    update([block(7, 0, [raw(0xc4), 5, 0, 5, 2, "y"])]),
    update([block(3, 0, [raw(0xc4), 7, 0, 7, 0, "y"])]),
    update([block(2, 0, [raw(0x84), 5, 0, "y"])]),
  ];

  test("not when what is in it stands elsewhere each time it is read: all of it is there", () => {
    const last = update([block(11, 0, [raw(0x44), 2, 0, "y"])]);
    expect(rehearse(toDocument(wandering, last), { pace: null })).toMatchObject({ isTried: true });
  });

  test("not when the document could not be read back before", () => {
    const innocent = update([block(9, 0, text("z"))]);
    const rehearsal = { known: contradictory, recent: [lastStraw], update: innocent };
    expect(rehearse(rehearsal, { pace: new ScriptedPace(1, {}) })).toMatchObject({ isRecentCostly: false });
    // It is measured all the same: else nothing would be, in a document that somebody has made so.
    const pace = new ScriptedPace(1, slow({ recent: 16 }));
    expect(rehearse(rehearsal, { pace })).toMatchObject({ isCostly: true, isRecentCostly: true });
  });

  test("not when the document itself cannot be built: then nothing can be said", () => {
    const gap = update([block(3, 5, text("x"))]);
    const innocent = update([block(9, 0, text("z"))]);
    expect(outcomeOf(() => rehearse(toDocument([gap], innocent), { pace: null }))).toBe("REPLICA_FAILED");
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
