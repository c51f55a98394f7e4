/**
 * Tries an update before it is accepted, and measures what came since the last time: many updates may each be next
 * to nothing, and together a document that nobody wants to load. What something costs is held against what honest
 * work of its size costs on this thread at this moment, so that a slow machine does not refuse what a fast one takes.
 * A document that is costly already is not held against who adds to it, unless that makes it much costlier.
 */

import {
  type Inspection,
  inspectUpdate,
  JoineryError,
  NO_UPDATE_LIMITS,
  toJoineryError,
} from "@joinery/shared";
import { type Imprint, imprintOf, readBack } from "./fold.ts";
import type { Pace, Work } from "./pace.ts";
import type { Rehearsal, Verdict } from "./ports.ts";
import { Replica, type ReplicaSize } from "./replica.ts";

const MIB = 1024 * 1024;

/** What takes less is never too much, in milliseconds of CPU: that blocks nobody for long. */
const FLOOR_MS = 250;
/** The same where loading the document is slow already: there a little at a time adds up. */
const COSTLY_FLOOR_MS = FLOOR_MS / 16;
/** Real documents of all kinds take up to four times what is usual, known bombs thirty times and more. */
const MAX_TIMES_USUAL = 12;

/** What takes less memory is never too much. */
const FLOOR_BYTES = 32 * MIB;
/** Real documents take some ten to fifty times their size, lists of empty types 64 times. */
const MAX_TIMES_SIZE = 100;

/** Every transaction copies the state vector: with this many clients a keystroke takes some 10 ms. */
const MAX_CLIENTS = 32_768;
/** Who brings fewer may do so even where there are too many. */
const MIN_CROWD = 1000;

export interface RehearsalOptions {
  /** `null` where time is of no interest. */
  readonly pace: Pace | null;
  /** Called when the document is loaded as it was at the last rehearsal. */
  readonly onKnown?: () => void;
  /** Called when it is loaded, without the update. */
  readonly onLoaded?: () => void;
  /** Called when the update is integrated. */
  readonly onIntegrated?: () => void;
}

/** What the parts of a rehearsal took, and what became of the document. */
interface Outcome {
  readonly recent: Time;
  readonly update: Time;
  readonly imprint: Imprint;
  readonly size: ReplicaSize;
}

interface Works {
  readonly recent: Work;
  readonly update: Work;
}

/**
 * Tries an update on a replica of the document, and whether that loads again.
 *
 * @throws JoineryError UPDATE_TOO_COSTLY (never) when it takes far more time or memory than its size explains;
 * MALFORMED_UPDATE (never) when Yjs cannot integrate all of it, or the document cannot be read back with it;
 * REPLICA_FAILED (backoff) when the document itself cannot be built.
 * Cost: loads the document twice, or up to ten times where that is slow.
 */
export function rehearse(rehearsal: Rehearsal, options: RehearsalOptions): Verdict {
  const { pace } = options;
  const works = { recent: workOf(rehearsal.recent), update: workOf([rehearsal.update]) };
  const { imprint, size, recent, update } = integrate(rehearsal, works.update, options);
  const usual: Verdict = {
    isTried: true,
    structs: size.structs,
    isCostly: false,
    isRecentCostly: false,
    recentMs: [],
  };
  const readMs = timed(pace, () => read(imprint, rehearsal));
  if (!pace) return usual;
  const work = { ...size, deletes: 0, bytes: imprint.update.length };
  if (isTooMuch(pace, readMs, work)) {
    return { ...usual, isCostly: true, ...judgeSlowly(rehearsal, { recent, update }, works, pace) };
  }
  if (!isTooMuch(pace, recent.ms, works.recent)) return usual;
  return { ...usual, isRecentCostly: true, recentMs: recent.eachMs };
}

/**
 * Judges where loading the document is slow. It may have been before; then what counts is what is added to that, and
 * less of it is too much. So little may be chance: it is measured again.
 */
function judgeSlowly(
  { known, recent, update }: Rehearsal,
  first: Pick<Outcome, "recent" | "update">,
  works: Works,
  pace: Pace,
): Pick<Verdict, "isRecentCostly" | "recentMs"> {
  const [before, between, after] = stages([known, recent, [update]], pace);
  const loads = new Loads(pace, [before, between, after]);
  const updateMs = Math.min(first.update.ms, after.time.ms);
  requireUsual(pace, updateMs, works.update, "integrating it", COSTLY_FLOOR_MS);
  requireUsual(pace, loads.addedMs(between, after, works.update), works.update, "loading the document");
  const recentMs = Math.min(first.recent.ms, between.time.ms);
  if (isTooMuch(pace, recentMs, works.recent, COSTLY_FLOOR_MS)) {
    const eachMs = between.time.eachMs.map((ms, i) => Math.min(ms, first.recent.eachMs[i] as number));
    return { isRecentCostly: true, recentMs: eachMs };
  }
  const addedMs = loads.addedMs(before, between, works.recent);
  return { isRecentCostly: isTooMuch(pace, addedMs, works.recent), recentMs: [] };
}

/** How long stages of a document take to load. */
class Loads {
  readonly #pace: Pace;
  readonly #ms: Map<Stage, number>;

  constructor(pace: Pace, all: readonly Stage[]) {
    this.#pace = pace;
    this.#ms = new Map(all.map((stage) => [stage, this.#load(stage)]));
  }

  /** How much longer one takes than another. Where that is too much, it may be chance: it is measured again. */
  addedMs(from: Stage, to: Stage, work: Work): number {
    if (isTooMuch(this.#pace, this.#difference(from, to), work)) {
      for (const stage of [from, to]) {
        this.#ms.set(stage, Math.min(this.#ms.get(stage) as number, this.#load(stage)));
      }
    }
    return this.#difference(from, to);
  }

  #difference(from: Stage, to: Stage): number {
    return (this.#ms.get(to) as number) - (this.#ms.get(from) as number);
  }

  #load({ state }: Stage): number {
    return this.#pace.time(() => new Replica().apply([state]));
  }
}

/** A document on its way: what it took to come there, and all of it as one update. */
interface Stage {
  readonly time: Time;
  readonly state: Uint8Array;
}

/** Builds a document stage by stage. The replica is let go when this returns. */
function stages<Parts extends readonly (readonly Uint8Array[])[]>(
  parts: readonly [...Parts],
  pace: Pace,
): { [part in keyof Parts]: Stage } {
  const replica = new Replica();
  return parts.map((updates) => {
    const time = timedApply(pace, replica, updates);
    return { time, state: replica.encode() };
  }) as { [part in keyof Parts]: Stage };
}

/** The replica is let go when this returns. */
function integrate(
  { known, recent, update }: Rehearsal,
  work: Work,
  { pace, onKnown, onLoaded, onIntegrated }: RehearsalOptions,
): Outcome {
  const replica = new Replica();
  replica.apply(known);
  onKnown?.();
  const recentTime = timedApply(pace, replica, recent);
  onLoaded?.();
  const before = replica.size();
  let updateTime: Time;
  try {
    updateTime = timedApply(pace, replica, [update]);
  } catch (cause) {
    throw malformed(cause);
  }
  onIntegrated?.();
  const size = replica.size();
  requireUsualSize(before, size, update.length);
  if (pace) requireUsual(pace, updateTime.ms, work, "integrating it");
  const imprint = { update: replica.encode(), layout: replica.layout() };
  return { recent: recentTime, update: updateTime, imprint, size };
}

/** @throws JoineryError MALFORMED_UPDATE (never) when it cannot be read back, and could be without the update. */
function read(imprint: Imprint, { known, recent }: Rehearsal): void {
  try {
    readBack(imprint);
  } catch (cause) {
    // What was wrong before is not held against who comes now.
    if (isReadable([...known, ...recent])) throw malformed(cause);
  }
}

function isReadable(updates: readonly Uint8Array[]): boolean {
  const imprint = imprintOf(updates);
  try {
    readBack(imprint);
    return true;
  } catch {
    return false;
  }
}

function requireUsualSize(before: ReplicaSize, after: ReplicaSize, bytes: number): void {
  const grown = after.memoryBytes - before.memoryBytes;
  if (grown > FLOOR_BYTES && grown > MAX_TIMES_SIZE * bytes) {
    throw tooCostly(`its ${bytes} bytes take ${Math.round(grown / MIB)} MiB of memory`);
  }
  const crowd = after.clients - before.clients;
  if (after.clients > MAX_CLIENTS && crowd >= MIN_CROWD) {
    throw tooCostly(`with it the document has ${after.clients} clients, ${crowd} of them new`);
  }
}

function requireUsual(pace: Pace, ms: number, work: Work, what: string, floorMs: number = FLOOR_MS): void {
  if (isTooMuch(pace, ms, work, floorMs)) {
    throw tooCostly(`${what} takes ${Math.round(ms)} ms, far more than is usual for its size`);
  }
}

function isTooMuch(pace: Pace, ms: number, work: Work, floorMs: number = FLOOR_MS): boolean {
  return ms > floorMs && ms > MAX_TIMES_USUAL * pace.usualMs(work);
}

/** What applying updates took, in milliseconds: of CPU all together, of real time each. */
interface Time {
  readonly ms: number;
  readonly eachMs: readonly number[];
}

function timedApply(pace: Pace | null, replica: Replica, updates: readonly Uint8Array[]): Time {
  const eachMs: number[] = [];
  let atMs = pace?.nowMs() ?? 0;
  const onEach = () => {
    const nowMs = pace?.nowMs() ?? 0;
    eachMs.push(nowMs - atMs);
    atMs = nowMs;
  };
  return { ms: timed(pace, () => replica.apply(updates, onEach)), eachMs };
}

function timed(pace: Pace | null, run: () => void): number {
  if (pace) return pace.time(run);
  run();
  return 0;
}

function workOf(updates: readonly Uint8Array[]): Work {
  const work = { structs: 0, deletes: 0, clients: 0, bytes: 0 };
  for (const update of updates) {
    const { structCount, deletes, blocks }: Inspection = inspectUpdate(update, NO_UPDATE_LIMITS);
    work.structs += structCount;
    work.deletes += deletes;
    work.clients += blocks.length;
    work.bytes += update.length;
  }
  return work;
}

function tooCostly(reason: string): JoineryError {
  return new JoineryError("UPDATE_TOO_COSTLY", `update: ${reason}`);
}

function malformed(cause: unknown): JoineryError {
  const message = `update: ${toJoineryError(cause).message}`;
  return new JoineryError("MALFORMED_UPDATE", message, { cause });
}
