/**
 * Looks at an update before Yjs does. Yjs 13 applies a malformed update partially and emits the part; some
 * well-formed-looking ones stop a document's events for good or make it unloadable. So every update passes
 * through here first: one pass over its bytes that either refuses it, or says which clock ranges it brings and
 * what it builds upon.
 *
 * The format walked is Yjs' v1 encoding: blocks of structs by client, then a delete set.
 */

import { ByteReader } from "./byte-reader.ts";
import { isJson } from "./json.ts";

const MAX_CLOCK = 2 ** 48;
const MAX_DEPTH = 64;

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_PARENT_SUB = 0x20;
const CONTENT_BITS = 0x1f;

const GC = 0;
const SKIP = 10;

/** Tag of an object in lib0's "any" encoding. */
const OBJECT = 118;

/** A client's clock ticks from `start` up to, not including, `end`. */
export interface ClockRange {
  readonly client: number;
  readonly start: number;
  readonly end: number;
}

export interface Inspection {
  /** The ranges that the update brings, in its own order; ranges of one client ascend. */
  readonly structs: readonly ClockRange[];
  /** For each client, the clock up to which the update refers to structs, its own or others'. */
  readonly needs: ReadonlyMap<number, number>;
  /** Number of ranges in its delete set. */
  readonly deletes: number;
}

/**
 * Walks a Yjs v1 update.
 *
 * @throws JoineryError MALFORMED_UPDATE (never retry), naming what was found and at which byte.
 * Cost: linear in bytes; allocates a few small objects for a keystroke.
 */
export function inspectUpdate(update: Uint8Array): Inspection {
  const reader = new ByteReader(update, "update");
  const structs: ClockRange[] = [];
  const needs = new Map<number, number>();
  const blocks = reader.count(3);
  let client = Number.POSITIVE_INFINITY;
  for (let block = 0; block < blocks; block++) client = readBlock(reader, client, structs, needs);
  const deletes = readDeleteSet(reader, needs);
  reader.end();
  return { structs, needs, deletes };
}

/**
 * Reads one client's structs and returns the client. Clients descend: Yjs writes them so, and merging updates in
 * which they do not drops structs without a word.
 */
function readBlock(
  reader: ByteReader,
  previousClient: number,
  structs: ClockRange[],
  needs: Map<number, number>,
): number {
  const count = reader.count(2);
  const client = reader.clientId();
  if (client >= previousClient) reader.fail("clients are not in descending order");
  let start = reader.varUint();
  let clock = start;
  for (let i = 0; i < count; i++) {
    const info = reader.byte();
    const kind = info & CONTENT_BITS;
    // Yjs knows a skip by its whole byte when it merges, and by these bits when it applies.
    if (kind === SKIP && info !== SKIP) reader.fail("skip has flags");
    let length: number;
    if (kind === GC || kind === SKIP) length = reader.varUint();
    else {
      readPosition(reader, info, client, clock, needs);
      length = readContent(reader, kind);
    }
    if (length < 1) reader.fail("struct has no length");
    if (clock + length > MAX_CLOCK) reader.fail("clock is too large");
    if (kind === SKIP) {
      if (clock > start) structs.push({ client, start, end: clock });
      start = clock + length;
    }
    clock += length;
  }
  if (clock > start) structs.push({ client, start, end: clock });
  return client;
}

/** Reads where an item stands: its neighbours, or its parent when it has none to copy that from. */
function readPosition(
  reader: ByteReader,
  info: number,
  client: number,
  clock: number,
  needs: Map<number, number>,
): void {
  if (info & HAS_ORIGIN) readReference(reader, client, clock, needs);
  if (info & HAS_RIGHT_ORIGIN) readReference(reader, client, clock, needs);
  if (info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) return;
  const parentIsRoot = reader.varUint();
  if (parentIsRoot === 1) reader.skipVarString();
  else if (parentIsRoot === 0) readReference(reader, client, clock, needs);
  else reader.fail(`parent kind ${parentIsRoot} is unknown`);
  if (info & HAS_PARENT_SUB) reader.skipVarString();
}

function readReference(reader: ByteReader, client: number, clock: number, needs: Map<number, number>): void {
  const refClient = reader.clientId();
  const refClock = reader.varUint();
  if (refClock >= MAX_CLOCK) reader.fail("clock is too large");
  if (refClient === client && refClock >= clock)
    reader.fail("struct refers to itself or to what comes after it");
  need(needs, refClient, refClock + 1);
}

function need(needs: Map<number, number>, client: number, clock: number): void {
  const known = needs.get(client);
  if (known === undefined || known < clock) needs.set(client, clock);
}

/** Reads an item's content. Returns the clock ticks that it takes. */
function readContent(reader: ByteReader, kind: number): number {
  switch (kind) {
    case 1: // Deleted
      return reader.varUint();
    case 2: {
      // JSON, the content of arrays before Yjs 13.
      const count = reader.count(1);
      for (let i = 0; i < count; i++) readJson(reader, true);
      return count;
    }
    case 3: // Binary
      reader.varBytes();
      return 1;
    case 4: // String
      return reader.skipVarString();
    case 5: // Embed
      readJson(reader, false);
      return 1;
    case 6: // Format
      reader.skipVarString();
      readJson(reader, false);
      return 1;
    case 7: {
      // Type. XML elements (3) and hooks (5) carry their name.
      const type = reader.varUint();
      if (type > 6) reader.fail(`type ${type} is unknown`);
      if (type === 3 || type === 5) reader.skipVarString();
      return 1;
    }
    case 8: {
      // Any
      const count = reader.count(1);
      for (let i = 0; i < count; i++) skipAny(reader, 0);
      return count;
    }
    case 9: // Doc
      reader.skipVarString();
      readSubdocumentOptions(reader);
      return 1;
    default:
      return reader.fail(`content ${kind} is unknown`);
  }
}

/** Yjs spreads these over the options of a new Y.Doc, so some keys would replace what is not theirs to choose. */
function readSubdocumentOptions(reader: ByteReader): void {
  if (reader.byte() !== OBJECT) reader.fail("options of a subdocument are not an object");
  const count = reader.count(2);
  for (let i = 0; i < count; i++) {
    const key = reader.varString();
    if (key === "guid" || key === "gcFilter") reader.fail(`options of a subdocument have a ${key}`);
    skipAny(reader, 1);
  }
}

function readJson(reader: ByteReader, mayBeUndefined: boolean): void {
  const start = reader.position;
  const bytes = reader.varBytes();
  if (mayBeUndefined && isUndefined(bytes)) return;
  if (isJson(bytes, MAX_DEPTH, "any")) return;
  reader.position = start;
  reader.fail("JSON is not valid or nested too deep");
}

/** Yjs writes an `undefined` among JSON contents as this word. */
function isUndefined(bytes: Uint8Array): boolean {
  return bytes.length === 9 && String.fromCharCode(...bytes) === "undefined";
}

/** Skips one value of lib0's "any" encoding. */
function skipAny(reader: ByteReader, depth: number): void {
  if (depth > MAX_DEPTH) reader.fail(`value is nested more than ${MAX_DEPTH} deep`);
  const tag = reader.byte();
  switch (tag) {
    case 127: // undefined
    case 126: // null
    case 121: // false
    case 120: // true
      return;
    case 125: // integer
      reader.skipVarInt();
      return;
    case 124: // float32
      reader.skip(4);
      return;
    case 123: // float64
    case 122: // bigint
      reader.skip(8);
      return;
    case 119: // string
      reader.skipVarString();
      return;
    case OBJECT: {
      const count = reader.count(2);
      for (let i = 0; i < count; i++) {
        reader.skipVarString();
        skipAny(reader, depth + 1);
      }
      return;
    }
    case 117: {
      // array
      const count = reader.count(1);
      for (let i = 0; i < count; i++) skipAny(reader, depth + 1);
      return;
    }
    case 116: // bytes
      reader.varBytes();
      return;
    default:
      reader.fail(`value ${tag} is unknown`);
  }
}

/** Reads the delete set: what it deletes must exist, so it counts among the needs. Returns its ranges. */
function readDeleteSet(reader: ByteReader, needs: Map<number, number>): number {
  const clients = reader.count(2);
  let ranges = 0;
  for (let i = 0; i < clients; i++) {
    const client = reader.clientId();
    const count = reader.count(2);
    for (let k = 0; k < count; k++) {
      const clock = reader.varUint();
      const length = reader.varUint();
      if (length < 1) reader.fail("delete range has no length");
      if (clock + length > MAX_CLOCK) reader.fail("clock is too large");
      need(needs, client, clock + length);
    }
    ranges += count;
  }
  return ranges;
}
