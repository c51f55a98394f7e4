import type { Attack } from "../generators/attack.ts";
import { frameOf, lyingFrame } from "../generators/frames.ts";
import { soundUpdate } from "../generators/sound-update.ts";
import { encodeUpdate } from "../model/encode.ts";
import { blockOf, itemIn, root, text, updateOf } from "../model/update.ts";
import { type BadInput, sending } from "./bad-input.ts";

const ONLY_FRAME = ["MALFORMED_FRAME"] as const;

function sound(attack: Attack): Uint8Array {
  const [client] = attack.mine;
  return encodeUpdate(
    updateOf([
      blockOf(client as number, attack.state(client as number), itemIn(root("text"), text("sound"))),
    ]),
  );
}

/** A kind, a length that says more bytes than follow, and the payload. */
const longer = (by: bigint) => (attack: Attack) => {
  const payload = sound(attack);
  return (["update", "answer", "question", "presence"] as const).map((kind) =>
    lyingFrame(kind, BigInt(payload.length) + by, payload),
  );
};

export const FRAMING: readonly BadInput[] = [
  {
    id: "F01",
    title: "an empty frame",
    messages: () => [Uint8Array.of()],
    answers: ONLY_FRAME,
  },
  {
    id: "F03",
    title: "a frame of an unknown kind",
    messages: (attack) => [4, 5, 63, 127].map((kind) => Uint8Array.of(kind, ...sound(attack))),
    answers: ONLY_FRAME,
  },
  {
    id: "F04",
    title: "an unknown kind of sync message",
    messages: (attack) => [3, 4, 127].map((step) => Uint8Array.of(0, step, ...sound(attack))),
    answers: ONLY_FRAME,
  },
  {
    id: "F05",
    title: "a frame, and an update in one, cut off at every byte",
    messages: (attack) => {
      const update = encodeUpdate(soundUpdate(attack));
      const frame = frameOf("update", update);
      const frames = Array.from(frame, (_, length) => frame.subarray(0, length));
      const updates = Array.from(update, (_, length) => frameOf("update", update.subarray(0, length)));
      return [...frames, ...updates];
    },
    answers: ["MALFORMED_FRAME", "MALFORMED_UPDATE"],
  },
  {
    id: "F06",
    title: "bytes after the end of a frame, and of what is in it",
    messages: (attack) => [
      Uint8Array.of(...frameOf("update", sound(attack)), 0),
      Uint8Array.of(3, 0),
      frameOf("update", Uint8Array.of(...sound(attack), 0)),
      frameOf("question", Uint8Array.of(0, 0)),
      frameOf("presence", Uint8Array.of(0, 0)),
    ],
    answers: ["MALFORMED_FRAME", "MALFORMED_UPDATE"],
  },
  {
    id: "F07",
    title: "a length that is larger than the frame",
    messages: longer(1n),
    answers: ONLY_FRAME,
  },
  {
    id: "F08",
    title: "a length of 2^31, 2^32, 2^53 and 2^63",
    messages: (attack) => [31n, 32n, 53n, 63n].flatMap((bits) => longer(2n ** bits)(attack)),
    answers: ONLY_FRAME,
  },
  {
    id: "F09",
    title: "an integer of more bytes than it needs",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const update = updateOf([blockOf(client, attack.state(client), itemIn(root("text"), text("padded")))]);
      const inUpdate = [0, 1, 2, 3, 4].map((paddedInteger) => sending({ ...update, paddedInteger }));
      const payload = sound(attack);
      return [...inUpdate, Uint8Array.of(0x80, 0x00, 2, payload.length, ...payload)];
    },
    // It says the same: lib0 reads it, and so does every client.
    answers: ["taken", "passed", "MALFORMED_FRAME", "MALFORMED_UPDATE"],
  },
  {
    id: "F10",
    title: "an integer of sixteen bytes",
    messages: (attack) => {
      const long = [...Array.from({ length: 15 }, () => 0x80), 0];
      return [
        Uint8Array.of(...long, 2, ...sound(attack)),
        Uint8Array.of(0, 2, ...long),
        frameOf("update", Uint8Array.from(long)),
        frameOf("question", Uint8Array.from(long)),
        frameOf("presence", Uint8Array.of(1, ...long, 0, 2, 123, 125)),
      ];
    },
    answers: ["MALFORMED_FRAME", "MALFORMED_UPDATE"],
  },
  {
    id: "F15",
    title: "strings that are not UTF-8",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const clock = attack.state(client);
      return [[0xff], [0xc0, 0x80], [0xf0, 0x9f], [0xf4, 0x90, 0x80, 0x80]].map((bytes) => {
        const raw = { kind: "raw", ref: 4, bytes: Uint8Array.of(bytes.length, ...bytes), length: 1 } as const;
        return sending(updateOf([blockOf(client, clock, itemIn(root("text"), raw))]));
      });
    },
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F16",
    title: "a lone surrogate",
    messages: (attack) => {
      const [client] = attack.mine as [number];
      const clock = attack.state(client);
      return [
        [0xed, 0xa0, 0xbc],
        [0xed, 0xbe, 0x88],
      ].map((bytes) => {
        const raw = { kind: "raw", ref: 4, bytes: Uint8Array.of(bytes.length, ...bytes), length: 1 } as const;
        return sending(updateOf([blockOf(client, clock, itemIn(root("text"), raw))]));
      });
    },
    answers: ["MALFORMED_UPDATE"],
  },
  {
    id: "F22",
    title: "a frame that only servers send",
    messages: () => [Uint8Array.of(2, 0, 1, 97), Uint8Array.of(2), Uint8Array.of(2, 1)],
    answers: ONLY_FRAME,
  },
];
