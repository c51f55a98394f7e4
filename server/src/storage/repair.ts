/**
 * Repairing a document: what of it is sound stays, so that it is loaded without damage and can be written to again; all
 * else is taken out. Here is what that changes and what is lost by it; writing it is the driver's.
 *
 * 1. The document becomes what loading it gave: its newest sound snapshot and the log after it, up to the first record
 *    that is not sound. What comes behind that may build upon it, and goes.
 * 2. Of what is kept before that snapshot, only what leads up to it without a hole stays.
 * 3. In the place of each batch that is lost comes an empty one, of a branch that is not known. So a client that has more
 *    than is left is neither taken for one that is up to date nor refused as one of another past: both sides say what
 *    they have, and it brings what is lost back.
 * 4. A document of which nothing is sound goes on empty, in the same life if its birth is sound.
 */

import type { DocumentName } from "@joinery/shared";
import type { Author, Branch, BranchId, Lineage } from "../engine/ports.ts";
import type { Operation, View } from "./database.ts";
import { decodeKey, documentRange, encodeKey, intersection, logRange } from "./keys.ts";
import { forgetLosses, type Loss, missingAfter, missingAt } from "./losses.ts";
import {
  type Birth,
  decodeBirth,
  decodeBranches,
  encodeBirth,
  encodeBranches,
  encodeLogEntry,
} from "./record.ts";
import {
  type DocumentScan,
  ofKind,
  type RecordProblem,
  reasonOf,
  type ScannedRecord,
  scanDocument,
} from "./record-scan.ts";

/** What became of a damaged document. */
export interface DocumentRepair {
  readonly document: DocumentName;
  /**
   * `repaired`: it is what was sound of it. `emptied`: nothing was, and it goes on without content. `gone`: there was no
   * record of it any more, and now no note of that either.
   */
  readonly outcome: "repaired" | "emptied" | "gone";
  /** At most {@link MAX_REPORTED}, in the order in which they were found. */
  readonly problems: readonly RecordProblem[];
  /** What of it was sound: a snapshot (0 for none) and the log after it up to `seq`. */
  readonly kept: { readonly snapshotSeq: number; readonly seq: number };
  /** The last batch of its log now; those after `kept.seq` are empty ones. */
  readonly seq: number;
  readonly lineage: Lineage;
  /** Its birth was lost: what clients have of it is of another life. */
  readonly isNewLineage: boolean;
  /** Records that were taken out; `damaged` of them could not be read. Bytes of their values. */
  readonly removed: { readonly records: number; readonly damaged: number; readonly bytes: number };
  /** What the document no longer has; `null` when that is nothing. */
  readonly lost: LostEdits | null;
  /** The file, from the data folder on, with the records that were taken out; `null` when there is none. */
  readonly savedAs: string | null;
}

/** Batches that a document had and has no longer. */
export interface LostEdits {
  readonly fromSeq: number;
  /** The last one that is known of. */
  readonly toSeq: number;
  /** Batches of which the records were taken out; of the others there was no record. */
  readonly entries: number;
  readonly bytes: number;
  /** Of those that could be read, in milliseconds since 1970; 0 when none could. */
  readonly fromTime: number;
  readonly toTime: number;
  /** Whose they were, as far as that could be read; at most {@link MAX_REPORTED}. */
  readonly authors: readonly Author[];
}

/** What a repair writes that is not there yet. */
export interface RepairMaterial {
  /** In milliseconds since 1970. */
  readonly time: number;
  /** Of no other life of the server: for a log that goes on with fewer batches than clients may know. */
  readonly branch: BranchId;
  /** Of a document whose birth is lost; of no other document. */
  readonly lineage: Lineage;
}

export interface RepairPlan {
  readonly repair: Omit<DocumentRepair, "savedAs">;
  readonly removed: readonly ScannedRecord[];
  readonly operations: readonly Operation[];
}

/** Where all is damaged, the first ones tell enough. */
const MAX_REPORTED = 100;

const EMPTY_UPDATE = Uint8Array.of(0, 0);
const UNKNOWN_BRANCH = "0".repeat(16) as BranchId;

/** More batches than a log has before it is folded twice. Where more seem to be lost, it is a number that is damaged. */
const MAX_EMPTY_BATCHES = 10_000;

type Reader = Pick<View, "get" | "iterator">;

/**
 * What repairing a document changes.
 *
 * @returns `null` when there is nothing to repair. Cost: reads all of the document, a few records at a time.
 */
export async function planRepair(
  database: Reader,
  document: DocumentName,
  losses: readonly Loss[],
  material: RepairMaterial,
): Promise<RepairPlan | null> {
  const scan = await scanDocument(database, document);
  const known = losses.filter(({ keys }) => intersection(keys, documentRange(document)) !== null);
  if (scan.records.length === 0) return planGone(document, known);
  const kept = soundPart(scan);
  const unsure = missingAfter(known, document, kept.seq);
  const unsureBranches = missingAt(known, { document, kind: "branches", seq: 0 });
  const problems = [...scan.problems];
  for (const [record, loss] of [["document", unsure] as const, ["branches", unsureBranches] as const]) {
    if (loss !== null) problems.push({ record, seq: 0, reason: reasonOf(loss.message) });
  }
  if (problems.length === 0) return null;
  const lost = lostEdits(scan, kept.seq, unsure === null ? 0 : lastKnownLost(known, document, kept.seq));
  const { birth, isNewLineage } = await birthOf(database, scan, document, material);
  const seq = lost === null || lost.toSeq - kept.seq > MAX_EMPTY_BATCHES ? kept.seq : lost.toSeq;
  const goesOn = seq > kept.seq ? UNKNOWN_BRANCH : material.branch;
  const branches = await branchesOf(database, scan, document, kept.seq, {
    isUnsure: unsureBranches !== null,
    next: lost === null ? null : goesOn,
  });
  const removed = scan.records.filter((record) => !isKept(record, kept));
  const operations: Operation[] = [
    ...removed.map(({ key }) => ({ type: "del", key }) as const),
    ...(isNewLineage ? [{ type: "put", ...encodeBirth(document, birth) } as const] : []),
    ...(branches === null ? [] : [{ type: "put", ...encodeBranches(document, branches) } as const]),
    ...emptyEntries(document, kept.seq + 1, seq, material.time),
    ...forgetLosses(losses, [documentRange(document)]),
  ];
  const repair = {
    document,
    outcome: kept.seq === 0 ? ("emptied" as const) : ("repaired" as const),
    problems: problems.slice(0, MAX_REPORTED),
    kept: { snapshotSeq: kept.snapshotSeq, seq: kept.seq },
    seq,
    lineage: birth.lineage,
    isNewLineage,
    removed: {
      records: removed.length,
      damaged: removed.filter(({ problem }) => problem !== null).length,
      bytes: bytesOf(removed),
    },
    lost,
  };
  return { repair, removed, operations };
}

/** There is no record any more: the notes that say so have been read. */
function planGone(document: DocumentName, losses: readonly Loss[]): RepairPlan | null {
  const lost = missingAfter(losses, document, 0);
  if (lost === null) return null;
  const toSeq = lastKnownLost(losses, document, 0);
  const repair = {
    document,
    outcome: "gone" as const,
    problems: [{ record: "document" as const, seq: 0, reason: reasonOf(lost.message) }],
    kept: { snapshotSeq: 0, seq: 0 },
    seq: 0,
    lineage: "0".repeat(32) as Lineage,
    isNewLineage: false,
    removed: { records: 0, damaged: 0, bytes: 0 },
    lost: { fromSeq: 1, toSeq, entries: 0, bytes: 0, fromTime: 0, toTime: 0, authors: [] },
  };
  return { repair, removed: [], operations: forgetLosses(losses, [documentRange(document)]) };
}

/** Which records of a document stay. */
interface SoundPart {
  readonly snapshotSeq: number;
  /** The last one that stays. */
  readonly seq: number;
  /** The first one of the log that stays. */
  readonly logFrom: number;
}

function soundPart({ records }: DocumentScan): SoundPart {
  const snapshotSeq = ofKind(records, "snapshot").findLast(({ problem }) => problem === null)?.place.seq ?? 0;
  const log = new Map(ofKind(records, "log").map((record) => [record.place.seq, record.problem]));
  const isSound = (at: number) => log.get(at) === null;
  let seq = snapshotSeq;
  while (isSound(seq + 1)) seq++;
  let logFrom = snapshotSeq + 1;
  while (isSound(logFrom - 1)) logFrom--;
  return { snapshotSeq, seq, logFrom };
}

function isKept({ place, problem }: ScannedRecord, { snapshotSeq, seq, logFrom }: SoundPart): boolean {
  if (place === null || problem !== null) return false;
  if (place.kind === "snapshot") return place.seq >= logFrom - 1 && place.seq <= snapshotSeq;
  return place.kind !== "log" || (place.seq >= logFrom && place.seq <= seq);
}

/** @param knownTo The last batch that may be lost without a trace; 0 for none. */
function lostEdits({ records }: DocumentScan, seq: number, knownTo: number): LostEdits | null {
  const behind = records.filter(({ place }) => place !== null && place.seq > seq);
  const toSeq = behind.reduce((last, { place }) => Math.max(last, place?.seq ?? 0), knownTo);
  // A document is born with its first entry: where that is not there it was lost.
  if (toSeq <= seq && seq > 0) return null;
  const entries = behind.filter(({ place }) => place?.kind === "log");
  const times = entries.map(({ time }) => time).filter((time) => time > 0);
  return {
    fromSeq: seq + 1,
    toSeq: Math.max(toSeq, seq + 1),
    entries: entries.length,
    bytes: bytesOf(entries),
    fromTime: times[0] ?? 0,
    toTime: times.at(-1) ?? 0,
    authors: [...new Set(entries.flatMap(({ authors }) => authors))].slice(0, MAX_REPORTED),
  };
}

/** The highest `seq` that notes of losses name behind the end of what is sound; at least the one after that end. */
function lastKnownLost(losses: readonly Loss[], document: DocumentName, seq: number): number {
  const log = logRange(document, seq + 1);
  const named = losses.flatMap(({ keys }) => {
    const lost = intersection(keys, log);
    // A range of one key ends with a byte behind it.
    const ends = lost === null ? [] : [lost.gte, lost.lt.subarray(0, -1)];
    return ends.map(decodeKey).filter((place) => place?.document === document && place.kind === "log");
  });
  return named.reduce((last, place) => Math.max(last, place?.seq ?? 0), seq + 1);
}

async function birthOf(
  database: Reader,
  { records }: DocumentScan,
  document: DocumentName,
  { time, lineage }: RepairMaterial,
): Promise<{ readonly birth: Birth; readonly isNewLineage: boolean }> {
  const place = { document, kind: "birth", seq: 0 } as const;
  const key = encodeKey(place);
  const isSound = ofKind(records, "birth")[0]?.problem === null;
  const value = isSound ? await database.get(key) : undefined;
  if (value !== undefined) return { birth: decodeBirth(place, { key, value }), isNewLineage: false };
  const bornAt = records.reduce((first, { time: at }) => (at > 0 ? Math.min(first, at) : first), time);
  return { birth: { lineage, bornAt }, isNewLineage: true };
}

/**
 * The branches as they shall be; `null` when they can stay as they are.
 *
 * @param next Of what follows `seq`; `null` when what does is as it was.
 */
async function branchesOf(
  database: Reader,
  { records }: DocumentScan,
  document: DocumentName,
  seq: number,
  { isUnsure, next }: { readonly isUnsure: boolean; readonly next: BranchId | null },
): Promise<readonly Branch[] | null> {
  const place = { document, kind: "branches", seq: 0 } as const;
  const key = encodeKey(place);
  const [record] = ofKind(records, "branches");
  const isDamaged = isUnsure || (record !== undefined && record.problem !== null);
  if (!isDamaged && next === null) return null;
  const value = isDamaged ? undefined : await database.get(key);
  const known = value === undefined ? [] : decodeBranches(place, { key, value });
  const ahead = next === null ? [] : [{ seq: seq + 1, id: next }];
  return [...known.filter((branch) => branch.seq <= seq), ...ahead];
}

function emptyEntries(document: DocumentName, from: number, to: number, time: number): Operation[] {
  const operations: Operation[] = [];
  for (let seq = from; seq <= to; seq++) {
    const entry = { seq, time, parts: [{ author: "", update: EMPTY_UPDATE }] };
    operations.push({ type: "put", ...encodeLogEntry(document, entry) });
  }
  return operations;
}

function bytesOf(records: readonly ScannedRecord[]): number {
  return records.reduce((sum, { bytes }) => sum + bytes, 0);
}
