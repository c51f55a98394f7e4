/**
 * Writes files of Y-Sweet's store. Its server is a native program that npm does not bring, so this follows what is
 * published of the formats: bincode 1 (fixed-width integers, little-endian, lengths of 64 bits) and the keys of
 * yrs-kvstore.
 */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Keys and values, in the order of the keys. */
export type YSweetRecord = readonly [key: readonly number[], value: Uint8Array | readonly number[]];

/** What a document is kept as: its state, if it was folded, and the updates after it. */
export interface YSweetDocument {
  readonly state?: Uint8Array;
  readonly updates?: readonly Uint8Array[];
}

export function ySweetRecords({ state, updates = [] }: YSweetDocument): YSweetRecord[] {
  const id = [0, 0, 0, 1];
  const doc = [..."doc"].map((letter) => letter.charCodeAt(0));
  const records: YSweetRecord[] = [[[0, 0, ...doc, 0], id]];
  if (state) {
    records.push([[0, 1, ...id, 0], state]);
    // A state vector, which is beside the point.
    records.push([[0, 1, ...id, 1], [0]]);
  }
  for (const [i, update] of updates.entries()) records.push([[0, 1, ...id, 2, 0, 0, 0, i + 1, 0], update]);
  return records;
}

export function encodeYSweet(records: readonly YSweetRecord[]): Buffer {
  const length = (value: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    return bytes;
  };
  const parts = records.flatMap(([key, value]) =>
    [Buffer.from(key), Buffer.from(value)].flatMap((bytes) => [length(bytes.length), bytes]),
  );
  return Buffer.concat([length(records.length), ...parts]);
}

/** Puts a document where Y-Sweet keeps it. */
export async function writeYSweet(folder: string, name: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, "data.ysweet"), bytes);
}
