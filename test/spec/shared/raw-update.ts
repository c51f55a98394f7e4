/** Writes updates field by field and checks nothing, so that a test can say things that Yjs never would. */

import * as encoding from "lib0/encoding";

/** Numbers are written as varints, strings with their length, bytes as they are. */
export type Part = number | bigint | string | Uint8Array | readonly Part[];

export function bytesOf(...parts: readonly Part[]): Uint8Array {
  const encoder = encoding.createEncoder();
  write(encoder, parts);
  return encoding.toUint8Array(encoder);
}

function write(encoder: encoding.Encoder, part: Part): void {
  if (typeof part === "string") encoding.writeVarString(encoder, part);
  else if (typeof part === "number" || typeof part === "bigint") writeVarUint(encoder, BigInt(part));
  else if (part instanceof Uint8Array) encoding.writeUint8Array(encoder, part);
  else for (const inner of part) write(encoder, inner);
}

/** Of any size; lib0 writes wrong bytes above 2^53. */
function writeVarUint(encoder: encoding.Encoder, value: bigint): void {
  for (let rest = value; ; rest >>= 7n) {
    const isLast = rest < 0x80n;
    encoding.writeUint8(encoder, Number(rest & 0x7fn) | (isLast ? 0 : 0x80));
    if (isLast) return;
  }
}

export const raw = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes);

/** A varint of this many bytes that says 0, or 2^(7 * (length - 1)) times `last`. */
export const longVarUint = (length: number, last: number): Uint8Array =>
  raw(...Array.from({ length: length - 1 }, () => 0x80), last);

/** A varint with one byte more than it needs. */
export const padded = (value: number): Uint8Array => {
  const bytes = bytesOf(value);
  return raw(...bytes.subarray(0, -1), (bytes.at(-1) as number) | 0x80, 0);
};

export const block = (client: number | bigint, clock: number | bigint, ...structs: Part[]): Part => [
  structs.length,
  client,
  clock,
  structs,
];

/** One client's part of a delete set. */
export const deletion = (client: number | bigint, ...ranges: [Part, Part][]): Part => [
  client,
  ranges.length,
  ranges,
];

export function update(blocks: readonly Part[], deletions: readonly Part[] = []): Uint8Array {
  return bytesOf(blocks.length, blocks, deletions.length, deletions);
}

// Structs. An item's first byte says which content it has and that it stands behind another.

export const gc = (length: Part): Part => [0, length];
export const skip = (length: Part): Part => [10, length];

/** An item in a root type, with no neighbours. */
export const item = (content: number, ...parts: Part[]): Part => [content, 1, "root", parts];

export const text = (value: string): Part => item(4, value);

/** Text that stands behind the character with this id. */
export const textAfter = (client: Part, clock: Part, value: string): Part => [
  raw(0x84),
  client,
  clock,
  value,
];
