import * as Y from "yjs";
import { isInList } from "../generators/attack.ts";
import { frameOf } from "../generators/frames.ts";
import { blockOf, itemAfter, itemIn, root, text, updateOf } from "../model/update.ts";
import { type BadInput, sending } from "./bad-input.ts";
import { bothWays } from "./structure.ts";

export const IDENTITY: readonly BadInput[] = [
  {
    id: "F74",
    title: "structs under the id of somebody who is here: a GC, a deleted, an insert",
    messages: (attack) =>
      attack.innocents.flatMap((client) => {
        const clock = attack.state(client);
        return bothWays(
          updateOf([blockOf(client, clock, { kind: "gc", length: 2 ** 40 })]),
          updateOf([blockOf(client, clock, itemIn(root("text"), { kind: "deleted", length: 1000 }))]),
          updateOf([blockOf(client, clock, itemIn(root("text"), text("spoofed")))]),
          updateOf([blockOf(client, Math.max(0, clock - 1), { kind: "gc", length: 3 })]),
          updateOf([blockOf(client, clock + 1, { kind: "gc", length: 3 })]),
        );
      }),
    answers: ["CLIENT_ID_IN_USE", "asked", "passed"],
  },
  {
    id: "F74b",
    title: "deletes of what somebody who is here has not written yet",
    messages: (attack) =>
      attack.innocents.flatMap((client) =>
        bothWays(updateOf([], [[client, attack.state(client), 100]]), updateOf([], [[client, 0, 2 ** 40]])),
      ),
    answers: ["CLIENT_ID_IN_USE", "asked", "passed", "taken"],
  },
  {
    id: "F75",
    title: "two documents with one client id and other content",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const clock = attack.state(client);
      return [
        sending(updateOf([blockOf(client, clock, itemIn(root("text"), text("AAAA")))])),
        sending(updateOf([blockOf(client, clock, itemIn(root("text"), text("BBBBBB")))])),
        sending(
          updateOf([blockOf(client, clock, itemIn(root("map"), { kind: "any", values: [1, 2] }, "key"))]),
        ),
        sending(updateOf([blockOf(client, clock + 2, itemAfter(attack.id(isInList), text("CCCCCCCC")))])),
      ];
    },
    answers: ["taken", "passed"],
  },
  {
    id: "F76",
    title: "an old update, once more",
    messages: (attack) => {
      const whole = Y.encodeStateAsUpdate(attack.doc);
      return [
        frameOf("update", whole),
        frameOf("answer", whole),
        frameOf("update", whole),
        ...attack.base.later.flatMap((update) => [frameOf("update", update), frameOf("answer", update)]),
      ];
    },
    answers: ["passed", "taken", "asked"],
  },
];
