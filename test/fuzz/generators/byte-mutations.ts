import type { SeededRandom } from "../../simulation/seeded-random.ts";

const INTERESTING = [0, 1, 0x7f, 0x80, 0x81, 0xff, 10, 0x84, 0x44, 0xc4];

/** A copy with one to four things wrong. @param other What a splice takes its end from. */
export function mutateBytes(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  let mutant: Uint8Array = bytes.slice();
  for (let left = 1 + random.upTo(random.chance(0.3) ? 3 : 0); left > 0; left--) {
    mutant = mutateOnce(mutant, other, random);
  }
  return mutant;
}

function mutateOnce(bytes: Uint8Array, other: Uint8Array, random: SeededRandom): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.upTo(255));
  const at = random.upTo(bytes.length - 1);
  switch (random.upTo(9)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return insert(bytes, at, Uint8Array.of(random.pick(INTERESTING)));
    case 2: {
      const end = Math.min(bytes.length, at + 1 + random.upTo(4));
      return insert(bytes.subarray(0, at), at, bytes.subarray(end));
    }
    case 3: {
      const from = random.upTo(Math.max(0, other.length - 1));
      return insert(bytes.subarray(0, at), at, other.subarray(from));
    }
    case 4: {
      const end = Math.min(bytes.length, at + 1 + random.upTo(8));
      return insert(bytes, at, bytes.slice(at, end));
    }
    case 5:
      bytes[at] = random.pick(INTERESTING);
      return bytes;
    case 6:
      bytes[at] = ((bytes[at] as number) + (random.chance(0.5) ? 1 : 255)) & 0xff;
      return bytes;
    default:
      bytes[at] = (bytes[at] as number) ^ (1 << random.upTo(7));
      return bytes;
  }
}

function insert(bytes: Uint8Array, at: number, middle: Uint8Array): Uint8Array {
  const joined = new Uint8Array(bytes.length + middle.length);
  joined.set(bytes.subarray(0, at));
  joined.set(middle, at);
  joined.set(bytes.subarray(at), at + middle.length);
  return joined;
}
