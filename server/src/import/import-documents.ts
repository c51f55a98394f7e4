/**
 * Takes documents over from the store of another server, one at a time. A document is either taken over whole, and
 * then read back and compared with what the source has, or left alone: nothing that is in the target is changed
 * unless merging was asked for. What was taken over before is recognised, so a run that was ended goes on when it
 * is started again.
 */

import {
  type DocumentName,
  JoineryError,
  type Limits,
  parseDocumentName,
  toJoineryError,
} from "@joinery/shared";
import type { Clock, Lineage, Random, Replicas, Storage, StoredDocument } from "../engine/ports.ts";
import { cleanStateOf, newsOf } from "./clean-state.ts";
import { type Fingerprint, fingerprintOf } from "./fingerprint.ts";
import { requireFits, type Source, type SourceDocument } from "./source.ts";

/** What became of a document of the source. */
export type ImportKind =
  /** It is in the target now. */
  | "imported"
  /** It was there with other content, and has both now. */
  | "merged"
  /** It was there already, with all that the source has. */
  | "present"
  /** There is nothing in it. */
  | "empty"
  /** A document of this name is there, with other content; both were left alone. */
  | "conflicting"
  /** Joinery takes no such name, or no document of this size. */
  | "refused"
  /** It cannot be read, or not by Yjs. */
  | "damaged";

export interface ImportOutcome {
  /** As the source has it. */
  readonly name: string;
  readonly kind: ImportKind;
  /** Encoded, as it is stored; 0 where nothing was. */
  readonly bytes: number;
  /** Why it was not taken over, or not all of it; for people. */
  readonly reason: string | null;
}

export interface ImportOptions {
  readonly source: Source;
  readonly storage: Pick<Storage, "load" | "append" | "delete">;
  readonly replicas: Pick<Replicas, "fold">;
  readonly random: Random;
  readonly clock: Pick<Clock, "now">;
  readonly limits: Limits;
  /** Does all but write. */
  readonly isDryRun: boolean;
  /** Adds what the source has to documents that are there with other content. */
  readonly mayMerge: boolean;
  /** Ends the import before the next document. */
  readonly signal?: AbortSignal;
}

/** Nobody has anything of it. */
const NO_STATE_VECTOR = Uint8Array.of(0);

/** Codes that are about one document; whatever else goes wrong ends the import. */
const ABOUT_DOCUMENT: ReadonlySet<string> = new Set([
  "INVALID_NAME",
  "MALFORMED_UPDATE",
  "UPDATE_TOO_LARGE",
  "UPDATE_TOO_COSTLY",
  "DOCUMENT_FULL",
  "DOCUMENT_DAMAGED",
  "REPLICA_FAILED",
]);

/**
 * Imports all documents of a source, and says of each what became of it.
 *
 * Rejects with SOURCE_UNUSABLE (never) when the source cannot be read on, and with what the storage rejects with
 * when that is not about one document.
 * Cost: one document at a time: its bytes a few times, and a Y.Doc of it.
 */
export async function* importDocuments(options: ImportOptions): AsyncGenerator<ImportOutcome> {
  for await (const document of options.source.documents()) {
    if (options.signal?.aborted) return;
    yield await importDocument(document, options);
  }
}

async function importDocument(document: SourceDocument, options: ImportOptions): Promise<ImportOutcome> {
  try {
    return { name: document.name, ...(await take(document, options)) };
  } catch (thrown) {
    const error = toJoineryError(thrown);
    if (!ABOUT_DOCUMENT.has(error.code)) throw thrown;
    const isRefused = error.code === "INVALID_NAME" || error.limit !== null;
    return { name: document.name, kind: isRefused ? "refused" : "damaged", bytes: 0, reason: error.message };
  }
}

type Taken = Omit<ImportOutcome, "name">;

async function take(document: SourceDocument, options: ImportOptions): Promise<Taken> {
  const { storage, replicas, limits } = options;
  const name = parseDocumentName(document.name, limits.maxNameBytes);
  const updates = await document.read(limits.maxDocumentBytes);
  const { update: clean, asRead, leftOut } = cleanStateOf(updates, limits);
  if (clean === null && leftOut === null) return { kind: "empty", bytes: 0, reason: null };
  if (clean === null) return { kind: "damaged", bytes: 0, reason: `all that there is are ${leftOut}` };
  // In a worker, within bounds of time and memory: after that it is known to be no bomb.
  const state = await replicas.fold(name, [clean]);
  const expected = fingerprintOf(asRead);
  requireSame(fingerprintOf([state]), expected, "encoded anew");
  const stored = await storage.load(name);
  const taken = stored
    ? await meet(name, stored, { state, expected }, options)
    : await store(name, { state, expected }, options);
  return leftOut === null || taken.reason !== null ? taken : { ...taken, reason: `left out ${leftOut}` };
}

interface Wanted {
  readonly state: Uint8Array;
  readonly expected: Fingerprint;
}

/** Stores a document that is not there. */
async function store(name: DocumentName, wanted: Wanted, options: ImportOptions): Promise<Taken> {
  const { storage, random, isDryRun } = options;
  const { state, expected } = wanted;
  const taken: Taken = { kind: "imported", bytes: state.length, reason: null };
  if (isDryRun) return taken;
  const time = options.clock.now();
  const birth = { lineage: newLineage(random), bornAt: time };
  await storage.append({
    document: name,
    entry: { seq: 1, time, parts: [{ author: "", update: state }] },
    birth,
  });
  try {
    requireSame(await fingerprintOfStored(name, storage), expected, "read back from the target");
  } catch (error) {
    // It is none of the documents that were there. What was deleted under its name before stays.
    await storage.delete(name, { time: options.clock.now(), author: "", stateVector: NO_STATE_VECTOR });
    throw error;
  }
  return taken;
}

/** There is a document of that name already. */
async function meet(
  name: DocumentName,
  stored: StoredDocument,
  { state, expected }: Wanted,
  options: ImportOptions,
): Promise<Taken> {
  if (stored.damage) throw stored.damage;
  const there = updatesOf(stored);
  const before = fingerprintOf(there);
  if (before === expected) return { kind: "present", bytes: 0, reason: null };
  const both = fingerprintOf([...there, state]);
  if (both !== fingerprintOf([state, ...there])) {
    return conflict("has other content under the same ids, so the two cannot be merged either");
  }
  // Whoever went on writing after the last import has all of it, and more.
  if (both === before) return { kind: "present", bytes: 0, reason: null };
  if (!options.mayMerge) return conflict("is there with other content");
  return merge(name, stored, { state, expected: both }, options);
}

async function merge(
  name: DocumentName,
  stored: StoredDocument,
  { state, expected }: Wanted,
  { storage, replicas, limits, isDryRun, clock }: ImportOptions,
): Promise<Taken> {
  const update = newsOf(name, stored, state, limits);
  const there = updatesOf(stored);
  const bytes = there.reduce((sum, { length }) => sum + length, update.length);
  requireFits(bytes, limits.maxDocumentBytes);
  requireSame(fingerprintOf([await replicas.fold(name, [...there, update])]), expected, "merged");
  const taken: Taken = { kind: "merged", bytes: update.length, reason: null };
  if (isDryRun) return taken;
  const seq = (stored.tail.at(-1)?.seq ?? stored.snapshot?.seq ?? 0) + 1;
  await storage.append({
    document: name,
    entry: { seq, time: clock.now(), parts: [{ author: "", update }] },
  });
  requireSame(await fingerprintOfStored(name, storage), expected, "merged and read back from the target");
  return taken;
}

function conflict(why: string): Taken {
  return { kind: "conflicting", bytes: 0, reason: `a document of this name ${why}` };
}

async function fingerprintOfStored(
  name: DocumentName,
  storage: Pick<Storage, "load">,
): Promise<Fingerprint | null> {
  const stored = await storage.load(name);
  if (stored?.damage) throw stored.damage;
  return stored && fingerprintOf(updatesOf(stored));
}

/** All updates of a stored document, in order. */
export function updatesOf({ snapshot, tail }: StoredDocument): Uint8Array[] {
  const updates = tail.flatMap(({ parts }) => parts.map(({ update }) => update));
  return snapshot ? [snapshot.update, ...updates] : updates;
}

function requireSame(actual: Fingerprint | null, expected: Fingerprint, how: string): void {
  if (actual === expected) return;
  throw new JoineryError("DOCUMENT_DAMAGED", `${how} it is not the document that the source has`);
}

/** A lineage that no document has. */
export function newLineage(random: Random): Lineage {
  const digits = Array.from(random.bytes(16), (byte) => byte.toString(16).padStart(2, "0"));
  return digits.join("") as Lineage;
}
