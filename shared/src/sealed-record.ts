/**
 * Values of a database, sealed: each says of which format and type it is and how long, and carries a checksum over its
 * key and itself, so that a flipped bit, a torn write and a record under another's key are noticed. docs/formats.md
 * lays them out.
 */

import * as encoding from "lib0/encoding";
import { crc32c } from "./crc32c.ts";
import { writeUint32 } from "./uint32.ts";

export interface SealedRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const LENGTH_AT = 1;
const CHECKSUM_AT = 5;
/** Bytes of a value before its payload. */
export const SEAL_BYTES = 9;

/** @param typeByte What it is, as `sealType` gives it. */
export function sealRecord(
  key: Uint8Array,
  typeByte: number,
  writePayload: (encoder: encoding.Encoder) => void,
): SealedRecord {
  const encoder = encoding.createEncoder();
  encoding.writeUint8Array(encoder, new Uint8Array(SEAL_BYTES));
  writePayload(encoder);
  return sealPayload(key, typeByte, encoding.toUint8Array(encoder));
}

/** As {@link sealRecord}. @param value Has the payload already, behind `SEAL_BYTES` to be written. */
export function sealPayload(key: Uint8Array, typeByte: number, value: Uint8Array): SealedRecord {
  value[0] = typeByte;
  writeUint32(value, LENGTH_AT, value.length - SEAL_BYTES);
  writeUint32(value, CHECKSUM_AT, checksum(key, value));
  return { key, value };
}

/**
 * Checks a record's length and checksum, not its type.
 *
 * @returns Its payload, a plain view into the value; or what is wrong with it, for a message.
 */
export function unsealRecord({ key, value }: SealedRecord): Uint8Array | string {
  if (value.length < SEAL_BYTES) return `the record has only ${value.length} bytes`;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const length = view.getUint32(LENGTH_AT);
  if (length !== value.length - SEAL_BYTES)
    return `the record has ${value.length - SEAL_BYTES} bytes of payload, not ${length}`;
  const found = computed.get(value) ?? checksum(key, value);
  if (view.getUint32(CHECKSUM_AT) !== found) return "the checksum does not match";
  // Databases hand out Buffers, whose `slice` shares memory; the callers expect plain arrays.
  return new Uint8Array(value.buffer, value.byteOffset + SEAL_BYTES, length);
}

/** Checksums that were computed in steps, of values that are still looked at. */
const computed = new WeakMap<Uint8Array, number>();

/**
 * Computes a record's checksum in steps, so that whoever has other things to do can do them in between: a large one
 * takes a millisecond a megabyte. `unsealRecord` then does not compute it once more of the same value, which must not
 * be changed any more.
 */
export function* computeChecksum({ key, value }: SealedRecord, stepBytes: number): Generator<void, void> {
  let sum = crc32c(value, crc32c(key), 0, CHECKSUM_AT);
  for (let at = SEAL_BYTES; at < value.length; at += stepBytes) {
    sum = crc32c(value, sum, at, Math.min(at + stepBytes, value.length));
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
  return crc32c(value, crc32c(value, crc32c(key), 0, CHECKSUM_AT), SEAL_BYTES);
}
