/**
 * Tries an update before it is accepted. What it costs is held against what honest work of its size costs on this
 * thread at this moment, so that a slow machine does not refuse what a fast one takes. A document that is costly
 * already is not held against who adds to it, unless that makes it much costlier.
 */

import {
  type Inspection,
  inspectUpdate,
  JoineryError,
  NO_UPDATE_LIMITS,
  toJoineryError,
} from "@joinery/shared";
import { type Imprint, imprintOf, requireReadable } from "./fold.ts";
import type { Pace, Work } from "./pace.ts";
import { Replica, type ReplicaSize } from "./replica.ts";

const MIB = 1024 * 1024;

/** What takes less is never too much, in milliseconds of CPU: that blocks nobody for long. */
const FLOOR_MS = 250;
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
  /** Called when the document is loaded, without the update. */
  readonly onLoaded?: () => void;
  /** Called when the update is integrated. */
  readonly onIntegrated?: () => void;
}

/** What became of a document with the update. */
interface Outcome {
  readonly imprint: Imprint;
  readonly size: ReplicaSize;
}

/**
 * Tries an update on a replica of the document, and whether that loads again.
 *
 * @throws JoineryError UPDATE_TOO_COSTLY (never) when it takes far more time or memory than its size explains;
 * MALFORMED_UPDATE (never) when Yjs cannot integrate all of it, or the document cannot be read back with it;
 * REPLICA_FAILED (backoff) when the document itself cannot be built.
 * Cost: loads the document twice, or more often where that is slow.
 */
export function rehearse(
  updates: readonly Uint8Array[],
  update: Uint8Array,
  options: RehearsalOptions,
): void {
  const { pace } = options;
  const inspection = inspectUpdate(update, NO_UPDATE_LIMITS);
  const work = workOf(update, inspection);
  const { imprint, size } = integrate(updates, update, work, options);
  let readMs: number;
  try {
    readMs = timed(pace, () => requireReadable(imprint));
  } catch (cause) {
    // What was wrong before is not held against who comes now.
    if (isReadable(updates)) throw malformed(cause);
    return;
  }
  const isSlow =
    pace !== null && isTooMuch(pace, readMs, { ...size, deletes: 0, bytes: imprint.update.length });
  if (!isSlow) return;
  const withoutMs = pace.time(() => isReadable(updates));
  requireUsual(pace, readMs - withoutMs, work, "loading the document");
}

/** The replica is let go when this returns. */
function integrate(
  updates: readonly Uint8Array[],
  update: Uint8Array,
  work: Work,
  { pace, onLoaded, onIntegrated }: RehearsalOptions,
): Outcome {
  const replica = new Replica();
  replica.apply(updates);
  onLoaded?.();
  const before = replica.size();
  const ms = timed(pace, () => {
    try {
      replica.apply([update]);
    } catch (cause) {
      throw malformed(cause);
    }
  });
  onIntegrated?.();
  const size = replica.size();
  requireUsualSize(before, size, update.length);
  if (pace) requireUsual(pace, ms, work, "integrating it");
  return { imprint: { update: replica.encode(), layout: replica.layout() }, size };
}

function isReadable(updates: readonly Uint8Array[]): boolean {
  const imprint = imprintOf(updates);
  try {
    requireReadable(imprint);
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

function requireUsual(pace: Pace, ms: number, work: Work, what: string): void {
  if (isTooMuch(pace, ms, work)) {
    throw tooCostly(`${what} takes ${Math.round(ms)} ms, far more than is usual for its size`);
  }
}

function isTooMuch(pace: Pace, ms: number, work: Work): boolean {
  return ms > FLOOR_MS && ms > MAX_TIMES_USUAL * pace.usualMs(work);
}

function timed(pace: Pace | null, run: () => void): number {
  if (pace) return pace.time(run);
  run();
  return 0;
}

function workOf({ length }: Uint8Array, { structCount, deletes, blocks }: Inspection): Work {
  return { structs: structCount, deletes, clients: blocks.length, bytes: length };
}

function tooCostly(reason: string): JoineryError {
  return new JoineryError("UPDATE_TOO_COSTLY", `update: ${reason}`);
}

function malformed(cause: unknown): JoineryError {
  const message = `update: ${toJoineryError(cause).message}`;
  return new JoineryError("MALFORMED_UPDATE", message, { cause });
}
