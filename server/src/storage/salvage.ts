/**
 * What can be made out in a damaged batch. Each record carries a checksum over its key and itself, so one that is as
 * it was written can be told wherever it is found.
 */

import type { Operation } from "./database.ts";
import { decodeDeletedKey, documentOfKey, keyBeforeDeletion } from "./deleted-keys.ts";
import { isSoundDeletion } from "./deletions.ts";
import { decodeKey, intersection, lossRange, rangeOfKey } from "./keys.ts";
import { BATCH_HEADER_BYTES, readChange } from "./leveldb/write-batch.ts";
import { decodeLoss } from "./losses.ts";
import { isSoundRecord } from "./record.ts";

export interface Salvage {
  /** Changes that are as they were written. */
  readonly kept: readonly Operation[];
  /** Changes of which no more than a key can be believed, if that; deletions, which have no checksum, among them. */
  readonly lost: readonly Operation[];
}

/** Whether a change, as far as it has a checksum of its own, is as it was written. */
export function isSoundChange(change: Operation): boolean {
  const { key } = change;
  if (change.type === "del")
    return documentOfKey(key) !== undefined || intersection(rangeOfKey(key), lossRange()) !== null;
  const deleted = decodeDeletedKey(key);
  if (deleted?.record === null) return isSoundDeletion(change);
  const place = deleted?.record ?? decodeKey(key);
  if (place === null) return decodeLoss(change) !== null;
  // A deleted record is the one that it was.
  return isSoundRecord(place, deleted === null ? change : { ...change, key: keyBeforeDeletion(key) });
}

/**
 * Goes through a batch and on behind whatever cannot be read.
 *
 * @returns Changes in their order, as views. Cost: a pass over the bytes.
 */
export function salvage(batch: Uint8Array): Salvage {
  const kept: Operation[] = [];
  const lost: Operation[] = [];
  let at = BATCH_HEADER_BYTES;
  while (at < batch.length) {
    const change = readChange(batch, at);
    const isSound = change !== null && isSoundChange(change.operation);
    if (isSound && change.operation.type === "put") kept.push(change.operation);
    else if (change !== null && documentOfKey(change.operation.key) !== undefined)
      lost.push(change.operation);
    // The end of a change that is not sound is not to be believed either.
    at = isSound ? change.end : nextSoundPut(batch, at + 1);
  }
  return { kept, lost };
}

/** Where the next record begins that is as it was written. */
function nextSoundPut(batch: Uint8Array, from: number): number {
  for (let at = from; at < batch.length; at++) {
    const operation = readChange(batch, at)?.operation;
    if (operation?.type === "put" && isSoundChange(operation)) return at;
  }
  return batch.length;
}
