import { inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { whyLarge } from "../../../cli/src/output/why-large.ts";
import { summarizeEntry } from "../../../server/src/inspect/log-entries.ts";
import { PackedUpdates } from "../../../server/src/inspect/packed-updates.ts";
import { type DocumentSizes, sizesOf } from "../../../server/src/inspect/sizes.ts";
import {
  applyTransaction,
  concurrentUpdates,
  readConcurrentTrace,
  readSequentialTrace,
} from "../../support/traces.ts";
import { docOf, edit } from "./folder-stage.ts";

/** A document as it is stored, with a log of these updates after a snapshot. */
function stored(log: readonly Uint8Array[], snapshot: Uint8Array | null = null) {
  const updates = PackedUpdates.of(log);
  if (snapshot !== null) updates.addFirst(snapshot);
  return { updates, snapshotBytes: snapshot?.length ?? 0, logEntries: log.length };
}

const rootsOf = ({ roots }: DocumentSizes) => Object.fromEntries(roots.map(({ root, kind }) => [root, kind]));

test("every struct's bytes are in a root, at any depth, whoever wrote it beside what", () => {
  const [ann, bob] = [docOf(1), docOf(2)];
  const first = edit(ann, (doc) => {
    doc.getText("text").insert(0, "text");
    doc.getMap<unknown>("map").set("inner", new Y.Map([["deep", new Y.Array()]]));
    doc.getArray("list").push([1, new Y.Map([["a", 1]])]);
    doc.getXmlFragment("xml").insert(0, [new Y.XmlElement("p")]);
  });
  Y.applyUpdate(bob, first);
  const second = edit(bob, (doc) => {
    doc.getText("text").insert(4, " of Bob");
    const inner = doc.getMap<Y.Map<Y.Array<unknown>>>("map").get("inner");
    inner?.get("deep")?.push([new Uint8Array(2000)]);
    (doc.getXmlFragment("xml").get(0) as Y.XmlElement).insert(0, [new Y.XmlText("inside")]);
  });
  for (const [log, snapshot] of [
    [[first, second], null],
    [[second], first],
    [[], Y.mergeUpdates([first, second])],
  ] as const) {
    const sizes = sizesOf(stored(log, snapshot));
    expect(rootsOf(sizes)).toEqual({ text: "text", map: "map", list: "array", xml: "xml" });
    expect(sizes.roots[0]).toMatchObject({ root: "map" });
    expect(sizes).toMatchObject({ otherBytes: 0, clients: 2, largestRoot: "map", tombstones: 0 });
    expect(sizes.largestBytes).toBeGreaterThan(2000);
    const structBytes = sizes.topClients.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(sizes.roots.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(structBytes);
    expect(structBytes).toBeLessThan(sizes.bytes);
  }
});

test("what two typed at once is counted as Yjs counts it, whole and update by update", () => {
  const trace = readConcurrentTrace();
  const some = { ...trace, transactions: trace.transactions.slice(0, 3000) };
  const updates = concurrentUpdates(some, "text").map((agent) => agent.map(({ update }) => update));
  const doc = new Y.Doc();
  // In the order of nobody in particular: each alone would wait for others.
  Y.applyUpdate(doc, Y.mergeUpdates(updates.flat()));
  const whole = Y.encodeStateAsUpdate(doc);
  const sizes = sizesOf(stored([], whole));
  const ticks = [...Y.decodeStateVector(Y.encodeStateVector(doc)).values()].reduce(
    (sum, clock) => sum + clock,
    0,
  );
  expect(sizes).toMatchObject({
    bytes: whole.length,
    structs: inspectUpdate(whole, NO_UPDATE_LIMITS).structCount,
    ticks,
    deletedTicks: ticks - doc.getText("text").length,
    clients: 2,
  });
  expect(rootsOf(sizes)).toEqual({ text: "text" });
  const [text] = sizes.roots;
  expect((text?.bytes ?? 0) + sizes.otherBytes + sizes.deleteSetBytes).toBeGreaterThan(whole.length * 0.99);
  // The log has them one by one: as many ticks, and the same deletes.
  const inLog = sizesOf(stored(updates.flat()));
  expect(inLog).toMatchObject({ ticks, deletedTicks: sizes.deletedTicks, snapshotBytes: 0 });
  expect(inLog.roots[0]?.bytes).toBeGreaterThan(inLog.bytes * 0.5);
});

test("what is collected is told apart, and so is the root that nothing tells", () => {
  const doc = docOf(1);
  doc.getMap("map").set("inner", new Y.Map([["a", "b"]]));
  doc.getMap("map").delete("inner");
  const sizes = sizesOf(stored([], Y.encodeStateAsUpdate(doc)));
  expect(sizes).toMatchObject({ tombstones: 2, deletedTicks: 2, deleteRanges: 1 });
  expect(sizes.otherBytes).toBeGreaterThan(0);
});

test("a batch is summed up by its parts", () => {
  const doc = docOf(3);
  const ann = edit(doc, () => doc.getText("text").insert(0, "hello"));
  const bob = edit(doc, () => doc.getText("text").delete(1, 3));
  const parts = [
    { author: "ann", update: ann },
    { author: "", update: bob },
  ];
  expect(summarizeEntry({ seq: 7, time: 42, parts })).toEqual({
    seq: 7,
    time: 42,
    bytes: ann.length + bob.length,
    parts: [
      { author: "ann", bytes: ann.length, clients: [3], structs: 1, inserted: 5, deleted: 0 },
      { author: "", bytes: bob.length, clients: [], structs: 0, inserted: 0, deleted: 3 },
    ],
  });
});

test.each<[string, () => ReturnType<typeof stored>, RegExp]>([
  ["small", () => stored([edit(docOf(1), (doc) => doc.getText("t").insert(0, "x"))]), /^It is small/],
  [
    "one picture",
    () =>
      stored(
        [],
        edit(docOf(1), (doc) => doc.getMap("files").set("a", new Uint8Array(50_000))),
      ),
    /^One value .* in the root "files" has 50\.0 KB, 100 % of all/,
  ],
  [
    "a log",
    () => stored(typedInPieces()),
    /The log has 100 % of the bytes, in 2,000 batches: there is no snapshot yet/,
  ],
  [
    "small pieces",
    () => stored([], Y.mergeUpdates(typedInPieces())),
    /structs for .*: most of the bytes say where/,
  ],
])("why a document is large is said: %s", (_, make, why) => {
  expect(whyLarge(sizesOf(make())).join(" ")).toMatch(why);
});

/** Real typing, with each edit in a place of its own. */
function typedInPieces(): Uint8Array[] {
  const doc = docOf(4);
  const { transactions } = readSequentialTrace();
  const updates: Uint8Array[] = [];
  doc.on("update", (update: Uint8Array) => void updates.push(update));
  for (const transaction of transactions.slice(0, 1000)) applyTransaction(doc.getText("text"), transaction);
  for (let i = 0; i < 1000; i++) doc.getArray("list").insert(0, [i]);
  return updates;
}
