/** What is read from bytes is what Yjs builds of them: with every type, in every order, collected or not. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { contentOf } from "../../../server/src/inspect/content.ts";
import { describeRoot } from "../../../server/src/inspect/content-describe.ts";
import { deltaOfRoots, plainRoots } from "../../../server/src/inspect/content-json.ts";
import { type ContentNode, type ContentRoot, isText } from "../../../server/src/inspect/content-nodes.ts";
import { PackedUpdates } from "../../../server/src/inspect/packed-updates.ts";
import type { RootKind } from "../../../server/src/inspect/root-kind.ts";
import { shownDigest } from "../../../server/src/inspect/shown-digest.ts";
import { plainTextOfRoots } from "../../../server/src/inspect/text.ts";
import { markdownOfRoots } from "../../../server/src/inspect/text-markdown.ts";
import { xmlOf } from "../../../server/src/inspect/text-xml.ts";
import { treeOf } from "../../../server/src/inspect/tree.ts";
import {
  concurrentUpdates,
  firstDifference,
  readConcurrentTrace,
  readSequentialTrace,
  replay,
} from "../../support/traces.ts";
import { edited } from "../shared/random-edits.ts";
import { rootsByYjs } from "./content-oracle.ts";
import { LINEAGE, NAME, START_MS, writeEverything } from "./content-sample.ts";

// The same each time; `FC_SEED` asks for others.
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_261_122) });

const FACTS = { document: NAME, lineage: LINEAGE, seq: 1, time: START_MS, damage: null };

type Kinds = ReadonlyMap<string, RootKind>;

function rootsByBytes(updates: readonly Uint8Array[], as?: Kinds): readonly ContentRoot[] {
  return contentOf({ ...FACTS, updates }, as).roots;
}

/** Which items hold something, beside what is told of it elsewhere. */
function idsIn(node: ContentNode): unknown {
  const ids = node.id === null ? "root" : `${node.id.client}.${node.id.clock}`;
  if (isText(node)) {
    const embeds = Array.from(node.pieces, ({ embed }) => embed && idsIn(embed));
    return { ids, ticks: node.ticks, embeds, entries: Array.from(node.entries.values(), idsIn) };
  }
  return {
    ids,
    ...("entries" in node && { entries: Array.from(node.entries.values(), idsIn) }),
    ...("items" in node && { length: node.items.length, items: Array.from(node.items, idsIn) }),
  };
}

/** All that anybody is told of a document. */
function shownOf(roots: readonly ContentRoot[]): unknown {
  const tree = (isFull: boolean) => {
    const lines = treeOf(roots, { width: 60, maxDepth: 4, isFull });
    return Array.from(lines, (line) => line.map(({ text }) => text).join(""));
  };
  return {
    described: JSON.stringify(roots.map(describeRoot), null, 1).split("\n"),
    ids: roots.map(({ node }) => idsIn(node)),
    plain: JSON.stringify(plainRoots(roots)),
    delta: JSON.stringify(deltaOfRoots(roots)),
    text: plainTextOfRoots(roots),
    xml: xmlOf(roots),
    markdown: markdownOfRoots(roots),
    tree: tree(false),
    full: tree(true),
  };
}

function expectSame(updates: readonly Uint8Array[], as?: Kinds): void {
  expect(shownOf(rootsByBytes(updates, as))).toEqual(shownOf(rootsByYjs(updates, as)));
}

const roots = ["text", "array", "map", "xml"];
const kinds = fc
  .dictionary(fc.constantFrom(...roots), fc.constantFrom<RootKind>("text", "map", "array", "xml"))
  .map((named) => new Map(Object.entries(named)));

/** Such roots as are there. */
function among(as: Kinds, updates: readonly Uint8Array[]): Kinds {
  const there = new Set(rootsByYjs(updates).map(({ name }) => name));
  return new Map([...as].filter(([name]) => there.has(name)));
}

/** Of a character that was cut in two some have the halves and some the whole: whose come first is by chance. */
function haveHalves(updates: readonly Uint8Array[]): boolean {
  return updates.some((update) => Buffer.from(update).includes("\ufffd"));
}

describe("people who edit at once", () => {
  test("are read as Yjs reads them, whatever its types are said to be", () => {
    fc.assert(
      fc.property(edited, kinds, ({ updates, states }, as) => {
        expectSame(updates);
        expectSame(updates, among(as, updates));
        // Collected: of what is deleted there is but its length.
        if (!haveHalves(states)) expectSame(states);
        for (const state of states) expectSame([state]);
      }),
      { numRuns: 40 },
    );
  });

  test("show the same, by a digest, as their edits folded into one; and something else after another edit", () => {
    fc.assert(
      fc.property(edited, ({ updates }) => {
        const doc = new Y.Doc({ guid: "" });
        for (const update of updates) Y.applyUpdate(doc, update);
        const digest = () => shownDigest(PackedUpdates.of([Y.encodeStateAsUpdate(doc)]));
        fc.pre(!haveHalves([Y.encodeStateAsUpdate(doc)]));
        const before = digest();
        expect(before).toBe(shownDigest(PackedUpdates.of(updates)));
        // Not in a text: Yjs deletes marks there, too, that stand beside what is deleted.
        doc.getArray("added").insert(0, ["x"]);
        expect(digest()).not.toBe(before);
        doc.getArray("added").delete(0, 1);
        expect(digest()).toBe(before);
        doc.getMap("map").set("a", "y");
        expect(digest()).not.toBe(before);
      }),
      { numRuns: 40 },
    );
  });

  test("in whatever order their edits come, in whatever updates", () => {
    const shuffled = edited.chain(({ updates, states }) => {
      const all = [...updates, ...states];
      const order = fc.shuffledSubarray(all, { minLength: all.length });
      return fc.tuple(order, fc.nat(all.length));
    });
    fc.assert(
      fc.property(shuffled, ([order, at]) => {
        fc.pre(!haveHalves(order));
        expectSame(order);
        expectSame([Y.mergeUpdates(order)]);
        expectSame(
          [order.slice(0, at), order.slice(at)]
            .filter(({ length }) => length > 0)
            .map((part) => Y.mergeUpdates(part)),
        );
      }),
      { numRuns: 40 },
    );
  });
});

/** Numbers below a bound, from a seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type AnyType = Y.Text | Y.Map<unknown> | Y.Array<unknown> | Y.XmlFragment;

function isType(value: unknown): value is AnyType {
  return value instanceof Y.AbstractType;
}

/** All types of a document that are there, at any depth. */
function typesIn(doc: Y.Doc): AnyType[] {
  const types: AnyType[] = [
    doc.getText("text"),
    doc.getMap("map"),
    doc.getArray("list"),
    doc.getXmlFragment("xml"),
  ];
  for (let i = 0; i < types.length; i++) {
    const type = types[i];
    const inner: unknown[] = [];
    if (type instanceof Y.Map) inner.push(...type.values());
    else if (type instanceof Y.Array || type instanceof Y.XmlFragment) inner.push(...type.toArray());
    types.push(...inner.filter(isType));
  }
  return types;
}

/** One edit somewhere, mostly near the beginning: so that many write in one place. */
function editSomewhere(doc: Y.Doc, random: (below: number) => number): void {
  const types = typesIn(doc);
  const type = types[random(types.length)];
  const made = () => [new Y.Text("ab"), new Y.Map(), new Y.Array(), new Y.Text()][random(4)];
  const word = () => "abcdefgh🎈é".slice(random(5), 6 + random(6));
  if (type instanceof Y.Text) {
    const at = random(Math.min(type.length, 8) + 1);
    const what = random(5);
    if (what < 3) type.insert(at, word());
    else if (what === 3) type.delete(at, Math.min(type.length - at, random(6)));
    else type.format(at, Math.min(type.length - at, random(6)), { bold: random(2) === 0 ? true : null });
  } else if (type instanceof Y.Map) {
    const key = "kl"[random(2)] as string;
    if (random(4) === 0) type.delete(key);
    else type.set(key, random(3) === 0 ? made() : word());
  } else if (type instanceof Y.Array) {
    if (random(3) === 0 && type.length > 0) type.delete(random(type.length), 1);
    else type.insert(random(Math.min(type.length, 3) + 1), random(3) === 0 ? [made()] : [1, word(), null]);
  } else if (type instanceof Y.XmlFragment) {
    if (random(3) === 0 && type.length > 0) type.delete(random(type.length), 1);
    else type.insert(random(type.length + 1), [random(2) === 0 ? new Y.XmlElement("p") : new Y.XmlText("t")]);
    if (type instanceof Y.XmlElement && random(2) === 0) type.setAttribute("a", word());
  }
}

test.each([1, 2, 3, 4, 5])("six people in one place, seed %i", (seed) => {
  const random = randomOf(seed);
  const log: Uint8Array[] = [];
  const docs = [7, 3, 1000, 12, 2 ** 32 - 1, 90].map((clientId, i) => {
    // Some keep what was deleted.
    const doc = new Y.Doc({ guid: "", gc: i % 2 === 0 });
    doc.clientID = clientId;
    doc.on("update", (update: Uint8Array, origin: unknown) => {
      if (origin !== "other") log.push(update);
    });
    return doc;
  });
  const docAt = (i: number) => docs[i] as Y.Doc;
  for (let turn = 0; turn < 150; turn++) {
    const doc = docAt(random(docs.length));
    doc.transact(() => {
      for (let i = random(3); i >= 0; i--) editSomewhere(doc, random);
    });
    if (random(3) > 0) continue;
    const [from, to] = [docAt(random(docs.length)), docAt(random(docs.length))];
    Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), "other");
  }
  expectSame(log);
  expectSame([Y.mergeUpdates(log)]);
  expectSame([Y.mergeUpdates(log.slice(0, 40)), ...log.slice(40)]);
  for (const doc of docs) expectSame([Y.encodeStateAsUpdate(doc)]);
  for (const doc of docs) Y.applyUpdate(docAt(0), Y.encodeStateAsUpdate(doc), "other");
  expectSame([Y.encodeStateAsUpdate(docAt(0))]);
});

test("every type and value, written at once by several", () => {
  const docs = [5, 4, 9].map((clientId) => {
    const doc = new Y.Doc({ guid: "" });
    doc.clientID = clientId;
    writeEverything(doc);
    return doc;
  });
  const updates = docs.map((doc) => Y.encodeStateAsUpdate(doc));
  expectSame(updates);
  expectSame([Y.mergeUpdates(updates)]);
});

describe("real typing", () => {
  test("of one person", async () => {
    const doc = new Y.Doc();
    const updates: Uint8Array[] = [];
    doc.on("update", (update: Uint8Array) => updates.push(update));
    await replay(doc.getText("text"), readSequentialTrace(), { to: 10_000 });
    const text = doc.getText("text").toString();
    for (const way of [updates, [Y.encodeStateAsUpdate(doc)], [Y.mergeUpdates(updates.slice(0, 500))]]) {
      const byBytes = plainTextOfRoots(rootsByBytes(way));
      expect(
        firstDifference(
          byBytes,
          way.length === 1 && way[0] !== undefined ? plainTextOfRoots(rootsByYjs(way)) : text,
        ),
      ).toBeNull();
    }
  });

  test("of two at once", () => {
    const trace = readConcurrentTrace();
    const updates = concurrentUpdates(trace, "text").flatMap((all) => all.map(({ update }) => update));
    for (const way of [updates, [Y.mergeUpdates(updates.slice(0, 2000)), ...updates.slice(2000)]]) {
      expect(firstDifference(plainTextOfRoots(rootsByBytes(way)), trace.endContent)).toBeNull();
    }
  });
});
