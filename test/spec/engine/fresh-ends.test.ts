import { DEFAULT_LIMITS } from "@joinery/shared";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import * as Y from "yjs";
import { Contents } from "../../../server/src/engine/contents.ts";
import { FreshEnds, type Places } from "../../../server/src/engine/fresh-ends.ts";
import * as bombs from "../../support/bombs.ts";
import { block, gc, raw, text, textAfter, update } from "../shared/raw-update.ts";

let contents: Contents;
let ends: FreshEnds;

beforeEach(() => {
  contents = new Contents(DEFAULT_LIMITS);
  ends = new FreshEnds();
});

function add(bytes: Uint8Array): Places {
  const news = contents.examine(bytes, () => true);
  if (news.kind !== "news") throw new Error(`is ${news.kind}`);
  const places = ends.placesOf(news);
  contents.add(news);
  ends.add(news);
  return places;
}

/** Somebody who is told of everything, and where his edits stand. */
class Person {
  readonly doc = new Y.Doc();
  readonly #others: Person[];

  constructor(clientId: number, others: Person[]) {
    this.doc.clientID = clientId;
    this.#others = others;
    others.push(this);
  }

  get text(): Y.Text {
    return this.doc.getText("text");
  }

  edit(run: () => void): Places {
    const sums = { fresh: 0, elsewhere: 0 };
    const listen = (bytes: Uint8Array) => {
      const { fresh, elsewhere } = add(bytes);
      sums.fresh += fresh;
      sums.elsewhere += elsewhere;
      for (const other of this.#others) if (other !== this) Y.applyUpdate(other.doc, bytes);
    };
    this.doc.on("update", listen);
    run();
    this.doc.off("update", listen);
    return sums;
  }
}

function people(): [ann: Person, ben: Person] {
  const everybody: Person[] = [];
  return [new Person(11, everybody), new Person(12, everybody)];
}

const NOTHING: Places = { fresh: 0, elsewhere: 0 };

test("the first word stands somewhere; the rest of the text is typed on", () => {
  const [ann] = people();
  expect(ann.edit(() => ann.text.insert(0, "h"))).toEqual({ fresh: 0, elsewhere: 1 });
  const typed = ann.edit(() => {
    for (let i = 1; i < 100; i++) ann.text.insert(i, "h");
  });
  expect(typed).toEqual(NOTHING);
});

test("who answers stands behind what was typed, and who types on behind that too", () => {
  const [ann, ben] = people();
  ann.edit(() => ann.text.insert(0, "question?"));
  expect(ben.edit(() => ben.text.insert(9, "answer"))).toEqual({ fresh: 1, elsewhere: 0 });
  expect(ann.edit(() => ann.text.insert(15, "!"))).toEqual({ fresh: 1, elsewhere: 0 });
  // Between the two something stands already.
  expect(ben.edit(() => ben.text.insert(9, "well, "))).toEqual({ fresh: 0, elsewhere: 1 });
});

test("a caret that is put into a text stands elsewhere, and what is typed there goes on", () => {
  const [ann] = people();
  ann.edit(() => ann.text.insert(0, "0123456789"));
  expect(ann.edit(() => ann.text.insert(5, "a"))).toEqual({ fresh: 0, elsewhere: 1 });
  expect(ann.edit(() => ann.text.insert(6, "b"))).toEqual(NOTHING);
});

test("keys that are set again and again stand behind their last values", () => {
  const [ann, ben] = people();
  const set = (person: Person, value: number) =>
    person.edit(() => {
      person.doc.transact(() => {
        person.doc.getMap("shape").set("x", value);
        person.doc.getMap("shape").set("y", value);
      });
    });
  expect(set(ann, 0)).toEqual({ fresh: 0, elsewhere: 2 });
  for (let i = 1; i < 10; i++) expect(set(i % 3 === 0 ? ben : ann, i)).toEqual({ fresh: 2, elsewhere: 0 });
});

test("what stands in a type of the same update is fresh, and so is what is added to a list", () => {
  const [ann] = people();
  const push = () =>
    ann.edit(() => {
      const shape = new Y.Map(Object.entries({ x: 1, y: 2, text: "rectangle" }));
      ann.doc.getArray("shapes").push([shape]);
    });
  expect(push()).toEqual({ fresh: 3, elsewhere: 1 });
  expect(push()).toEqual({ fresh: 4, elsewhere: 0 });
});

test("what Yjs makes no part of the item before it is a struct of its own", () => {
  const [ann] = people();
  ann.edit(() => ann.text.insert(0, "a"));
  expect(ann.edit(() => ann.text.insertEmbed(1, { image: 1 }))).toEqual({ fresh: 1, elsewhere: 0 });
  expect(ann.edit(() => ann.text.insertEmbed(2, { image: 2 }))).toEqual({ fresh: 1, elsewhere: 0 });
  expect(ann.edit(() => ann.text.insert(3, "b"))).toEqual({ fresh: 1, elsewhere: 0 });
  expect(ann.edit(() => ann.text.insert(4, "c"))).toEqual(NOTHING);
});

test("a text whose letters name different right neighbours is not one item", () => {
  add(update([block(1, 0, text("ab"))]));
  add(update([block(3, 0, text("z"))]));
  const between = (clock: number, left: [number, number], right: [number, number]) =>
    update([block(2, clock, [raw(0xc4), ...left, ...right, "x"])]);
  expect(add(between(0, [1, 0], [1, 1]))).toEqual({ fresh: 0, elsewhere: 1 });
  expect(add(between(1, [2, 0], [1, 1]))).toEqual(NOTHING);
  expect(add(between(2, [2, 1], [3, 0]))).toEqual({ fresh: 1, elsewhere: 0 });
  expect(add(between(3, [2, 2], [1, 1]))).toEqual({ fresh: 1, elsewhere: 0 });
});

test("F64 items side by side at one place all stand elsewhere", () => {
  const [first, ...others] = bombs.manyRightOriginsOneByOne(100);
  add(first as Uint8Array);
  for (const bytes of others) expect(add(bytes)).toEqual({ fresh: 0, elsewhere: 1 });
  contents = new Contents(DEFAULT_LIMITS);
  expect(add(bombs.manyRightOrigins(100)).elsewhere).toBeGreaterThanOrEqual(100);
});

test("what stands behind an end in the same update has used it up, wherever it comes in the bytes", () => {
  add(update([block(9, 0, textAfter(5, 0, "b")), block(5, 0, text("a"))]));
  const another = update([block(3, 0, textAfter(5, 0, "c"))]);
  expect(add(another)).toEqual({ fresh: 0, elsewhere: 1 });
});

test("what was collected stands nowhere", () => {
  expect(add(update([block(1, 0, gc(5))]))).toEqual(NOTHING);
  expect(add(update([block(1, 5, gc(5), gc(2))]))).toEqual(NOTHING);
});

test("ends are remembered up to a number", () => {
  const [ann] = people();
  ann.edit(() => ann.text.insert(0, "a"));
  add(bombs.manyMaps(10_000));
  expect(ann.edit(() => ann.text.insert(1, "b"))).toEqual({ fresh: 0, elsewhere: 1 });
  expect(ann.edit(() => ann.text.insert(2, "c"))).toEqual(NOTHING);
});

test("behind an end there is nothing to pass, whatever people did at the same time", () => {
  const edit = fc.record({
    who: fc.nat(2),
    at: fc.nat(1000),
    what: fc.constantFrom("type", "embed", "delete", "hear"),
  });
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 60 }), (edits) => {
      contents = new Contents(DEFAULT_LIMITS);
      ends = new FreshEnds();
      const all = new Y.Doc();
      const docs = [1, 2, 3].map((clientID) => Object.assign(new Y.Doc(), { clientID }));
      for (const doc of docs) doc.on("update", (bytes, origin) => origin !== all && takeIn(all, bytes));
      for (const { who, at, what } of edits) {
        const doc = docs[who] as Y.Doc;
        const text = doc.getText("text");
        if (what === "hear") Y.applyUpdate(doc, Y.encodeStateAsUpdate(all), all);
        else if (what === "delete") text.delete(at % (text.length + 1), Math.min(1, text.length));
        else if (what === "type") text.insert(at % (text.length + 1), "x");
        else text.insertEmbed(at % (text.length + 1), {});
      }
    }),
    { numRuns: 300, seed: 1 },
  );
});

/** Adds an update to what is known and to a document, in which nothing may stand behind what is called an end. */
function takeIn(doc: Y.Doc, bytes: Uint8Array): void {
  // Two may delete the same.
  if (contents.examine(bytes, () => true).kind === "known") return;
  const { elsewhere } = add(bytes);
  const [struct] = Y.decodeUpdate(bytes).structs;
  if (struct instanceof Y.Item && struct.origin && elsewhere === 0) {
    const left = Y.getItem(doc.store, struct.origin);
    const { right } = left as Y.Item;
    expect(right?.origin && Y.compareIDs(right.origin, struct.origin)).not.toBe(true);
  }
  Y.applyUpdate(doc, bytes);
}
