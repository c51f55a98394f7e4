import type { Attack } from "../generators/attack.ts";
import { isInList } from "../generators/attack.ts";
import { deepAny, nested } from "../generators/content.ts";
import {
  blockOf,
  type Content,
  itemAfter,
  itemIn,
  root,
  type Struct,
  text,
  updateOf,
} from "../model/update.ts";
import { type BadInput, sending } from "./bad-input.ts";
import { bothWays, own } from "./structure.ts";

const ONLY_MALFORMED = ["MALFORMED_UPDATE"] as const;
const TAKEN = ["taken", "passed"] as const;

/** Each content in an update of its own, at the start of a text and behind something. */
function eachContent(attack: Attack, ...contents: Content[]): Uint8Array[] {
  return contents.flatMap((content) => [
    sending(updateOf([own(attack, itemIn(root("text"), content))])),
    sending(updateOf([own(attack, itemAfter(attack.id(isInList), content))]), "answer"),
  ]);
}

/** A chain of types, each in the one before it. */
function chain(attack: Attack, depth: number, withKeys: boolean): Struct[] {
  const { client, clock } = own(attack);
  return Array.from({ length: depth }, (_, i) => {
    const parent =
      i === 0 ? root("array") : ({ kind: "item", id: { client, clock: clock + i - 1 } } as const);
    return itemIn(parent, { kind: "type", ref: withKeys ? 1 : 0, name: "" }, withKeys ? "key" : null);
  });
}

/** The update that a chain is, and one that deletes its outermost type. */
function chainAndDelete(attack: Attack, depth: number, withKeys: boolean): Uint8Array[] {
  const block = own(attack, ...chain(attack, depth, withKeys));
  return [sending(updateOf([block])), sending(updateOf([], [[block.client, block.clock, 1]]))];
}

export const CONTENT: readonly BadInput[] = [
  {
    id: "F46",
    title: "JSON that is none",
    messages: (attack) =>
      ["", "{", "nul", "NaN", "'a'", '{"a":1,}', "1 2", "\u0000"].flatMap((json) =>
        eachContent(
          attack,
          { kind: "embed", json },
          { kind: "format", key: "bold", json },
          { kind: "json", values: ["1", json] },
        ),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F47",
    title: "JSON that is nested 65, 5,000 and 100,000 deep",
    messages: (attack) =>
      [65, 5000, 100_000].flatMap((depth) => {
        const json = nested(depth, attack.random);
        return eachContent(
          attack,
          { kind: "embed", json },
          { kind: "format", key: "bold", json },
          { kind: "json", values: [json] },
        );
      }),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F48",
    title: "values that are nested 66 and 8,000 deep",
    messages: (attack) =>
      [66, 8000].flatMap((depth) => {
        const tags = attack.random.chance(0.5) ? [117, 1] : [118, 1, 1, 97];
        const bytes = Uint8Array.of(1, ...Array.from({ length: depth }, () => tags).flat(), 126);
        const deep = { kind: "raw", ref: 8, bytes, length: 1 } as const;
        const options = deepAny(Math.min(depth, 200), attack.random);
        return eachContent(attack, deep, { kind: "doc", guid: "g", options: { meta: options } });
      }),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F49",
    title: "types that are nested 257 and 8,000 deep, and then deleted",
    messages: (attack) =>
      [257, 8000].flatMap((depth) => [
        ...chainAndDelete(attack, depth, false),
        ...chainAndDelete(attack, depth, true),
      ]),
    // What was refused is not there to be deleted.
    answers: ["UPDATE_TOO_LARGE", "asked", "passed"],
  },
  {
    id: "F50",
    title: "keys, roots and values named __proto__ and constructor",
    messages: (attack) => {
      const polluted = Object.fromEntries([["__proto__", { polluted: true }]]);
      const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
      return names.flatMap((name) => [
        sending(updateOf([own(attack, itemIn(root("map"), { kind: "any", values: [1] }, name))])),
        ...eachContent(
          attack,
          { kind: "any", values: [polluted, { [name]: 1 }] },
          { kind: "format", key: name, json: '{"__proto__":{"polluted":true}}' },
          { kind: "embed", json: '{"__proto__":{"polluted":true}}' },
          { kind: "type", ref: 3, name },
          { kind: "doc", guid: name, options: polluted },
        ),
        sending(updateOf([own(attack, itemIn(root(name), text("x")))])),
      ]);
    },
    answers: ["taken", "passed", "MALFORMED_UPDATE"],
  },
  {
    id: "F52",
    title: "a root name of 1 MB",
    messages: (attack) => bothWays(updateOf([own(attack, itemIn(root("r".repeat(2 ** 20)), text("x")))])),
    answers: ["UPDATE_TOO_LARGE"],
  },
  {
    id: "F53",
    title: "subdocuments whose options are null, a list, a filter, another guid",
    messages: (attack) =>
      [null, undefined, [], 1, "s", { gcFilter: 1 }, { guid: "another" }].flatMap((options) =>
        eachContent(attack, { kind: "doc", guid: "g", options }),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F53b",
    title: "two hundred subdocuments that load by themselves",
    messages: (attack) => {
      const docs = Array.from({ length: 200 }, (_, i) =>
        itemIn(root("array"), { kind: "doc", guid: `g${i}`, options: { autoLoad: true } }),
      );
      return [sending(updateOf([own(attack, ...docs)]))];
    },
    answers: ["taken", "UPDATE_TOO_COSTLY"],
  },
  {
    id: "F54",
    title: "an embed of 1 MB",
    messages: (attack) => {
      const json = JSON.stringify({ data: "x".repeat(2 ** 20) });
      return [sending(updateOf([own(attack, itemIn(root("text"), { kind: "embed", json }))]))];
    },
    answers: TAKEN,
  },
  {
    id: "F55",
    title: "something within a pair of surrogates: a neighbour, a delete, an overlap",
    messages: (attack) => {
      const { client, clock } = own(attack);
      const [, other] = attack.mine as [number, number];
      const otherClock = attack.state(other);
      return [
        sending(updateOf([own(attack, itemIn(root("text"), text("🎈🎈")))])),
        sending(updateOf([blockOf(other, otherClock, itemAfter({ client, clock }, text("x")))])),
        sending(updateOf([], [[client, clock + 2, 1]])),
        sending(updateOf([blockOf(client, clock + 3, itemAfter({ client, clock: clock + 2 }, text("🎈")))])),
      ];
    },
    answers: ["taken", "passed", "MALFORMED_UPDATE"],
  },
  {
    id: "F56",
    title: "NaN, -0, infinities, bigints, undefined",
    messages: (attack) =>
      eachContent(attack, {
        kind: "any",
        values: [
          Number.NaN,
          -0,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
          2n ** 63n - 1n,
          undefined,
        ],
      }),
    answers: TAKEN,
  },
];
