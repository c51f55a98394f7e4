import { expect, test } from "vitest";
import * as Y from "yjs";
import { ApplyGuard } from "../../../server/src/engine/apply-guard.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { docWith, edit } from "./edited.ts";

const CHARACTERS = ["a", "bc", "\n", "😀", "é", "\u{1FA00}", " the "];
const KEYS = ["a", "b", "", "ключ", "__proto__"];

/** What a document should be, apart from Yjs: a `Map` stands for a shared map, an array in `list` for itself. */
class Model {
  readonly map = new Map<string, unknown>();
  readonly list: unknown[] = [];
  text = "";
  /** Names of elements, and what their attribute `id` is. */
  readonly page: { name: string; id: unknown }[] = [];
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** An edit that fits, done to the model already. */
  next(): object {
    const random = this.#random;
    return random.pick([
      () => this.#set(),
      () => this.#nest(),
      () => this.#setNested(),
      () => this.#deleteKey(),
      () => this.#insertItems(),
      () => this.#deleteItems(),
      () => this.#setItem(),
      () => this.#insertText(),
      () => this.#deleteText(),
      () => this.#rewrite(),
      () => this.#insertElement(),
      () => this.#setAttribute(),
      () => this.#clear(),
    ])();
  }

  #set(): object {
    const [key, value] = [this.#random.pick(KEYS), this.#value()];
    this.map.set(key, value);
    return { op: "set", path: ["map", key], value };
  }

  #nest(): object {
    const key = this.#random.pick(KEYS);
    this.map.set(key, new Map([["n", 1]]));
    return { op: "set", path: ["map", key], node: { type: "map", entries: { n: 1 } } };
  }

  #setNested(): object {
    const nested = [...this.map].filter(([, value]) => value instanceof Map);
    if (nested.length === 0) return this.#nest();
    const [key, map] = this.#random.pick(nested);
    const [inner, value] = [this.#random.pick(KEYS), this.#random.upTo(9)];
    (map as Map<string, unknown>).set(inner, value);
    return { op: "set", path: ["map", key, inner], value };
  }

  #deleteKey(): object {
    // An empty map is no map any more.
    if (this.map.size < 2) return this.#set();
    const key = this.#random.pick([...this.map.keys()]);
    this.map.delete(key);
    return { op: "delete", path: ["map", key] };
  }

  #insertItems(): object {
    const index = this.#random.upTo(this.list.length);
    const values = Array.from({ length: this.#random.upTo(3) + 1 }, () => this.#value());
    this.list.splice(index, 0, ...values);
    const isEnd = index === this.list.length - values.length && this.#random.chance(0.5);
    return { op: "insert", path: ["list"], index: isEnd ? "end" : index, values };
  }

  #deleteItems(): object {
    if (this.list.length < 2) return this.#insertItems();
    const index = this.#random.upTo(this.list.length - 2);
    const length = this.#random.upTo(Math.min(2, this.list.length - index - 1));
    this.list.splice(index, length);
    return { op: "delete", path: ["list"], index, length };
  }

  #setItem(): object {
    if (this.list.length === 0) return this.#insertItems();
    const [index, value] = [this.#random.upTo(this.list.length - 1), this.#value()];
    this.list[index] = value;
    return { op: "set", path: ["list", index], value };
  }

  #insertText(): object {
    const [index, text] = [this.#random.pick(this.#boundaries()), this.#characters()];
    this.text = this.text.slice(0, index) + text + this.text.slice(index);
    const attributes = this.#random.pick([{}, { attributes: {} }, { attributes: { bold: true } }]);
    return { op: "insert", path: ["text"], index, text, ...attributes };
  }

  #deleteText(): object {
    const [a = 0, b = 0] = [0, 0].map(() => this.#random.pick(this.#boundaries())).sort((x, y) => x - y);
    if (a === b) return this.#insertText();
    this.text = this.text.slice(0, a) + this.text.slice(b);
    return { op: "delete", path: ["text"], index: a, length: b - a };
  }

  #rewrite(): object {
    const [a = 0, b = 0] = [0, 0].map(() => this.#random.pick(this.#boundaries())).sort((x, y) => x - y);
    this.text = this.text.slice(0, a) + this.#characters() + this.text.slice(b);
    return { op: "text", path: ["text"], value: this.text };
  }

  #insertElement(): object {
    const [index, name] = [this.#random.upTo(this.page.length), this.#random.pick(["p", "h1"])];
    this.page.splice(index, 0, { name, id: undefined });
    return {
      op: "insert",
      path: ["page"],
      index,
      nodes: [{ type: "xml-element", name, children: ["x"] }],
    };
  }

  #setAttribute(): object {
    if (this.page.length === 0) return this.#insertElement();
    const index = this.#random.upTo(this.page.length - 1);
    const value = String(this.#random.upTo(9));
    (this.page[index] as { id: unknown }).id = value;
    return { op: "set", path: ["page", index, "id"], value };
  }

  #clear(): object {
    if (this.list.length === 0) return this.#insertItems();
    this.list.length = 0;
    return { op: "clear", path: ["list"] };
  }

  #value(): unknown {
    return this.#random.pick<unknown>([null, true, 0, -1.5, "x", [], [1, [2]], { k: { l: 1 } }]);
  }

  #characters(): string {
    return Array.from({ length: this.#random.upTo(3) + 1 }, () => this.#random.pick(CHARACTERS)).join("");
  }

  /** Indices that are in no character. */
  #boundaries(): number[] {
    let at = 0;
    return [0, ...Array.from(this.text, (character) => (at += character.length))];
  }
}

/** A document as a {@link Model} has it. */
function shownBy(doc: Y.Doc): Pick<Model, "map" | "list" | "text" | "page"> {
  const entries = [...doc.getMap<unknown>("map")];
  const page = doc.getXmlFragment("page").toArray() as Y.XmlElement[];
  return {
    map: new Map(entries.map(([key, value]) => [key, value instanceof Y.Map ? new Map([...value]) : value])),
    list: doc.getArray("list").toArray(),
    text: doc.getText("text").toString(),
    page: page.map((element) => ({ name: element.nodeName, id: element.getAttribute("id") })),
  };
}

/** A document that nobody has seen before takes all of it in. */
function demandLoads(doc: Y.Doc): void {
  const loaded = new Y.Doc();
  new ApplyGuard(loaded).apply([Y.encodeStateAsUpdate(doc)]);
  expect(shownBy(loaded)).toEqual(shownBy(doc));
}

test.each([1, 2, 3, 4])("whatever is edited, the document is what it should be (seed %i)", (seed) => {
  const random = new SeededRandom(seed);
  const model = new Model(random);
  const doc = docWith();
  for (let request = 0; request < 60; request++) {
    const edits = Array.from({ length: random.upTo(5) + 1 }, () => model.next());
    edit(doc, edits, 100 + random.upTo(2));
    const { map, list, text, page } = model;
    expect(shownBy(doc)).toEqual({ map, list, text, page });
  }
  demandLoads(doc);
});

test.each([5, 6, 7, 8])("edits that are made at once by several all survive (seed %i)", (seed) => {
  const random = new SeededRandom(seed);
  const sides = [1, 2, 3].map(() => ({ model: new Model(random), doc: docWith() }));
  for (const [i, { doc, model }] of sides.entries()) {
    // Each goes on from what it has made by itself, until all meet.
    for (let request = 0; request < 20; request++) edit(doc, [model.next(), model.next()], 100 * seed + i);
  }
  const states = sides.map(({ doc }) => Y.encodeStateAsUpdate(doc));
  const merged = sides.map(({ doc }) => {
    for (const state of states) Y.applyUpdate(doc, state);
    return shownBy(doc);
  });
  expect(merged[1]).toEqual(merged[0]);
  expect(merged[2]).toEqual(merged[0]);
  expect(merged[0]?.list).toHaveLength(sides.reduce((sum, { model }) => sum + model.list.length, 0));
  expect(merged[0]?.text).toHaveLength(sides.reduce((sum, { model }) => sum + model.text.length, 0));
  demandLoads(sides[0]?.doc as Y.Doc);
});
