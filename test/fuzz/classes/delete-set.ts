import type { DeleteRange, Update } from "../model/update.ts";
import { blockOf, itemIn, root, text, updateOf } from "../model/update.ts";
import { type BadInput, sending } from "./bad-input.ts";
import { bothWays, own } from "./structure.ts";

type Range = readonly [clock: number, length: number];

function deletingAll(client: number, ranges: readonly Range[]): Update {
  const asParts = ranges.map(([clock, length]): DeleteRange => ({ clock, length }));
  return { blocks: [], deletions: [{ client, ranges: asParts }] };
}

const deleting = (client: number, ...ranges: Range[]): Update => deletingAll(client, ranges);

export const DELETE_SET: readonly BadInput[] = [
  {
    id: "F57",
    title: "a delete range without length",
    messages: (attack) => {
      const client = attack.knownClient();
      return bothWays(deleting(client, [0, 0]), deleting(client, [0, 1], [1, 0]));
    },
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F58",
    title: "delete ranges that overlap, repeat and come in disorder",
    messages: (attack) => {
      const block = own(attack, itemIn(root("text"), text("to be deleted in many ways")));
      const { client, clock } = block;
      const at = (...ranges: Range[]) =>
        deleting(client, ...ranges.map(([from, length]) => [clock + from, length] as const));
      const twice = at([1, 2]);
      return [
        sending(updateOf([block])),
        ...bothWays(at([0, 3], [1, 4]), at([9, 1], [2, 1]), at([5, 1], [5, 1], [5, 1]), {
          blocks: [],
          deletions: [...twice.deletions, ...twice.deletions],
        }),
      ];
    },
    answers: ["taken", "passed", "MALFORMED_UPDATE"],
  },
  {
    id: "F59",
    title: "a delete range beyond what anybody has written",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const state = attack.state(client);
      return bothWays(
        deleting(client, [state + 5, 1]),
        deleting(client, [state, 2 ** 47]),
        deleting(client, [2 ** 48 - 2, 1]),
        deleting(client, [2 ** 48 - 1, 1]),
        deleting(client, [2 ** 48, 1]),
        deleting(client, [0, 2 ** 53 - 1]),
        deleting(client, [2 ** 60, 2 ** 60]),
      );
    },
    answers: ["MALFORMED_UPDATE", "asked", "passed", "taken"],
  },
  {
    id: "F61",
    title: "250,000 delete ranges",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const clock = attack.state(client);
      const ranges = Array.from({ length: 250_000 }, (_, i) => [clock + 2 * i, 1] as const);
      return [sending(deletingAll(client, ranges))];
    },
    answers: ["asked", "passed", "UPDATE_TOO_LARGE", "UPDATE_TOO_COSTLY"],
  },
  {
    id: "F62",
    title: "every second character deleted, from the end to the start",
    messages: (attack) => {
      const length = 1500;
      const block = own(attack, itemIn(root("text"), text("ab".repeat(length / 2))));
      const ranges = Array.from(
        { length: length / 2 },
        (_, i) => [block.clock + length - 2 - 2 * i, 1] as const,
      );
      return [sending(updateOf([block])), sending(deletingAll(block.client, ranges))];
    },
    answers: ["taken", "passed", "UPDATE_TOO_COSTLY"],
  },
  {
    id: "F63",
    title: "deletes of what clients wrote whom nobody knows",
    messages: (attack) => {
      const unknown = 2 ** 22 + attack.random.upTo(1000);
      return bothWays(
        deleting(unknown, [0, 1]),
        {
          blocks: [],
          deletions: [3, 2, 1].map((i) => ({ client: unknown + i, ranges: [{ clock: i, length: 5 }] })),
        },
        updateOf(
          [
            blockOf(
              attack.mine[0] as number,
              attack.state(attack.mine[0] as number),
              itemIn(root("text"), text("x")),
            ),
          ],
          [[unknown, 0, 1]],
        ),
      );
    },
    answers: ["asked", "passed", "taken"],
  },
];
