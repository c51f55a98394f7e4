/**
 * Where each struct of a document stands: in which shared type, and how deep. Updates may say of an item that it
 * stands between neighbours of different types, or nest types until whoever deletes the outermost overflows his
 * stack; neither shows in clocks. A Y.Doc would know, for twelve times the memory and for integrating whatever
 * comes.
 *
 * An item says its type itself when it has no neighbours, else it stands where they do. Ticks of a client that
 * follow each other in the same type are one run, so a text costs one run a writer and a tree a few a node.
 *
 * Of two neighbours in the same type it is not known which comes first: only a Y.Doc tells, and not all of them the
 * same where somebody lies about it. What they show then differs in where that item stands, until they are loaded anew.
 */

import {
  type DeletedTicks,
  type Inspection,
  JoineryError,
  type Limits,
  type StructBlock,
  StructCursor,
  StructKind,
} from "@joinery/shared";
import { OrderedWalk, walkInOrder } from "./ordered-walk.ts";
import { type Place, Runs } from "./runs.ts";
import type { ClockOf } from "./slice.ts";
import { noteTicks, type TickLists } from "./tick-lists.ts";

export type OutlineLimits = Pick<Limits, "maxTypeDepth" | "maxRootTypes">;

/** Below something that Yjs has let go. */
const NOWHERE: Place = 0;

/** Whether all these ticks of a client are deleted, by the update or before. */
export type IsDeleted = (client: number, start: number, end: number) => boolean;

/** For each client, the ticks of an update that came without their content, because it was deleted before. */
export type Gone = ReadonlyMap<number, DeletedTicks>;

/** How long the lists were before an update, so that it can be taken back. */
interface Mark {
  readonly runs: number;
  readonly types: number;
}

const NO_MARKS: ReadonlyMap<number, Mark> = new Map();
const NONE_GONE: Gone = new Map();

export class Outline {
  readonly #limits: OutlineLimits;
  readonly #clients = new Map<number, Runs>();
  readonly #roots = new Map<string, Place>();
  /** By half of a place: how many types are around it. Yjs' root types are at depth 1. */
  readonly #depths: number[] = [0];

  constructor(limits: OutlineLimits) {
    this.#limits = limits;
  }

  /**
   * Adds the structs of an update that end beyond what is known. All they refer to must be known or in the update.
   *
   * @throws JoineryError MALFORMED_UPDATE when neighbours stand in different types, a map has an item of several
   * values, or structs refer to each other in a circle; UPDATE_TOO_LARGE when types are nested too deep or there are too many root types. Nothing was
   * added then.
   * Cost: a few comparisons a struct, and a binary search for each neighbour.
   */
  add(update: Uint8Array, inspection: Inspection, known: ClockOf, isDeleted: IsDeleted): Gone {
    // A single struct adds no run before it is accepted.
    const marks = inspection.structCount <= 1 ? NO_MARKS : this.#mark(inspection);
    const roots = this.#roots.size;
    const types = this.#depths.length;
    try {
      return this.#addInOrder(update, inspection, known, isDeleted);
    } catch (error) {
      this.#takeBack(marks, roots, types);
      throw error;
    }
  }

  /**
   * As {@link add}, for what the storage has: nothing is refused, what is misplaced stands where Yjs puts it.
   * A generator, because it may be much: it yields after so many structs.
   *
   * @param isDeleted What it says of is not returned: of a large document that would be long lists of what is known.
   */
  *addStored(
    update: Uint8Array,
    inspection: Inspection,
    known: ClockOf,
    isDeleted: IsDeleted,
    structsAStep: number,
  ): Generator<undefined, Gone> {
    const gone = new Map<number, TickLists>();
    const visit = (cursor: StructCursor) => {
      this.#place(cursor, cursor.clock < known(cursor.client), null);
      const { client, clock, length } = cursor;
      if (isGone(cursor) && !isDeleted(client, clock, clock + length)) noteIfGone(gone, cursor);
    };
    const walk = new OrderedWalk(update, inspection, { known, visit });
    while (walk.run(structsAStep)) yield;
    return gone;
  }

  #addInOrder(update: Uint8Array, inspection: Inspection, known: ClockOf, isDeleted: IsDeleted): Gone {
    const { blocks } = inspection;
    const block = blocks[0];
    if (block && blocks.length === 1) return this.#addBlock(update, block, known(block.client), isDeleted);
    const gone = new Map<number, TickLists>();
    const visit = (cursor: StructCursor) => {
      this.#place(cursor, cursor.clock < known(cursor.client), isDeleted);
      noteIfGone(gone, cursor);
    };
    const { reached } = walkInOrder(update, inspection, { known, visit });
    requireWhole(inspection, reached);
    return gone;
  }

  /** Of most updates, which have one client's structs; most of those are a keystroke's, and nothing of it is gone. */
  #addBlock(update: Uint8Array, block: StructBlock, start: number, isDeleted: IsDeleted): Gone {
    let gone: Map<number, TickLists> | null = null;
    const cursor = new StructCursor(update, block);
    while (cursor.next()) {
      if (cursor.kind === StructKind.SKIP || cursor.clock + cursor.length <= start) continue;
      this.#place(cursor, cursor.clock < start, isDeleted);
      if (!isGone(cursor)) continue;
      gone ??= new Map();
      noteIfGone(gone, cursor);
    }
    return gone ?? NONE_GONE;
  }

  /** @param isDeleted `null` where nothing is refused. */
  #place(cursor: StructCursor, isKnownInPart: boolean, isDeleted: IsDeleted | null): void {
    const isStrict = isDeleted !== null;
    const runs = this.#runsOf(cursor.client);
    const last = runs.length - 1;
    const place = isKnownInPart ? (runs.places[last] ?? NOWHERE) : this.#placeOf(cursor, isStrict);
    if (isDeleted && isMap(place) && isWide(cursor, isDeleted)) {
      throw misplaced(cursor, `is one value of a map and ${cursor.length} long`);
    }
    if (cursor.kind === StructKind.TYPE && place !== NOWHERE) {
      runs.addType(cursor.clock, this.#newType((this.#depths[place >> 1] as number) + 1, isStrict));
    }
    if (runs.places[last] !== place) runs.push(cursor.clock, place);
  }

  #placeOf(cursor: StructCursor, isStrict: boolean): Place {
    if (cursor.kind === StructKind.GC) return NOWHERE;
    const left = cursor.hasOrigin ? this.#placeAt(cursor.originClient, cursor.originClock) : null;
    const right = cursor.hasRightOrigin ? this.#placeAt(cursor.rightClient, cursor.rightClock) : null;
    if (left === null && right === null) return this.#placeInParent(cursor, isStrict);
    // Yjs lets an item go whose neighbour is gone; else the right one says where it stands.
    if (left === NOWHERE || right === NOWHERE) return NOWHERE;
    if (isStrict && right !== null) {
      if (left !== null && left !== right) throw misplaced(cursor, "has neighbours in different types");
      if (isMap(right)) throw misplaced(cursor, "is in a map and has a right neighbour");
    }
    return (right ?? left) as Place;
  }

  #placeInParent(cursor: StructCursor, isStrict: boolean): Place {
    const type =
      cursor.parent === "root"
        ? this.#root(cursor.rootName, isStrict)
        : (this.#clients.get(cursor.parentClient)?.typeAt(cursor.parentClock) ?? NOWHERE);
    if (type === NOWHERE) return NOWHERE;
    return cursor.hasParentSub ? type + 1 : type;
  }

  #root(name: string, isStrict: boolean): Place {
    const known = this.#roots.get(name);
    if (known !== undefined) return known;
    const { maxRootTypes } = this.#limits;
    if (isStrict && this.#roots.size >= maxRootTypes) {
      throw new JoineryError("UPDATE_TOO_LARGE", `a document may have at most ${maxRootTypes} root types`, {
        limit: "maxRootTypes",
      });
    }
    const place = this.#newType(1, true);
    this.#roots.set(name, place);
    return place;
  }

  #newType(depth: number, isStrict: boolean): Place {
    const { maxTypeDepth } = this.#limits;
    if (isStrict && depth > maxTypeDepth) {
      throw new JoineryError("UPDATE_TOO_LARGE", `types may be nested at most ${maxTypeDepth} deep`, {
        limit: "maxTypeDepth",
      });
    }
    this.#depths.push(depth);
    return (this.#depths.length - 1) * 2;
  }

  /** Where a tick stands. */
  #placeAt(client: number, clock: number): Place {
    const runs = this.#clients.get(client);
    return runs?.placeAt(clock) ?? NOWHERE;
  }

  #runsOf(client: number): Runs {
    let runs = this.#clients.get(client);
    if (!runs) {
      runs = new Runs();
      this.#clients.set(client, runs);
    }
    return runs;
  }

  #mark({ blocks }: Inspection): ReadonlyMap<number, Mark> {
    const marks = new Map<number, Mark>();
    for (const { client } of blocks) {
      const runs = this.#clients.get(client);
      marks.set(client, { runs: runs?.length ?? 0, types: runs?.types?.clocks.length ?? 0 });
    }
    return marks;
  }

  #takeBack(marks: ReadonlyMap<number, Mark>, roots: number, depths: number): void {
    for (const [client, { runs, types }] of marks) {
      this.#clients.get(client)?.truncate(runs, types);
      if (runs === 0) this.#clients.delete(client);
    }
    this.#depths.length = depths;
    for (const name of [...this.#roots.keys()].slice(roots)) this.#roots.delete(name);
  }
}

function isGone({ kind }: StructCursor): boolean {
  return kind === StructKind.GC || kind === StructKind.DELETED;
}

function noteIfGone(gone: Map<number, TickLists>, cursor: StructCursor): void {
  const { client, clock, length } = cursor;
  if (isGone(cursor)) noteTicks(gone, client, clock, clock + length);
}

function requireWhole({ structs }: Inspection, reached: ReadonlyMap<number, number>): void {
  for (const { client, end } of structs) {
    if ((reached.get(client) as number) >= end) continue;
    const reason = `structs of client ${client} refer to each other in a circle`;
    throw new JoineryError("MALFORMED_UPDATE", `update: ${reason}`);
  }
}

/**
 * Whether an item has several values that are not all deleted. Yjs takes each as a value of its own, and throws at
 * whoever lets go of one that others have deleted in part. It makes such items of values that were overwritten.
 */
function isWide({ kind, client, clock, length }: StructCursor, isDeleted: IsDeleted): boolean {
  return length > 1 && kind !== StructKind.DELETED && !isDeleted(client, clock, clock + length);
}

function misplaced({ client, clock, start }: StructCursor, how: string): JoineryError {
  return new JoineryError(
    "MALFORMED_UPDATE",
    `update: item ${clock} of client ${client} ${how} at byte ${start}`,
  );
}

/** Whether an item does not stand right behind what its client made just before. */
function isMap(place: Place): boolean {
  return (place & 1) === 1;
}
