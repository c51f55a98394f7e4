/**
 * The keys of the offline store. Several tabs write to one database at once and none can lock it, so nothing is ever
 * overwritten by somebody else: each handle is a writer with an id of its own, and numbers its records. Laid out in
 * docs/formats.md.
 */

import { JoineryError } from "@joinery/shared";
import { fromHexString, toHexString } from "lib0/buffer";

/**
 * Who wrote a record: one handle on one document. 24 lower-case hexadecimal digits, which sort by when the handle was
 * opened, as far as clocks can be trusted.
 */
export type WriterId = string;

/** What a record holds; docs/formats.md says what each is for. */
export const KIND_BYTES = { snapshot: 1, remote: 2, local: 3, saved: 4, revision: 5 } as const;

export type RecordKind = keyof typeof KIND_BYTES;

const KINDS: readonly (RecordKind | undefined)[] = [
  undefined,
  "snapshot",
  "remote",
  "local",
  "saved",
  "revision",
];

/** Which record of a document. */
export interface RecordPlace {
  readonly writer: WriterId;
  /** Ascending from 0 for each writer, below 2^32. */
  readonly number: number;
  readonly kind: RecordKind;
}

/** A range of keys: from `gte`, up to but without `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** The parts of the database: what documents are made of; which local edits are unsaved; what was set aside. */
const SECTION_BYTES = { records: 1, unsaved: 2, aside: 3 } as const;

export type Section = keyof typeof SECTION_BYTES;

const WRITER_BYTES = 12;
const TIME_BYTES = 6;
const PLACE_BYTES = WRITER_BYTES + 4 + 1;
const END_OF_NAME = 0;

/** The writer for a handle that is opened now, which sorts after `after` whatever the clock says. */
export function newWriterId(nowMs: number, random: () => number, after: WriterId | null): WriterId {
  const afterMs = after === null ? 0 : Number.parseInt(after.slice(0, 2 * TIME_BYTES), 16) + 1;
  return hexDigits(Math.max(Math.floor(nowMs), afterMs)) + hexDigits(Math.floor(random() * 2 ** 48));
}

/**
 * The key of a record, or of what another section says of it.
 *
 * @throws JoineryError INVALID_NAME (never retry) when the name has a NUL or half of a surrogate pair.
 */
export function encodeKey(section: Section, document: string, place: RecordPlace): Uint8Array {
  const prefix = encodePrefix(section, document);
  const key = new Uint8Array(prefix.length + PLACE_BYTES);
  key.set(prefix);
  key.set(fromHexString(place.writer), prefix.length);
  const view = new DataView(key.buffer, prefix.length + WRITER_BYTES);
  view.setUint32(0, place.number);
  view.setUint8(4, KIND_BYTES[place.kind]);
  return key;
}

/** Which record a key is of, or speaks of; `null` when it is none of ours. */
export function decodePlace(key: Uint8Array): RecordPlace | null {
  const start = key.length - PLACE_BYTES;
  if (start < 2 || key[start - 1] !== END_OF_NAME) return null;
  const kind = KINDS[key[key.length - 1] as number];
  if (kind === undefined) return null;
  const number = new DataView(key.buffer, key.byteOffset + start + WRITER_BYTES).getUint32(0);
  return { writer: toHexString(key.subarray(start, start + WRITER_BYTES)), number, kind };
}

/** Of which document a key is; `null` when it is none of ours. */
export function decodeDocument(key: Uint8Array): string | null {
  const end = key.indexOf(END_OF_NAME);
  if (end < 2) return null;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(key.subarray(1, end));
  } catch {
    return null; // Not UTF-8, so no name of ours.
  }
}

/** The same record's key in another section. */
export function inSection(section: Section, key: Uint8Array): Uint8Array {
  return key.with(0, SECTION_BYTES[section]);
}

/** All of a document in a section. */
export function documentRange(section: Section, document: string): KeyRange {
  const gte = encodePrefix(section, document);
  return { gte, lt: gte.with(-1, END_OF_NAME + 1) };
}

/** A whole section. */
export function sectionRange(section: Section): KeyRange {
  const byte = SECTION_BYTES[section];
  return { gte: Uint8Array.of(byte), lt: Uint8Array.of(byte + 1) };
}

/** A record as people and messages name it. */
export function placeName({ writer, number, kind }: RecordPlace): string {
  return `${kind} ${writer}/${number}`;
}

function encodePrefix(section: Section, document: string): Uint8Array {
  if (document === "" || document.includes("\0") || !document.isWellFormed()) {
    throw new JoineryError("INVALID_NAME", `${JSON.stringify(document)} cannot be the name of a document`);
  }
  const name = new TextEncoder().encode(document);
  const prefix = new Uint8Array(name.length + 2); // The last byte ends the name.
  prefix[0] = SECTION_BYTES[section];
  prefix.set(name, 1);
  return prefix;
}

function hexDigits(sixBytes: number): string {
  return sixBytes.toString(16).padStart(2 * TIME_BYTES, "0");
}
