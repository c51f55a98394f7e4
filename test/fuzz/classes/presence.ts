import type { Attack } from "../generators/attack.ts";
import { nested } from "../generators/content.ts";
import { frameOf } from "../generators/frames.ts";
import { encodePresence, type PresenceEntry } from "../generators/presence.ts";
import type { BadInput } from "./bad-input.ts";

const STATE = '{"name":"eve"}';

const announcing = (...entries: PresenceEntry[]): Uint8Array => frameOf("presence", encodePresence(entries));

/** An id that nobody uses. */
const someId = ({ random }: Attack): number => 2 ** 24 + random.upTo(2 ** 20);

export const PRESENCE: readonly BadInput[] = [
  {
    id: "F77",
    title: "presence of 20,000 people",
    messages: (attack) => {
      const first = someId(attack);
      return [
        announcing(
          ...Array.from({ length: 20_000 }, (_, i) => ({ client: first + i, clock: 1, state: STATE })),
        ),
      ];
    },
    answers: ["PRESENCE_TOO_LARGE"],
  },
  {
    id: "F78",
    title: "a huge clock, for an id of its own and for others'",
    messages: (attack) =>
      [...attack.innocents, someId(attack)].flatMap((client) =>
        [2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53 - 2, 2 ** 53 - 1, 2 ** 53, 2 ** 60].flatMap((clock) => [
          announcing({ client, clock, state: STATE }),
          announcing({ client, clock, state: "null" }),
        ]),
      ),
    answers: ["MALFORMED_UPDATE", "passed", "PRESENCE_TOO_LARGE"],
  },
  {
    id: "F79",
    title: "people who were never there, gone: 5,000 of them",
    messages: (attack) => {
      const first = someId(attack);
      return [
        announcing(
          ...Array.from({ length: 5000 }, (_, i) => ({ client: first + i, clock: 1, state: "null" })),
        ),
        // Those who were: each comes and goes.
        ...Array.from({ length: 50 }, (_, i) => [
          announcing({ client: first + i, clock: 1, state: STATE }),
          announcing({ client: first + i, clock: 2, state: "null" }),
        ]).flat(),
      ];
    },
    answers: ["passed"],
  },
  {
    id: "F80",
    title: "a list of which the second half is malformed",
    messages: (attack) => {
      const client = someId(attack);
      const whole = encodePresence([
        { client, clock: 1, state: STATE },
        { client: client + 1, clock: 1, state: STATE },
      ]);
      return [
        frameOf("presence", whole.subarray(0, -3)),
        announcing({ client, clock: 1, state: STATE }, { client: client + 1, clock: 1, state: "{" }),
      ];
    },
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F81",
    title: "states that are no objects",
    messages: (attack) =>
      ["1", '"s"', "true", "[]", "[{}]", "", "nul", " null", "{}{}"].map((state) =>
        announcing({ client: someId(attack), clock: 1, state }),
      ),
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F82",
    title: "a state that is nested 17 and 5,000 deep",
    messages: (attack) =>
      [17, 1000].map((depth) =>
        announcing({
          client: someId(attack),
          clock: 1,
          state: `{"a":${nested(depth, attack.random)}}`,
        }),
      ),
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F83",
    title: "a state of 10 MB",
    messages: (attack) => [
      announcing({ client: someId(attack), clock: 1, state: JSON.stringify({ a: "x".repeat(10_000_000) }) }),
    ],
    answers: ["PRESENCE_TOO_LARGE"],
  },
  {
    id: "F84",
    title: "somebody else's presence, newer and gone",
    messages: (attack) =>
      attack.innocents.flatMap((client) => [
        announcing({ client, clock: 5, state: STATE }),
        announcing({ client, clock: 500, state: STATE }),
        announcing({ client, clock: 501, state: "null" }),
        announcing(
          { client, clock: 600, state: '{"name":"eve"}' },
          { client: someId(attack), clock: 1, state: STATE },
        ),
      ]),
    answers: ["passed"],
  },
];
