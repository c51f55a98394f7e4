/** What was loaded of a document as the records that a database has of it: for who reads records. */

import type { DocumentName } from "@joinery/shared";
import type { StoredDocument } from "../engine/ports.ts";
import type { CursorRange } from "../storage/database.ts";
import { compareBytes } from "../storage/keys.ts";
import { encodeBirth, encodeBranches, encodeLogEntry, encodeSnapshot } from "../storage/record.ts";
import type { Reader } from "./stepwise-reads.ts";

/** Keys and values, in the order of keys. */
export type Rows = readonly (readonly [key: Uint8Array, value: Uint8Array])[];

/** Cost: copies all bytes. */
export function rowsOfStored(
  document: DocumentName,
  { lineage, bornAt, snapshot, tail, branches }: Omit<StoredDocument, "damage">,
): Rows {
  const records = [
    encodeBirth(document, { lineage, bornAt }),
    ...(snapshot ? [encodeSnapshot(document, snapshot)] : []),
    ...tail.map((entry) => encodeLogEntry(document, entry)),
    ...(branches.length > 0 ? [encodeBranches(document, branches)] : []),
  ];
  return records.map(({ key, value }) => [key, value] as const);
}

/** A database that has these rows. */
export function rowsReader(rows: Rows): Reader {
  return {
    get: async (key) => rows.find((row) => compareBytes(row[0], key) === 0)?.[1],
    iterator: (range) => cursorOver(rows, range),
  };
}

function cursorOver(rows: Rows, { gte, lt }: CursorRange): ReturnType<Reader["iterator"]> {
  const within = rows.filter(([key]) => compareBytes(key, gte) >= 0 && compareBytes(key, lt) < 0);
  const left = within.map(([key, value]): [Uint8Array, Uint8Array] => [key, value]);
  return {
    next: async () => left.shift(),
    nextv: async (size) => left.splice(0, size),
    seek: (target) => {
      while (left[0] !== undefined && compareBytes(left[0][0], target) < 0) left.shift();
    },
    close: async () => undefined,
  };
}
