/**
 * The values of the offline store, sealed; each says of which lineage of the document it is. Laid out in
 * docs/formats.md.
 */

import {
  ByteReader,
  crc32c,
  formatOf,
  type SealedRecord,
  sealRecord,
  sealType,
  unsealRecord,
} from "@joinery/shared";
import { type LineageId, type LogPoint, MAX_CONFIRMED } from "@joinery/shared/protocol";
import { fromHexString, toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import { KIND_BYTES, type RecordKind, type WriterId } from "./keys.ts";

/** A record, or an entry of the list of unsaved edits, as the database holds it. */
export type StoredRecord = SealedRecord;

/** What is wrong with a record. */
export interface Unsound {
  /** `newer`: as it was written, by a later version of Joinery. */
  readonly kind: "damaged" | "newer";
  readonly reason: string;
}

export interface UpdatesContent {
  readonly kind: "snapshot" | "remote" | "local" | "saved";
  readonly lineage: LineageId | null;
  /** Batches that its writer knew to be durable on the server, at most one of each branch. */
  readonly confirmed: readonly LogPoint[];
  readonly updates: readonly Uint8Array[];
}

export interface RevisionContent {
  readonly kind: "revision";
  readonly lineage: LineageId | null;
  /** `null`: the writer has no revision. */
  readonly point: LogPoint | null;
  /** Up to which number of each other writer it speaks of all records; of its own writer, of all below its own. */
  readonly covers: ReadonlyMap<WriterId, number>;
  /** {@link digestOf} the keys of all records with updates that it speaks of. */
  readonly digest: number;
}

export type RecordContent = UpdatesContent | RevisionContent;

/** How many local edits of one record are unsaved, and their bytes. */
export interface UnsavedEntry {
  readonly count: number;
  readonly bytes: number;
}

const FORMAT_VERSION = 1;
/** As in keys; an entry of the list of unsaved edits has a kind of its own, and so have revisions with a branch. */
const TYPES = { ...KIND_BYTES, unsaved: 6, revision: 7, revisionWithoutBranch: KIND_BYTES.revision } as const;
type Type = keyof typeof TYPES;
/** Added to the type of a record with updates of which something is confirmed. */
const WITH_CONFIRMED = 7;

const LINEAGE_BYTES = 16;
const BRANCH_BYTES = 8;
const WRITER_BYTES = 12;
const NO_LINEAGE = new Uint8Array(LINEAGE_BYTES);

export function encodeRecord(key: Uint8Array, content: RecordContent): StoredRecord {
  const isConfirmed = content.kind !== "revision" && content.confirmed.length > 0;
  return sealRecord(key, typeByte(content.kind) + (isConfirmed ? WITH_CONFIRMED : 0), (encoder) => {
    encoding.writeUint8Array(encoder, content.lineage === null ? NO_LINEAGE : fromHexString(content.lineage));
    if (content.kind === "revision") writeRevision(encoder, content);
    else {
      if (isConfirmed) writeConfirmed(encoder, content.confirmed);
      for (const update of content.updates) encoding.writeVarUint8Array(encoder, update);
    }
  });
}

/** Reads a record; its updates are views into the value. */
export function decodeRecord(record: StoredRecord, kind: RecordKind): RecordContent | Unsound {
  // What an early version wrote is none: nobody can tell whether it is of the server's log.
  const isWithoutBranch = kind === "revision" && record.value[0] === typeByte("revisionWithoutBranch");
  if (kind === "revision") {
    const type = isWithoutBranch ? "revisionWithoutBranch" : kind;
    return readValue(record, typeByte(type), (reader) => {
      return { kind, lineage: readLineage(reader), ...readRevision(reader, !isWithoutBranch) };
    });
  }
  const confirmedType = typeByte(kind) + WITH_CONFIRMED;
  const isConfirmed = record.value[0] === confirmedType;
  return readValue(record, isConfirmed ? confirmedType : typeByte(kind), (reader) => {
    const lineage = readLineage(reader);
    const confirmed = isConfirmed ? readConfirmed(reader) : [];
    const updates: Uint8Array[] = [];
    while (reader.remaining > 0) updates.push(reader.varBytes());
    return { kind, lineage, confirmed, updates };
  });
}

export function encodeUnsavedEntry(key: Uint8Array, { count, bytes }: UnsavedEntry): StoredRecord {
  return sealRecord(key, typeByte("unsaved"), (encoder) => {
    encoding.writeVarUint(encoder, count);
    encoding.writeVarUint(encoder, bytes);
  });
}

export function decodeUnsavedEntry(record: StoredRecord): UnsavedEntry | Unsound {
  return readValue(record, typeByte("unsaved"), (reader) => ({
    count: reader.varUint(),
    bytes: reader.varUint(),
  }));
}

/**
 * What tells a set of keys from another one, whatever their order: the sum of their checksums.
 *
 * @param before Digest of other keys, to go on from there.
 */
export function digestOf(keys: readonly Uint8Array[], before = 0): number {
  return keys.reduce((sum, key) => (sum + crc32c(key)) >>> 0, before);
}

/** Whether a record is not as it was written, or not for this version. */
export function isUnsound<T extends object>(read: T | Unsound): read is Unsound {
  return "reason" in read;
}

/** @param type The byte that its value begins with. */
function readValue<T>(record: StoredRecord, type: number, read: (reader: ByteReader) => T): T | Unsound {
  const payload = unsealRecord(record);
  if (typeof payload === "string") return damaged(payload);
  const format = formatOf(record.value);
  if (format > FORMAT_VERSION)
    return {
      kind: "newer",
      reason: `it is of format ${format}, this version reads format ${FORMAT_VERSION}`,
    };
  if (record.value[0] !== type) return damaged(`it is of type ${record.value[0]}`);
  try {
    const reader = new ByteReader(payload, "record", "OFFLINE_STORE_FAILED");
    const content = read(reader);
    reader.end();
    return content;
  } catch (error) {
    return damaged(`its payload does not decode: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function damaged(reason: string): Unsound {
  return { kind: "damaged", reason };
}

function typeByte(type: Type): number {
  return sealType(FORMAT_VERSION, TYPES[type]);
}

function readLineage(reader: ByteReader): LineageId | null {
  const bytes = rawBytes(reader, LINEAGE_BYTES);
  return bytes.every((byte) => byte === 0) ? null : toHexString(bytes);
}

function writeConfirmed(encoder: encoding.Encoder, confirmed: readonly LogPoint[]): void {
  encoding.writeVarUint(encoder, confirmed.length);
  for (const { seq, branch } of confirmed) {
    encoding.writeVarUint(encoder, seq);
    encoding.writeUint8Array(encoder, fromHexString(branch));
  }
}

function readConfirmed(reader: ByteReader): LogPoint[] {
  const length = reader.varUint();
  if (length > MAX_CONFIRMED) throw new RangeError(`${length} batches are confirmed`);
  return Array.from({ length }, () => ({ seq: reader.varUint(), branch: readBranch(reader) }));
}

function readBranch(reader: ByteReader): string {
  return toHexString(rawBytes(reader, BRANCH_BYTES));
}

function writeRevision(encoder: encoding.Encoder, { point, covers, digest }: RevisionContent): void {
  encoding.writeVarUint(encoder, point === null ? 0 : point.seq + 1);
  if (point !== null) encoding.writeUint8Array(encoder, fromHexString(point.branch));
  encoding.writeVarUint(encoder, digest);
  for (const [writer, number] of covers) {
    encoding.writeUint8Array(encoder, fromHexString(writer));
    encoding.writeVarUint(encoder, number);
  }
}

function readRevision(reader: ByteReader, hasBranch: boolean): Omit<RevisionContent, "kind" | "lineage"> {
  const seq = reader.varUint() - 1;
  const point = seq < 0 || !hasBranch ? null : { seq, branch: readBranch(reader) };
  const digest = reader.varUint();
  const covers = new Map<WriterId, number>();
  while (reader.remaining > 0) covers.set(readWriter(reader), reader.varUint());
  return { point, digest, covers };
}

function readWriter(reader: ByteReader): WriterId {
  return toHexString(rawBytes(reader, WRITER_BYTES));
}

function rawBytes(reader: ByteReader, length: number): Uint8Array {
  const start = reader.position;
  reader.skip(length);
  return reader.bytes.subarray(start, start + length);
}
