/**
 * What a record of LevelDB's write-ahead log holds: the changes that one write made, each with a sequence number,
 * the first one's given. Source: LevelDB's doc and the comment in its write_batch.cc.
 *
 *   sequence 8 bytes, count 4 bytes, both little-endian; then for each change
 *   01 key value | 00 key                        key and value with their lengths as varints
 */

import { ByteReader } from "@joinery/shared";
import * as encoding from "lib0/encoding";
import type { Operation } from "../database.ts";

export interface WriteBatch {
  /** Sequence number of the first change; the others count on. */
  readonly sequence: number;
  readonly count: number;
  readonly operations: readonly Operation[];
  /**
   * `whole`: as many changes as the count says, and nothing else. `cut off`: what there is may go on beyond the end.
   * `malformed`: it is neither.
   */
  readonly shape: "whole" | "cut off" | "malformed";
}

export const BATCH_HEADER_BYTES = 12;
const MAX_LENGTH_BYTES = 8;
const DELETE = 0;
const PUT = 1;

/**
 * Reads a batch as far as it can be read.
 *
 * @returns Changes whose keys and values are views; `null` when not even the header is there.
 */
export function readWriteBatch(bytes: Uint8Array): WriteBatch | null {
  if (bytes.length < BATCH_HEADER_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, BATCH_HEADER_BYTES);
  const sequence = Number(view.getBigUint64(0, true));
  const count = view.getUint32(8, true);
  const operations: Operation[] = [];
  const reader = new ByteReader(bytes.subarray(BATCH_HEADER_BYTES), "write batch");
  let start = 0;
  try {
    for (; reader.remaining > 0; start = reader.position) operations.push(readOperation(reader));
  } catch {
    // The changes end where they can no longer be read: how they end is what the caller wants to know.
    const isCutOff = operations.length < count && isBeginning(bytes.subarray(BATCH_HEADER_BYTES + start));
    return { sequence, count, operations, shape: isCutOff ? "cut off" : "malformed" };
  }
  const missing = count - operations.length;
  const shape = missing === 0 ? "whole" : missing > 0 ? "cut off" : "malformed";
  return { sequence, count, operations, shape };
}

/** Whether bytes may be the beginning of a change. */
function isBeginning(bytes: Uint8Array): boolean {
  // With enough bytes after it, whatever is missing is not: what cannot be read then is something else.
  const padded = new Uint8Array(bytes.length + MAX_LENGTH_BYTES);
  padded.set(bytes);
  const reader = new ByteReader(padded, "write batch");
  const type = reader.byte();
  if (type !== PUT && type !== DELETE) return false;
  for (let lengths = type === PUT ? 2 : 1; lengths > 0; lengths--) {
    if (reader.position >= bytes.length) return true;
    try {
      const length = reader.varUint();
      if (length > bytes.length - reader.position) return true;
      reader.skip(length);
    } catch {
      return reader.position >= bytes.length;
    }
  }
  return false;
}

/**
 * Reads one change.
 *
 * @param at Where it begins in a batch; the first one after {@link BATCH_HEADER_BYTES}.
 * @returns `null` when there is none.
 */
export function readChange(
  bytes: Uint8Array,
  at: number,
): { readonly operation: Operation; readonly end: number } | null {
  const reader = new ByteReader(bytes, "write batch");
  reader.position = at;
  try {
    return { operation: readOperation(reader), end: reader.position };
  } catch {
    return null; // What is no change is what the caller is looking for the end of.
  }
}

export function encodeWriteBatch(sequence: number, operations: readonly Operation[]): Uint8Array {
  const encoder = encoding.createEncoder();
  const header = new Uint8Array(BATCH_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(sequence), true);
  view.setUint32(8, operations.length, true);
  encoding.writeUint8Array(encoder, header);
  for (const operation of operations) {
    encoding.writeUint8(encoder, operation.type === "put" ? PUT : DELETE);
    encoding.writeVarUint8Array(encoder, operation.key);
    if (operation.type === "put") encoding.writeVarUint8Array(encoder, operation.value);
  }
  return encoding.toUint8Array(encoder);
}

function readOperation(reader: ByteReader): Operation {
  const type = reader.byte();
  if (type !== PUT && type !== DELETE) return reader.fail(`change of type ${type}`);
  const key = reader.varBytes();
  return type === PUT ? { type: "put", key, value: reader.varBytes() } : { type: "del", key };
}
