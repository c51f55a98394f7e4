/**
 * The one parser of Yjs' v1 encoding: blocks of structs by client, then a delete set. It walks and checks; what
 * it stands on is in its fields, so that walking allocates nothing.
 */

import { MAX_CLOCK } from "./clock.ts";
import { readContent } from "./update-content.ts";
import { UpdateReader } from "./update-reader.ts";

const HAS_ORIGIN = 0x80;
const HAS_RIGHT_ORIGIN = 0x40;
const HAS_NEIGHBOUR: number = HAS_ORIGIN | HAS_RIGHT_ORIGIN;
const HAS_PARENT_SUB = 0x20;
const CONTENT_BITS = 0x1f;

const GC_REF = 0;
const DELETED_REF = 1;
const TYPE_REF = 7;
const SKIP_REF = 10;

/** What a struct is, as far as who walks an update wants to know. */
export const StructKind = {
  /** Collected: only its length is left. */
  GC: 0,
  /** A gap: its ticks are not in the update. */
  SKIP: 1,
  /** An item whose content was deleted. */
  DELETED: 2,
  /** An item that is a shared type, and so may be a parent. */
  TYPE: 3,
  /** An item with any other content. */
  OTHER: 4,
} as const;

export type StructKind = (typeof StructKind)[keyof typeof StructKind];

/** One client's structs in an update: where they stand in its bytes. */
export interface StructBlock {
  readonly client: number;
  /** Clock of the first struct. */
  readonly clock: number;
  /** Structs, gaps included. */
  readonly count: number;
  /** Byte offset of the first struct. */
  readonly start: number;
  /** Byte offset behind the last struct. */
  readonly end: number;
}

/** Reads the structs of an update one by one from where a reader stands. */
export class StructReader {
  readonly #reader: UpdateReader;
  readonly #maxRootNameBytes: number;
  #info = 0;
  #rootNameAt = 0;

  client = 0;
  clock = 0;
  length = 0;
  /** Byte offset of the struct. */
  start = 0;
  /** Byte offset behind the struct. */
  end = 0;
  originClient = 0;
  originClock = 0;
  rightClient = 0;
  rightClock = 0;
  /** Where the item stands, if it has no neighbour to copy that from; else, and without content, `"none"`. */
  parent: "none" | "root" | "item" = "none";
  parentClient = 0;
  parentClock = 0;

  /** @param maxRootNameBytes Longest accepted name of a root, in bytes of UTF-8. */
  constructor(reader: UpdateReader, maxRootNameBytes: number = Number.POSITIVE_INFINITY) {
    this.#reader = reader;
    this.#maxRootNameBytes = maxRootNameBytes;
  }

  get kind(): StructKind {
    switch (this.#info & CONTENT_BITS) {
      case GC_REF:
        return StructKind.GC;
      case SKIP_REF:
        return StructKind.SKIP;
      case DELETED_REF:
        return StructKind.DELETED;
      case TYPE_REF:
        return StructKind.TYPE;
      default:
        return StructKind.OTHER;
    }
  }

  get hasOrigin(): boolean {
    return (this.#info & HAS_ORIGIN) !== 0;
  }

  get hasRightOrigin(): boolean {
    return (this.#info & HAS_RIGHT_ORIGIN) !== 0;
  }

  /**
   * Whether it is the value of a key, when `parent` is not `"none"`. Yjs sets this flag on values that have neighbours
   * too, and loses it there when it merges updates.
   */
  get hasParentSub(): boolean {
    return (this.#info & (HAS_PARENT_SUB | HAS_NEIGHBOUR)) === HAS_PARENT_SUB;
  }

  /** The name of the root that it stands in, when `parent` is `"root"`. Cost: decodes it. */
  get rootName(): string {
    const reader = this.#reader;
    const { position } = reader;
    reader.position = this.#rootNameAt;
    const name = reader.varString();
    reader.position = position;
    return name;
  }

  /**
   * Reads the next struct.
   *
   * @param clock Its clock: where the struct before it in its block ended.
   * @throws JoineryError MALFORMED_UPDATE, or UPDATE_TOO_LARGE for the name of its root (both never retry).
   */
  read(client: number, clock: number): void {
    const reader = this.#reader;
    this.client = client;
    this.clock = clock;
    this.start = reader.position;
    this.parent = "none";
    const info = reader.byte();
    this.#info = info;
    const ref = info & CONTENT_BITS;
    let length: number;
    if (ref === GC_REF || ref === SKIP_REF) {
      // Yjs knows these by the whole byte when it merges, and by the content's bits when it applies.
      if (info !== ref) reader.fail("struct without content has flags");
      length = reader.varUint();
    } else {
      this.#readPosition(info);
      length = readContent(reader, ref);
    }
    if (length < 1) reader.fail("struct has no length");
    if (clock + length > MAX_CLOCK) reader.fail("clock is too large");
    this.length = length;
    this.end = reader.position;
  }

  /** Reads where an item stands: its neighbours, or its parent when it has none to copy that from. */
  #readPosition(info: number): void {
    const reader = this.#reader;
    if (info & HAS_ORIGIN) {
      this.originClient = reader.clientId();
      this.originClock = this.#readReferredClock(this.originClient);
    }
    if (info & HAS_RIGHT_ORIGIN) {
      this.rightClient = reader.clientId();
      this.rightClock = this.#readReferredClock(this.rightClient);
    }
    if (info & HAS_NEIGHBOUR) return;
    const parentIsRoot = reader.varUint();
    if (parentIsRoot === 1) {
      this.parent = "root";
      this.#skipRootName();
    } else if (parentIsRoot === 0) {
      this.parent = "item";
      this.parentClient = reader.clientId();
      this.parentClock = this.#readReferredClock(this.parentClient);
    } else reader.fail(`parent kind ${parentIsRoot} is unknown`);
    if (info & HAS_PARENT_SUB) reader.skipVarString();
  }

  #readReferredClock(client: number): number {
    const clock = this.#reader.varUint();
    if (clock >= MAX_CLOCK) this.#reader.fail("clock is too large");
    if (client === this.client && clock >= this.clock)
      this.#reader.fail("struct refers to itself or to what comes after it");
    return clock;
  }

  #skipRootName(): void {
    const reader = this.#reader;
    this.#rootNameAt = reader.position;
    const length = reader.varUint();
    reader.skipUtf8(length);
    if (length > this.#maxRootNameBytes)
      reader.exceeds("maxRootNameBytes", `name of a root is longer than ${this.#maxRootNameBytes} bytes`);
  }
}

/**
 * Walks the structs of one block. It checks them as the inspector does, but for the limits.
 *
 * Cost: linear in the bytes walked; allocates nothing a struct.
 */
export class StructCursor extends StructReader {
  #left: number;

  /** @param update A Yjs v1 update, which the block is of. */
  constructor(update: Uint8Array, { client, clock, count, start }: StructBlock) {
    const reader = new UpdateReader(update, "update");
    reader.position = start;
    super(reader);
    this.client = client;
    this.clock = clock;
    this.#left = count;
  }

  /**
   * Goes on to the next struct, at first to the first. Returns whether there was one.
   *
   * @throws JoineryError MALFORMED_UPDATE (never retry), naming what was found and at which byte.
   */
  next(): boolean {
    if (this.#left === 0) return false;
    this.#left--;
    this.read(this.client, this.clock + this.length);
    return true;
  }
}

/** Walks the ranges of a delete set from where a reader stands: behind the number of clients. */
export class DeleteCursor {
  readonly #reader: UpdateReader;
  readonly #maxRanges: number;
  #clientsLeft: number;
  #rangesLeft = 0;
  /** The clients so far, from the second one on. */
  #clients: Set<number> | null = null;

  client = -1;
  clock = 0;
  length = 0;
  /** How many ranges the client has here. */
  clientRanges = 0;
  /** How many ranges were read. */
  count = 0;
  /** Whether no client came twice so far, and of each the ranges ascend and do not touch. */
  isTidy = true;

  /** @param maxRanges Most ranges that are accepted. */
  constructor(reader: UpdateReader, clients: number, maxRanges: number = Number.POSITIVE_INFINITY) {
    this.#reader = reader;
    this.#clientsLeft = clients;
    this.#maxRanges = maxRanges;
  }

  /**
   * Goes on to the next range, at first to the first. Returns whether there was one.
   *
   * @throws JoineryError MALFORMED_UPDATE, or UPDATE_TOO_LARGE for too many ranges (both never retry).
   */
  next(): boolean {
    const reader = this.#reader;
    let end = this.clock + this.length;
    while (this.#rangesLeft === 0) {
      if (this.#clientsLeft === 0) return false;
      this.#clientsLeft--;
      this.#readClient();
      end = -1;
    }
    this.#rangesLeft--;
    this.count++;
    const clock = reader.varUint();
    const length = reader.varUint();
    if (length < 1) reader.fail("delete range has no length");
    if (clock + length > MAX_CLOCK) reader.fail("clock is too large");
    if (clock <= end) this.isTidy = false;
    this.clock = clock;
    this.length = length;
    return true;
  }

  #readClient(): void {
    const reader = this.#reader;
    const client = reader.clientId();
    this.clientRanges = reader.count(2);
    this.#rangesLeft = this.clientRanges;
    if (this.count + this.#rangesLeft > this.#maxRanges)
      reader.exceeds("maxUpdateDeletes", `deletes more than ${this.#maxRanges} ranges`);
    if (this.client >= 0) {
      this.#clients ??= new Set([this.client]);
      if (this.#clients.has(client)) this.isTidy = false;
      this.#clients.add(client);
    }
    this.client = client;
  }
}
