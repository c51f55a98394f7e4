/**
 * What the records of a document amount to: the copy that they make up, whether its revision can be believed, and
 * which records cannot be part of it. Nothing here writes. The rules are those of docs/formats.md.
 */

import { type LogPoint, MAX_CONFIRMED } from "@joinery/shared/protocol";
import { decodePlace, placeName, type RecordKind, type RecordPlace, type WriterId } from "./keys.ts";
import type { OfflineCopy } from "./ports.ts";
import {
  decodeRecord,
  digestOf,
  isUnsound,
  type RecordContent,
  type RevisionContent,
  type StoredRecord,
  type UpdatesContent,
} from "./record.ts";

/** Local edits that are on disk and not known to be durable on the server. */
export interface StoredEdits {
  readonly key: Uint8Array;
  readonly updates: readonly Uint8Array[];
}

/** A record that is not part of the copy. */
export interface StrayRecord {
  readonly record: StoredRecord;
  /** `newer`: a later version of Joinery wrote it; nothing of the document may be changed. */
  readonly kind: "damaged" | "newer" | "other lineage";
  /** Which one, and what is wrong with it. */
  readonly reason: string;
}

/** All records of a document, understood. */
export interface StoredCopy extends OfflineCopy {
  readonly edits: readonly StoredEdits[];
  readonly strays: readonly StrayRecord[];
  /** Keys of the records whose updates a snapshot of the whole document makes superfluous. */
  readonly content: readonly Uint8Array[];
  readonly revisions: readonly Uint8Array[];
  /** The highest number of each writer. */
  readonly numbers: ReadonlyMap<WriterId, number>;
  readonly log: LogSize;
}

/** How large a document's records are: the largest snapshot, and all that a fold would save loading. */
export interface LogSize {
  readonly snapshotBytes: number;
  readonly bytes: number;
  readonly records: number;
}

interface Sound<Content extends RecordContent = RecordContent> {
  readonly record: StoredRecord;
  readonly place: RecordPlace;
  readonly content: Content;
}

/** @param records All records of one document, in the order of their keys. */
export function readStoredCopy(records: readonly StoredRecord[]): StoredCopy {
  const strays: StrayRecord[] = [];
  const sound: Sound[] = [];
  const numbers = new Map<WriterId, number>();
  for (const record of records) {
    const place = decodePlace(record.key);
    if (place === null) {
      strays.push({ record, kind: "damaged", reason: "a record under a key that is none" });
      continue;
    }
    numbers.set(place.writer, Math.max(place.number, numbers.get(place.writer) ?? 0));
    const content = decodeRecord(record, place.kind);
    if (isUnsound(content))
      strays.push({ record, kind: content.kind, reason: describe(place, content.reason) });
    else sound.push({ record, place, content });
  }
  // What belongs to another life of the document is never merged with this one.
  const lineage = sound.findLast(({ content }) => content.lineage !== null)?.content.lineage ?? null;
  const ours = sound.filter((one) => one.content.lineage === null || one.content.lineage === lineage);
  for (const { record, place, content } of sound) {
    if (content.lineage === null || content.lineage === lineage) continue;
    const reason = describe(place, `it is of lineage ${content.lineage}, the copy is of ${lineage}`);
    strays.push({ record, kind: "other lineage", reason });
  }
  const isIncomplete = strays.some(({ kind }) => kind === "damaged");
  const point = isIncomplete ? null : findRevision(ours);
  const revision = lineage === null || point === null ? null : { lineage, ...point };
  return { ...collect(ours), strays, numbers, lineage, revision, confirmed: confirmedBy(ours) };
}

/** All that any handle knew to be durable: what it wrote may come from there, whether a revision counts or not. */
function confirmedBy(ours: readonly Sound[]): LogPoint[] {
  const points = ours.flatMap(({ content }) => {
    if (content.kind !== "revision") return content.confirmed;
    return content.point === null ? [] : [content.point];
  });
  const last = new Map<string, LogPoint>();
  for (const point of points)
    if (point.seq >= (last.get(point.branch)?.seq ?? 0)) last.set(point.branch, point);
  // Who wrote last may not have met what the others have.
  return [...last.values()].slice(-MAX_CONFIRMED);
}

function collect(ours: readonly Sound[]) {
  const withUpdates = ours.filter(hasUpdates);
  // Snapshots first: what builds upon something that comes later costs Yjs more.
  const snapshots = withUpdates.filter(({ content }) => content.kind === "snapshot");
  const others = withUpdates.filter(({ content }) => content.kind !== "snapshot");
  const local = others.filter(({ content }) => content.kind === "local");
  const edits = local.map(({ record, content }) => ({ key: record.key, updates: content.updates }));
  const keysOf = (isOne: (kind: RecordKind) => boolean) =>
    ours.filter(({ content }) => isOne(content.kind)).map(({ record }) => record.key);
  const foldable = ours.filter(({ content }) => CONTENT.has(content.kind));
  const bytes = foldable.reduce((sum, { record }) => sum + record.value.length, 0);
  const snapshotBytes = snapshots.reduce((max, { record }) => Math.max(max, record.value.length), 0);
  return {
    edits,
    updates: [...snapshots, ...others].flatMap(({ content }) => content.updates),
    unsaved: edits.flatMap(({ updates }) => updates),
    content: keysOf((kind) => CONTENT.has(kind)),
    revisions: keysOf((kind) => kind === "revision"),
    log: {
      snapshotBytes,
      bytes: bytes - snapshotBytes,
      records: foldable.length - (snapshots.length > 0 ? 1 : 0),
    },
  };
}

/**
 * Up to where the copy has all that is durable, and knows what it has beyond that. Each writer's last word counts, if
 * all that it speaks of is there as it was; and somebody must have spoken of everything that came from the server.
 */
function findRevision(ours: readonly Sound[]): LogPoint | null {
  const updates = ours.filter(hasUpdates);
  const words = new Map<WriterId, Sound<RevisionContent>>();
  for (const one of ours) if (isRevision(one)) words.set(one.place.writer, one);
  const [valid, doubtful]: [Sound<RevisionContent>[], Sound[]] = [[], []];
  for (const word of words.values()) {
    // Another tab may have folded or removed what it built upon; a damaged database may have lost it without a trace.
    const covered = updates.filter(({ place }) => covers(word, place)).map(({ record }) => record.key);
    if (word.content.point !== null && digestOf(covered) === word.content.digest) valid.push(word);
    else doubtful.push(word);
  }
  const received = updates.filter(({ content: { kind } }) => kind === "snapshot" || kind === "remote");
  const needed: Sound[] = [...received, ...doubtful];
  if (!needed.every(({ place }) => valid.some((word) => covers(word, place)))) return null;
  return valid.reduce<LogPoint | null>((max, { content: { point } }) => {
    return point !== null && point.seq >= (max?.seq ?? 0) ? point : max;
  }, null);
}

/** Kinds that a snapshot of the whole document makes superfluous. */
const CONTENT: ReadonlySet<RecordKind> = new Set(["snapshot", "remote", "saved"]);

function covers({ place, content }: Sound<RevisionContent>, { writer, number }: RecordPlace): boolean {
  return writer === place.writer ? number < place.number : number <= (content.covers.get(writer) ?? -1);
}

function hasUpdates(one: Sound): one is Sound<UpdatesContent> {
  return one.content.kind !== "revision";
}

function isRevision(one: Sound): one is Sound<RevisionContent> {
  return one.content.kind === "revision";
}

function describe(place: RecordPlace, reason: string): string {
  return `${placeName(place)}: ${reason}`;
}
