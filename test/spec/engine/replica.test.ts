import { JoineryError } from "@joinery/shared";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { ApplyGuard } from "../../../server/src/engine/apply-guard.ts";
import { fold } from "../../../server/src/engine/fold.ts";
import { Replica } from "../../../server/src/engine/replica.ts";
import { deepTypes } from "../../support/bombs.ts";
import { contentOf } from "../shared/document-content.ts";
import { edited } from "../shared/random-edits.ts";
import { block, deletion, gc, item, raw, text, textAfter, update } from "../shared/raw-update.ts";
import { documentOf, SAMPLES } from "../shared/sample-documents.ts";

afterEach(() => vi.restoreAllMocks());

function thrownBy(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error;
  }
}

function expectFailure(run: () => unknown, reason: RegExp): void {
  const error = thrownBy(run);
  expect(error).toBeInstanceOf(JoineryError);
  expect(error).toMatchObject({ code: "REPLICA_FAILED", message: expect.stringMatching(reason) });
}

function replicaOf(...updates: Uint8Array[]): Replica {
  const replica = new Replica();
  replica.apply(updates);
  return replica;
}

/** A document with a Y.Text named "root", as an update. */
function textOf(value: string, clientId = 1): Uint8Array {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  doc.getText("root").insert(0, value);
  return Y.encodeStateAsUpdate(doc);
}

const nestedAny = (depth: number): Uint8Array =>
  raw(...Array.from({ length: depth }, () => [117, 1]).flat(), 126);

// Each of these the inspector refuses; here it is passed by, and Yjs meets them.
describe("the guard throws the replica away after", () => {
  test.each([
    [
      "F27 a deleted item without a length",
      update([block(9, 0, item(1, 0))]),
      /cannot integrate.*|not cleaned up/,
    ],
    [
      "F36 an origin of the same client that is not there",
      update([block(9, 0, text("a"), textAfter(9, 99, "b"))]),
      /cannot integrate/,
    ],
    ["F49 types nested 50,000 deep that are deleted", deepTypes(50_000, true), /cannot integrate/],
    [
      "F48 a value nested 20,000 deep",
      update([block(9, 0, item(8, 1, nestedAny(20_000)))]),
      /cannot integrate/,
    ],
    [
      "F53 a subdocument whose options are null",
      update([block(9, 0, item(9, "guid", raw(126)))]),
      /cannot integrate/,
    ],
    ["F05 a delete set that ends too early", textOf("text").subarray(0, -1), /cannot integrate/],
    [
      "F37 an item behind one that is missing",
      update([block(9, 0, textAfter(8, 5, "b"))]),
      /build upon something missing/,
    ],
    ["F65 a gap", update([block(9, 5, text("a"))]), /build upon something missing/],
    ["F59 deleting what is missing", update([], [deletion(9, [0, 5])]), /deletes are left/],
  ] as const)("%s", (_, bytes, reason) => {
    const replica = replicaOf(textOf("before", 7));
    expectFailure(() => replica.apply([bytes]), reason);
    // It is of no use any more, whatever comes.
    expectFailure(() => replica.apply([textOf("after", 2)]), reason);
  });

  test("a listener that throws", () => {
    const doc = new Y.Doc();
    doc.on("update", () => {
      throw new Error("a bug");
    });
    const guard = new ApplyGuard(doc);
    expectFailure(() => guard.apply([textOf("text")]), /cannot integrate it: a bug/);
  });

  test("a transaction that was stuck before: what follows is integrated and not announced", () => {
    const doc = new Y.Doc();
    const throwing = () => {
      throw new Error("a bug");
    };
    doc.on("update", throwing);
    expect(() => doc.getText("other").insert(0, "x")).toThrow("a bug");
    doc.off("update", throwing);
    const guard = new ApplyGuard(doc);
    expectFailure(() => guard.apply([textOf("text")]), /not cleaned up/);
    expect(doc.getText("root").toString()).toBe("text");
  });

  test("a change that was not announced", () => {
    const doc = new Y.Doc();
    const guard = new ApplyGuard(doc);
    doc._observers.get("update")?.clear();
    expectFailure(() => guard.apply([textOf("text")]), /1 transactions changed .* 0 were announced/);
  });

  test("nothing else: what brings no change needs no announcement", () => {
    const guard = new ApplyGuard(new Y.Doc());
    guard.apply([]);
    guard.apply([textOf("text")]);
    guard.apply([textOf("text")]);
  });
});

describe("a replica", () => {
  test("does not tidy formats: what it deleted would be in nobody's log", () => {
    const doc = new Y.Doc();
    const nested = new Y.XmlText("a text");
    doc.getXmlFragment("root").insert(0, [nested]);
    const updates = [Y.encodeStateAsUpdate(doc)];
    // Two people make the same words bold, and somebody takes that back: marks are left that mean nothing.
    for (const clientId of [1, 2]) {
      const other = new Y.Doc();
      other.clientID = clientId;
      Y.applyUpdate(other, updates[0] as Uint8Array);
      (other.getXmlFragment("root").get(0) as Y.XmlText).format(0, 6, { bold: true });
      updates.push(Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)));
    }
    const merged = new Y.Doc();
    for (const each of updates) Y.applyUpdate(merged, each);
    expect(Y.decodeUpdate(Y.encodeStateAsUpdate(merged)).ds.clients.size, "Yjs tidies").toBeGreaterThan(0);
    expect(Y.decodeUpdate(fold(updates)).ds.clients.size).toBe(0);
  });

  test("does not load subdocuments", () => {
    const doc = new Y.Doc();
    doc.getMap("root").set("subdocument", new Y.Doc({ guid: "guid", autoLoad: true }));
    const folded = new Y.Doc();
    const load = vi.spyOn(Y.Doc.prototype, "load");
    Y.applyUpdate(folded, fold([Y.encodeStateAsUpdate(doc)]));
    expect(load).not.toHaveBeenCalled();
    expect([...folded.getSubdocGuids()]).toEqual(["guid"]);
  });

  test("prints nothing about edits under an id that might be its own", () => {
    const print = vi.spyOn(console, "log");
    for (const clientId of [0, 1, 2 ** 32 - 1]) replicaOf(textOf("text", clientId));
    expect(print).not.toHaveBeenCalled();
  });

  test("tells documents apart that have equal state vectors", () => {
    const [one, two] = ["AAAABB", "BBBBBB"].map((value) => replicaOf(textOf(value))) as [Replica, Replica];
    expect(one.encode()).not.toEqual(two.encode());
    expect(one.layout()).toEqual(two.layout());
  });

  test("tells apart where the same items stand", () => {
    const base = textOf("ab");
    const between = replicaOf(base, update([block(0, 0, textAfter(1, 0, "x"))]));
    const behind = replicaOf(base, update([block(0, 0, textAfter(1, 1, "x"))]));
    const outside = replicaOf(base, update([block(0, 0, [4, 1, "other", "x"])]));
    const layouts = [between, behind, outside].map((replica) => replica.layout().join());
    expect(new Set(layouts).size).toBe(3);
  });

  test("counts what takes memory", () => {
    expect(replicaOf().size()).toEqual({ structs: 0, clients: 0, memoryBytes: 0 });
    const small = replicaOf(textOf("a")).size();
    expect(small).toMatchObject({ structs: 1, clients: 1 });
    const types = replicaOf(deepTypes(100)).size();
    expect(types.structs).toBe(100);
    expect(types.memoryBytes).toBeGreaterThan(100 * 500);
  });
});

describe("folding a log", () => {
  test.each(SAMPLES)("gives a document with the same content: $name", ({ updates }) => {
    const folded = new Y.Doc();
    Y.applyUpdate(folded, fold(updates));
    expect(contentOf(folded)).toEqual(contentOf(documentOf(updates)));
  });

  test("gives what the log says, however people edited, and again when it is folded with more", () => {
    fc.assert(
      fc.property(edited, fc.double({ min: 0, max: 1, noNaN: true }), ({ updates }, share) => {
        const whole = fold(updates);
        const expected = contentOf(documentOf(updates));
        expect(contentOf(documentOf([whole]))).toEqual(expected);
        const middle = Math.floor(updates.length * share);
        const inTwo = fold([fold(updates.slice(0, middle)), ...updates.slice(middle)]);
        expect(contentOf(documentOf([inTwo]))).toEqual(expected);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("leaves out what was deleted", () => {
    const doc = new Y.Doc();
    const map = doc.getMap("root");
    for (let i = 0; i < 1000; i++) map.set("key", `value ${i}`);
    const updates = [Y.encodeStateAsUpdate(doc)];
    doc.getText("text").insert(0, "long ".repeat(1000));
    updates.push(Y.encodeStateAsUpdate(doc));
    doc.getText("text").delete(0, 5000);
    updates.push(Y.encodeStateAsUpdate(doc));
    expect(fold(updates).length).toBeLessThan(100);
  });

  test("gives the empty update for an empty log", () => {
    expect(fold([])).toEqual(raw(0, 0));
  });

  test.each([
    ["F33 lengths of 2^54 and 2^60", [update([block(9, 0, gc(2n ** 54n), gc(2n ** 60n))])]],
    ["F26 a collected struct without a length", [update([block(9, 0, gc(0))])]],
    ["F31 a clock that only just fits", [update([block(9, 0, gc(2n ** 53n - 1n))])]],
    ["F37 something that is missing", [update([block(9, 3, text("a"))])]],
    ["F05 what does not decode", [raw(1, 2, 3)]],
  ] as const)("fails where it cannot be read back: %s", (_, updates) => {
    expectFailure(() => fold(updates), /./);
  });

  test("fails where what it gives depends on what came first: then only the log says what is right", () => {
    const base = update([block(5, 0, text("abc"))]);
    const other = update([block(3, 0, [raw(0x44), 5, 0, "x"])]);
    // Between the last character and the second, which stand the other way round.
    const misplaced = update([block(2, 0, [raw(0xc4), 5, 2, 5, 1, "y"])]);
    expectFailure(() => fold([base, other, misplaced]), /read back it has another/);
  });
});
