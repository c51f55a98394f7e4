/**
 * The structs of a document as they stand in its bytes, cut where anything refers into them: so no struct has to be
 * cut later on, and each is a few numbers in arrays. A Y.Doc takes ten times the memory and more.
 *
 * The structs of one client stand one behind the other, by clock. What a struct is, where it was put and what it holds
 * is read from its bytes when it is asked for.
 */

import {
  forEachDelete,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  StructCursor,
  StructKind,
} from "@joinery/shared";
import { free } from "./numbers.ts";
import type { PackedUpdates } from "./packed-updates.ts";
import { type Clocks, Cuts, floor } from "./struct-cuts.ts";

/** Stands for no struct and no list. */
export const NONE = -1;

// A struct's flags: in the low bits what Yjs knows its content by.
export const CONTENT_BITS = 0x1f;
export const GC_REF = 0;
const DELETED_REF = 1;
const DELETED = 0x20;

/** Thrown where updates do not come in the order in which they were made, each edit once. */
export class OutOfOrder extends Error {
  constructor() {
    super("structs are left that build upon something missing, or deletes of it");
  }
}

export class Structs {
  readonly updates: PackedUpdates;
  /** Ids of the clients. */
  readonly clients: readonly number[];
  readonly #indexes: ReadonlyMap<number, number>;
  /** The first struct of each client, and behind the last client how many there are. */
  readonly firsts: Uint32Array<ArrayBuffer>;
  /** Behind the last tick of each client. */
  readonly #ends: Float64Array;
  readonly #clocks: Clocks;
  /** Position of the struct's bytes; of what was cut off a struct, which one it was cut off: `~` its number. */
  readonly #at: Int32Array;
  readonly flags: Uint8Array;
  #lastClient = 0;

  constructor(updates: PackedUpdates, clients: Clients, starts: Starts, cuts: Cuts) {
    this.updates = updates;
    this.clients = clients.ids;
    this.#indexes = clients.indexes;
    this.#ends = Float64Array.from(clients.ends);
    const count = starts.count + cuts.sort(clients.ids.length);
    this.firsts = new Uint32Array(clients.ids.length + 1);
    this.#clocks = newClocks(clients, count);
    this.#at = new Int32Array(count);
    this.flags = new Uint8Array(count);
    this.#fill(starts, cuts);
  }

  get count(): number {
    return this.flags.length;
  }

  /** Which of the clients has an id; `undefined` for none. */
  clientIndex(client: number): number | undefined {
    return this.#indexes.get(client);
  }

  /** The struct that has a tick, which has to be there. */
  find(client: number, clock: number): number {
    return floor(this.#clocks, this.firsts[client] as number, this.firsts[client + 1] as number, clock);
  }

  /** Which of the clients a struct is of. */
  clientOf(struct: number): number {
    const { firsts } = this;
    const last = this.#lastClient;
    if ((firsts[last] as number) <= struct && struct < (firsts[last + 1] as number)) return last;
    this.#lastClient = floor(firsts, 0, firsts.length - 1, struct);
    return this.#lastClient;
  }

  clockOf(struct: number): number {
    return this.#clocks[struct] as number;
  }

  /** How many ticks it has. */
  lengthOf(struct: number): number {
    const client = this.clientOf(struct);
    const isLast = struct + 1 === this.firsts[client + 1];
    const end = isLast ? (this.#ends[client] as number) : this.clockOf(struct + 1);
    return end - this.clockOf(struct);
  }

  /** Whether it was cut off the struct before it. */
  isCutOff(struct: number): boolean {
    return (this.#at[struct] as number) < 0;
  }

  /** The struct that begins where the bytes of this one do: itself, if it was not cut off another one. */
  wholeOf(struct: number): number {
    const at = this.#at[struct] as number;
    return at < 0 ? ~at : struct;
  }

  /** Position of the bytes that it is in. */
  positionOf(struct: number): number {
    return this.#at[this.wholeOf(struct)] as number;
  }

  isDeleted(struct: number): boolean {
    return ((this.flags[struct] as number) & DELETED) !== 0;
  }

  refOf(struct: number): number {
    return (this.flags[struct] as number) & CONTENT_BITS;
  }

  /** Marks structs of a client as deleted, from one tick up to another. */
  delete(client: number, start: number, end: number): void {
    const last = this.firsts[client + 1] as number;
    for (let i = this.find(client, start); i < last && this.clockOf(i) < end; i++) this.#mark(i, DELETED);
  }

  /** Makes a struct one that was collected. */
  collect(struct: number): void {
    this.flags[struct] = GC_REF | DELETED;
  }

  #mark(struct: number, flag: number): void {
    this.flags[struct] = (this.flags[struct] as number) | flag;
  }

  #fill(starts: Starts, cuts: Cuts): void {
    let next = 0;
    for (let client = 0; client < this.clients.length; client++) {
      this.firsts[client] = next;
      let cut = cuts.firstOf(client);
      const lastCut = cuts.firstOf(client + 1);
      const end = starts.endOf(client);
      for (let i = starts.firstOf(client); i < end; i++) {
        const whole = next++;
        const position = starts.positions[i] as number;
        this.#clocks[whole] = starts.clocks[i] as number;
        this.#at[whole] = position;
        const reader = this.updates.readerAt(position);
        const ref = reader.byte() & CONTENT_BITS;
        const flags = ref === GC_REF || ref === DELETED_REF ? ref | DELETED : ref;
        this.flags[whole] = flags;
        const structEnd = i + 1 < end ? (starts.clocks[i + 1] as number) : (this.#ends[client] as number);
        for (; cut < lastCut && (cuts.clocks[cut] as number) < structEnd; cut++) {
          this.#clocks[next] = cuts.clocks[cut] as number;
          this.#at[next] = ~whole;
          this.flags[next++] = flags;
        }
      }
    }
    this.firsts[this.clients.length] = next;
  }
}

/** Who wrote, and how much. */
class Clients {
  readonly ids: number[] = [];
  readonly indexes = new Map<number, number>();
  readonly counts: number[] = [];
  readonly ends: number[] = [];

  indexOf(id: number): number {
    let index = this.indexes.get(id);
    if (index === undefined) {
      index = this.ids.push(id) - 1;
      this.indexes.set(id, index);
      this.counts.push(0);
      this.ends.push(0);
    }
    return index;
  }

  endOf(id: number): number {
    const index = this.indexes.get(id);
    return index === undefined ? 0 : (this.ends[index] as number);
  }

  /** @throws OutOfOrder where it does not go on from what was added, or builds upon more than that. */
  add({ blocks, structs, needs }: Inspection): void {
    if (structs.length !== blocks.length) throw new OutOfOrder();
    for (const [i, { client, start, end }] of structs.entries()) {
      const index = this.indexOf(client);
      if (start !== this.ends[index]) throw new OutOfOrder();
      this.ends[index] = end;
      this.counts[index] = (this.counts[index] as number) + (blocks[i]?.count ?? 0);
    }
    for (const [client, needed] of needs) if (needed > this.endOf(client)) throw new OutOfOrder();
  }
}

function newClocks({ ends }: Clients, count: number): Clocks {
  // Nearly all documents: a clock counts what one client wrote.
  return ends.every((end) => end < 2 ** 32) ? new Uint32Array(count) : new Float64Array(count);
}

/** Where structs begin, as they came: their clocks and positions. */
class Starts {
  readonly clocks: Clocks;
  readonly positions: Uint32Array<ArrayBuffer>;
  readonly #firsts: Uint32Array;
  readonly #ends: Uint32Array;
  /** Behind the last tick of each client so far. */
  readonly #clockEnds: Float64Array;

  constructor(clients: Clients) {
    this.#clockEnds = new Float64Array(clients.ids.length);
    this.#firsts = new Uint32Array(clients.ids.length + 1);
    for (const [i, count] of clients.counts.entries())
      this.#firsts[i + 1] = (this.#firsts[i] as number) + count;
    const count = this.#firsts[clients.ids.length] as number;
    this.#ends = this.#firsts.slice(0, -1);
    this.clocks = newClocks(clients, count);
    this.positions = new Uint32Array(count);
  }

  /** How many there are; gaps at the end of an update were counted, and are none. */
  get count(): number {
    let count = 0;
    for (const [i, end] of this.#ends.entries()) count += end - (this.#firsts[i] as number);
    return count;
  }

  firstOf(client: number): number {
    return this.#firsts[client] as number;
  }

  endOf(client: number): number {
    return this.#ends[client] as number;
  }

  add(client: number, { clock, length }: StructCursor, position: number): void {
    const at = this.endOf(client);
    this.clocks[at] = clock;
    this.positions[at] = position;
    this.#ends[client] = at + 1;
    this.#clockEnds[client] = clock + length;
  }

  /** Whether a tick has been added. */
  has(client: number, clock: number): boolean {
    return clock < (this.#clockEnds[client] as number);
  }

  free(): void {
    free(this.clocks);
    free(this.positions);
  }

  /** The struct that has a tick, which has been added. */
  find(client: number, clock: number): number {
    return floor(this.clocks, this.firstOf(client), this.endOf(client), clock);
  }
}

/**
 * Finds the structs of updates and cuts them.
 *
 * @throws OutOfOrder; JoineryError MALFORMED_UPDATE (never retry).
 * Cost: a few passes over the bytes.
 */
export function structsOf(updates: PackedUpdates): Structs {
  const clients = new Clients();
  for (const update of updates) clients.add(inspectUpdate(update, NO_UPDATE_LIMITS));
  const starts = new Starts(clients);
  const cuts = new Cuts(newClocks(clients, 0) instanceof Float64Array);
  let number = 0;
  for (const update of updates) {
    const inspection = inspectUpdate(update, NO_UPDATE_LIMITS);
    addStarts(update, inspection, { clients, starts, position: updates.startOf(number++) });
    addCuts(update, inspection, { clients, starts, cuts, updates });
  }
  const structs = new Structs(updates, clients, starts, cuts);
  starts.free();
  cuts.free();
  return structs;
}

function addStarts(
  update: Uint8Array,
  { blocks }: Inspection,
  { clients, starts, position }: { clients: Clients; starts: Starts; position: number },
): void {
  for (const block of blocks) {
    const client = clients.indexOf(block.client);
    const struct = new StructCursor(update, block);
    while (struct.next())
      if (struct.kind !== StructKind.SKIP) starts.add(client, struct, position + struct.start);
  }
}

interface Cutting {
  readonly clients: Clients;
  readonly starts: Starts;
  readonly cuts: Cuts;
  readonly updates: PackedUpdates;
}

function addCuts(update: Uint8Array, { blocks, deletesStart }: Inspection, cutting: Cutting): void {
  for (const block of blocks) {
    const struct = new StructCursor(update, block);
    while (struct.next()) {
      const { hasOrigin, hasRightOrigin, originClient, originClock, rightClient, rightClock } = struct;
      if (hasOrigin) cutBefore(cutting, originClient, originClock + 1);
      // Mostly it was put between two ticks that stand one behind the other: one place.
      const isSame = hasOrigin && originClient === rightClient && originClock + 1 === rightClock;
      if (hasRightOrigin && !isSame) cutBefore(cutting, rightClient, rightClock);
    }
  }
  forEachDelete(update, deletesStart, (client, clock, length) => {
    cutBefore(cutting, client, clock);
    cutBefore(cutting, client, clock + length);
  });
}

/** Cuts the struct that has a tick before it, if it does not begin there. */
function cutBefore({ clients, starts, cuts, updates }: Cutting, id: number, clock: number): void {
  const client = clients.indexes.get(id);
  // What it builds upon came before it, or is not there.
  if (client === undefined || !starts.has(client, clock)) return;
  const struct = starts.find(client, clock);
  if (starts.clocks[struct] === clock) return;
  // What was collected has no parts.
  const isCollected = (updates.readerAt(starts.positions[struct] as number).byte() & CONTENT_BITS) === GC_REF;
  if (!isCollected) cuts.add(client, clock);
}
