import { encodeUpdate } from "../model/encode.ts";
import type { Update } from "../model/update.ts";
import type { Attack } from "./attack.ts";
import { mutateBytes } from "./byte-mutations.ts";
import { brokenFrame, type FrameKind, frameOf } from "./frames.ts";
import { mutate } from "./mutations.ts";
import { hostilePresence } from "./presence.ts";
import { laterUpdate, soundUpdate } from "./sound-update.ts";
import { hostileStateVector } from "./state-vector.ts";

/** What a message was made as, for the statistics. */
type Origin = "structure" | "bytes" | "presence" | "state vector" | "frame" | "query";

export interface Message {
  readonly origin: Origin;
  readonly frame: Uint8Array;
}

const QUERY = Uint8Array.of(3);

/** One message of an attacker: two thirds are updates that were taken apart, changed and put together again. */
export function hostileMessage(attack: Attack): Message {
  const { random } = attack;
  const choice = random.upTo(99);
  if (choice < 66) return { origin: "structure", frame: frameOf(updateKind(attack), hostileUpdate(attack)) };
  if (choice < 84) return { origin: "bytes", frame: byteMutant(attack) };
  if (choice < 93) return { origin: "presence", frame: frameOf("presence", presence(attack)) };
  if (choice < 96) return { origin: "state vector", frame: frameOf("question", stateVector(attack)) };
  if (choice < 99) return { origin: "frame", frame: brokenFrame(hostileUpdate(attack), random) };
  return { origin: "query", frame: QUERY };
}

function updateKind({ random }: Attack): FrameKind {
  return random.chance(0.75) ? "update" : "answer";
}

function hostileUpdate(attack: Attack): Uint8Array {
  const update = someUpdate(attack);
  const changes = attack.random.pick([0, 1, 1, 1, 1, 2, 2, 3, 4]);
  for (let i = 0; i < changes; i++) mutate(update, attack);
  return encodeUpdate(update);
}

function someUpdate(attack: Attack): Update {
  return attack.random.chance(0.7) ? soundUpdate(attack) : laterUpdate(attack);
}

function byteMutant(attack: Attack): Uint8Array {
  const { random, base } = attack;
  const update = random.chance(0.5) ? encodeUpdate(soundUpdate(attack)) : random.pick(base.later);
  const other = random.chance(0.5) ? encodeUpdate(soundUpdate(attack)) : base.state;
  if (random.chance(0.2)) return mutateBytes(frameOf(updateKind(attack), update), other, random);
  return frameOf(updateKind(attack), mutateBytes(update, other, random));
}

function presence(attack: Attack): Uint8Array {
  const update = hostilePresence(attack);
  return attack.random.chance(0.2) ? mutateBytes(update, hostilePresence(attack), attack.random) : update;
}

function stateVector(attack: Attack): Uint8Array {
  const bytes = hostileStateVector(attack);
  return attack.random.chance(0.2) ? mutateBytes(bytes, attack.base.state, attack.random) : bytes;
}
