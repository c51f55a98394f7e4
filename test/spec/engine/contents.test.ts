import { DEFAULT_LIMITS, type JoineryError, parseDocumentName } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { Contents, type Examination } from "../../../server/src/engine/contents.ts";
import type { Lineage } from "../../../server/src/engine/ports.ts";
import { block, deletion, gc, item, raw, text, textAfter, update } from "../shared/raw-update.ts";

const NAME = parseDocumentName("notes");

/** What a document contains, and the log that it was told. */
class Log {
  readonly contents = new Contents(DEFAULT_LIMITS);
  readonly updates: Uint8Array[] = [];

  take(bytes: Uint8Array, mayBring: (client: number) => boolean = () => true): Examination {
    const examination = this.contents.examine(bytes, mayBring);
    if (examination.kind === "news") {
      this.contents.add(examination);
      this.updates.push(examination.update);
    }
    return examination;
  }

  get doc(): Y.Doc {
    const doc = new Y.Doc();
    for (const bytes of this.updates) Y.applyUpdate(doc, bytes);
    return doc;
  }
}

function refusal(run: () => unknown): JoineryError {
  try {
    run();
  } catch (error) {
    return error as JoineryError;
  }
  throw new Error("was not refused");
}

function typed(client: number, value: string): Y.Doc {
  const doc = new Y.Doc();
  doc.clientID = client;
  doc.getText("text").insert(0, value);
  return doc;
}

test("an edit is news once", () => {
  const log = new Log();
  const bytes = Y.encodeStateAsUpdate(typed(1, "hello"));
  expect(log.take(bytes)).toMatchObject({ kind: "news", update: bytes, rest: null });
  expect(log.take(bytes)).toEqual({ kind: "known" });
});

test("of an edit that is known in part, only the rest is news", () => {
  const doc = typed(1, "hello");
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(doc));
  doc.getText("text").insert(5, " world");
  const examination = log.take(Y.encodeStateAsUpdate(doc));
  expect(examination).toMatchObject({ kind: "news", rest: null });
  expect(Y.decodeUpdate(log.updates[1] as Uint8Array).structs).toMatchObject([
    { id: { client: 1, clock: 5 }, length: 6 },
  ]);
  expect(log.doc.getText("text").toString()).toBe("hello world");
});

test("of a delete set that a client sends whole, only what is not known is news", () => {
  const doc = typed(1, "abcdefgh");
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(doc));
  doc.getText("text").delete(0, 2);
  expect(log.take(Y.encodeStateAsUpdate(doc))).toMatchObject({ kind: "news" });
  expect(log.take(Y.encodeStateAsUpdate(doc))).toEqual({ kind: "known" });
  doc.getText("text").delete(3, 1);
  log.take(Y.encodeStateAsUpdate(doc));
  expect([...Y.decodeUpdate(log.updates.at(-1) as Uint8Array).ds.clients]).toEqual([
    [1, [expect.objectContaining({ clock: 5, len: 1 })]],
  ]);
  expect(log.doc.getText("text").toString()).toBe("cdegh");
});

/** A text of which every second character is deleted, and its writer. */
function thinned(characters: number): Y.Doc {
  const doc = typed(1, "ab".repeat(characters / 2));
  doc.transact(() => {
    for (let at = characters - 2; at >= 0; at -= 2) doc.getText("text").delete(at, 1);
  });
  return doc;
}

/** What a client answers that has nothing that the server lacks. */
function answerOf(doc: Y.Doc): Uint8Array {
  return Y.encodeStateAsUpdate(doc, Y.encodeStateVector(doc));
}

test("all deletes of a document bring nothing, word for word or not, and what one of them lacks is still news", () => {
  const doc = thinned(2_000);
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(doc));
  const whole = answerOf(doc);
  expect(log.take(whole)).toEqual({ kind: "known" });
  log.contents.flushed();
  expect(whole.subarray(1)).toEqual(log.contents.deleteSet);
  expect(log.take(whole)).toEqual({ kind: "known" });
  doc.getText("text").delete(500, 1);
  const news = log.take(answerOf(doc));
  expect(news).toMatchObject({ kind: "news", rest: null });
  expect(log.doc.getText("text").toString()).toBe(doc.getText("text").toString());
});

test("deletes of those who were cut off before the last delete are known, each time that they come", () => {
  const doc = thinned(2_000);
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(doc));
  const old = answerOf(doc);
  doc.getText("text").delete(500, 1);
  log.take(answerOf(doc));
  for (let time = 0; time < 3; time++) expect(log.take(old)).toEqual({ kind: "known" });
  doc.getText("text").delete(700, 1);
  expect(log.take(answerOf(doc)).kind).toBe("news");
});

test("deletes that were left out because their sender may not delete what others made are not known by that", () => {
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(thinned(4_000)));
  log.take(Y.encodeStateAsUpdate(typed(2, "ab".repeat(1_000))));
  const ranges = Array.from({ length: 800 }, (_, i): [number, number] => [2 * i, 1]);
  const deletes = update([], [deletion(2, ...ranges)]);
  expect(log.contents.examine(deletes, () => true, true)).toEqual({ kind: "known" });
  expect(log.contents.examine(deletes, () => true).kind).toBe("news");
});

test("what builds upon something missing is not taken, what stands beside it is", () => {
  const log = new Log();
  const missing = update([block(1, 5, textAfter(1, 4, "b"))]);
  expect(log.take(missing)).toMatchObject({ kind: "missing" });
  const beside = update([block(2, 0, text("a")), block(1, 5, textAfter(1, 4, "b"))]);
  expect(log.take(beside)).toMatchObject({ kind: "news", rest: expect.anything() });
  expect(log.doc.getText("root").toString()).toBe("a");
});

test("a delete of what is not there is not taken", () => {
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(typed(1, "abc")));
  expect(log.take(update([], [deletion(1, [1, 10])]))).toMatchObject({
    kind: "news",
    rest: expect.anything(),
  });
  expect(log.doc.getText("text").toString()).toBe("a");
  expect(log.take(update([], [deletion(9, [0, 1])]))).toMatchObject({ kind: "missing" });
});

test("repeated, overlapping and unsorted deletes become one sorted set", () => {
  const log = new Log();
  log.take(Y.encodeStateAsUpdate(typed(1, "abcdefgh")));
  log.take(update([], [deletion(1, [5, 2], [1, 1], [1, 3], [6, 1])]));
  expect([...(log.updates.at(-1) as Uint8Array)]).toEqual([0, 1, 1, 2, 1, 3, 5, 2]);
  expect(log.doc.getText("text").toString()).toBe("aeh");
});

test("F35 structs of two clients that refer to each other in a circle are refused", () => {
  const circle = update([block(9, 0, textAfter(8, 0, "a")), block(8, 0, textAfter(9, 0, "b"))]);
  const log = new Log();
  expect(refusal(() => log.take(circle)).message).toMatch(/in a circle/);
  // Nothing of it was taken in.
  expect(log.contents.stateVector).toEqual(raw(0));
});

test("F26 an item over what is collected already becomes what Yjs makes of it", () => {
  const log = new Log();
  log.take(update([block(1, 0, gc(2))]));
  log.take(update([block(1, 0, text("abcd"))]));
  expect(log.doc.store.pendingStructs).toBeNull();
  expect(log.doc.getText("root").toString()).toBe("");
  expect(Y.encodeStateVector(log.doc)).toEqual(log.contents.stateVector);
});

test("F38-F40 neighbours in different types are refused, a parent that is no type is not", () => {
  const log = new Log();
  log.take(update([block(1, 0, [raw(4), 1, "left", "a"], [raw(4), 1, "right", "b"])]));
  const between = update([block(2, 0, [raw(0xc4), 1, 0, 1, 1, "x"])]);
  const error = refusal(() => log.take(between));
  expect(error.code).toBe("MALFORMED_UPDATE");
  expect(error.message).toMatch(/neighbours in different types/);
  expect(log.take(update([block(2, 0, [raw(4), 0, 1, 0, "x"])]))).toMatchObject({ kind: "news" });
  expect(log.doc.getText("left").toString()).toBe("a");
});

test("F42 a map entry has no right neighbour", () => {
  const log = new Log();
  log.take(update([block(1, 0, [raw(0x28), 1, "map", "key", 1, raw(120)])]));
  const error = refusal(() => log.take(update([block(2, 0, [raw(0x48), 1, 0, 1, raw(120)])])));
  expect(error.message).toMatch(/in a map/);
});

test("F43 a value of a map is one, unless it was overwritten", () => {
  const log = new Log();
  const wide = (client: number, deletes: [number, number][]) =>
    update([block(client, 0, [raw(0x24), 1, "map", "key", "four"])], [deletion(client, ...deletes)]);
  const error = refusal(() => log.take(wide(1, [[0, 3]])));
  expect(error.message).toMatch(/one value of a map and 4 long/);
  expect(log.take(wide(1, [[0, 4]]))).toMatchObject({ kind: "news" });
});

test("nothing is held against an honest edit beside a dishonest one", () => {
  const log = new Log();
  log.take(update([block(1, 0, text("abc"))]));
  log.take(update([block(3, 0, [raw(0xc4), 1, 1, 1, 2, "d"])]));
  // Behind c and before d, which stands before c: Yjs puts it at the end.
  log.take(update([block(2, 0, [raw(0xc4), 1, 2, 3, 0, "x"])]));
  const honest = new Y.Doc();
  honest.clientID = 9;
  Y.applyUpdate(honest, Y.mergeUpdates(log.updates));
  for (const at of [5, 4, 3, 0]) {
    const known = Y.encodeStateVector(honest);
    honest.getText("root").insert(at, "!");
    expect(log.take(Y.encodeStateAsUpdate(honest, known)).kind).toBe("news");
  }
});

test("F50 an object with the key that lib0 takes for its prototype is refused", () => {
  const log = new Log();
  // An object that inherits from bytes: nobody who has it can encode the document again.
  const value = [raw(118), 1, "__proto__", raw(116, 1, 0)];
  for (const nested of [value, [raw(117), 1, value], [raw(118), 1, "a", value]]) {
    const bytes = update([block(1, 0, [raw(8), 1, "list", 1, nested])]);
    expect(refusal(() => log.take(bytes)).message).toMatch(/__proto__/);
  }
});

test("what undo makes is taken, an item between one and the same too", () => {
  const doc = new Y.Doc({ gc: false });
  const log = new Log();
  doc.on("update", (bytes: Uint8Array) => {
    expect(log.take(bytes).kind).toBe("news");
  });
  const list = doc.getArray<Y.Array<unknown>>("list");
  const undo = new Y.UndoManager(list, { captureTimeout: 0 });
  list.insert(0, [new Y.Array()]);
  list.get(0).insert(0, [1]);
  list.get(0).delete(0, 1);
  undo.undo();
  list.get(0).insert(1, [new Y.Array()]);
  list.delete(0, 1);
  undo.undo();
  expect(log.doc.getArray("list").toJSON()).toEqual(list.toJSON());
});

test("F49 types nested too deep are refused, over several updates too", () => {
  const log = new Log();
  const limit = DEFAULT_LIMITS.maxTypeDepth;
  log.take(update([block(1, 0, item(7, 0))]));
  for (let clock = 1; clock < limit - 1; clock++) {
    log.take(update([block(1, clock, [raw(7), 0, 1, clock - 1, 0])]));
  }
  const next = (value: string) => update([block(1, limit - 1, [raw(4), 0, 1, limit - 2, value])]);
  const deeper = update([block(1, limit - 1, [raw(7), 0, 1, limit - 2, 0])]);
  expect(refusal(() => log.take(deeper)).code).toBe("UPDATE_TOO_LARGE");
  expect(log.take(next("leaf"))).toMatchObject({ kind: "news" });
});

test("F51 a document has a bounded number of root types", () => {
  const contents = new Contents({ ...DEFAULT_LIMITS, maxRootTypes: 2 });
  const named = (client: number, name: string) => update([block(client, 0, [raw(4), 1, name, "x"])]);
  const add = (bytes: Uint8Array) => {
    const examination = contents.examine(bytes, () => true);
    if (examination.kind === "news") contents.add(examination);
  };
  add(named(1, "a"));
  add(named(2, "b"));
  expect(refusal(() => add(named(3, "c"))).code).toBe("UPDATE_TOO_LARGE");
  add(named(4, "b"));
});

test("F74 what may not come this way is left, with what builds upon it", () => {
  const victim = typed(7, "mine");
  const forwarded = new Y.Doc();
  forwarded.clientID = 8;
  Y.applyUpdate(forwarded, Y.encodeStateAsUpdate(victim));
  forwarded.getMap("own").set("k", 1);
  forwarded.getText("text").insert(4, "!");
  const log = new Log();
  const bytes = Y.encodeStateAsUpdate(forwarded);
  expect(log.take(bytes, (client) => client !== 7)).toMatchObject({ kind: "news", rest: expect.anything() });
  expect(log.doc.getText("text").toString()).toBe("");
  expect(log.doc.getMap("own").get("k")).toBe(1);
  log.take(Y.encodeStateAsUpdate(victim));
  expect(log.take(bytes, (client) => client !== 7)).toMatchObject({ kind: "news", rest: null });
  expect(log.doc.getText("text").toString()).toBe("mine!");
});

/** What one of three people does. */
const step = fc.record({
  who: fc.nat(2),
  what: fc.constantFrom(
    "type",
    "erase",
    "map",
    "nest",
    "format",
    "undo",
    "redo",
    "hear",
    "send",
    "send all",
    "send again",
  ),
  at: fc.nat(1000),
  size: fc.integer({ min: 1, max: 6 }),
});

const ROOTS = ["text", "map", "list"] as const;

function edit(doc: Y.Doc, { what, at, size }: { what: string; at: number; size: number }): void {
  const text = doc.getText("text");
  const map = doc.getMap("map");
  const list = doc.getArray<Y.Map<unknown> | number>("list");
  if (what === "type") text.insert(at % (text.length + 1), "xyzäöü".slice(0, size));
  else if (what === "erase" && text.length > 0)
    text.delete(at % text.length, Math.min(size, text.length - (at % text.length)));
  else if (what === "map") {
    if (at % 3 === 0) map.delete(`k${at % 4}`);
    else map.set(`k${at % 4}`, at);
  } else if (what === "format" && text.length > 0)
    text.format(at % text.length, 1, { bold: size % 2 === 0 || null });
  else if (what === "nest") {
    if (at % 3 === 0 && list.length > 0) list.delete(at % list.length, 1);
    else if (at % 3 === 1 && list.get(0) instanceof Y.Map)
      (list.get(0) as Y.Map<unknown>).set("in", new Y.Array());
    else list.insert(at % (list.length + 1), [at % 2 ? new Y.Map([["a", at]]) : at]);
  }
}

test("a stored document is taken in step by step, and is what it was", () => {
  const doc = new Y.Doc();
  const list = doc.getArray("list");
  for (let i = 0; i < 60_000; i++) list.insert(0, [i % 2 ? "a" : new Y.Map()]);
  list.delete(10, 100);
  const stored = {
    lineage: "00".repeat(16) as Lineage,
    bornAt: 0,
    snapshot: { seq: 1, time: 0, update: Y.encodeStateAsUpdate(doc) },
    tail: [],
    branches: [],
    damage: null,
  };
  const contents = new Contents(DEFAULT_LIMITS);
  const loading = contents.load(NAME, stored);
  expect(loading.next()).toEqual({ done: false, value: undefined });
  expect(loading.next()).toEqual({ done: true, value: stored });
  expect(contents.stateVector).toEqual(Y.encodeStateVector(doc));
  expect(contents.examine(Y.encodeStateAsUpdate(doc), () => true).kind).toBe("known");
});

test("whatever people send, in whatever order and how often, the log is what they made", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const docs = [1, 2, 3].map((client) => {
        const doc = new Y.Doc();
        doc.getText("text");
        doc.getMap("map");
        doc.getArray("list");
        doc.clientID = client;
        return doc;
      });
      const undo = docs.map(
        (doc) =>
          new Y.UndoManager(
            ROOTS.map((root) => doc.get(root)),
            { captureTimeout: 0 },
          ),
      );
      const sent: Uint8Array[] = [];
      for (const doc of docs) doc.on("update", (bytes: Uint8Array, origin) => origin ?? sent.push(bytes));
      const log = new Log();
      for (const action of steps) {
        const doc = docs[action.who] as Y.Doc;
        if (action.what === "hear") Y.applyUpdate(doc, Y.encodeStateAsUpdate(log.doc), "server");
        else if (action.what === "send") log.take(Y.encodeStateAsUpdate(doc, log.contents.stateVector));
        else if (action.what === "send all") log.take(Y.encodeStateAsUpdate(doc));
        else if (action.what === "send again") log.take(sent[action.at % (sent.length || 1)] ?? raw(0, 0));
        else if (action.what === "undo") undo[action.who]?.undo();
        else if (action.what === "redo") undo[action.who]?.redo();
        else edit(doc, action);
      }
      const all = new Y.Doc();
      for (const doc of docs) {
        log.take(Y.encodeStateAsUpdate(doc));
        Y.applyUpdate(all, Y.encodeStateAsUpdate(doc));
      }
      const { doc } = log;
      expect(doc.store.pendingStructs).toBeNull();
      expect(doc.store.pendingDs).toBeNull();
      for (const root of ROOTS) {
        const read = (from: Y.Doc) =>
          root === "text"
            ? from.getText(root).toDelta()
            : (root === "map" ? from.getMap(root) : from.getArray(root)).toJSON();
        expect(read(doc)).toEqual(read(all));
      }
      expect(Y.decodeStateVector(log.contents.stateVector)).toEqual(
        Y.decodeStateVector(Y.encodeStateVector(all)),
      );
      // Every tick is in the log once.
      const ticks = log.updates
        .flatMap((bytes) => Y.decodeUpdate(bytes).structs)
        .reduce((sum, { length }) => sum + length, 0);
      const vector = [...Y.decodeStateVector(log.contents.stateVector).values()].reduce(
        (sum, clock) => sum + clock,
        0,
      );
      expect(ticks).toBe(vector);
      // Who comes back with the same brings no news.
      for (const each of docs) expect(log.take(Y.encodeStateAsUpdate(each)).kind).toBe("known");
    }),
    { numRuns: Number(process.env.RUNS ?? 300) },
  );
}, 300_000);
