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
import { HashSink } from "./hash-sink.ts";
import { isLive } from "./log-entries.ts";
import { TickRanges } from "./tick-ranges.ts";
import { spanOf } from "./utf8-ticks.ts";

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
export function digestOf(updates: Iterable<Uint8Array>): string | null {
  const deleted = new Deleted();
  for (const update of updates) {
    const { deletesStart } = inspectUpdate(update, NO_UPDATE_LIMITS);
    forEachDelete(update, deletesStart, (client, clock, length) =>
      deleted.add(client, clock, clock + length),
    );
  }
  const clients = new Map<number, ClientDigest>();
  const sinks: Sinks = { shape: new HashSink(), content: new HashSink() };
  for (const update of updates) {
    const places = new PlaceReader(update);
    for (const block of inspectUpdate(update, NO_UPDATE_LIMITS).blocks) {
      const digest = clients.get(block.client) ?? new ClientDigest(deleted.of(block.client), sinks);
      clients.set(block.client, digest);
      const struct = new StructCursor(update, block);
      while (struct.next()) {
        if (struct.kind === StructKind.SKIP) continue;
        if (struct.clock < digest.clock) return null;
        digest.add(places, struct);
      }
      digest.flush();
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

/** What is shared by all clients, who hash one after the other. */
interface Sinks {
  /** Where the ticks stand, and how many go on from one another. */
  readonly shape: HashSink;
  /** What they hold. The shape says where something ends. */
  readonly content: HashSink;
}

const NOBODY = -1;

/** The ticks of one client, ascending. */
class ClientDigest {
  readonly #shape = createHash("sha256");
  readonly #content = createHash("sha256");
  readonly #sinks: Sinks;
  readonly #deleted: TickRanges;
  /** The first deleted range that does not end before the tick that comes next. */
  #next = 0;
  /** The tick after the last one that was added, if that one is not deleted; and what is to its right. */
  #runEnd = -1;
  #runRightClient = NOBODY;
  #runRightClock = 0;
  #runRef = 0;
  clock = 0;

  constructor(deleted: TickRanges, sinks: Sinks) {
    this.#deleted = deleted;
    this.#sinks = sinks;
  }

  add(places: PlaceReader, struct: StructCursor): void {
    const end = struct.clock + struct.length;
    this.clock = end;
    if (!isLive(struct.kind)) return;
    const deleted = this.#deleted;
    let isRead = false;
    for (let at = struct.clock; at < end; ) {
      while (this.#next < deleted.count && deleted.endOf(this.#next) <= at) this.#next++;
      const isThere = this.#next < deleted.count;
      const from = isThere ? deleted.startOf(this.#next) : Number.POSITIVE_INFINITY;
      const to = Math.min(from, end);
      if (from > at) {
        if (!isRead) places.read(struct);
        isRead = true;
        this.#addTicks(places, struct, at, to);
      }
      at = from > at ? to : deleted.endOf(this.#next);
    }
  }

  /** What was added is hashed, and the sinks are free for another client. */
  flush(): void {
    this.#sinks.shape.flush(this.#shape);
    this.#sinks.content.flush(this.#content);
  }

  end(): string {
    this.#shape.update(String(this.#runEnd));
    return `${this.#shape.digest("base64url")} ${this.#content.digest("base64url")}`;
  }

  #addTicks(places: PlaceReader, struct: StructCursor, from: number, to: number): void {
    const { client, clock } = struct;
    const { shape } = this.#sinks;
    const isFirst = from === clock;
    const hasLeft = !isFirst || struct.hasOrigin;
    const leftClient = isFirst ? struct.originClient : client;
    const leftClock = isFirst ? struct.originClock : from - 1;
    const rightClient = struct.hasRightOrigin ? struct.rightClient : NOBODY;
    const rightClock = struct.hasRightOrigin ? struct.rightClock : 0;
    // Whether a tick goes on from the one before it does not depend on how they are cut into structs.
    const goesOn =
      from === this.#runEnd &&
      hasLeft &&
      leftClient === client &&
      leftClock === from - 1 &&
      rightClient === this.#runRightClient &&
      rightClock === this.#runRightClock &&
      places.ref === this.#runRef;
    if (!goesOn) {
      const numbers = [
        this.#runEnd + 1,
        places.ref,
        from,
        hasLeft ? leftClient + 1 : 0,
        hasLeft ? leftClock : 0,
      ];
      for (const number of numbers) shape.number(number, this.#shape);
      shape.number(rightClient + 1, this.#shape);
      shape.number(rightClock, this.#shape);
      const parent = places.parent;
      shape.number(isFirst ? parent.length : 0, this.#shape);
      if (isFirst) shape.bytes(parent, this.#shape);
    }
    this.#runEnd = to;
    this.#runRightClient = rightClient;
    this.#runRightClock = rightClock;
    this.#runRef = places.ref;
    places.addContent(this.#sinks.content, this.#content, from - clock, to - clock);
  }
}

/** Half of a character, as no text has it. */
const HALF = Uint8Array.of(0xff);

/** Reads the parts of items of an update. */
class PlaceReader {
  readonly #reader: UpdateReader;
  #parentStart = 0;
  #contentStart = 0;
  #end = 0;
  /** Where the text ended that was added last. */
  readonly #mark = { tick: 0, offset: 0 };
  ref = 0;

  constructor(update: Uint8Array) {
    this.#reader = new UpdateReader(update, "update");
  }

  read({ start, end }: StructCursor): void {
    const reader = this.#reader;
    reader.position = start;
    const info = reader.byte();
    this.ref = info & CONTENT_BITS;
    if (info & HAS_ORIGIN) this.#skipId();
    if (info & HAS_RIGHT_ORIGIN) this.#skipId();
    this.#parentStart = reader.position;
    if ((info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN)) === 0) {
      if (reader.varUint() === 1) reader.skipVarString();
      else this.#skipId();
      if (info & HAS_PARENT_SUB) reader.skipVarString();
    }
    this.#contentStart = reader.position;
    this.#end = end;
    this.#mark.tick = 0;
    this.#mark.offset = 0;
  }

  /** Its parent, and its key in that, if it says so. */
  get parent(): Uint8Array {
    return this.#reader.bytes.subarray(this.#parentStart, this.#contentStart);
  }

  /** Adds the content of some ticks, without what says how many they are. */
  addContent(sink: HashSink, hash: Hash, from: number, to: number): void {
    const content = this.#reader.bytes.subarray(this.#contentStart, this.#end);
    if (this.ref === STRING) this.#addText(sink, hash, from, to);
    else if (this.ref === ANY_VALUES || this.ref === JSON_VALUES)
      sink.bytes(valuesOf(content, this.ref, from, to), hash);
    else sink.bytes(content, hash);
  }

  #addText(sink: HashSink, hash: Hash, from: number, to: number): void {
    this.#reader.position = this.#contentStart;
    const span = spanOf(this.#reader.varBytes(), this.#mark, from, to);
    if (span.isFirstHalf) sink.bytes(HALF, hash);
    sink.bytes(span.bytes, hash);
    if (span.isLastHalf) sink.bytes(HALF, hash);
  }

  #skipId(): void {
    this.#reader.varUint();
    this.#reader.varUint();
  }
}

/** The bytes of some values. */
function valuesOf(content: Uint8Array, ref: number, from: number, to: number): Uint8Array {
  const decoder = decoding.createDecoder(content);
  decoding.readVarUint(decoder);
  let start = decoder.pos;
  for (let i = 0; i < to; i++) {
    if (i === from) start = decoder.pos;
    if (ref === ANY_VALUES) decoding.readAny(decoder);
    else decoding.readVarUint8Array(decoder);
  }
  return content.subarray(start, decoder.pos);
}
