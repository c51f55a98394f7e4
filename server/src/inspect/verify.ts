/**
 * Looks at every record of a document, those too that a server does not read as long as all is well: that each is as
 * it was written and none is missing, that its updates decode and build upon nothing that is not there, and that each
 * snapshot shows what the log before it builds.
 */

import {
  type DocumentName,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  toJoineryError,
} from "@joinery/shared";
import { toHexString } from "lib0/buffer";
import type { Database } from "../storage/database.ts";
import { decodeKey, documentRange, encodeKey, logRange, type RecordPlace } from "../storage/keys.ts";
import { type Loss, missingAfter, missingAt } from "../storage/losses.ts";
import {
  decodeBirth,
  decodeBranches,
  decodeLogEntry,
  decodeSnapshot,
  type StoredRecord,
} from "../storage/record.ts";
import { rowsOf } from "./folder-log.ts";
import { LogCoverage } from "./log-coverage.ts";
import { PackedUpdates } from "./packed-updates.ts";
import { ReadBytes, releaseMemory } from "./released-memory.ts";
import { shownDigest } from "./shown-digest.ts";
import { MAX_PROBLEMS, type Problem, type Verification } from "./source.ts";
import { digestOf } from "./verify-digest.ts";

type Reader = Pick<Database, "get" | "iterator">;

/**
 * See `DocumentSource.verify`. Cost: reads each record once, and those before a snapshot once more; memory for the
 * document's bytes. Where these do not tell that a snapshot shows what its log builds, for its structs too.
 */
export async function verifyDocument(
  database: Reader,
  document: DocumentName,
  losses: readonly Loss[],
): Promise<Verification | null> {
  const check = new Check(document);
  const read = new ReadBytes();
  const cursor = database.iterator(documentRange(document));
  try {
    for (let row = await cursor.next(); row !== undefined; row = await cursor.next()) {
      check.take({ key: row[0], value: row[1] });
      read.add(row[1]);
    }
  } finally {
    await cursor.close();
  }
  check.end(losses);
  if (check.records === 0 && check.problems.length === 0) return null;
  releaseMemory();
  const compared = await compareSnapshots(database, check);
  const { records, bytes, problems } = check;
  return { document, records, bytes, comparedSnapshots: compared, problems };
}

/** A snapshot that is as it was written, and decodes. */
interface SoundSnapshot {
  readonly seq: number;
  readonly coverage: LogCoverage;
}

/** Takes a document's records in the order of their keys: birth, snapshots, log, branches. */
class Check {
  readonly document: DocumentName;
  readonly problems: Problem[] = [];
  /** Ascending. */
  readonly snapshots: SoundSnapshot[] = [];
  records = 0;
  bytes = 0;
  /** From here on the log has no hole and no damage up to its end; one more than the last seq when that is damaged. */
  soundFrom = 1;
  /** The first seq that the log has; `null` when it has none. */
  #first: number | null = null;
  #last = 0;
  #hasBirth = false;
  /** What the log has built so far; `null` when that is not known. */
  #coverage: LogCoverage | null = null;

  constructor(document: DocumentName) {
    this.document = document;
  }

  take(record: StoredRecord): void {
    this.records++;
    const place = decodeKey(record.key);
    if (place === null) {
      this.add("document", 0, `the key ${toHexString(record.key)} names no record`);
      return;
    }
    if (place.kind === "log") {
      this.#takeEntry(place, record);
      return;
    }
    try {
      this.#takeOther(place, record);
    } catch (error) {
      this.add(place.kind, place.seq, reasonOf(error));
    }
  }

  end(losses: readonly Loss[]): void {
    const newest = this.snapshots.at(-1)?.seq ?? 0;
    const branches = { document: this.document, kind: "branches", seq: 0 } as const;
    const lost =
      missingAfter(losses, this.document, Math.max(this.#last, newest)) ?? missingAt(losses, branches);
    if (lost !== null) this.add("document", 0, reasonOf(lost));
    if (this.records === 0) return;
    if (!this.#hasBirth) this.add("birth", 0, "the record is missing");
    if (this.#first === null && newest === 0) this.add("log", 1, "the record is missing");
  }

  add(record: Problem["record"], seq: number, reason: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ record, seq, reason });
  }

  #takeOther(place: RecordPlace, record: StoredRecord): void {
    if (place.kind === "birth") {
      this.#hasBirth = true;
      decodeBirth(place, record);
    } else if (place.kind === "branches") decodeBranches(place, record);
    else this.#takeSnapshot(place, record);
  }

  #takeSnapshot(place: RecordPlace, record: StoredRecord): void {
    const { seq, update } = decodeSnapshot(place, record);
    this.bytes += update.length;
    const coverage = new LogCoverage();
    const gap = coverage.add([inspectUpdate(update, NO_UPDATE_LIMITS)]);
    if (gap !== null) throw new Error(gap);
    this.snapshots.push({ seq, coverage });
  }

  #takeEntry(place: RecordPlace, record: StoredRecord): void {
    const { seq } = place;
    this.#requireNext(seq);
    this.#first ??= seq;
    this.#last = seq;
    let inspections: readonly Inspection[];
    try {
      const { parts } = decodeLogEntry(place, record);
      for (const { update } of parts) this.bytes += update.length;
      inspections = parts.map(({ update }) => inspectUpdate(update, NO_UPDATE_LIMITS));
    } catch (error) {
      this.add("log", seq, reasonOf(error));
      this.#loseTrack(seq);
      return;
    }
    const gap = this.#coverage?.add(inspections) ?? null;
    if (gap !== null) {
      this.add("log", seq, gap);
      this.#loseTrack(seq);
    }
    this.#meetSnapshot(seq);
  }

  /** Says what is missing between the last entry, or the snapshot that the log begins after, and this one. */
  #requireNext(seq: number): void {
    if (this.#first === null) {
      const oldest = this.snapshots[0]?.seq ?? 0;
      if (seq > oldest + 1) this.#addMissing(oldest + 1, seq);
      this.soundFrom = seq;
      const before = this.snapshots.find((snapshot) => snapshot.seq === seq - 1);
      this.#coverage = before?.coverage.copy() ?? (seq === 1 ? new LogCoverage() : null);
    } else if (seq !== this.#last + 1) {
      this.#addMissing(this.#last + 1, seq);
      this.#loseTrack(seq - 1);
    }
  }

  #addMissing(from: number, to: number): void {
    const count = to - from;
    this.add("log", from, count === 1 ? "the record is missing" : `${count} records are missing`);
  }

  /** After damage it is not known what the log builds, up to where a snapshot says it. */
  #loseTrack(seq: number): void {
    this.soundFrom = seq + 1;
    this.#coverage = null;
  }

  #meetSnapshot(seq: number): void {
    const snapshot = this.snapshots.find((it) => it.seq === seq);
    if (snapshot === undefined) return;
    if (this.#coverage !== null && !this.#coverage.equals(snapshot.coverage))
      this.add("snapshot", seq, "it has other edits than the log up to there");
    this.#coverage = snapshot.coverage.copy();
  }
}

/** Compares each snapshot with what the log before it builds, where that is still kept. Returns how many. */
async function compareSnapshots(database: Reader, check: Check): Promise<number> {
  let compared = 0;
  for (const [i, { seq }] of check.snapshots.entries()) {
    const base = check.snapshots[i - 1]?.seq ?? 0;
    if (check.soundFrom > base + 1) continue;
    // Where the edits are others already, it has been said.
    if (check.problems.some((problem) => problem.record === "snapshot" && problem.seq === seq)) continue;
    try {
      if (!(await isSame(database, check.document, base, seq)))
        check.add("snapshot", seq, "it does not show what the log up to there builds");
      compared++;
    } catch (error) {
      check.add("snapshot", seq, `it cannot be compared with the log: ${reasonOf(error)}`);
    }
  }
  return compared;
}

/** One after the other is read, and let go: both at once would take twice the memory. */
async function isSame(database: Reader, document: DocumentName, base: number, seq: number): Promise<boolean> {
  for (const digest of [digestOf, shownDigest]) {
    const ofSnapshot = digest(await readSnapshot(database, document, seq));
    releaseMemory();
    const ofLog = ofSnapshot && digest(await readReplay(database, document, base, seq));
    releaseMemory();
    if (ofLog !== null && ofSnapshot === ofLog) return true;
    // What differs in bytes may show the same.
  }
  return false;
}

async function readSnapshot(database: Reader, document: DocumentName, seq: number): Promise<PackedUpdates> {
  const updates = new PackedUpdates();
  if (seq === 0) return updates;
  const place = { document, kind: "snapshot", seq } as const;
  const key = encodeKey(place);
  const value = await database.get(key);
  if (value === undefined) throw new Error(`the snapshot at seq ${seq} is gone`);
  updates.add(decodeSnapshot(place, { key, value }).update);
  return updates;
}

/** What a snapshot stands for: the one before it, and the log from there up to it. */
async function readReplay(
  database: Reader,
  document: DocumentName,
  base: number,
  seq: number,
): Promise<PackedUpdates> {
  const updates = await readSnapshot(database, document, base);
  const read = new ReadBytes();
  for await (const { place, record } of rowsOf(database, document, logRange(document, base + 1, seq + 1))) {
    for (const { update } of decodeLogEntry(place, record).parts) updates.add(update);
    read.add(record.value);
  }
  return updates;
}

/** Which document it is, and where in it, is said beside it. */
function reasonOf(error: unknown): string {
  const { message } = toJoineryError(error);
  return (
    /^document ".*" is damaged at seq \d+: (.*); what is stored was left as it is$/s.exec(message)?.[1] ??
    message
  );
}
