/**
 * The values of the document store, sealed: LevelDB passes most flipped bits, torn writes and misplaced records off as
 * good data. Laid out in docs/formats.md.
 */

import {
  ByteReader,
  formatOf,
  JoineryError,
  SEAL_BYTES,
  type SealedRecord,
  sealPayload,
  sealRecord,
  sealType,
  unsealRecord,
} from "@joinery/shared";
import { fromHexString, toHexString } from "lib0/buffer";
import * as encoding from "lib0/encoding";
import { decodeUtf8, encodeUtf8 } from "lib0/string";
import type { Append, Branch, BranchId, Lineage, LogEntry, LogPart, Snapshot } from "../engine/ports.ts";
import { isAscii, writeAscii } from "./ascii.ts";
import { encodeKey, KIND_BYTES, type RecordKind, type RecordPlace } from "./keys.ts";
import { cutBytes } from "./slab.ts";

/** Which life of a name a document is, and since when. */
export type Birth = NonNullable<Append["birth"]>;

/** A record as the database holds it. */
export type StoredRecord = SealedRecord;

const FORMAT_VERSION = 1;
/** As in keys; what the store notes for itself has kinds of its own. */
const TYPES = { ...KIND_BYTES, loss: 4, deletion: 6 } as const;
type Type = keyof typeof TYPES;

const TIME_BYTES = 8;
const LINEAGE_BYTES = 16;
const SEQ_BYTES = 8;
const BRANCH_BYTES = SEQ_BYTES + 8;
const TWO_32 = 2 ** 32;

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

export function encodeBranches(document: RecordPlace["document"], branches: readonly Branch[]): StoredRecord {
  return encodeRecord(encodeKey({ document, kind: "branches", seq: 0 }), "branches", (encoder) => {
    for (const { seq, id } of branches) {
      if (!/^[0-9a-f]{16}$/.test(id)) throw new RangeError(`branch ${id} is not 16 hex digits`);
      encoding.writeUint32BigEndian(encoder, Math.floor(seq / TWO_32));
      encoding.writeUint32BigEndian(encoder, seq >>> 0);
      encoding.writeUint8Array(encoder, fromHexString(id));
    }
  });
}

export function encodeSnapshot(document: RecordPlace["document"], snapshot: Snapshot): StoredRecord {
  return encodeRecord(encodeKey({ document, kind: "snapshot", seq: snapshot.seq }), "snapshot", (encoder) => {
    encoding.writeFloat64(encoder, snapshot.time);
    encoding.writeUint8Array(encoder, snapshot.update);
  });
}

/** Written without an encoder: there is one for each batch of each room. */
export function encodeLogEntry(
  document: RecordPlace["document"],
  { seq, time, parts }: LogEntry,
): StoredRecord {
  const key = encodeKey({ document, kind: "log", seq });
  let bytes = SEAL_BYTES + TIME_BYTES + varUintBytes(parts.length);
  for (const { author, update } of parts) {
    const authorBytes = isAscii(author) ? author.length : encodeUtf8(author).length;
    bytes += varUintBytes(authorBytes) + authorBytes + varUintBytes(update.length) + update.length;
  }
  const value = cutBytes(bytes);
  new DataView(value.buffer).setFloat64(value.byteOffset + SEAL_BYTES, time);
  let end = writeVarUint(value, SEAL_BYTES + TIME_BYTES, parts.length);
  for (const { author, update } of parts) {
    end = writeAuthor(value, end, author);
    end = writeVarUint(value, end, update.length);
    value.set(update, end);
    end += update.length;
  }
  return sealPayload(key, typeByte("log"), value);
}

function writeAuthor(bytes: Uint8Array, at: number, author: string): number {
  if (!isAscii(author)) {
    const utf8 = encodeUtf8(author);
    const start = writeVarUint(bytes, at, utf8.length);
    bytes.set(utf8, start);
    return start + utf8.length;
  }
  return writeAscii(bytes, writeVarUint(bytes, at, author.length), author);
}

/** As lib0 does. @returns Where it ends. */
function writeVarUint(bytes: Uint8Array, at: number, value: number): number {
  let end = at;
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes[end++] = (left % 0x80) + 0x80;
  bytes[end++] = left;
  return end;
}

function varUintBytes(value: number): number {
  let bytes = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) bytes++;
  return bytes;
}

/** @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when the record fails a check. */
export function decodeBirth(place: RecordPlace, record: StoredRecord): Birth {
  const payload = openRecord(place, record, "birth");
  if (payload.length !== LINEAGE_BYTES + TIME_BYTES)
    throw damage(place, `its payload has ${payload.length} bytes`);
  const lineage = toHexString(payload.subarray(0, LINEAGE_BYTES)) as Lineage;
  return { lineage, bornAt: readTime(place, payload.subarray(LINEAGE_BYTES)) };
}

/** @throws JoineryError DOCUMENT_DAMAGED (retry with backoff) when the record fails a check. */
export function decodeBranches(place: RecordPlace, record: StoredRecord): Branch[] {
  const payload = openRecord(place, record, "branches");
  if (payload.length % BRANCH_BYTES !== 0) throw damage(place, `its payload has ${payload.length} bytes`);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const branches: Branch[] = [];
  for (let at = 0; at < payload.length; at += BRANCH_BYTES) {
    const seq = view.getUint32(at) * TWO_32 + view.getUint32(at + 4);
    if (seq <= (branches.at(-1)?.seq ?? 0)) throw damage(place, "its branches are in no order");
    const id = toHexString(payload.subarray(at + SEQ_BYTES, at + BRANCH_BYTES)) as BranchId;
    branches.push({ seq, id });
  }
  return branches;
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
  return sealRecord(key, typeByte(type), writePayload);
}

/**
 * Checks all that a record says about itself.
 *
 * @returns Its payload, as a plain view; or what is wrong with it.
 */
export function readPayload(record: StoredRecord, type: Type): Uint8Array | string {
  const [found = 0] = record.value;
  const isOurs = formatOf(record.value) === FORMAT_VERSION;
  if (isOurs && found !== typeByte(type)) return `the record is of type ${found}, not ${typeByte(type)}`;
  const payload = unsealRecord(record);
  if (isOurs || typeof payload === "string") return payload;
  return `the record is of format ${formatOf(record.value)}, this version reads format ${FORMAT_VERSION}`;
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
  return sealType(FORMAT_VERSION, TYPES[type]);
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
