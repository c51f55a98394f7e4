import { isDeepStrictEqual } from "node:util";
import { type ClockRange, type Inspection, inspectUpdate } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { mergeUpdates } from "../../../server/src/engine/merge.ts";
import {
  applyTransaction,
  concurrentUpdates,
  readConcurrentTrace,
  readSequentialTrace,
} from "../../support/traces.ts";
import { block, deletion, gc, item, raw, skip, text, textAfter, update } from "./raw-update.ts";
import { documentOf, SAMPLES } from "./sample-documents.ts";

/** What an inspection says that Yjs' own decoder can say too: all but where in the bytes it is. */
function seen({ deletesStart: _, blocks, ...rest }: Inspection) {
  return { ...rest, blocks: blocks.map(({ client, clock, count }) => ({ client, clock, count })) };
}

/** The same as Yjs' own decoder would give it. */
function seenByYjs(bytes: Uint8Array): ReturnType<typeof seen> {
  const { structs, ds } = Y.decodeUpdate(bytes);
  const needs = new Map<number, number>();
  const need = ({ client, clock }: Y.ID) => needs.set(client, Math.max(needs.get(client) ?? 0, clock + 1));
  const ranges: { client: number; start: number; end: number }[] = [];
  const blocks: { client: number; clock: number; count: number }[] = [];
  for (const struct of structs) {
    const { client, clock } = struct.id;
    const block = blocks.at(-1);
    if (block?.client === client) block.count++;
    else blocks.push({ client, clock, count: 1 });
    if (struct instanceof Y.Skip) continue;
    const last = ranges.at(-1);
    if (last?.client === client && last.end === clock) last.end += struct.length;
    else ranges.push({ client, start: clock, end: clock + struct.length });
    if (!(struct instanceof Y.Item)) continue;
    for (const id of [struct.origin, struct.rightOrigin, struct.parent]) if (id instanceof Y.ID) need(id);
  }
  let deletes = 0;
  for (const [client, items] of ds.clients) {
    for (const { clock, len } of items) need(new Y.ID(client, clock + len - 1));
    deletes += items.length;
  }
  return { structs: ranges, needs, deletes, blocks, structCount: structs.length, hasTidyDeletes: true };
}

/** The state vector that ranges without a hole amount to. */
function stateOf(ranges: readonly ClockRange[]): Map<number, number> {
  const state = new Map<number, number>();
  for (const { client, start, end } of ranges) {
    expect(start, "ranges leave a hole").toBeLessThanOrEqual(state.get(client) ?? 0);
    state.set(client, Math.max(end, state.get(client) ?? 0));
  }
  return state;
}

describe.each(SAMPLES)("$name", ({ updates }) => {
  const state = Y.encodeStateAsUpdate(documentOf(updates));

  test("is accepted, update by update, with what Yjs' decoder sees", () => {
    for (const bytes of [...updates, state]) expect(seen(inspectUpdate(bytes))).toEqual(seenByYjs(bytes));
  });

  test("has the ranges of Y.parseUpdateMeta and the state vector of the document", () => {
    for (const bytes of updates) {
      const { from, to } = Y.parseUpdateMeta(bytes);
      const { structs } = inspectUpdate(bytes);
      expect(new Map(structs.map(({ client, start }) => [client, start]))).toEqual(from);
      expect(new Map(structs.map(({ client, end }) => [client, end]))).toEqual(to);
    }
    const vector = Y.decodeStateVector(Y.encodeStateVectorFromUpdate(state));
    expect(stateOf(inspectUpdate(state).structs)).toEqual(vector);
    expect(stateOf(updates.flatMap((bytes) => inspectUpdate(bytes).structs))).toEqual(vector);
  });

  test("is accepted merged in pairs that leave gaps, which do not count as ranges", () => {
    for (const [i, first] of updates.entries()) {
      for (const second of updates.slice(i + 2)) {
        const merged = Y.mergeUpdates([first, second]);
        expect(seen(inspectUpdate(merged))).toEqual(seenByYjs(merged));
      }
    }
  });

  test("is accepted as the state of a document that still waits for something", () => {
    for (let missing = 0; missing < updates.length; missing++) {
      const bytes = Y.encodeStateAsUpdate(documentOf(updates.toSpliced(missing, 1)));
      expect(seen(inspectUpdate(bytes))).toEqual(seenByYjs(bytes));
    }
  });
});

describe("the samples", () => {
  test("have every content and struct that Yjs has", () => {
    const seen = new Set<string>();
    const types = new Set<string>();
    for (const { updates } of SAMPLES) {
      const merged = Y.mergeUpdates(updates.filter((_, i) => i !== 1));
      const state = Y.encodeStateAsUpdate(documentOf(updates));
      for (const struct of [merged, state, ...updates].flatMap((bytes) => Y.decodeUpdate(bytes).structs)) {
        if (!(struct instanceof Y.Item)) {
          seen.add(struct.constructor.name);
          continue;
        }
        seen.add(struct.content.constructor.name);
        if (struct.content instanceof Y.ContentType) types.add(struct.content.type.constructor.name);
      }
    }
    const contents = ["Any", "Binary", "Deleted", "Doc", "Embed", "Format", "JSON", "String", "Type"];
    expect([...seen].sort()).toEqual([...contents.map((name) => `Content${name}`), "GC", "Skip"]);
    const known = ["YArray", "YMap", "YText", "YXmlElement", "YXmlFragment", "YXmlHook", "YXmlText"];
    expect([...types].sort()).toEqual(known);
  });
});

describe("what real people typed", () => {
  test("260,000 edits of one person are accepted, each with the ticks that it takes, and all of them as one update", () => {
    const { transactions } = readSequentialTrace();
    const doc = new Y.Doc();
    const wrong: number[] = [];
    let known = 0;
    const updates: Uint8Array[] = [];
    doc.on("update", (bytes: Uint8Array) => {
      const { structs } = inspectUpdate(bytes);
      const clock = Y.getState(doc.store, doc.clientID);
      const expected = clock > known ? [{ client: doc.clientID, start: known, end: clock }] : [];
      if (JSON.stringify(structs) !== JSON.stringify(expected)) wrong.push(updates.length);
      known = clock;
      updates.push(bytes);
    });
    for (const transaction of transactions) applyTransaction(doc.getText("text"), transaction);
    expect(updates).toHaveLength(transactions.length);
    expect(wrong).toEqual([]);
    for (const whole of [Y.encodeStateAsUpdate(doc), mergeUpdates(updates)]) {
      expect(inspectUpdate(whole).structs).toEqual([{ client: doc.clientID, start: 0, end: known }]);
    }
  }, 60_000);

  test("26,000 edits of two people at once are accepted, each with what Yjs' decoder sees, and all of them as one update", () => {
    const updates = concurrentUpdates(readConcurrentTrace(), "text").flat();
    const wrong = updates.filter(
      (made) => !isDeepStrictEqual(seen(inspectUpdate(made.update)), seenByYjs(made.update)),
    );
    expect(wrong).toEqual([]);
    const merged = mergeUpdates(updates.map((made) => made.update));
    const doc = documentOf([merged]);
    expect(doc.store.pendingStructs).toBeNull();
    for (const whole of [Y.encodeStateAsUpdate(doc), merged]) {
      expect(seen(inspectUpdate(whole))).toEqual(seenByYjs(whole));
    }
  }, 60_000);
});

describe("what is unusual but well formed", () => {
  const accepted: [string, Uint8Array, ClockRange[]][] = [
    ["nothing", update([]), []],
    ["a range that starts at the end of a gap", update([block(9, 0, skip(5), gc(2))]), [range(9, 5, 7)]],
    [
      "gaps between, before and after structs",
      update([block(9, 1, gc(1), skip(3), gc(2), skip(2 ** 40))]),
      [range(9, 1, 2), range(9, 5, 7)],
    ],
    ["the largest client id", update([block(2 ** 32 - 1, 0, gc(1))]), [range(2 ** 32 - 1, 0, 1)]],
    ["the smallest client id", update([block(0, 0, gc(1))]), [range(0, 0, 1)]],
    ["the largest clock", update([block(9, 2 ** 48 - 1, gc(1))]), [range(9, 2 ** 48 - 1, 2 ** 48)]],
    [
      "an item behind one of its own",
      update([block(9, 0, text("ab"), textAfter(9, 1, "c"))]),
      [range(9, 0, 3)],
    ],
    ["characters of two UTF-16 units", update([block(9, 0, text("🎈é漢"))]), [range(9, 0, 4)]],
    ["JSON nested 64 deep", update([block(9, 0, item(5, nestedJson(64)))]), [range(9, 0, 1)]],
    ["a value nested 64 deep", update([block(9, 0, item(8, 1, nestedAny(64)))]), [range(9, 0, 1)]],
  ];

  test.each(accepted)("%s is accepted", (_, bytes, structs) => {
    expect(inspectUpdate(bytes).structs).toEqual(structs);
  });

  test("a delete set's ranges are counted, and what they delete is needed", () => {
    const bytes = update([], [deletion(7, [0, 2], [5, 1]), deletion(3, [1, 1])]);
    expect(inspectUpdate(bytes)).toEqual({
      structs: [],
      needs: new Map([
        [7, 6],
        [3, 2],
      ]),
      deletes: 3,
      blocks: [],
      structCount: 0,
      deletesStart: 1,
      hasTidyDeletes: true,
    });
  });

  test("what an item stands between and in is needed", () => {
    const between = [raw(0xc4), 1, 10, 2, 20, "x"];
    const inType = [4, 0, 3, 30, "x"];
    expect(inspectUpdate(update([block(9, 0, between, inType)])).needs).toEqual(
      new Map([
        [1, 11],
        [2, 21],
        [3, 31],
      ]),
    );
  });
});

function range(client: number, start: number, end: number): ClockRange {
  return { client, start, end };
}

function nestedJson(depth: number): string {
  return "[".repeat(depth) + "]".repeat(depth);
}

/** Arrays of one array each. */
function nestedAny(depth: number): Uint8Array {
  return raw(...Array.from({ length: depth }, () => [117, 1]).flat(), 126);
}
