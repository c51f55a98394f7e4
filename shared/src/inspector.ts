/**
 * Looks at an update before Yjs does. Yjs 13 applies a malformed update partially and emits the part; some
 * well-formed-looking ones stop a document's events for good or make it unloadable. So every update passes
 * through here first: one pass over its bytes that either refuses it, or says which clock ranges it brings and
 * what it builds upon.
 */

import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { DeleteCursor, type StructBlock, StructKind, StructReader } from "./update-cursor.ts";
import { UpdateReader } from "./update-reader.ts";

/** A collected struct of one tick: what it is, and its length. */
const MIN_STRUCT_BYTES = 2;

/** One such struct, and in front of it how many there are, their client and its clock. */
const MIN_BLOCK_BYTES = 5;

/** A client that deletes nothing: its id, and that. */
const MIN_DELETE_BYTES = 2;

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
  /** Its structs as they stand in the bytes: one block a client, clients descending, none without a struct. */
  readonly blocks: readonly StructBlock[];
  /** Number of structs, gaps included. */
  readonly structCount: number;
  /** Byte offset where the delete set starts. */
  readonly deletesStart: number;
  /** Whether its delete set is as Yjs writes it: no client twice, and of each the ranges ascend and do not touch. */
  readonly hasTidyDeletes: boolean;
}

/** What an update may be at most. */
export type UpdateLimits = Pick<
  Limits,
  "maxUpdateStructs" | "maxUpdateDeletes" | "maxStateVectorClients" | "maxRootNameBytes"
>;

/** For what was let in already: only its form is checked, whatever the limits are by now. */
export const NO_UPDATE_LIMITS: UpdateLimits = Object.freeze({
  maxUpdateStructs: Number.POSITIVE_INFINITY,
  maxUpdateDeletes: Number.POSITIVE_INFINITY,
  maxStateVectorClients: Number.POSITIVE_INFINITY,
  maxRootNameBytes: Number.POSITIVE_INFINITY,
});

/**
 * Walks a Yjs v1 update.
 *
 * @throws JoineryError MALFORMED_UPDATE or, above a limit, UPDATE_TOO_LARGE (both never retry), naming what was
 * found and at which byte.
 * Cost: linear in bytes; allocates a few small objects for a keystroke.
 */
export function inspectUpdate(update: Uint8Array, limits: UpdateLimits = DEFAULT_LIMITS): Inspection {
  const reader = new UpdateReader(update, "update");
  const struct = new StructReader(reader, limits.maxRootNameBytes);
  const structs: ClockRange[] = [];
  const blocks: StructBlock[] = [];
  const needs = new Needs(reader, limits.maxStateVectorClients);
  let structCount = 0;
  const clients = reader.count(MIN_BLOCK_BYTES);
  if (clients > limits.maxStateVectorClients)
    reader.exceeds("maxStateVectorClients", `has more than ${limits.maxStateVectorClients} clients`);
  for (let i = 0; i < clients; i++) {
    const count = reader.count(MIN_STRUCT_BYTES);
    structCount += count;
    if (count === 0) reader.fail("client has no structs");
    if (structCount > limits.maxUpdateStructs)
      reader.exceeds("maxUpdateStructs", `has more than ${limits.maxUpdateStructs} structs`);
    const client = reader.clientId();
    // Yjs writes them so, and merging updates in which they do not descend drops structs without a word.
    if (i > 0 && client >= struct.client) reader.fail("clients are not in descending order");
    const clock = reader.varUint();
    const start = reader.position;
    readStructs(struct, client, clock, count, structs, needs);
    blocks.push({ client, clock, count, start, end: reader.position });
  }
  const deletesStart = reader.position;
  let deletes = 0;
  let hasTidyDeletes = true;
  const deletingClients = reader.count(MIN_DELETE_BYTES);
  if (deletingClients > 0) {
    const ranges = new DeleteCursor(reader, deletingClients, limits.maxUpdateDeletes);
    // What is deleted must exist.
    while (ranges.next()) needs.add(ranges.client, ranges.clock + ranges.length);
    deletes = ranges.count;
    hasTidyDeletes = ranges.isTidy;
  }
  reader.end();
  return { structs, needs: needs.clocks, deletes, blocks, structCount, deletesStart, hasTidyDeletes };
}

/**
 * Calls `visit` for each delete range of an update that was inspected, in the order in which they stand there.
 *
 * @param deletesStart Where its delete set starts.
 * @throws JoineryError MALFORMED_UPDATE (never retry) when it was not inspected.
 * Cost: linear in ranges; allocates nothing a range.
 */
export function forEachDelete(
  update: Uint8Array,
  deletesStart: number,
  visit: (client: number, clock: number, length: number) => void,
): void {
  const ranges = deleteCursor(update, deletesStart);
  while (ranges.next()) visit(ranges.client, ranges.clock, ranges.length);
}

/** Walks the delete ranges of an update as {@link forEachDelete} does, at the pace of who asks. */
export function deleteCursor(update: Uint8Array, deletesStart: number): DeleteCursor {
  const reader = new UpdateReader(update, "update");
  reader.position = deletesStart;
  return new DeleteCursor(reader, reader.count(MIN_DELETE_BYTES));
}

/** Reads the structs of one client. */
function readStructs(
  struct: StructReader,
  client: number,
  firstClock: number,
  count: number,
  structs: ClockRange[],
  needs: Needs,
): void {
  let start = firstClock;
  let clock = firstClock;
  // Most structs refer to their own client. Asking the map for each would take a fifth of the time.
  let needed = 0;
  for (let i = 0; i < count; i++) {
    struct.read(client, clock);
    if (struct.kind === StructKind.SKIP) {
      if (clock > start) structs.push({ client, start, end: clock });
      start = clock + struct.length;
    }
    if (struct.hasOrigin) {
      if (struct.originClient !== client) needs.add(struct.originClient, struct.originClock + 1);
      else if (struct.originClock >= needed) needed = struct.originClock + 1;
    }
    if (struct.hasRightOrigin) {
      if (struct.rightClient !== client) needs.add(struct.rightClient, struct.rightClock + 1);
      else if (struct.rightClock >= needed) needed = struct.rightClock + 1;
    }
    if (struct.parent === "item") needs.add(struct.parentClient, struct.parentClock + 1);
    clock += struct.length;
  }
  if (clock > start) structs.push({ client, start, end: clock });
  if (needed > 0) needs.add(client, needed);
}

/** Collects what an update refers to. */
class Needs {
  readonly clocks = new Map<number, number>();
  readonly #reader: UpdateReader;
  readonly #maxClients: number;

  constructor(reader: UpdateReader, maxClients: number) {
    this.#reader = reader;
    this.#maxClients = maxClients;
  }

  add(client: number, clock: number): void {
    const known = this.clocks.get(client);
    if (known !== undefined && known >= clock) return;
    this.clocks.set(client, clock);
    if (this.clocks.size > this.#maxClients)
      this.#reader.exceeds("maxStateVectorClients", `refers to more than ${this.#maxClients} clients`);
  }
}
