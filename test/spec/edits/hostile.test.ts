import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import * as Y from "yjs";
import { ApplyGuard } from "../../../server/src/engine/apply-guard.ts";
import { SeededRandom } from "../../simulation/seeded-random.ts";
import { writeEverything } from "../inspect/content-sample.ts";
import { docWith, edit } from "./edited.ts";

const OPS = ["set", "insert", "delete", "clear", "format", "text"];
const ROOTS = ["body", "settings", "list", "page", "was here", "new"];
const KEYS = ["theme", "nested", "text", "sub", "level", "constructor", "toString", "", "length"];
const TYPES = [
  "text",
  "map",
  "array",
  "xml-element",
  "xml-text",
  "xml-fragment",
  "xml-hook",
  "value",
  "binary",
];
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  "x",
  "😀",
  [],
  {},
  { constructor: 1 },
  { $bigint: "1" },
  { a: [{}] },
];

/** JSON that looks like edits, and mostly does not fit. */
class Sender {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  edit(): object {
    const fields: [string, () => unknown][] = [
      ["value", () => this.#random.pick(VALUES)],
      ["node", () => this.#node(2)],
      ["values", () => [this.#random.pick(VALUES)]],
      ["nodes", () => [this.#node(2), this.#node(1)]],
      ["text", () => this.#random.pick(["x", "😀", ""])],
      ["index", () => this.#random.pick<unknown>([0, 1, 2, 20, "end", null])],
      ["length", () => this.#random.pick<unknown>([0, 1, 3, 1e9])],
      ["attributes", () => this.#random.pick<unknown>([{}, { bold: true }, { bold: null }, []])],
    ];
    const op = this.#random.pick(OPS);
    const likely: Record<string, readonly string[]> = {
      set: ["value"],
      insert: [this.#random.pick(["values", "nodes", "text"]), "index"],
      delete: ["index"],
      format: ["index", "length", "attributes"],
      text: ["text"],
    };
    const chosen = fields.filter(([name]) =>
      likely[op]?.includes(name) ? this.#random.chance(0.95) : this.#random.chance(0.03),
    );
    return { op, path: this.#path(), ...Object.fromEntries(chosen.map(([name, make]) => [name, make()])) };
  }

  #path(): unknown[] {
    const way = Array.from({ length: this.#random.upTo(3) }, () =>
      this.#random.pick<unknown>([...KEYS, 0, 1, 2, 21]),
    );
    return [this.#random.pick(ROOTS), ...way];
  }

  #node(depth: number): unknown {
    if (depth === 0 || this.#random.chance(0.3)) return this.#random.pick(VALUES);
    const inner = () => this.#node(depth - 1);
    const type = this.#random.pick(TYPES);
    const fields: Record<string, object> = {
      text: { delta: [{ insert: this.#random.chance(0.5) ? "x" : inner(), attributes: { b: 1 } }] },
      "xml-text": { text: "x", attributes: { a: inner() } },
      map: { entries: { a: inner(), __proto__x: inner() } },
      array: { items: [inner(), inner()] },
      "xml-element": { name: "p", children: [inner()], attributes: { a: inner() } },
      "xml-fragment": { children: [inner()] },
      "xml-hook": { name: "h", entries: { a: inner() } },
      value: { value: this.#random.pick(VALUES) },
      binary: { base64: this.#random.pick(["", "AAAA", "x"]) },
    };
    return { type, ...fields[type] };
  }
}

test.each([1, 2, 3])("whatever is sent is made, or refused with words (seed %i)", (seed) => {
  const sender = new Sender(new SeededRandom(seed));
  let doc = docWith(writeEverything);
  let made = 0;
  for (let request = 0; request < 400; request++) {
    try {
      edit(doc, [sender.edit()], 1000 + request);
      made++;
    } catch (error) {
      if (!(error instanceof JoineryError) || error.code !== "INVALID_OPTION") throw error;
      expect(error.message).toMatch(/^edits\[0\]/);
    }
    const loaded = new Y.Doc();
    new ApplyGuard(loaded).apply([Y.encodeStateAsUpdate(doc)]);
    // A document that was emptied has nothing to trip over.
    if (request % 100 === 99) doc = docWith(writeEverything);
  }
  expect(made).toBeGreaterThan(10);
});
