import type { Attack } from "../generators/attack.ts";
import { isCollected, isDeleted, isEntry, isInList, isString } from "../generators/attack.ts";
import {
  type Block,
  blockOf,
  type Item,
  itemAfter,
  itemBefore,
  itemIn,
  root,
  type Struct,
  text,
  type Update,
  updateOf,
} from "../model/update.ts";
import { type BadInput, sending } from "./bad-input.ts";

const ONLY_MALFORMED = ["MALFORMED_UPDATE"] as const;
/** It is in order for a document: whoever may write may make it. */
const TAKEN = ["taken", "passed"] as const;

/** A block of the attacker's own, where it may go on. */
export function own(attack: Attack, ...structs: Struct[]): Block {
  const [client] = attack.mine as [number];
  return blockOf(client, attack.state(client), ...structs);
}

/** Frames of the same update, as an edit and as an answer. */
export function bothWays(...updates: Update[]): Uint8Array[] {
  return updates.flatMap((update) => [sending(update, "answer"), sending(update)]);
}

/** Each struct in an update of its own. */
function eachAlone(attack: Attack, ...structs: Struct[]): Uint8Array[] {
  return structs.map((struct) => sending(updateOf([own(attack, struct)])));
}

const sound = (): Item => itemIn(root("text"), text("x"));
const inText = (content: Item["content"]): Item => itemIn(root("text"), content);

const COUNTS = [1000, 2 ** 25, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 60];
const LENGTHS = [2 ** 48 + 1, 2 ** 53 - 1, 2 ** 53, 2 ** 54, 2 ** 60, 2 ** 63];

export const STRUCTURE: readonly BadInput[] = [
  {
    id: "F23",
    title: "a number of structs that is a lie",
    messages: (attack) =>
      [0, 2, ...COUNTS].map((count) => sending(updateOf([{ ...own(attack, sound()), count }]))),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F24",
    title: "a number of clients that is a lie",
    messages: (attack) =>
      [0, 2, ...COUNTS].map((blockCount) => sending({ ...updateOf([own(attack, sound())]), blockCount })),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F25",
    title: "two blocks of one client",
    messages: (attack) => {
      const block = own(attack, sound());
      return bothWays(
        updateOf([block, block]),
        updateOf([block, { ...block, clock: block.clock + 1 }]),
        updateOf([{ ...block, clock: block.clock + 1 }, block]),
      );
    },
    answers: ONLY_MALFORMED,
  },
  {
    id: "F26",
    title: "a zero-length GC",
    messages: (attack) =>
      bothWays(
        updateOf([own(attack, { kind: "gc", length: 0 })]),
        updateOf([own(attack, sound(), { kind: "gc", length: 0 })]),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F27",
    title: "a zero-length deleted struct",
    messages: (attack) =>
      bothWays(
        updateOf([own(attack, inText({ kind: "deleted", length: 0 }))]),
        updateOf([own(attack, sound(), itemAfter(attack.id(), { kind: "deleted", length: 0 }))]),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F28",
    title: "a zero-length string",
    messages: (attack) => bothWays(updateOf([own(attack, inText(text("")), sound())])),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F29",
    title: "a zero-length list of any values, and of JSON",
    messages: (attack) =>
      bothWays(
        updateOf([own(attack, inText({ kind: "any", values: [] }))]),
        updateOf([own(attack, inText({ kind: "json", values: [] }))]),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F30",
    title: "a skip: of nothing, huge, first, last and alone",
    messages: (attack) => {
      const skip = (length: number): Struct => ({ kind: "skip", length });
      return bothWays(
        updateOf([own(attack, skip(0))]),
        updateOf([own(attack, skip(2 ** 60))]),
        updateOf([own(attack, skip(5))]),
        updateOf([own(attack, skip(5), sound())]),
        updateOf([own(attack, sound(), skip(2 ** 40))]),
        updateOf([own(attack, sound(), skip(3), sound())]),
      );
    },
    answers: ["MALFORMED_UPDATE", "asked", "taken", "passed"],
  },
  {
    id: "F31",
    title: "a clock of 2^53 - 1",
    messages: (attack) =>
      bothWays(...[2 ** 48, 2 ** 53 - 1].map((clock) => updateOf([{ ...own(attack, sound()), clock }]))),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F32",
    title: "a clock and a length that overflow together",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      return bothWays(
        ...[2 ** 48 - 1, 2 ** 53 - 2].map((clock) =>
          updateOf([blockOf(client, clock, { kind: "gc", length: 2 }, sound())]),
        ),
      );
    },
    answers: ONLY_MALFORMED,
  },
  {
    id: "F33",
    title: "a length of 2^53 and more",
    messages: (attack) =>
      bothWays(
        ...LENGTHS.flatMap((length) => [
          updateOf([own(attack, { kind: "gc", length })]),
          updateOf([own(attack, inText({ kind: "deleted", length }))]),
          updateOf([own(attack, { kind: "gc", length }, { kind: "gc", length })]),
        ]),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F34",
    title: "client ids 2^32 and 2^53, and 0",
    messages: (attack) =>
      bothWays(
        ...[0, 2 ** 32, 2 ** 53 - 1, 2 ** 53].flatMap((client) => [
          updateOf([blockOf(client, attack.state(client), sound())]),
          updateOf([own(attack, itemAfter({ client, clock: 0 }, text("x")))]),
          updateOf([], [[client, 0, 1]]),
        ]),
      ),
    // 0 is a client id like any other.
    answers: ["MALFORMED_UPDATE", "taken", "passed", "asked"],
  },
  {
    id: "F35",
    title: "a struct that is its own neighbour, or its own parent",
    messages: (attack) => {
      const { client, clock } = own(attack);
      const self = { client, clock };
      return eachAlone(
        attack,
        itemAfter(self, text("x")),
        itemBefore(self, text("x")),
        itemIn({ kind: "item", id: self }, text("x")),
        itemAfter({ client, clock: clock + 1 }, text("xyz")),
      );
    },
    answers: ONLY_MALFORMED,
  },
  {
    id: "F36",
    title: "a struct that refers to a later one of its client",
    messages: (attack) => {
      const { client, clock } = own(attack);
      const later = { client, clock: clock + 1 };
      return [
        itemAfter(later, text("x")),
        itemBefore(later, text("x")),
        itemIn({ kind: "item", id: later }, text("x")),
      ].map((struct) => sending(updateOf([own(attack, struct, sound())])));
    },
    answers: ONLY_MALFORMED,
  },
  {
    id: "F37",
    title: "a neighbour that nobody has",
    messages: (attack) => {
      const nowhere = { client: 2 ** 20 + attack.random.upTo(1000), clock: attack.random.upTo(5) };
      const beyond = { client: attack.knownClient(), clock: 0 };
      beyond.clock = attack.state(beyond.client) + 1000;
      return eachAlone(
        attack,
        itemAfter(nowhere, text("x")),
        itemBefore(nowhere, text("x")),
        itemIn({ kind: "item", id: nowhere }, text("x")),
        itemAfter(beyond, text("x")),
      );
    },
    // Asked once; it has not answered when it sends the next.
    answers: ["asked", "passed"],
  },
  {
    id: "F38",
    title: "a neighbour within what was collected",
    messages: (attack) => {
      const collected = attack.id(isCollected);
      return eachAlone(
        attack,
        itemAfter(collected, text("x")),
        itemBefore(collected, text("x")),
        itemAfter(collected, text("x"), attack.id(isInList)),
        itemAfter(attack.id(isInList), text("x"), collected),
      );
    },
    answers: ["taken", "passed", "MALFORMED_UPDATE"],
  },
  {
    id: "F39",
    title: "a parent that is no type",
    messages: (attack) => {
      const id = attack.id(isString);
      return bothWays(
        updateOf([own(attack, itemIn({ kind: "item", id }, text("x")))]),
        updateOf([own(attack, itemIn({ kind: "item", id }, text("x"), "key"))]),
        updateOf([own(attack, sound(), itemIn({ kind: "item", id: ownId(attack) }, text("x")))]),
      );
    },
    answers: ["MALFORMED_UPDATE", "taken", "passed"],
  },
  {
    id: "F40",
    title: "a parent that was collected, or deleted",
    messages: (attack) =>
      eachAlone(
        attack,
        itemIn({ kind: "item", id: attack.id(isCollected) }, text("x")),
        itemIn({ kind: "item", id: attack.id(isDeleted) }, text("x")),
        itemIn({ kind: "item", id: attack.id(isCollected) }, text("x"), "key"),
      ),
    answers: ["MALFORMED_UPDATE", "taken", "passed"],
  },
  {
    id: "F41",
    title: "types that are each in the other, of one client and of two",
    messages: (attack) => {
      const [low, high] = attack.mine as [number, number];
      const [a, b] = [
        { client: low, clock: attack.state(low) },
        { client: high, clock: attack.state(high) },
      ];
      const type = (parent: { client: number; clock: number }): Item =>
        itemIn({ kind: "item", id: parent }, { kind: "type", ref: 1, name: "" }, "key");
      const behind = (left: { client: number; clock: number }): Item => itemAfter(left, text("x"));
      const pair = (first: Struct, second: Struct) =>
        updateOf([blockOf(high, b.clock, second), blockOf(low, a.clock, first)]);
      return [
        ...bothWays(pair(type(b), type(a)), pair(behind(b), behind(a))),
        // The second waits for the first, which came in another message.
        sending(updateOf([blockOf(low, a.clock, behind(b))])),
        sending(updateOf([blockOf(high, b.clock, behind(a))])),
      ];
    },
    answers: ["MALFORMED_UPDATE", "asked", "passed"],
  },
  {
    id: "F42",
    title: "a key on an item of a list, and none on one of a map",
    messages: (attack) => {
      const keyed = { ...itemAfter(attack.id(isInList), text("x")), parentSub: "key" };
      return eachAlone(
        attack,
        keyed,
        itemIn(root("text"), text("xy"), "key"),
        itemIn(root("map"), text("xy")),
        itemAfter(attack.id(isEntry), text("x")),
        itemAfter(attack.id(isInList), text("x"), attack.id(isEntry)),
      );
    },
    answers: ["MALFORMED_UPDATE", "taken", "passed"],
  },
  {
    id: "F43",
    title: "a format where a map has a value",
    messages: (attack) => {
      const format = { kind: "format", key: "bold", json: "true" } as const;
      return bothWays(
        updateOf([own(attack, itemIn(root("map"), format, "key"))]),
        updateOf([own(attack, itemIn(root("text"), format, "key"), itemIn(root("text"), format))]),
      );
    },
    answers: TAKEN,
  },
  {
    id: "F44",
    title: "content of an unknown kind",
    messages: (attack) =>
      Array.from({ length: 21 }, (_, i) => 11 + i).flatMap((ref) =>
        eachAlone(attack, inText({ kind: "raw", ref, bytes: Uint8Array.of(1, 97), length: 1 })),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F45",
    title: "a type of an unknown kind",
    messages: (attack) =>
      [7, 8, 127, 128, 2 ** 32, 2 ** 60].flatMap((ref) =>
        eachAlone(attack, inText({ kind: "type", ref, name: "" })),
      ),
    answers: ONLY_MALFORMED,
  },
  {
    id: "F60",
    title: "two updates that overflow together",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const clock = attack.state(client);
      return [
        sending(updateOf([blockOf(client, clock, { kind: "gc", length: 2 ** 47 })])),
        sending(updateOf([blockOf(client, clock + 2 ** 47, { kind: "gc", length: 2 ** 47 })])),
        sending(updateOf([blockOf(client, clock + 2 ** 48 - 1, { kind: "gc", length: 2 })])),
        sending(updateOf([], [[client, clock, 2 ** 47]])),
        sending(updateOf([], [[client, clock + 1, 2 ** 47]])),
      ];
    },
    answers: ["MALFORMED_UPDATE", "UPDATE_TOO_LARGE", "taken", "passed", "asked"],
  },
];

function ownId(attack: Attack): { client: number; clock: number } {
  const { client, clock } = own(attack);
  return { client, clock };
}
