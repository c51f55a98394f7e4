/**
 * What repairing a folder has to see to besides its documents: keys that name no record, and notes of losses that
 * concern no document that is there.
 */

import type { DocumentName } from "@joinery/shared";
import type { Operation, View } from "./database.ts";
import { documentOfKey } from "./deleted-keys.ts";
import { decodeKey, documentRange, intersection, prefixRange } from "./keys.ts";
import { forgetLosses, type Loss } from "./losses.ts";
import type { ScannedRecord } from "./record-scan.ts";

type Reader = Pick<View, "get" | "iterator">;

/** Keys that name no record, and notes that records may be lost. */
export interface FolderRest {
  /** The documents of which something may have been lost that was not found missing. */
  readonly losses: readonly {
    /** A sentence for people, without its end. */
    readonly reason: string;
    /** When it was noticed, in milliseconds since 1970. */
    readonly time: number;
    /** The first and the last that it may concern, as far as their names are known. */
    readonly documents: readonly DocumentName[];
  }[];
  /** Records under keys that name none, taken out. */
  readonly strays: number;
}

/** Names of all documents of which there is a record, or a note that one was lost; in the order of their UTF-8. */
export async function documentsToRepair(database: Reader, losses: readonly Loss[]): Promise<DocumentName[]> {
  const names = new Set<DocumentName>();
  const cursor = database.iterator({ ...prefixRange(""), values: false });
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const document = decodeKey(row[0])?.document;
      if (document === undefined) continue;
      names.add(document);
      cursor.seek(documentRange(document).lt);
    }
  } finally {
    await cursor.close();
  }
  for (const { keys } of losses) {
    const document = decodeKey(keys.gte)?.document;
    if (document !== undefined) names.add(document);
  }
  return [...names];
}

/** Records under keys that name none. Cost: reads all keys of the database. */
export async function strayRecords(database: Reader): Promise<ScannedRecord[]> {
  const strays: ScannedRecord[] = [];
  const cursor = database.iterator(prefixRange(""));
  const unread = { place: null, problem: "the key names no record", time: 0, authors: [] };
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      const [key, value] = row;
      const document = decodeKey(key)?.document;
      if (document === undefined) strays.push({ ...unread, key, bytes: value.length });
    }
  } finally {
    await cursor.close();
  }
  return strays;
}

/** What is known to be lost of documents, deleted ones apart. */
export function lossesOfDocuments(losses: readonly Loss[]): FolderRest["losses"] {
  const concerned = losses.filter(({ keys }) => intersection(keys, prefixRange("")) !== null);
  return concerned.map(({ keys, reason, time }) => {
    const ends = [keys.gte, keys.lt.subarray(0, -1)].map(documentOfKey);
    return { reason, time, documents: [...new Set(ends.filter((name) => name !== undefined))] };
  });
}

/** Changes after which nothing is known to be lost of documents. What is noted of deleted ones stays until they are restored. */
export function acknowledgeLosses(losses: readonly Loss[]): Operation[] {
  return forgetLosses(losses, [prefixRange("")]);
}
