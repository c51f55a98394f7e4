/**
 * Puts the structs of a document in order, as Yjs does: struct by struct in the order in which it would integrate
 * them, each behind the one that its author saw to its left; where others were put there at the same time, by the
 * rules of YATA. Deleting changes no order, and what is in something deleted shows nowhere, so of deletes only marks
 * are kept.
 */

import { forEachDelete, type Inspection, inspectUpdate, NO_UPDATE_LIMITS } from "@joinery/shared";
import { mergeUpdates } from "../engine/merge.ts";
import { PackedUpdates } from "./packed-updates.ts";
import { StructHead } from "./struct-head.ts";
import { StructLists } from "./struct-lists.ts";
import { GC_REF, NONE, OutOfOrder, type Structs, structsOf } from "./structs.ts";

/** What Yjs knows a shared type by. */
const TYPE_REF = 7;

/** The structs of a document in their lists. */
export interface OrderedStructs {
  readonly structs: Structs;
  readonly lists: StructLists;
  /** Of each struct the one to its right in its list. */
  readonly rights: Int32Array;
}

/**
 * Puts structs in order.
 *
 * @param updates Yjs v1, in any order, and each edit as often as it comes. In the order of a log it is done in place.
 * @throws OutOfOrder where they build upon something that is not there; JoineryError MALFORMED_UPDATE (never retry).
 * Cost: near linear in bytes, more where many wrote in one place at once; about twenty bytes a struct, and forty for
 * each key of a map. Updates in any other order are merged first.
 */
export function orderAny(updates: Iterable<Uint8Array>): OrderedStructs {
  const packed = PackedUpdates.of(updates);
  try {
    return orderStructs(packed);
  } catch (error) {
    if (!(error instanceof OutOfOrder)) throw error;
    return orderStructs(PackedUpdates.of([mergeUpdates([...packed])]));
  }
}

function orderStructs(updates: PackedUpdates): OrderedStructs {
  const order = new Order(structsOf(updates));
  for (const update of updates) order.add(update, inspectUpdate(update, NO_UPDATE_LIMITS));
  return order;
}

/** The structs of one client in an update, from the next one on. */
interface Pending {
  readonly client: number;
  next: number;
  readonly end: number;
  /** Whether its next struct waits for one of another client. */
  isWaiting: boolean;
}

class Order implements OrderedStructs {
  readonly structs: Structs;
  readonly lists: StructLists;
  readonly rights: Int32Array;
  /** The list that a struct is in; {@link NONE} for what was collected. */
  readonly #listOf: Int32Array;
  /** Of each client the clock up to which its structs are in order. */
  readonly #state: Float64Array;
  readonly #head: StructHead;
  /** Of another struct that stands where this one could. */
  readonly #other: StructHead;

  constructor(structs: Structs) {
    this.structs = structs;
    this.lists = new StructLists(structs.updates);
    this.rights = new Int32Array(structs.count);
    this.#listOf = new Int32Array(structs.count);
    this.#state = new Float64Array(structs.clients.length);
    this.#head = new StructHead(structs.updates);
    this.#other = new StructHead(structs.updates);
  }

  add(update: Uint8Array, inspection: Inspection): void {
    const pending = new Map<number, Pending>();
    for (const { client: id, start, end } of inspection.structs) {
      const client = this.#index(id);
      const next = this.structs.find(client, start);
      pending.set(client, { client, next, end: this.structs.find(client, end - 1) + 1, isWaiting: false });
    }
    this.#nameRoots(pending.values());
    for (const each of pending.values()) this.#integrateAll(each, pending);
    forEachDelete(update, inspection.deletesStart, (client, clock, length) => {
      this.structs.delete(this.#index(client), clock, clock + length);
    });
  }

  /** A root is one even where all that was put into it was collected. */
  #nameRoots(pending: Iterable<Pending>): void {
    for (const { next, end } of pending) {
      for (let i = next; i < end; i++) {
        if (this.structs.refOf(i) === GC_REF || this.structs.isCutOff(i)) continue;
        this.#head.read(this.structs.positionOf(i));
        if (this.#head.parent === "root") this.lists.rootNamed(this.#head.rootName);
      }
    }
  }

  /** Integrates all of a client, and before each struct what it builds upon. */
  #integrateAll(first: Pending, all: ReadonlyMap<number, Pending>): void {
    const stack = [first];
    for (let top = first as Pending | undefined; top !== undefined; top = stack.at(-1)) {
      // What others wait for is one struct; the one at the bottom goes on to its end.
      const isDone = top.next >= top.end;
      if (isDone) {
        if (stack.length > 1) throw new OutOfOrder();
        return;
      }
      const missing = this.#readNext(top);
      if (missing === NONE) {
        this.#integrateNext(top);
        if (stack.length > 1) stack.pop();
        top.isWaiting = false;
        continue;
      }
      top.isWaiting = true;
      const before = all.get(missing);
      if (before === undefined || before.isWaiting) throw new OutOfOrder();
      stack.push(before);
    }
  }

  /** Reads where the next struct stands. Returns the client of one that has to come first. */
  #readNext({ client, next }: Pending): number {
    if (this.structs.refOf(next) === GC_REF) return NONE;
    const head = this.#head;
    head.read(this.structs.positionOf(next));
    if (head.hasOrigin && this.#isMissing(client, head.originClient, head.originClock))
      return this.#index(head.originClient);
    if (head.hasRightOrigin && this.#isMissing(client, head.rightClient, head.rightClock))
      return this.#index(head.rightClient);
    if (head.parent === "item" && this.#isMissing(client, head.parentClient, head.parentClock))
      return this.#index(head.parentClient);
    return NONE;
  }

  #isMissing(client: number, id: number, clock: number): boolean {
    const index = this.#index(id);
    return index !== client && clock >= (this.#state[index] as number);
  }

  /** The client of an id that something refers to. */
  #index(id: number): number {
    const index = this.structs.clientIndex(id);
    if (index === undefined) throw new OutOfOrder();
    return index;
  }

  /** Integrates the struct that was read, with all that was cut off it. */
  #integrateNext(pending: Pending): void {
    const { client, next: first, end } = pending;
    let last = first;
    while (last + 1 < end && this.structs.isCutOff(last + 1)) last++;
    pending.next = last + 1;
    this.#state[client] = this.structs.clockOf(last) + this.structs.lengthOf(last);
    const list = this.structs.refOf(first) === GC_REF ? NONE : this.#place(first, last);
    for (let i = first; i <= last; i++) {
      this.#listOf[i] = list;
      if (list === NONE) {
        this.structs.collect(i);
        this.rights[i] = NONE;
      }
    }
  }

  /** Puts a struct and what was cut off it into its list. Returns the list; {@link NONE} when there is none any more. */
  #place(first: number, last: number): number {
    const head = this.#head;
    const left = head.hasOrigin ? this.#find(head.originClient, head.originClock) : NONE;
    const right = head.hasRightOrigin ? this.#find(head.rightClient, head.rightClock) : NONE;
    const list = this.#listFor(left, right);
    if (list === NONE) return NONE;
    const isConflict =
      left === NONE
        ? right === NONE || this.lists.headOf(this.#listOf[right] as number) !== right
        : this.rights[left] !== right;
    const after = isConflict ? this.#leftAmongOthers(first, { left, right, list }) : left;
    for (let i = first; i < last; i++) this.rights[i] = i + 1;
    const behind = after === NONE ? this.lists.headOf(list) : (this.rights[after] as number);
    this.rights[last] = behind;
    if (after === NONE) this.lists.setHead(list, first);
    else this.rights[after] = first;
    if (behind === NONE && this.lists.hasKey(list)) this.lists.setTail(list, last);
    return list;
  }

  /** The list of a struct: that of its neighbours, or of its parent. */
  #listFor(left: number, right: number): number {
    const { structs, lists } = this;
    const head = this.#head;
    for (const beside of [left, right]) if (beside !== NONE && structs.refOf(beside) === GC_REF) return NONE;
    if (head.parent === "none") return this.#listOf[left === NONE ? right : left] as number;
    if (head.parent === "root") return lists.open(lists.rootNamed(head.rootName), head.keyPosition);
    const parent = this.#find(head.parentClient, head.parentClock);
    return structs.refOf(parent) === TYPE_REF ? lists.open(parent, head.keyPosition) : NONE;
  }

  /** YATA: behind which struct one comes that was put where others were put too. */
  #leftAmongOthers(first: number, at: { left: number; right: number; list: number }): number {
    const { structs } = this;
    const own = this.#head;
    const ownId = structs.clients[structs.clientOf(first)] as number;
    const other = this.#other;
    const seen = new Set<number>();
    const conflicting = new Set<number>();
    let { left } = at;
    let o = left === NONE ? this.lists.headOf(at.list) : (this.rights[left] as number);
    for (; o !== NONE && o !== at.right; o = this.rights[o] as number) {
      seen.add(o);
      conflicting.add(o);
      this.#readOther(o);
      if (isSameOrigin(own, other)) {
        if ((structs.clients[structs.clientOf(o)] as number) < ownId) {
          left = o;
          conflicting.clear();
        } else if (isSameRightOrigin(own, other)) break;
      } else if (other.hasOrigin) {
        const origin = this.#find(other.originClient, other.originClock);
        if (!seen.has(origin)) break;
        if (!conflicting.has(origin)) {
          left = o;
          conflicting.clear();
        }
      } else break;
    }
    return left;
  }

  /** What was cut off a struct was to the right of the tick before it. */
  #readOther(struct: number): void {
    const { structs } = this;
    this.#other.read(structs.positionOf(struct));
    if (!structs.isCutOff(struct)) return;
    this.#other.hasOrigin = true;
    this.#other.originClient = structs.clients[structs.clientOf(struct)] as number;
    this.#other.originClock = structs.clockOf(struct) - 1;
  }

  #find(id: number, clock: number): number {
    return this.structs.find(this.#index(id), clock);
  }
}

function isSameOrigin(a: StructHead, b: StructHead): boolean {
  if (!a.hasOrigin || !b.hasOrigin) return a.hasOrigin === b.hasOrigin;
  return a.originClient === b.originClient && a.originClock === b.originClock;
}

function isSameRightOrigin(a: StructHead, b: StructHead): boolean {
  if (!a.hasRightOrigin || !b.hasRightOrigin) return a.hasRightOrigin === b.hasRightOrigin;
  return a.rightClient === b.rightClient && a.rightClock === b.rightClock;
}
