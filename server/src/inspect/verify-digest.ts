/**
 * Compares what updates show without building it: a Y.Doc takes twelve times their memory. A digest is of all ticks
 * that are not deleted, with their neighbours, as each tick has them, however updates and structs were cut. Equal
 * digests are equal documents. Different ones may be equal all the same: Yjs deletes more than delete sets say, and
 * values may be written in several ways.
 */

import { createHash, type Hash } from "node:crypto";
import {
  forEachDelete,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  StructCursor,
  StructKind,
  UpdateReader,
} from "@joinery/shared";
import * as decoding from "lib0/decoding";
import { decodeUtf8 } from "lib0/string";
import { isLive } from "./log-entries.ts";
import { TickRanges } from "./tick-ranges.ts";

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_PARENT_SUB = 0x20;
const CONTENT_BITS = 0x1f;

// What Yjs knows contents by that may have several ticks.
const JSON_VALUES = 2;
const STRING = 4;
const ANY_VALUES = 8;

/**
 * A digest of what updates show.
 *
 * @param updates Inspected, in the order of a log: of each client without a gap.
 * @returns `null` when there is none: the same edit comes twice.
 * Cost: two passes over the bytes; memory for their delete sets and a few hundred bytes a client.
 */
export function digestOf(updates: readonly Uint8Array[]): string | null {
  const deleted = new Deleted();
  for (const update of updates) {
    const { deletesStart } = inspectUpdate(update, NO_UPDATE_LIMITS);
    forEachDelete(update, deletesStart, (client, clock, length) =>
      deleted.add(client, clock, clock + length),
    );
  }
  const clients = new Map<number, ClientDigest>();
  for (const update of updates) {
    for (const block of inspectUpdate(update, NO_UPDATE_LIMITS).blocks) {
      const digest = clients.get(block.client) ?? new ClientDigest(deleted.of(block.client));
      clients.set(block.client, digest);
      const struct = new StructCursor(update, block);
      while (struct.next()) {
        if (struct.kind === StructKind.SKIP) continue;
        if (struct.clock < digest.clock) return null;
        digest.add(update, struct);
      }
    }
  }
  const all = createHash("sha256");
  for (const [client, digest] of [...clients].sort(([a], [b]) => a - b))
    all.update(`${client} ${digest.end()}\n`);
  return all.digest("base64url");
}

/** Which ticks are deleted, of each client ascending and apart from each other. */
class Deleted {
  readonly #clients = new Map<number, TickRanges>();

  add(client: number, start: number, end: number): void {
    const ranges = this.#clients.get(client) ?? new TickRanges();
    ranges.add(start, end);
    this.#clients.set(client, ranges);
  }

  of(client: number): TickRanges {
    return this.#clients.get(client) ?? new TickRanges();
  }
}

/** The ticks of one client, ascending. */
class ClientDigest {
  readonly #hash: Hash = createHash("sha256");
  readonly #deleted: TickRanges;
  /** The first deleted range that does not end before the tick that comes next. */
  #next = 0;
  /** The tick after the last one that was added, if that one is not deleted; and what is to its right. */
  #runEnd = -1;
  #runRight = "";
  #runRef = 0;
  clock = 0;

  constructor(deleted: TickRanges) {
    this.#deleted = deleted;
  }

  add(update: Uint8Array, struct: StructCursor): void {
    const end = struct.clock + struct.length;
    this.clock = end;
    if (!isLive(struct.kind)) return;
    let at = struct.clock;
    while (at < end) {
      const deleted = this.#deleted;
      while (this.#next < deleted.count && deleted.endOf(this.#next) <= at) this.#next++;
      const isThere = this.#next < deleted.count;
      const from = isThere ? deleted.startOf(this.#next) : Number.POSITIVE_INFINITY;
      const to = isThere ? deleted.endOf(this.#next) : 0;
      if (from > at) this.#addTicks(update, struct, at, Math.min(from, end));
      at = from > at ? Math.min(from, end) : to;
    }
  }

  end(): string {
    return this.#hash.digest("base64url");
  }

  #addTicks(update: Uint8Array, struct: StructCursor, from: number, to: number): void {
    const { client, clock } = struct;
    const isFirst = from === clock;
    const left = isFirst
      ? struct.hasOrigin
        ? `${struct.originClient}.${struct.originClock}`
        : ""
      : `${client}.${from - 1}`;
    const right = struct.hasRightOrigin ? `${struct.rightClient}.${struct.rightClock}` : "";
    // Whether a tick goes on from the one before it does not depend on how they are cut into structs.
    const goesOn = from === this.#runEnd && left === `${client}.${from - 1}` && right === this.#runRight;
    const place = placeOf(update, struct);
    if (!goesOn || place.ref !== this.#runRef) this.#hash.update(`\u0000${place.ref} `);
    if (!goesOn) {
      this.#hash.update(`\n${from} ${left} ${right} `);
      if (isFirst) this.#hash.update(update.subarray(place.parentStart, place.contentStart));
    }
    this.#runEnd = to;
    this.#runRight = right;
    this.#runRef = place.ref;
    const ticks = { from: from - clock, to: to - clock, isWhole: to - from === struct.length };
    addContent(this.#hash, place.ref, update.subarray(place.contentStart, struct.end), ticks);
  }
}

/** Where the parts of an item stand in an update. */
interface ItemPlace {
  readonly ref: number;
  /** Its parent, and its key in that, if it says so: up to `contentStart`. */
  readonly parentStart: number;
  readonly contentStart: number;
}

function placeOf(update: Uint8Array, { start }: StructCursor): ItemPlace {
  const reader = new UpdateReader(update, "update");
  reader.position = start;
  const info = reader.byte();
  for (const flag of [HAS_ORIGIN, HAS_RIGHT_ORIGIN]) if (info & flag) skipId(reader);
  const parentStart = reader.position;
  if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) {
    if (reader.varUint() === 1) reader.skipVarString();
    else skipId(reader);
    if (info & HAS_PARENT_SUB) reader.skipVarString();
  }
  return { ref: info & CONTENT_BITS, parentStart, contentStart: reader.position };
}

function skipId(reader: UpdateReader): void {
  reader.varUint();
  reader.varUint();
}

/** Some of an item's ticks, counted from its first one. */
interface Ticks {
  readonly from: number;
  readonly to: number;
  readonly isWhole: boolean;
}

/** Adds the content of some ticks of an item, without what says how many they are. */
function addContent(hash: Hash, ref: number, content: Uint8Array, { from, to, isWhole }: Ticks): void {
  const decoder = decoding.createDecoder(content);
  if (ref === STRING) {
    const bytes = decoding.readVarUint8Array(decoder);
    hash.update(isWhole ? bytes : decodeUtf8(bytes).slice(from, to));
    return;
  }
  if (ref !== ANY_VALUES && ref !== JSON_VALUES) {
    hash.update(content);
    return;
  }
  const count = decoding.readVarUint(decoder);
  let start = decoder.pos;
  for (let i = 0; i < count && i < to; i++) {
    if (i === from) start = decoder.pos;
    if (ref === ANY_VALUES) decoding.readAny(decoder);
    else decoding.readVarUint8Array(decoder);
  }
  hash.update(content.subarray(start, decoder.pos));
}
