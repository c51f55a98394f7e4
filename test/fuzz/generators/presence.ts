import * as encoding from "lib0/encoding";
import { hugeVarUint } from "../model/encode.ts";
import type { Attack } from "./attack.ts";
import { nested } from "./content.ts";

export interface PresenceEntry {
  client: number;
  clock: number;
  state: string;
}

const CLOCKS = [0, 1, 2, 3, 1001, 2 ** 31, 2 ** 32, 2 ** 48, 2 ** 53 - 1, 2 ** 54];
const STATES = [
  '{"name":"eve"}',
  "null",
  "{}",
  "[]",
  "1",
  '"s"',
  "true",
  "",
  "{",
  " null",
  "nul",
  '{"__proto__":{"polluted":1}}',
  '{"a":1,"a":2}',
  "\u0000",
  "{}{}",
];

/** Presence of the attacker and of others, with states and clocks that may be anything. */
export function hostilePresence(attack: Attack): Uint8Array {
  const { random } = attack;
  const count = random.pick([0, 1, 1, 1, 2, 3, 5, 20]);
  const entries = Array.from({ length: count }, (): PresenceEntry => {
    const client = random.chance(0.4) ? random.pick(attack.innocents) : attack.anyClient();
    return { client, clock: random.pick(CLOCKS), state: hostileState(attack) };
  });
  return encodePresence(entries, random.chance(0.95) ? count : random.pick([count + 1, 2 ** 40]));
}

function hostileState({ random }: Attack): string {
  switch (random.upTo(9)) {
    case 0:
      return nested(random.pick([2, 15, 16, 17, 100]), random);
    case 1:
      return `{"a":${nested(random.pick([14, 15, 16]), random)}}`;
    case 2:
      return JSON.stringify({ name: "x".repeat(random.pick([100, 1000, 17_000])) });
    default:
      return random.pick(STATES);
  }
}

export function encodePresence(entries: readonly PresenceEntry[], count = entries.length): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, count);
  for (const { client, clock, state } of entries) {
    encoding.writeUint8Array(encoder, hugeVarUint(BigInt(client)));
    encoding.writeUint8Array(encoder, hugeVarUint(BigInt(clock)));
    encoding.writeVarString(encoder, state);
  }
  return encoding.toUint8Array(encoder);
}
