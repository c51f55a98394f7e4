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
import { FrameCache } from "./frames.ts";
import type { Journal } from "./journal.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import type { Dialect } from "./ports.ts";
import { sliceStructs, withDeletes } from "./slice.ts";

/** Diffs kept for others with the same state vector: all who were cut off by one restart have it. */
const MAX_DIFFS = 8;
/** What is larger goes in parts, one after the other: merging them would hold up all others. */
const MAX_MERGED_BYTES = 1024 * 1024;
/** A longer state vector, of thousands of clients, is not worth remembering. */
const MAX_KEY_BYTES = 16 * 1024;

export class CatchUp {
  readonly #journal: Journal;
  readonly #contents: Contents;
  /** Pieces that another piece follows, and last pieces, are framed differently. */
  readonly #pieces = new FrameCache();
  readonly #lastPieces = new FrameCache();
  /** By state vector; of `#diffSeq` only. */
  readonly #diffs = new Map<string, readonly Uint8Array[]>();
  /** Where the structs of a piece are, for as long as the piece itself lives. */
  readonly #inspections = new WeakMap<Uint8Array, Inspection>();
  #diffSeq = 0;

  constructor(journal: Journal, contents: Contents) {
    this.#journal = journal;
    this.#contents = contents;
  }

  /**
   * Frames for a client that has what the state vector says.
   *
   * @throws JoineryError MALFORMED_UPDATE when the state vector does not decode.
   * Cost: for a newcomer, what {@link Journal.pieces} says; else linear in the document.
   */
  forStateVector(stateVector: Uint8Array, dialect: Dialect): Uint8Array[] {
    const clocks = decodeStateVector(stateVector);
    if (clocks.size === 0) return this.#whole(dialect);
    return this.#inPieces(this.#diff(stateVector, clocks), dialect);
  }

  /** Frames for a client that has the log up to `seq`. */
  forSeq(seq: number, dialect: Dialect): Uint8Array[] {
    const updates = this.#journal.updatesSince(seq);
    if (updates === null) return this.#whole(dialect);
    if (updates.length === 0) return [];
    const bytes = updates.reduce((sum, { length }) => sum + length, 0);
    const merged = bytes <= MAX_MERGED_BYTES ? [mergeUpdates(updates)] : updates;
    return merged.map((update) => dialect.update(update));
  }

  #whole(dialect: Dialect): Uint8Array[] {
    return this.#inPieces(this.#journal.pieces(), dialect);
  }

  #inPieces(updates: readonly Uint8Array[], dialect: Dialect): Uint8Array[] {
    const frames = updates
      .slice(0, -1)
      .map((piece) => this.#pieces.get(piece, dialect, (bytes) => dialect.catchUp(bytes, false)));
    const last = updates.at(-1) ?? EMPTY_UPDATE;
    frames.push(this.#lastPieces.get(last, dialect, (bytes) => dialect.catchUp(bytes, true)));
    return frames;
  }

  #diff(stateVector: Uint8Array, clocks: StateVector): readonly Uint8Array[] {
    if (stateVector.length > MAX_KEY_BYTES) return this.#newDiff(clocks);
    if (this.#diffSeq !== this.#journal.seq) {
      this.#diffs.clear();
      this.#diffSeq = this.#journal.seq;
    }
    const key = stateVector.join();
    let diff = this.#diffs.get(key);
    if (!diff) {
      diff = this.#newDiff(clocks);
      if (this.#diffs.size < MAX_DIFFS) this.#diffs.set(key, diff);
    }
    return diff;
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
    let inspection = this.#inspections.get(piece);
    if (!inspection) {
      inspection = inspectUpdate(piece, NO_UPDATE_LIMITS);
      this.#inspections.set(piece, inspection);
    }
    return inspection;
  }
}
