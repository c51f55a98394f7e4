/**
 * Values of a database, sealed: each says of which format and type it is and how long, and carries a checksum over its
 * key and itself, so that a flipped bit, a torn write and a record under another's key are noticed. docs/formats.md
 * lays them out.
 */

import * as encoding from "lib0/encoding";
import { crc32c } from "./crc32c.ts";

export interface SealedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const LENGTH_AT = 1;
const CHECKSUM_AT = 5;
const HEADER_BYTES = 9;

/** @param typeByte What it is, as `sealType` gives it. */
export function sealRecord(
  key: Uint8Array,
  typeByte: number,
  writePayload: (encoder: encoding.Encoder) => void,
): SealedRecord {
  const encoder = encoding.createEncoder();
  encoding.writeUint8Array(encoder, new Uint8Array(HEADER_BYTES));
  writePayload(encoder);
  const value = encoding.toUint8Array(encoder);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  view.setUint8(0, typeByte);
  view.setUint32(LENGTH_AT, value.length - HEADER_BYTES);
  view.setUint32(CHECKSUM_AT, checksum(key, value));
  return { key, value };
}

/**
 * Checks a record's length and checksum, not its type.
 *
 * @returns Its payload, a plain view into the value; or what is wrong with it, for a message.
 */
export function unsealRecord({ key, value }: SealedRecord): Uint8Array | string {
  if (value.length < HEADER_BYTES) return `the record has only ${value.length} bytes`;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const length = view.getUint32(LENGTH_AT);
  if (length !== value.length - HEADER_BYTES)
    return `the record has ${value.length - HEADER_BYTES} bytes of payload, not ${length}`;
  const found = computed.get(value) ?? checksum(key, value);
  if (view.getUint32(CHECKSUM_AT) !== found) return "the checksum does not match";
  // Databases hand out Buffers, whose `slice` shares memory; the callers expect plain arrays.
  return new Uint8Array(value.buffer, value.byteOffset + HEADER_BYTES, length);
}

/** Checksums that were computed in steps, of values that are still looked at. */
const computed = new WeakMap<Uint8Array, number>();

/**
 * Computes a record's checksum in steps, so that whoever has other things to do can do them in between: a large one
 * takes a millisecond a megabyte. `unsealRecord` then does not compute it once more of the same value, which must not
 * be changed any more.
 */
export function* computeChecksum({ key, value }: SealedRecord, stepBytes: number): Generator<void, void> {
  let sum = crc32c(value.subarray(0, CHECKSUM_AT), crc32c(key));
  for (let at = HEADER_BYTES; at < value.length; at += stepBytes) {
    sum = crc32c(value.subarray(at, at + stepBytes), sum);
    yield;
  }
  computed.set(value, sum);
}

/** The first byte of a value: a format and a type, each below 16. */
export function sealType(format: number, type: number): number {
  return (format << 4) | type;
}

/** The format that a value's first byte names. */
export function formatOf(value: Uint8Array): number {
  return (value[0] ?? 0) >> 4;
}

/** Covers the key and all of the value but the checksum's own four bytes. */
function checksum(key: Uint8Array, value: Uint8Array): number {
  const beforeIt = crc32c(value.subarray(0, CHECKSUM_AT), crc32c(key));
  return crc32c(value.subarray(HEADER_BYTES), beforeIt);
}
