import {
  type DeletedTicks,
  deleteCursor,
  encodeDeleteSet,
  equalBytes,
  type Inspection,
} from "@joinery/shared";
import { LazyMap } from "./lazy-map.ts";
import type { TickLists } from "./tick-lists.ts";

/** More ranges than this are merged in one pass: putting each into its place costs the length of the list. */
const FEW = 16;

/**
 * Which ticks of each client are deleted. A state vector says nothing about deletes, so clients send all that
 * they know of at every reconnect; with this a room tells which of them are news.
 *
 * Memory: 16 bytes a range; ranges that touch are one. Of clients as they were loaded 8 a range, outside of V8's heap, where
 * so much at once would make the space for new objects grow.
 */
export class DeletedRanges {
  readonly #clients = new LazyMap<number, Ranges>();
  #encoded: Uint8Array | null = null;

  /** All of it as a Yjs v1 delete set. Cost: linear in ranges after a change, else nothing. */
  get deleteSet(): Uint8Array {
    this.#encoded ??= encodeDeleteSet(this.#clients);
    return this.#encoded;
  }

  /** Whether these bytes are all of it; `false` too while it is not encoded. Cost: compares them. */
  isEncodedAs(deleteSet: Uint8Array): boolean {
    return this.#encoded !== null && equalBytes(this.#encoded, deleteSet);
  }

  /** As {@link deleteSet}, without what some clients made from a clock on. Cost: linear in ranges. */
  deleteSetBelow(clocks: Iterable<readonly [client: number, clock: number]>): Uint8Array {
    const below = new Map<number, DeletedTicks>(this.#clients);
    for (const [client, clock] of clocks) {
      const ranges = this.#clients.get(client);
      if (ranges) below.set(client, cutAt(ranges, clock));
    }
    return encodeDeleteSet(below);
  }

  /**
   * Adds all deletes of a stored update.
   *
   * Cost: linear in them, where their clients have none yet; of others as {@link add}.
   */
  addStored(update: Uint8Array, { deletesStart, needs }: Inspection): void {
    const cursor = deleteCursor(update, deletesStart);
    let isLeft = cursor.next();
    while (isLeft) {
      const { client, clientRanges: count } = cursor;
      const end = needs.get(client) as number;
      const starts = newTicks(count, end);
      const ends = newTicks(count, end);
      for (let i = 0; i < count; i++) {
        starts[i] = cursor.clock;
        ends[i] = cursor.clock + cursor.length;
        isLeft = cursor.next();
      }
      if (count > FEW && !this.#clients.has(client) && isTidy(starts, ends)) {
        this.#encoded = null;
        this.#clients.set(client, { starts, ends });
      } else this.add(client, starts, ends);
    }
  }

  /**
   * Adds ranges in any order; they may overlap each other and what is there.
   *
   * Cost: for a few, the list of their client is searched and shifted; for many, it is merged once.
   */
  add(client: number, starts: ArrayLike<number>, ends: ArrayLike<number>): void {
    this.#encoded = null;
    if (starts.length > FEW) {
      this.#clients.set(client, merge(this.#clients.get(client) ?? NONE, sorted(starts, ends)));
      return;
    }
    const lists = this.#listsOf(client);
    for (let i = 0; i < starts.length; i++) insert(lists, starts[i] as number, ends[i] as number);
  }

  /** The ranges of a client, to change them. */
  #listsOf(client: number): TickLists {
    const ranges = this.#clients.get(client) ?? NONE;
    if (isGrowable(ranges)) return ranges;
    const lists = { starts: [...ranges.starts], ends: [...ranges.ends] };
    this.#clients.set(client, lists);
    return lists;
  }

  /** Whether all of a range is deleted. Cost: a binary search. */
  has(client: number, start: number, end: number): boolean {
    const ranges = this.#clients.get(client);
    if (!ranges) return false;
    const { starts, ends } = ranges;
    const i = firstEndingAfter(ends, start);
    return i < starts.length && (starts[i] as number) <= start && (ends[i] as number) >= end;
  }

  /** Calls `visit` for each part of a range that is not deleted, ascending. */
  forEachMissing(
    client: number,
    start: number,
    end: number,
    visit: (start: number, end: number) => void,
  ): void {
    const ranges = this.#clients.get(client);
    let from = start;
    if (ranges) {
      const { starts, ends } = ranges;
      for (let i = firstEndingAfter(ends, start); i < starts.length; i++) {
        const rangeStart = starts[i] as number;
        if (rangeStart >= end) break;
        if (rangeStart > from) visit(from, rangeStart);
        from = ends[i] as number;
      }
    }
    if (from < end) visit(from, end);
  }
}

/** Puts ranges in order and joins those that overlap or touch. */
export function tidyTicks({ starts, ends }: DeletedTicks): DeletedTicks {
  return merge(NONE, sorted(starts, ends));
}

/** Of a client as it was loaded: in arrays that have no room to grow. */
interface LoadedTicks extends DeletedTicks {
  readonly starts: TickArray;
  readonly ends: TickArray;
}

type TickArray = Uint32Array | Float64Array;
type Ranges = LoadedTicks | TickLists;

const NONE: LoadedTicks = { starts: new Uint32Array(0), ends: new Uint32Array(0) };

function isGrowable(ranges: Ranges): ranges is TickLists {
  return Array.isArray(ranges.starts);
}

/** @param end No tick that is put into it is greater. */
function newTicks(count: number, end: number): TickArray {
  return end < 2 ** 32 ? new Uint32Array(count) : new Float64Array(count);
}

/** Whether ranges ascend and do not touch. */
function isTidy(starts: ArrayLike<number>, ends: ArrayLike<number>): boolean {
  for (let i = 1; i < starts.length; i++) {
    if ((starts[i] as number) <= (ends[i - 1] as number)) return false;
  }
  return true;
}

function insert({ starts, ends }: TickLists, start: number, end: number): void {
  const last = starts.length - 1;
  if (last < 0 || start > (ends[last] as number)) {
    starts.push(start);
    ends.push(end);
    return;
  }
  // From the first range that reaches `start`, up to the first that begins after `end`.
  const from = firstEndingAfter(ends, start - 1);
  let to = from;
  while (to < starts.length && (starts[to] as number) <= end) to++;
  const newStart = from < to ? Math.min(start, starts[from] as number) : start;
  const newEnd = from < to ? Math.max(end, ends[to - 1] as number) : end;
  starts.splice(from, to - from, newStart);
  ends.splice(from, to - from, newEnd);
}

function cutAt({ starts, ends }: Ranges, clock: number): DeletedTicks {
  const from = firstEndingAfter(ends, clock);
  const isCut = from < starts.length && (starts[from] as number) < clock;
  return {
    starts: starts.slice(0, isCut ? from + 1 : from),
    ends: isCut ? [...ends.slice(0, from), clock] : ends.slice(0, from),
  };
}

/** Index of the first range whose end is greater than `clock`. */
function firstEndingAfter(ends: ArrayLike<number>, clock: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ends[middle] as number) > clock) high = middle;
    else low = middle + 1;
  }
  return low;
}

function sorted(starts: ArrayLike<number>, ends: ArrayLike<number>): DeletedTicks {
  if (isAscending(starts)) return { starts, ends };
  const order = Array.from(starts, (_, i) => i).sort((a, b) => (starts[a] as number) - (starts[b] as number));
  return {
    starts: order.map((i) => starts[i] as number),
    ends: order.map((i) => ends[i] as number),
  };
}

function isAscending(starts: ArrayLike<number>): boolean {
  for (let i = 1; i < starts.length; i++) if ((starts[i] as number) < (starts[i - 1] as number)) return false;
  return true;
}

/** Merges two lists, of which each ascends by start. */
function merge(a: DeletedTicks, b: DeletedTicks): TickLists {
  const starts: number[] = [];
  const ends: number[] = [];
  let i = 0;
  let k = 0;
  while (i < a.starts.length || k < b.starts.length) {
    const takesA =
      k >= b.starts.length || (a.starts[i] ?? Number.POSITIVE_INFINITY) <= (b.starts[k] as number);
    const start = (takesA ? a.starts[i] : b.starts[k]) as number;
    const end = (takesA ? a.ends[i] : b.ends[k]) as number;
    if (takesA) i++;
    else k++;
    const last = starts.length - 1;
    if (last >= 0 && start <= (ends[last] as number)) ends[last] = Math.max(end, ends[last] as number);
    else {
      starts.push(start);
      ends.push(end);
    }
  }
  return { starts, ends };
}
