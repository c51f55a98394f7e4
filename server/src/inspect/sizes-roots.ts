/**
 * Which root the bytes of an update belong to. A struct says where it stands by a neighbour, by the item that is its
 * parent, or by the name of a root; so most have to be followed to others. What belongs together in one list is one
 * run, and a run leads to another one, or to a root.
 */

import { type StructCursor, StructKind } from "@joinery/shared";

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

/** Structs that follow one another in one list, or all that has no place. */
interface Run {
  /** What it stands in, when it says so itself; what it leads to; else it leads nowhere. */
  readonly root: string | null;
  readonly leadsTo: readonly [client: number, clock: number] | null;
  /** Whether it is in the same list as what it leads to, and not in something that is in there. */
  readonly isSameList: boolean;
  bytes: number;
  structs: number;
  /** Marks that tell what kind of list it is. */
  marks: number;
}

const HAS_TEXT = 1;
const HAS_KEYS = 2;
const HAS_XML = 4;
const HAS_VALUES = 8;

/** The runs of a client: where each begins, ascending where its updates come in order. */
interface ClientRuns {
  readonly starts: number[];
  readonly runs: Run[];
  isSorted: boolean;
}

interface Found {
  readonly root: string | null;
  readonly isTopLevel: boolean;
}

const NOWHERE: Found = { root: null, isTopLevel: false };

export class Roots {
  readonly #clients = new Map<number, ClientRuns>();
  readonly #runsOfRoots = new Map<string, Run>();
  readonly #lost: Run = newRun(null, null, false);

  /** @param struct No gap; of `update`. */
  add(update: Uint8Array, struct: StructCursor): void {
    const own = this.#runsOf(struct.client);
    const run = this.#runFor(struct, own);
    const last = own.runs.at(-1);
    if (run !== last) {
      if (struct.clock < (own.starts.at(-1) ?? 0)) own.isSorted = false;
      own.starts.push(struct.clock);
      own.runs.push(run);
    }
    run.bytes += struct.end - struct.start;
    run.structs++;
    run.marks |= marksOf(update, struct);
  }

  end(): SizedRoots {
    const found = new Map<Run, Found>();
    const sizes = new Map<string, { bytes: number; structs: number; marks: number }>();
    let otherBytes = 0;
    const all = new Set([...this.#clients.values()].flatMap(({ runs }) => runs));
    for (const run of all) {
      const { root, isTopLevel } = this.#follow(run, found);
      if (root === null) {
        otherBytes += run.bytes;
        continue;
      }
      const sum = sizes.get(root) ?? { bytes: 0, structs: 0, marks: 0 };
      sizes.set(root, sum);
      sum.bytes += run.bytes;
      sum.structs += run.structs;
      if (isTopLevel) sum.marks |= run.marks;
    }
    const roots = [...sizes].map(([root, { bytes, structs, marks }]) => {
      return { root, kind: kindOf(marks), bytes, structs };
    });
    roots.sort((a, b) => b.bytes - a.bytes || (a.root < b.root ? -1 : 1));
    const rootOf = (client: number, clock: number) => {
      const run = this.#runAt(client, clock);
      return run === null ? null : this.#follow(run, found).root;
    };
    return { roots, otherBytes, rootOf };
  }

  #runFor(struct: StructCursor, own: ClientRuns): Run {
    if (struct.kind === StructKind.GC) return this.#lost;
    if (struct.hasOrigin) return this.#beside(struct, own, struct.originClient, struct.originClock);
    if (struct.hasRightOrigin) return this.#beside(struct, own, struct.rightClient, struct.rightClock);
    if (struct.parent === "root") return this.#inRoot(struct.rootName);
    return struct.parent === "item" ? this.#in(struct, own) : this.#lost;
  }

  /** What stands beside something is where that is. */
  #beside(struct: StructCursor, own: ClientRuns, client: number, clock: number): Run {
    const last = own.runs.at(-1);
    const isAfterLast = client === struct.client && clock >= (own.starts.at(-1) ?? 0) && clock < struct.clock;
    // What was lost has no list: one beside it may be anywhere.
    if (isAfterLast && last !== undefined && last !== this.#lost) return last;
    const known = this.#runAt(client, clock);
    return known !== null && known !== this.#lost ? known : newRun(null, [client, clock], true);
  }

  /** All keys of a map are one run where they were set one after the other. */
  #in({ parentClient, parentClock }: StructCursor, own: ClientRuns): Run {
    const last = own.runs.at(-1);
    const [client, clock] = last?.leadsTo ?? [];
    if (last && !last.isSameList && client === parentClient && clock === parentClock) return last;
    return newRun(null, [parentClient, parentClock], false);
  }

  #inRoot(name: string): Run {
    const known = this.#runsOfRoots.get(name);
    if (known !== undefined) return known;
    const run = newRun(name, null, false);
    this.#runsOfRoots.set(name, run);
    return run;
  }

  #runsOf(client: number): ClientRuns {
    let own = this.#clients.get(client);
    if (own === undefined) {
      own = { starts: [], runs: [], isSorted: true };
      this.#clients.set(client, own);
    }
    return own;
  }

  /** The run that an item is in, as far as that is known by now. */
  #runAt(client: number, clock: number): Run | null {
    const own = this.#clients.get(client);
    if (own === undefined) return null;
    if (!own.isSorted) sort(own);
    let low = 0;
    let high = own.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((own.starts[middle] as number) <= clock) low = middle + 1;
      else high = middle;
    }
    return own.runs[low - 1] ?? null;
  }

  /** Goes from run to run until a root, or until there is nowhere to go; each run once. */
  #follow(from: Run, found: Map<Run, Found>): Found {
    const path: Run[] = [];
    const seen = new Set<Run>();
    let run: Run | null = from;
    while (run !== null && !found.has(run) && !seen.has(run) && run.leadsTo !== null) {
      path.push(run);
      seen.add(run);
      run = this.#runAt(...run.leadsTo);
    }
    let end: Found = NOWHERE;
    if (run !== null && !seen.has(run)) {
      end = found.get(run) ?? { root: run.root, isTopLevel: run.root !== null };
      found.set(run, end);
    }
    for (const step of path.reverse()) {
      end = { root: end.root, isTopLevel: end.isTopLevel && step.isSameList };
      found.set(step, end);
    }
    return end;
  }
}

function newRun(root: string | null, leadsTo: Run["leadsTo"], isSameList: boolean): Run {
  return { root, leadsTo, isSameList, bytes: 0, structs: 0, marks: 0 };
}

function sort(own: ClientRuns): void {
  const order = own.starts
    .map((_, i) => i)
    .sort((a, b) => (own.starts[a] as number) - (own.starts[b] as number));
  const sorted = order.map((i) => [own.starts[i] as number, own.runs[i] as Run] as const);
  for (const [i, [start, run]] of sorted.entries()) {
    own.starts[i] = start;
    own.runs[i] = run;
  }
  own.isSorted = true;
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
