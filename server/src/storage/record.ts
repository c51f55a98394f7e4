/**
 * The values of the document store. Each says what it is and how long, and carries a checksum over its key and
 * itself, so that a flipped bit, a torn write and a record that sits under another's key are all noticed: LevelDB
 * passes most of these off as good data. Laid out in docs/formats.md.
 */

import { ByteReader, crc32c, JoineryError } from "@joinery/shared";
import { fromHexString, toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import { decodeUtf8 } from "lib0/string";
import type { Append, Lineage, LogEntry, LogPart, Snapshot } from "../engine/ports.ts";
import { encodeKey, KIND_BYTES, type RecordKind, type RecordPlace } from "./keys.ts";

/** Which life of a name a document is, and since when. */
export type Birth = NonNullable<Append["birth"]>;

/** A record as the database holds it. */
export interface StoredRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const FORMAT_VERSION = 1;
/** As in keys; what the store notes for itself has a kind of its own. */
const TYPES = { ...KIND_BYTES, loss: 4 } as const;
type Type = keyof typeof TYPES;

const LENGTH_AT = 1;
const CHECKSUM_AT = 5;
const HEADER_BYTES = 9;
const TIME_BYTES = 8;
const LINEAGE_BYTES = 16;

// An author's length and an update's length, one byte each at least.
const MIN_PART_BYTES = 2;

export function encodeBirth(document: RecordPlace["document"], birth: Birth): StoredRecord {
  if (!/^[0-9a-f]{32}$/.test(birth.lineage))
    throw new RangeError(`lineage ${birth.lineage} is not 32 hex digits`);
  return encodeRecord(encodeKey({ document, kind: "birth", seq: 0 }), "birth", (encoder) => {
    encoding.writeUint8Array(encoder, fromHexString(birth.lineage));
    encoding.writeFloat64(encoder, birth.bornAt);
  });
}

export function encodeSnapshot(document: RecordPlace["document"], snapshot: Snapshot): StoredRecord {
  return encodeRecord(encodeKey({ document, kind: "snapshot", seq: snapshot.seq }), "snapshot", (encoder) => {
    encoding.writeFloat64(encoder, snapshot.time);
    encoding.writeUint8Array(encoder, snapshot.update);
  });
}

export function encodeLogEntry(document: RecordPlace["document"], entry: LogEntry): StoredRecord {
  return encodeRecord(encodeKey({ document, kind: "log", seq: entry.seq }), "log", (encoder) => {
    encoding.writeFloat64(encoder, entry.time);
    encoding.writeVarUint(encoder, entry.parts.length);
    for (const { author, update } of entry.parts) {
      encoding.writeVarString(encoder, author);
      encoding.writeVarUint8Array(encoder, update);
    }
  });
}

/** @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when the record fails a check. */
export function decodeBirth(place: RecordPlace, record: StoredRecord): Birth {
  const payload = openRecord(place, record, "birth");
  if (payload.length !== LINEAGE_BYTES + TIME_BYTES)
    throw damage(place, `its payload has ${payload.length} bytes`);
  const lineage = toHexString(payload.subarray(0, LINEAGE_BYTES)) as Lineage;
  return { lineage, bornAt: readTime(place, payload.subarray(LINEAGE_BYTES)) };
}

/**
 * @returns A snapshot whose update is a view into the record.
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when the record fails a check.
 */
export function decodeSnapshot(place: RecordPlace, record: StoredRecord): Snapshot {
  const payload = openRecord(place, record, "snapshot");
  return { seq: place.seq, time: readTime(place, payload), update: payload.subarray(TIME_BYTES) };
}

/**
 * @returns A log entry whose updates are views into the record.
 * @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when the record fails a check.
 */
export function decodeLogEntry(place: RecordPlace, record: StoredRecord): LogEntry {
  const payload = openRecord(place, record, "log");
  const time = readTime(place, payload);
  return { seq: place.seq, time, parts: readParts(place, payload.subarray(TIME_BYTES)) };
}

/** Bytes of the updates in a log entry. */
export function updateBytes({ parts }: LogEntry): number {
  return parts.reduce((sum, { update }) => sum + update.length, 0);
}

/** Says that a document is damaged, where, and how it was noticed. */
export function damage(
  { document, seq }: Pick<RecordPlace, "document" | "seq">,
  reason: string,
  cause?: unknown,
): JoineryError {
  const message = `document ${JSON.stringify(document)} is damaged at seq ${seq}: ${reason}; what is stored was left as it is`;
  return new JoineryError("DOCUMENT_DAMAGED", message, { cause });
}

/** Makes a record of any type, with all that is checked when it is read. */
export function encodeRecord(
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

/**
 * Checks all that a record says about itself.
 *
 * @returns Its payload, as a plain view; or what is wrong with it.
 */
export function readPayload({ key, value }: StoredRecord, type: Type): Uint8Array | string {
  if (value.length < HEADER_BYTES) return `the record has only ${value.length} bytes`;
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  const found = view.getUint8(0);
  const isOurs = found >> 4 === FORMAT_VERSION;
  if (isOurs && found !== typeByte(type)) return `the record is of type ${found}, not ${typeByte(type)}`;
  const length = view.getUint32(LENGTH_AT);
  if (length !== value.length - HEADER_BYTES)
    return `the record has ${value.length - HEADER_BYTES} bytes of payload, not ${length}`;
  if (view.getUint32(CHECKSUM_AT) !== checksum(key, value)) return "the checksum does not match";
  if (!isOurs) return `the record is of format ${found >> 4}, this version reads format ${FORMAT_VERSION}`;
  // The database hands out Buffers, whose `slice` shares memory; the callers expect plain arrays.
  return new Uint8Array(value.buffer, value.byteOffset + HEADER_BYTES, length);
}

/** Whether a record under a document's key is as it was written. */
export function isSoundRecord({ kind }: RecordPlace, record: StoredRecord): boolean {
  return typeof readPayload(record, kind) !== "string";
}

function openRecord(place: RecordPlace, record: StoredRecord, kind: RecordKind): Uint8Array {
  const payload = readPayload(record, kind);
  if (typeof payload === "string") throw damage(place, payload);
  return payload;
}

function typeByte(type: Type): number {
  return (FORMAT_VERSION << 4) | TYPES[type];
}

/** Covers the key and all of the value but the checksum's own four bytes. */
function checksum(key: Uint8Array, value: Uint8Array): number {
  const beforeIt = crc32c(value.subarray(0, CHECKSUM_AT), crc32c(key));
  return crc32c(value.subarray(HEADER_BYTES), beforeIt);
}

function readTime(place: RecordPlace, bytes: Uint8Array): number {
  if (bytes.length < TIME_BYTES) throw damage(place, "its payload ends too early");
  return new DataView(bytes.buffer, bytes.byteOffset, TIME_BYTES).getFloat64(0);
}

function readParts(place: RecordPlace, bytes: Uint8Array): LogPart[] {
  try {
    const reader = new ByteReader(bytes, "log entry");
    const count = reader.count(MIN_PART_BYTES);
    const parts: LogPart[] = [];
    for (let i = 0; i < count; i++)
      parts.push({ author: decodeUtf8(reader.varBytes()), update: reader.varBytes() });
    reader.end();
    return parts;
  } catch (error) {
    throw damage(place, "its payload does not decode", error);
  }
}
