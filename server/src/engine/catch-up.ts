/**
 * Gives a session what lies between what it has and now, as cheaply as what it has allows:
 *
 *   nothing               the snapshot and the tail in pieces, encoded once and shared by all joiners
 *   the log up to a seq   the batches since, merged; the whole if some of them are folded away
 *   a state vector        what of the snapshot and the pieces lies beyond it; shared by those who have the same
 */

import {
  decodeStateVector,
  type Inspection,
  inspectUpdate,
  NO_UPDATE_LIMITS,
  type StateVector,
} from "@joinery/shared";
import type { Contents } from "./contents.ts";
import { Deflated } from "./deflated.ts";
import { type Frame, FrameInParts } from "./frame.ts";
import { FrameCache } from "./frames.ts";
import type { Journal } from "./journal.ts";
import { LazyMap, LazyWeakMap } from "./lazy-map.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import type { Clock, Compression, Dialect, Timer } from "./ports.ts";
import { sliceStructs, withDeletes } from "./slice.ts";

/** Diffs kept for others with the same state vector or seq: all who were cut off by one restart have it. */
const MAX_DIFFS = 8;
/** What is larger goes in parts, one after the other: merging them would hold up all others. */
const MAX_MERGED_BYTES = 1024 * 1024;
/** A longer state vector, of thousands of clients, is not worth remembering. */
const MAX_KEY_BYTES = 16 * 1024;

/** A smaller piece is copied into its frame: writing it in two parts would cost more. */
const MIN_SHARED_BYTES = 256 * 1024;

/** Nobody joined for this long: what joiners share is let go of, which may be as large as the document. */
const REST_MS = 10_000;

/** What was made for one joiner and serves all others. */
class Shared {
  /** Pieces that another piece follows, last pieces, and deflated ones are framed differently. */
  readonly pieces = new FrameCache();
  readonly lastPieces = new FrameCache();
  readonly deflatedPieces = new FrameCache();
  /** By state vector, and by the seq that the client has; of `seq` only. */
  readonly diffs = new LazyMap<string, readonly Uint8Array[]>();
  readonly logsSince = new LazyMap<number, readonly Uint8Array[]>();
  /** Where the structs of a piece are, for as long as the piece itself lives. */
  readonly inspections = new LazyWeakMap<Uint8Array, Inspection>();
  seq = 0;
}

export interface CatchUpOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly contents: Contents;
  /** `null` where nothing is compressed. */
  readonly compression: Compression | null;
}

export class CatchUp {
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #contents: Contents;
  readonly #compression: Compression | null;
  /** What was compressed; kept, because it is small and dear. `null` before the first. */
  #deflated: Deflated | null = null;
  #shared: Shared | null = null;
  #usedAtMs = 0;
  #rest: Timer | null = null;
  #isClosed = false;

  constructor({ clock, journal, contents, compression }: CatchUpOptions) {
    this.#clock = clock;
    this.#journal = journal;
    this.#contents = contents;
    this.#compression = compression;
  }

  /** Keeps nothing for others from now on. */
  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  #use(): Shared {
    if (this.#isClosed) return new Shared();
    this.#usedAtMs = this.#clock.monotonicMs();
    this.#rest ??= this.#clock.setTimer(REST_MS, () => this.#rested());
    this.#shared ??= new Shared();
    return this.#shared;
  }

  #rested(): void {
    const leftMs = this.#usedAtMs + REST_MS - this.#clock.monotonicMs();
    if (leftMs > 0) this.#rest = this.#clock.setTimer(leftMs, () => this.#rested());
    else this.#letGo();
  }

  #letGo(): void {
    this.#rest?.cancel();
    this.#rest = null;
    this.#shared = null;
  }

  /**
   * Compresses what a client with this state vector is to be sent, if that is the whole document and worth it: once
   * for all who wait for it.
   *
   * @returns `null` when there is nothing to wait for. Never rejects: what cannot be compressed is sent as it is.
   */
  prepare(stateVector: Uint8Array): Promise<void> | null {
    if (!isOfNothing(stateVector) || this.#compression === null) return null;
    this.#deflated ??= new Deflated(this.#compression);
    return this.#deflated.prepare(this.#journal.pieces());
  }

  /**
   * Frames for a client that has what the state vector says.
   *
   * @param inflates Whether what was compressed for it may be sent so.
   * @throws JoineryError MALFORMED_UPDATE when the state vector does not decode.
   * Cost: for a newcomer, what {@link Journal.pieces} says; else linear in the document.
   */
  forStateVector(stateVector: Uint8Array, dialect: Dialect, inflates = false): Frame[] {
    const clocks = decodeStateVector(stateVector);
    if (clocks.size === 0) return this.#inPieces(this.#journal.pieces(), dialect, inflates);
    return this.#inPieces(this.#diff(stateVector, clocks), dialect, false);
  }

  /** Frames for a client that has the log up to `seq`. */
  forSeq(seq: number, dialect: Dialect): Frame[] {
    const updates = this.#logSince(seq);
    if (updates === null) return this.#inPieces(this.#journal.pieces(), dialect, false);
    if (this.#caughtUp(dialect)) return this.#inPieces(updates, dialect, false);
    const { seq: now, durableSeq } = this.#journal;
    return updates.map((update) => dialect.update(update, now, durableSeq));
  }

  #logSince(seq: number): readonly Uint8Array[] | null {
    const { logsSince } = this.#useUpToDate();
    const known = logsSince.get(seq);
    if (known) return known;
    const updates = this.#journal.updatesSince(seq);
    if (updates === null || updates.length === 0) return updates;
    const bytes = updates.reduce((sum, { length }) => sum + length, 0);
    const log = bytes <= MAX_MERGED_BYTES ? [mergeUpdates(updates)] : updates;
    if (logsSince.size < MAX_DIFFS) logsSince.set(seq, log);
    return log;
  }

  #caughtUp(dialect: Dialect): Uint8Array | null {
    return dialect.caughtUp(this.#journal.seq, this.#journal.durableSeq);
  }

  #inPieces(updates: readonly Uint8Array[], dialect: Dialect, inflates: boolean): Frame[] {
    const caughtUp = this.#caughtUp(dialect);
    const { pieces, lastPieces, deflatedPieces } = this.#use();
    const plain = (piece: Uint8Array) => pieces.get(piece, dialect, (bytes) => framed(bytes, dialect, false));
    if (!caughtUp) {
      const last = updates.at(-1) ?? EMPTY_UPDATE;
      const lastFrame = lastPieces.get(last, dialect, (bytes) => framed(bytes, dialect, true));
      return [...updates.slice(0, -1).map(plain), lastFrame];
    }
    const frames = updates.map((piece) => {
      const deflated = inflates ? (this.#deflated?.of(piece) ?? null) : null;
      if (!deflated) return plain(piece);
      return deflatedPieces.get(deflated, dialect, (bytes) => dialect.catchUp(bytes, false, true));
    });
    return [...frames, caughtUp];
  }

  #diff(stateVector: Uint8Array, clocks: StateVector): readonly Uint8Array[] {
    if (stateVector.length > MAX_KEY_BYTES) return this.#newDiff(clocks);
    const { diffs } = this.#useUpToDate();
    const key = stateVector.join();
    let diff = diffs.get(key);
    if (!diff) {
      diff = this.#newDiff(clocks);
      if (diffs.size < MAX_DIFFS) diffs.set(key, diff);
    }
    return diff;
  }

  #useUpToDate(): Shared {
    const shared = this.#use();
    const { seq } = this.#journal;
    if (shared.seq !== seq) {
      shared.diffs.clear();
      shared.logsSince.clear();
      shared.seq = seq;
    }
    return shared;
  }

  /** What each piece has beyond these clocks, then all deletes: which of them the client knows, nobody can tell. */
  #newDiff(clocks: StateVector): readonly Uint8Array[] {
    const from = (client: number): number => clocks.get(client) ?? 0;
    const parts: Uint8Array[] = [];
    for (const piece of this.#journal.pieces()) {
      const structs = sliceStructs(piece, this.#inspection(piece), from);
      if (structs) parts.push(withDeletes(structs));
    }
    parts.push(withDeletes(null, this.#contents.deleteSet));
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    return bytes <= MAX_MERGED_BYTES ? [mergeUpdates(parts)] : parts;
  }

  #inspection(piece: Uint8Array): Inspection {
    const { inspections } = this.#use();
    let inspection = inspections.get(piece);
    if (!inspection) {
      inspection = inspectUpdate(piece, NO_UPDATE_LIMITS);
      inspections.set(piece, inspection);
    }
    return inspection;
  }
}

/** A piece as it is sent, which takes next to no memory beside it where the dialect can do without a copy. */
function framed(piece: Uint8Array, dialect: Dialect, isLast: boolean): Frame {
  if (piece.length < MIN_SHARED_BYTES || !dialect.catchUpHead) return dialect.catchUp(piece, isLast, false);
  return new FrameInParts(dialect.catchUpHead(piece.length, isLast), piece);
}

/**
 * Frames that bring nothing, for a document that has nothing to show.
 *
 * @throws JoineryError MALFORMED_UPDATE when the state vector does not decode: it is asked for like any other.
 */
export function nothingToCatchUp(stateVector: Uint8Array, dialect: Dialect): Uint8Array[] {
  decodeStateVector(stateVector);
  const caughtUp = dialect.caughtUp(0, 0);
  return [caughtUp ?? dialect.catchUp(EMPTY_UPDATE, true, false)];
}

function isOfNothing(stateVector: Uint8Array): boolean {
  return stateVector.length === 1 && stateVector[0] === 0;
}
