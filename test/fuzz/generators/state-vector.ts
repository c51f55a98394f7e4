import * as encoding from "lib0/encoding";
import { hugeVarUint } from "../model/encode.ts";
import type { Attack } from "./attack.ts";

const CLOCKS = [0, 1, 2 ** 32, 2 ** 48, 2 ** 53 - 1, 2 ** 54, 2 ** 63];

/** A state vector of people who are there and others, with clocks that may be anything. */
export function hostileStateVector(attack: Attack): Uint8Array {
  const { random } = attack;
  const entries = Array.from({ length: random.upTo(5) }, () => {
    const client = attack.anyClient();
    return [
      client,
      random.chance(0.5) ? random.upTo(attack.state(client) + 1) : random.pick(CLOCKS),
    ] as const;
  });
  const encoder = encoding.createEncoder();
  const count = random.chance(0.9) ? entries.length : random.pick([0, entries.length + 1, 2 ** 31]);
  encoding.writeVarUint(encoder, count);
  for (const [client, clock] of entries) {
    encoding.writeVarUint(encoder, client);
    encoding.writeUint8Array(encoder, hugeVarUint(BigInt(clock)));
  }
  return encoding.toUint8Array(encoder);
}
