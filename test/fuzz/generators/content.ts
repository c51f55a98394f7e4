import type { SeededRandom } from "../../simulation/seeded-random.ts";
import { type Content, text } from "../model/update.ts";

const WORDS = ["a", "hello", "🎈", "x🎈y", "é", "\u0000", "漢字", "two words"];
const FORMATS = ["bold", "em", "link", "", "__proto__"];
const JSONS = ["true", "null", '{"href":"#"}', "1", '"s"', "[]", "{}"];
const ANY_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  -123n,
  2n ** 63n - 1n,
  "word",
  Uint8Array.of(1, 2),
  [],
  {},
  { a: [1, { b: null }] },
  Object.fromEntries([["__proto__", { polluted: true }]]),
  { constructor: 1 },
];
const SUBDOCUMENT_OPTIONS: readonly unknown[] = [
  {},
  { autoLoad: true },
  { gc: false, meta: { title: "a" } },
  { shouldLoad: true },
  { collectionid: "c" },
  null,
  [],
  "options",
  { guid: "another" },
  { gcFilter: 1 },
  { gc: 1, meta: { deep: { deep: [] } } },
];

/** Content that editors make. */
export function soundContent(random: SeededRandom): Content {
  switch (random.upTo(15)) {
    case 0:
      return { kind: "any", values: anyValues(random) };
    case 1:
      return { kind: "format", key: random.pick(FORMATS), json: random.pick(JSONS) };
    case 2:
      return { kind: "embed", json: random.pick(JSONS) };
    case 3:
    case 4:
      return { kind: "type", ref: random.upTo(6), name: "p" };
    case 5:
      return { kind: "deleted", length: 1 + random.upTo(4) };
    case 6:
      return { kind: "binary", bytes: Uint8Array.of(1, 2, 3) };
    case 7:
      return { kind: "json", values: [random.pick(JSONS), "undefined"] };
    case 8:
      return { kind: "doc", guid: random.word(), options: random.pick(SUBDOCUMENT_OPTIONS.slice(0, 5)) };
    default:
      return text(random.pick(WORDS));
  }
}

/** What a map's key can hold. */
export function soundEntry(random: SeededRandom): Content {
  if (random.chance(0.2)) return { kind: "type", ref: random.upTo(6), name: "p" };
  return { kind: "any", values: [anyValue(random)] };
}

/** Content that no editor makes, some of it refused and some of it strange. */
export function hostileContent(random: SeededRandom): Content {
  switch (random.upTo(15)) {
    case 0:
      return {
        kind: "deleted",
        length: random.pick([0, 1, 2 ** 32, 2 ** 48, 2 ** 53 - 1, 2 ** 54, 2 ** 60]),
      };
    case 1:
      return text("");
    case 2:
      return { kind: "any", values: [] };
    case 3:
      return { kind: "json", values: [] };
    case 4:
      return {
        kind: "json",
        values: [random.pick(["", "{", "undefined", "NaN", '{"a":1,}', "nested"]), "1"],
      };
    case 5:
      return { kind: "embed", json: nested(random.pick([1, 63, 64, 65, 200]), random) };
    case 6:
      return { kind: "format", key: random.pick(FORMATS), json: random.pick(["", "{", "nul", " null "]) };
    case 7:
      return { kind: "any", values: [deepAny(random.pick([1, 63, 64, 65, 66, 200]), random)] };
    case 8:
      return { kind: "type", ref: random.pick([7, 8, 31, 127, 128, 2 ** 32]), name: "p" };
    case 9:
      return {
        kind: "doc",
        guid: random.pick(["", "g", "\u0000"]),
        options: random.pick(SUBDOCUMENT_OPTIONS),
      };
    case 10:
      return { kind: "raw", ref: random.pick([11, 12, 20, 31]), bytes: Uint8Array.of(1, 97), length: 1 };
    case 11: {
      // Strings that are not UTF-8: overlong, a surrogate, cut off.
      const bytes = random.pick([[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0xff]]);
      return { kind: "raw", ref: 4, bytes: Uint8Array.of(bytes.length, ...bytes), length: 1 };
    }
    case 12: {
      const tag = random.pick([0, 115, 116, 117, 118, 119, 122, 125, 128, 255]);
      return { kind: "raw", ref: 8, bytes: Uint8Array.of(1, tag, 0x80, 0x80, 0x01), length: 1 };
    }
    case 13:
      return { kind: "raw", ref: 4, bytes: Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 97), length: 1 };
    case 14:
      return { kind: "format", key: "x".repeat(random.pick([0, 1, 500])), json: nested(65, random) };
    default:
      return {
        kind: "string",
        text: random.pick(["🎈".repeat(20), "\ufffd", "a\ud83c".slice(0, 1), "x".repeat(300)]),
      };
  }
}

function anyValues(random: SeededRandom): unknown[] {
  return Array.from({ length: 1 + random.upTo(3) }, () => anyValue(random));
}

function anyValue(random: SeededRandom): unknown {
  return random.chance(0.1) ? undefined : random.pick(ANY_VALUES);
}

export function nested(depth: number, random: SeededRandom): string {
  return random.chance(0.5)
    ? "[".repeat(depth) + "]".repeat(depth)
    : `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

export function deepAny(depth: number, random: SeededRandom): unknown {
  let value: unknown = 1;
  const isList = random.chance(0.5);
  for (let i = 0; i < depth; i++) value = isList ? [value] : { a: value };
  return value;
}
