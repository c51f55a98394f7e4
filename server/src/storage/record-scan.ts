/**
 * Looks at every record of a document by itself: whether it is as it was written and decodes, and what of the log is
 * missing between them. What they come to together is no business of this.
 */

import { type DocumentName, inspectUpdate, NO_UPDATE_LIMITS, toJoineryError } from "@joinery/shared";
import type { Author } from "../engine/ports.ts";
import type { View } from "./database.ts";
import { entriesOf } from "./document-reader.ts";
import { decodeKey, documentRange, type RecordPlace } from "./keys.ts";
import { decodeBirth, decodeBranches, decodeLogEntry, decodeSnapshot, type StoredRecord } from "./record.ts";

/** Something that is not as it has to be. */
export interface RecordProblem {
  /** Which record; `document` when it is not in one alone. */
  readonly record: RecordPlace["kind"] | "document";
  /** Of the record; 0 when it has none. */
  readonly seq: number;
  /** A sentence for people, without its end. */
  readonly reason: string;
}

/** What is known of a record; its value is not kept. */
export interface ScannedRecord {
  readonly key: Uint8Array;
  /** `null` for a key that names no record. */
  readonly place: RecordPlace | null;
  /** Of the value. */
  readonly bytes: number;
  /** Why it cannot be used; `null` when it can. */
  readonly problem: string | null;
  /** When it was written, in milliseconds since 1970; 0 when that cannot be read. */
  readonly time: number;
  /** Whose edits it has, as far as that can be read. */
  readonly authors: readonly Author[];
}

export interface DocumentScan {
  /** In the order of their keys: birth, snapshots, log, branches. */
  readonly records: readonly ScannedRecord[];
  readonly problems: readonly RecordProblem[];
}

/** Cost: reads all of a document, a few records at a time; memory for what is said of each. */
export async function scanDocument(
  reader: Pick<View, "iterator">,
  document: DocumentName,
): Promise<DocumentScan> {
  const records: ScannedRecord[] = [];
  // Few at once: each may be large.
  for await (const [key, value] of entriesOf(reader, documentRange(document), 16))
    records.push(scanRecord({ key, value }));
  return { records, problems: problemsOf(records) };
}

/** Records of one kind, with their places, in the order of their `seq`. */
export function ofKind(
  records: readonly ScannedRecord[],
  kind: RecordPlace["kind"],
): (ScannedRecord & { readonly place: RecordPlace })[] {
  return records.filter(
    (record): record is ScannedRecord & { readonly place: RecordPlace } => record.place?.kind === kind,
  );
}

function scanRecord({ key, value }: StoredRecord): ScannedRecord {
  const place = decodeKey(key);
  const unread = { key, place, bytes: value.length, time: 0, authors: [] };
  if (place === null) return { ...unread, problem: "the key names no record" };
  try {
    return { ...unread, ...read(place, { key, value }), problem: null };
  } catch (error) {
    return { ...unread, problem: reasonOf(toJoineryError(error).message) };
  }
}

function read(place: RecordPlace, record: StoredRecord): Pick<ScannedRecord, "time" | "authors"> {
  if (place.kind === "birth") return { time: decodeBirth(place, record).bornAt, authors: [] };
  if (place.kind === "branches") {
    decodeBranches(place, record);
    return { time: 0, authors: [] };
  }
  if (place.kind === "snapshot") {
    const { time, update } = decodeSnapshot(place, record);
    inspectUpdate(update, NO_UPDATE_LIMITS);
    return { time, authors: [] };
  }
  const { time, parts } = decodeLogEntry(place, record);
  for (const { update } of parts) inspectUpdate(update, NO_UPDATE_LIMITS);
  return { time, authors: parts.map(({ author }) => author) };
}

function problemsOf(records: readonly ScannedRecord[]): RecordProblem[] {
  const problems: RecordProblem[] = [];
  const [birth] = ofKind(records, "birth");
  const log = ofKind(records, "log");
  const sound = ofKind(records, "snapshot").filter(({ problem }) => problem === null);
  if (birth === undefined) problems.push({ record: "birth", seq: 0, reason: "the record is missing" });
  // What the oldest snapshot stands for may be gone.
  let next = sound[0] === undefined ? 1 : Math.min(sound[0].place.seq + 1, log[0]?.place.seq ?? 1);
  if (log.length === 0 && sound.length === 0)
    problems.push({ record: "log", seq: 1, reason: "the record is missing" });
  for (const { place, problem } of records) {
    const { kind, seq } = place ?? { kind: "document" as const, seq: 0 };
    if (kind === "log") {
      if (seq > next) problems.push({ record: kind, seq: next, reason: missing(seq - next) });
      next = seq + 1;
    }
    if (problem !== null) problems.push({ record: kind, seq, reason: problem });
  }
  return problems;
}

function missing(count: number): string {
  return count === 1 ? "the record is missing" : `${count} records are missing`;
}

/** Which document it is, and where in it, is said beside it. */
export function reasonOf(message: string): string {
  return (
    /^document ".*" is damaged at seq \d+: (.*); what is stored was left as it is$/s.exec(message)?.[1] ??
    message
  );
}
