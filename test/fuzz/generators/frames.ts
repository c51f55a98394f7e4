import * as encoding from "lib0/encoding";
import type { SeededRandom } from "../../simulation/seeded-random.ts";
import { hugeVarUint } from "../model/encode.ts";

/** The y-websocket frames that carry something. */
const FRAME_KINDS = {
  question: [0, 0],
  answer: [0, 1],
  update: [0, 2],
  presence: [1],
} as const;

export type FrameKind = keyof typeof FRAME_KINDS;

export function frameOf(kind: FrameKind, payload: Uint8Array): Uint8Array {
  return lyingFrame(kind, payload.length, payload);
}

/** A frame that says a length of its own. */
export function lyingFrame(kind: FrameKind, length: number | bigint, payload: Uint8Array): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const byte of FRAME_KINDS[kind]) encoding.writeUint8(encoder, byte);
  encoding.writeUint8Array(encoder, hugeVarUint(BigInt(length)));
  encoding.writeUint8Array(encoder, payload);
  return encoding.toUint8Array(encoder);
}

/** A frame that is none. */
export function brokenFrame(payload: Uint8Array, random: SeededRandom): Uint8Array {
  const kind = random.pick(["question", "answer", "update", "presence"] as const);
  switch (random.upTo(6)) {
    case 0:
      return Uint8Array.of();
    case 1:
      return Uint8Array.of(random.pick([2, 4, 5, 100, 127, 255]), ...payload.subarray(0, 20));
    case 2:
      return Uint8Array.of(0, random.pick([3, 4, 127, 255]), ...payload.subarray(0, 20));
    case 3:
      return lyingFrame(kind, payload.length + 1 + random.upTo(3), payload);
    case 4:
      return lyingFrame(kind, random.pick([2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 100n]), payload);
    case 5:
      return lyingFrame(kind, Math.max(0, payload.length - 1), payload);
    default:
      return frameOf(kind, payload).subarray(0, random.upTo(payload.length + 2));
  }
}
