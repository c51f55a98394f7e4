/**
 * The values of the offline store. Each says what it is, how long, and of which lineage, and carries a checksum over
 * its key and itself, so that a flipped bit, a torn write and a record under another's key are all noticed. Laid out
 * in docs/formats.md.
 */

import { ByteReader, crc32c } from "@joinery/shared";
import type { LineageId } from "@joinery/shared/protocol";
import { fromHexString, toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import { KIND_BYTES, type RecordKind, type WriterId } from "./keys.ts";

/** A record, or an entry of the list of unsaved edits, as the database holds it. */
export interface StoredRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What is wrong with a record. */
export interface Unsound {
  /** `newer`: as it was written, by a later version of Joinery. */
  readonly kind: "damaged" | "newer";
  readonly reason: string;
}

export interface UpdatesContent {
  readonly kind: "snapshot" | "remote" | "local" | "saved";
  readonly lineage: LineageId | null;
  readonly updates: readonly Uint8Array[];
}

export interface RevisionContent {
  readonly kind: "revision";
  readonly lineage: LineageId | null;
  /** `null`: the writer has no revision. */
  readonly seq: number | null;
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
/** As in keys; an entry of the list of unsaved edits has a kind of its own. */
const TYPES = { ...KIND_BYTES, unsaved: 6 } as const;
type Type = keyof typeof TYPES;

const LENGTH_AT = 1;
const CHECKSUM_AT = 5;
const HEADER_BYTES = 9;
const LINEAGE_BYTES = 16;
const WRITER_BYTES = 12;
const NO_LINEAGE = new Uint8Array(LINEAGE_BYTES);

export function encodeRecord(key: Uint8Array, content: RecordContent): StoredRecord {
  return encodeValue(key, content.kind, (encoder) => {
    encoding.writeUint8Array(encoder, content.lineage === null ? NO_LINEAGE : fromHexString(content.lineage));
    if (content.kind === "revision") writeRevision(encoder, content);
    else for (const update of content.updates) encoding.writeVarUint8Array(encoder, update);
  });
}

/** Reads a record; its updates are views into the value. */
export function decodeRecord(record: StoredRecord, kind: RecordKind): RecordContent | Unsound {
  return readValue(record, kind, (reader) => {
    const lineage = readLineage(reader);
    if (kind === "revision") return { kind, lineage, ...readRevision(reader) };
    const updates: Uint8Array[] = [];
    while (reader.remaining > 0) updates.push(reader.varBytes());
    return { kind, lineage, updates };
  });
}

export function encodeUnsavedEntry(key: Uint8Array, { count, bytes }: UnsavedEntry): StoredRecord {
  return encodeValue(key, "unsaved", (encoder) => {
    encoding.writeVarUint(encoder, count);
    encoding.writeVarUint(encoder, bytes);
  });
}

export function decodeUnsavedEntry(record: StoredRecord): UnsavedEntry | Unsound {
  return readValue(record, "unsaved", (reader) => ({ count: reader.varUint(), bytes: reader.varUint() }));
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

function encodeValue(
  key: Uint8Array,
  type: Type,
  writePayload: (encoder: encoding.Encoder) => void,
): StoredRecord {
  const encoder = encoding.createEncoder();
  encoding.writeUint8Array(encoder, new Uint8Array(HEADER_BYTES));
  writePayload(encoder);
  const value = encoding.toUint8Array(encoder);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  view.setUint8(0, typeByte(type));
  view.setUint32(LENGTH_AT, value.length - HEADER_BYTES);
  view.setUint32(CHECKSUM_AT, checksum(key, value));
  return { key, value };
}

function readValue<T>(
  { key, value }: StoredRecord,
  type: Type,
  read: (reader: ByteReader) => T,
): T | Unsound {
  if (value.length < HEADER_BYTES) return damaged(`it has only ${value.length} bytes`);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const length = view.getUint32(LENGTH_AT);
  if (length !== value.length - HEADER_BYTES)
    return damaged(`it has ${value.length - HEADER_BYTES} bytes of payload, not ${length}`);
  if (view.getUint32(CHECKSUM_AT) !== checksum(key, value)) return damaged("its checksum does not match");
  const version = view.getUint8(0) >> 4;
  if (version > FORMAT_VERSION)
    return {
      kind: "newer",
      reason: `it is of format ${version}, this version reads format ${FORMAT_VERSION}`,
    };
  if (view.getUint8(0) !== typeByte(type)) return damaged(`it is of type ${view.getUint8(0)}`);
  try {
    // Node's database hands out Buffers, whose `slice` shares memory; the callers expect plain arrays.
    const payload = new Uint8Array(value.buffer, value.byteOffset + HEADER_BYTES, length);
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
  return (FORMAT_VERSION << 4) | TYPES[type];
}

/** Covers the key and all of the value but the checksum's own four bytes. */
function checksum(key: Uint8Array, value: Uint8Array): number {
  const beforeIt = crc32c(value.subarray(0, CHECKSUM_AT), crc32c(key));
  return crc32c(value.subarray(HEADER_BYTES), beforeIt);
}

function readLineage(reader: ByteReader): LineageId | null {
  const bytes = rawBytes(reader, LINEAGE_BYTES);
  return bytes.every((byte) => byte === 0) ? null : toHexString(bytes);
}

function writeRevision(encoder: encoding.Encoder, { seq, covers, digest }: RevisionContent): void {
  encoding.writeVarUint(encoder, seq === null ? 0 : seq + 1);
  encoding.writeVarUint(encoder, digest);
  for (const [writer, number] of covers) {
    encoding.writeUint8Array(encoder, fromHexString(writer));
    encoding.writeVarUint(encoder, number);
  }
}

function readRevision(reader: ByteReader): Omit<RevisionContent, "kind" | "lineage"> {
  const seqPlusOne = reader.varUint();
  const digest = reader.varUint();
  const covers = new Map<WriterId, number>();
  while (reader.remaining > 0) covers.set(readWriter(reader), reader.varUint());
  return { seq: seqPlusOne === 0 ? null : seqPlusOne - 1, digest, covers };
}

function readWriter(reader: ByteReader): WriterId {
  return toHexString(rawBytes(reader, WRITER_BYTES));
}

function rawBytes(reader: ByteReader, length: number): Uint8Array {
  const start = reader.position;
  reader.skip(length);
  return reader.bytes.subarray(start, start + length);
}
