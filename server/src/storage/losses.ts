/**
 * What is known to be lost, or may be. Damage to LevelDB's own files can take records without a trace: then a note
 * of which keys are concerned takes their place in the database, as long as nobody has deleted the documents.
 */

import { ByteReader, type DocumentName, type JoineryError } from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import type { Database, Operation } from "./database.ts";
import {
  decodeKey,
  difference,
  encodeKey,
  encodeLossKey,
  intersection,
  isLossKey,
  type KeyRange,
  logRange,
  lossRange,
  type RecordPlace,
  rangeOfKey,
} from "./keys.ts";
import { damage, encodeRecord, readPayload, type StoredRecord } from "./record.ts";

/** Keys of which records may have been lost, and how. */
export interface Loss {
  readonly keys: KeyRange;
  /** When it was noticed, in milliseconds since 1970. */
  readonly time: number;
  /** A sentence for people, without its end. */
  readonly reason: string;
}

/** The note of a loss, as the database keeps it. */
export function encodeLoss({ keys, time, reason }: Loss): StoredRecord {
  return encodeRecord(encodeLossKey(keys), "loss", (encoder) => {
    encoding.writeVarUint8Array(encoder, keys.gte);
    encoding.writeVarUint8Array(encoder, keys.lt);
    encoding.writeFloat64(encoder, time);
    encoding.writeVarString(encoder, reason);
  });
}

/** @returns `null` when the note fails its check. */
export function decodeLoss(record: StoredRecord): Loss | null {
  const payload = readPayload(record, "loss");
  if (typeof payload === "string") return null;
  const reader = new ByteReader(payload, "note of a loss");
  const keys = { gte: reader.varBytes(), lt: reader.varBytes() };
  const time = new DataView(payload.buffer, payload.byteOffset + reader.position, 8).getFloat64(0);
  reader.skip(8);
  return { keys, time, reason: reader.varString() };
}

/** Reads all notes. Cost: proportional to their number. */
export async function readLosses(database: Database): Promise<Loss[]> {
  const cursor = database.iterator(lossRange());
  const losses: Loss[] = [];
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const loss = decodeLoss({ key: row[0], value: row[1] });
      if (loss !== null) losses.push(loss);
    }
  } finally {
    await cursor.close();
  }
  return losses;
}

/**
 * What may be missing of a document whose log is sound up to `lastSeq`.
 *
 * @returns DOCUMENT_DAMAGED, naming the first `seq` that may be missing; `null` when nothing is.
 */
export function missingAfter(
  losses: readonly Loss[],
  document: DocumentName,
  lastSeq: number,
): JoineryError | null {
  const unknown = logRange(document, lastSeq + 1);
  let first: JoineryError | null = null;
  let firstSeq = Number.POSITIVE_INFINITY;
  for (const { keys, reason } of losses) {
    const lost = intersection(unknown, keys);
    if (lost === null) continue;
    const seq = decodeKey(lost.gte)?.seq ?? lastSeq + 1;
    if (seq >= firstSeq) continue;
    firstSeq = seq;
    first = damage({ document, seq }, `the record may be lost: ${reason}`);
  }
  return first;
}

/** DOCUMENT_DAMAGED when the newest record of a place may have been lost; else `null`. */
export function missingAt(losses: readonly Loss[], place: RecordPlace): JoineryError | null {
  const range = rangeOfKey(encodeKey(place));
  const loss = losses.find(({ keys }) => intersection(range, keys) !== null);
  return loss === undefined ? null : damage(place, `the record may be lost: ${loss.reason}`);
}

/** Changes to the database after which nothing is known to be lost in these ranges: what was there is gone, or seen to. */
export function forgetLosses(losses: readonly Loss[], ranges: readonly KeyRange[]): Operation[] {
  return losses
    .filter(touches(ranges))
    .flatMap((loss) => [
      { type: "del", key: encodeLossKey(loss.keys) } as const,
      ...ranges
        .reduce((parts, range) => parts.flatMap((part) => difference(part, range)), [loss.keys])
        .map((keys) => put({ ...loss, keys })),
    ]);
}

/** Changes after which what is known to be lost in a range is known of where its records were moved to. */
export function moveLosses(
  losses: readonly Loss[],
  from: KeyRange,
  move: (keys: KeyRange) => KeyRange,
): Operation[] {
  const moved = losses.flatMap((loss) => {
    const keys = intersection(loss.keys, from);
    return keys === null ? [] : [put({ ...loss, keys: move(keys) })];
  });
  return [...forgetLosses(losses, [from]), ...moved];
}

/** What is known to be lost once these changes are written, of what was before. */
export function lossesAfter(losses: readonly Loss[], written: readonly Operation[]): readonly Loss[] {
  const changes = written.filter(({ key }) => isLossKey(key));
  if (changes.length === 0) return losses;
  const byKey = new Map(losses.map((loss) => [toHexString(encodeLossKey(loss.keys)), loss]));
  for (const change of changes) {
    const loss = change.type === "put" ? decodeLoss(change) : null;
    if (loss === null) byKey.delete(toHexString(change.key));
    else byKey.set(toHexString(change.key), loss);
  }
  return [...byKey.values()];
}

function touches(ranges: readonly KeyRange[]): (loss: Loss) => boolean {
  return ({ keys }) => ranges.some((range) => intersection(keys, range) !== null);
}

function put(loss: Loss): Operation {
  return { type: "put", ...encodeLoss(loss) };
}
