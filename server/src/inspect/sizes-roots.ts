/**
 * Which root the bytes of an update belong to. A struct says where it stands by a neighbour, by the item that is its
 * parent, or by the name of a root; so most have to be followed to others. What belongs together in one list is one
 * run, and a run leads to another one, or to a root.
 */

import { type StructCursor, StructKind } from "@joinery/shared";
import { Numbers } from "./numbers.ts";

/** What a root is, as far as what is in it tells. */
export type GuessedKind = "text" | "map" | "array" | "xml" | "unknown";

export interface RootSizes {
  readonly root: string;
  readonly kind: GuessedKind;
  /** Of the structs that are in it, at any depth. */
  readonly bytes: number;
  readonly structs: number;
}

export interface SizedRoots {
  /** Largest first. */
  readonly roots: readonly RootSizes[];
  /** Of structs that lead to no root. */
  readonly otherBytes: number;
  /** The root of an item; `null` when nothing tells it. */
  readonly rootOf: (client: number, clock: number) => string | null;
}

// What Yjs knows contents by.
const CONTENT_BITS = 0x1f;
const STRING = 4;
const EMBED = 5;
const FORMAT = 6;
const XML_ELEMENT = 3;
const XML_TEXT = 6;
const MAX_TYPE = 6;

/** What leads nowhere. */
const NONE = -1;
/** The run of all that has no place. */
const LOST = 0;

/** Structs that follow one another in one list; forty bytes each, because there may be one for each struct. */
class Runs {
  /** Which root it stands in, when it says so itself. */
  readonly roots = new Numbers(Int32Array);
  /** The item that it leads to else: its client and clock. */
  readonly clients = new Numbers(Float64Array);
  readonly clocks = new Numbers(Float64Array);
  /** Whether it is in the same list as what it leads to, and not in something that is in there. */
  readonly sameList = new Numbers(Uint8Array);
  readonly bytes = new Numbers(Float64Array);
  readonly structs = new Numbers(Uint32Array);
  /** Marks that tell what kind of list it is. */
  readonly marks = new Numbers(Uint8Array);

  get count(): number {
    return this.roots.length;
  }

  toRoot(root: number): number {
    return this.#add(root, NONE, 0, false);
  }

  toItem(client: number, clock: number, isSameList: boolean): number {
    return this.#add(NONE, client, clock, isSameList);
  }

  isInSameList(run: number): boolean {
    return this.sameList.at(run) === 1;
  }

  /** Counts a struct. */
  tally(run: number, bytes: number, marks: number): void {
    this.bytes.set(run, this.bytes.at(run) + bytes);
    this.structs.set(run, this.structs.at(run) + 1);
    this.marks.set(run, this.marks.at(run) | marks);
  }

  #add(root: number, client: number, clock: number, isSameList: boolean): number {
    this.roots.push(root);
    this.clients.push(client);
    this.clocks.push(clock);
    this.sameList.push(isSameList ? 1 : 0);
    this.bytes.push(0);
    this.structs.push(0);
    this.marks.push(0);
    return this.count - 1;
  }
}

const HAS_TEXT = 1;
const HAS_KEYS = 2;
const HAS_XML = 4;
const HAS_VALUES = 8;

/** The runs of a client: where each begins, ascending where its updates come in order. */
class ClientRuns {
  #starts = new Numbers(Float64Array);
  #runs = new Numbers(Uint32Array);
  #isSorted = true;

  /** The clock that the last one begins with. */
  get lastStart(): number {
    return this.#starts.length === 0 ? 0 : this.#starts.at(this.#starts.length - 1);
  }

  /** The last one. */
  get last(): number {
    return this.#runs.length === 0 ? NONE : this.#runs.at(this.#runs.length - 1);
  }

  add(start: number, run: number): void {
    if (start < this.lastStart) this.#isSorted = false;
    this.#starts.push(start);
    this.#runs.push(run);
  }

  /** The run that a tick is in. */
  at(clock: number): number {
    if (!this.#isSorted) this.#sort();
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts.at(middle) <= clock) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? NONE : this.#runs.at(low - 1);
  }

  #sort(): void {
    const [starts, runs] = [this.#starts, this.#runs];
    const order = Uint32Array.from({ length: starts.length }, (_, i) => i);
    order.sort((a, b) => starts.at(a) - starts.at(b));
    this.#starts = new Numbers(Float64Array);
    this.#runs = new Numbers(Uint32Array);
    this.#isSorted = true;
    for (const i of order) this.add(starts.at(i), runs.at(i));
  }
}

// How far it is known which root a run is in.
const UNKNOWN = 0;
const ASKED = 1;
const FOUND = 2;

export class Roots {
  readonly #clients = new Map<number, ClientRuns>();
  readonly #runs = new Runs();
  readonly #names: string[] = [];
  readonly #runsOfRoots = new Map<string, number>();

  constructor() {
    this.#runs.toRoot(NONE);
  }

  /** @param struct No gap; of `update`. */
  add(update: Uint8Array, struct: StructCursor): void {
    const own = this.#runsOf(struct.client);
    const run = this.#runFor(struct, own);
    if (run !== own.last) own.add(struct.clock, run);
    this.#runs.tally(run, struct.end - struct.start, marksOf(update, struct));
  }

  end(): SizedRoots {
    const runs = this.#runs;
    const found = new FoundRoots(runs, (client, clock) => this.#runAt(client, clock));
    const sizes = new Map<number, { bytes: number; structs: number; marks: number }>();
    let otherBytes = 0;
    for (let run = 0; run < runs.count; run++) {
      const root = found.rootOf(run);
      if (root === NONE) {
        otherBytes += runs.bytes.at(run);
        continue;
      }
      const sum = sizes.get(root) ?? { bytes: 0, structs: 0, marks: 0 };
      sizes.set(root, sum);
      sum.bytes += runs.bytes.at(run);
      sum.structs += runs.structs.at(run);
      if (found.isTopLevel(run)) sum.marks |= runs.marks.at(run);
    }
    const roots = [...sizes].map(([root, { bytes, structs, marks }]) => {
      return { root: this.#names[root] as string, kind: kindOf(marks), bytes, structs };
    });
    roots.sort((a, b) => b.bytes - a.bytes || (a.root < b.root ? -1 : 1));
    const rootOf = (client: number, clock: number) => {
      const run = this.#runAt(client, clock);
      return run === NONE ? null : (this.#names[found.rootOf(run)] ?? null);
    };
    return { roots, otherBytes, rootOf };
  }

  #runFor(struct: StructCursor, own: ClientRuns): number {
    if (struct.kind === StructKind.GC) return LOST;
    if (struct.hasOrigin) return this.#beside(struct, own, struct.originClient, struct.originClock);
    if (struct.hasRightOrigin) return this.#beside(struct, own, struct.rightClient, struct.rightClock);
    if (struct.parent === "root") return this.#inRoot(struct.rootName);
    return struct.parent === "item" ? this.#in(struct, own) : LOST;
  }

  /** What stands beside something is where that is. */
  #beside(struct: StructCursor, own: ClientRuns, client: number, clock: number): number {
    const { last } = own;
    const isAfterLast = client === struct.client && clock >= own.lastStart && clock < struct.clock;
    // What was lost has no list: one beside it may be anywhere.
    if (isAfterLast && last !== NONE && last !== LOST) return last;
    const known = this.#runAt(client, clock);
    return known !== NONE && known !== LOST ? known : this.#runs.toItem(client, clock, true);
  }

  /** All keys of a map are one run where they were set one after the other. */
  #in({ parentClient, parentClock }: StructCursor, { last }: ClientRuns): number {
    const runs = this.#runs;
    const isSame =
      last !== NONE &&
      runs.clients.at(last) === parentClient &&
      runs.clocks.at(last) === parentClock &&
      !runs.isInSameList(last);
    return isSame ? last : runs.toItem(parentClient, parentClock, false);
  }

  #inRoot(name: string): number {
    const known = this.#runsOfRoots.get(name);
    if (known !== undefined) return known;
    const run = this.#runs.toRoot(this.#names.push(name) - 1);
    this.#runsOfRoots.set(name, run);
    return run;
  }

  #runsOf(client: number): ClientRuns {
    let own = this.#clients.get(client);
    if (own === undefined) {
      own = new ClientRuns();
      this.#clients.set(client, own);
    }
    return own;
  }

  /** The run that an item is in, as far as that is known by now. */
  #runAt(client: number, clock: number): number {
    return this.#clients.get(client)?.at(clock) ?? NONE;
  }
}

/** Goes from run to run until a root, or until there is nowhere to go; each run once. */
class FoundRoots {
  readonly #runs: Runs;
  readonly #runAt: (client: number, clock: number) => number;
  readonly #state: Uint8Array;
  readonly #roots: Int32Array;
  readonly #topLevel: Uint8Array;

  constructor(runs: Runs, runAt: (client: number, clock: number) => number) {
    this.#runs = runs;
    this.#runAt = runAt;
    this.#state = new Uint8Array(runs.count);
    this.#roots = new Int32Array(runs.count);
    this.#topLevel = new Uint8Array(runs.count);
  }

  rootOf(run: number): number {
    if (this.#state[run] !== FOUND) this.#follow(run);
    return this.#roots[run] as number;
  }

  /** Whether it is in the list of the root itself. */
  isTopLevel(run: number): boolean {
    this.rootOf(run);
    return this.#topLevel[run] === 1;
  }

  #follow(from: number): void {
    const runs = this.#runs;
    const path: number[] = [];
    let run = from;
    while (run !== NONE && this.#state[run] === UNKNOWN && runs.clients.at(run) !== NONE) {
      path.push(run);
      this.#state[run] = ASKED;
      run = this.#runAt(runs.clients.at(run), runs.clocks.at(run));
    }
    let root = NONE;
    let isTopLevel = false;
    if (run !== NONE && this.#state[run] !== ASKED) {
      if (this.#state[run] === UNKNOWN) {
        root = runs.roots.at(run);
        this.#find(run, root, root !== NONE);
      }
      root = this.#roots[run] as number;
      isTopLevel = this.#topLevel[run] === 1;
    }
    for (let step = path.pop(); step !== undefined; step = path.pop()) {
      isTopLevel &&= runs.isInSameList(step);
      this.#find(step, root, isTopLevel);
    }
  }

  #find(run: number, root: number, isTopLevel: boolean): void {
    this.#state[run] = FOUND;
    this.#roots[run] = root;
    this.#topLevel[run] = isTopLevel ? 1 : 0;
  }
}

/** What a struct in a list says about the list. */
function marksOf(update: Uint8Array, struct: StructCursor): number {
  if (struct.hasParentSub) return HAS_KEYS;
  const ref = (update[struct.start] as number) & CONTENT_BITS;
  if (ref === STRING || ref === EMBED || ref === FORMAT) return HAS_TEXT;
  if (struct.kind === StructKind.TYPE) {
    // Only XML elements and hooks have a name behind their type, which is their last byte otherwise.
    const last = update[struct.end - 1] as number;
    return last === XML_TEXT || last === XML_ELEMENT || last > MAX_TYPE ? HAS_XML : HAS_VALUES;
  }
  return struct.kind === StructKind.OTHER ? HAS_VALUES : 0;
}

function kindOf(marks: number): GuessedKind {
  if (marks & HAS_TEXT) return "text";
  if (marks & HAS_XML && !(marks & HAS_VALUES)) return "xml";
  if (marks & HAS_KEYS) return "map";
  return marks === 0 ? "unknown" : "array";
}
