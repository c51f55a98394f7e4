/** Documents whose content says what it is, for tests of storages. */

import type { DocumentName } from "@joinery/shared";
import { expect } from "vitest";
import type {
  Branch,
  BranchId,
  Lineage,
  LogEntry,
  Snapshot,
  Storage,
  StoredDocument,
} from "../../server/src/engine/ports.ts";

const LINEAGE = "0123456789abcdef0123456789abcdef" as Lineage;
export const BIRTH = { lineage: LINEAGE, bornAt: 1_700_000_000_000 };

export const BRANCHES: readonly Branch[] = [{ seq: 1, id: "0123456789abcdef" as BranchId }];

/** What goes with a document's first entry. */
export const FIRST = { birth: BIRTH, branches: BRANCHES };

export const UNAVAILABLE = expect.objectContaining({ code: "STORAGE_UNAVAILABLE" });

/** A log entry whose content says which it is. */
export function entryOf(seq: number, update: Uint8Array = Uint8Array.of(seq & 0xff, seq >> 8)): LogEntry {
  return { seq, time: BIRTH.bornAt + seq, parts: [{ author: `author ${seq % 3}`, update }] };
}

export function snapshotOf(seq: number): Snapshot {
  return { seq, time: BIRTH.bornAt + seq, update: Uint8Array.of(0x73, seq & 0xff, seq >> 8) };
}

/** Appends entries `from` to `to`, all at once. */
export async function appendEntries(storage: Storage, document: DocumentName, from: number, to: number) {
  const appends: Promise<void>[] = [];
  for (let seq = from; seq <= to; seq++) {
    appends.push(storage.append({ document, entry: entryOf(seq), ...(seq === 1 && FIRST) }));
  }
  await Promise.all(appends);
}

export function entriesOf(from: number, to: number): LogEntry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entryOf(from + i));
}

/** A document without damage, as it is loaded. */
export function soundDocument(
  snapshot: Snapshot | null,
  tail: readonly LogEntry[],
  birth = BIRTH,
): StoredDocument {
  return { ...birth, snapshot, tail, branches: BRANCHES, damage: null };
}

export async function namesOf(storage: Storage, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { document } of storage.list(prefix)) names.push(document);
  return names;
}

/** Expects every operation to reject with STORAGE_UNAVAILABLE. */
export async function expectAllRejected(operations: readonly Promise<unknown>[]): Promise<void> {
  const rejected = operations.map(() => ({ status: "rejected", reason: UNAVAILABLE }));
  expect(await Promise.allSettled(operations)).toEqual(rejected);
}
