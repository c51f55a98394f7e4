/**
 * Gives a session what lies between what it has and now, as cheaply as what it has allows:
 *
 *   nothing               the snapshot and the tail in pieces, encoded once and shared by all joiners
 *   the log up to a seq   the batches since, merged; the whole if some of them are folded away
 *   a state vector        a state-vector diff, from a replica; shared by those who have the same
 */

import { decodeStateVector } from "@joinery/shared";
import { FrameCache } from "./frames.ts";
import type { Journal } from "./journal.ts";
import { EMPTY_UPDATE, mergeUpdates } from "./merge.ts";
import type { Dialect } from "./ports.ts";
import type { Replicas } from "./replicas.ts";

/** Diffs kept for others with the same state vector: all who were cut off by one restart have it. */
const MAX_DIFFS = 8;
/** A longer state vector, of thousands of clients, is not worth remembering. */
const MAX_KEY_BYTES = 16 * 1024;

export class CatchUp {
  readonly #journal: Journal;
  readonly #replicas: Replicas;
  /** Pieces that another piece follows, and last pieces, are framed differently. */
  readonly #pieces = new FrameCache();
  readonly #lastPieces = new FrameCache();
  /** By state vector; of `#diffSeq` only. */
  readonly #diffs = new Map<string, Uint8Array>();
  #diffSeq = 0;

  constructor(journal: Journal, replicas: Replicas) {
    this.#journal = journal;
    this.#replicas = replicas;
  }

  /**
   * Frames for a client that has what the state vector says.
   *
   * @throws JoineryError MALFORMED_UPDATE when the state vector does not decode.
   * Cost: for a newcomer, what {@link Journal.pieces} says; else linear in the document.
   */
  forStateVector(stateVector: Uint8Array, dialect: Dialect): Uint8Array[] {
    if (decodeStateVector(stateVector).size === 0) return this.#whole(dialect);
    return [this.#last(this.#diff(stateVector), dialect)];
  }

  /** Frames for a client that has the log up to `seq`. */
  forSeq(seq: number, dialect: Dialect): Uint8Array[] {
    const updates = this.#journal.updatesSince(seq);
    if (updates === null) return this.#whole(dialect);
    return updates.length === 0 ? [] : [dialect.update(mergeUpdates(updates))];
  }

  #whole(dialect: Dialect): Uint8Array[] {
    const pieces = this.#journal.pieces();
    const frames = pieces
      .slice(0, -1)
      .map((piece) => this.#pieces.get(piece, dialect, (bytes) => dialect.catchUp(bytes, false)));
    frames.push(this.#last(pieces.at(-1) ?? EMPTY_UPDATE, dialect));
    return frames;
  }

  #last(update: Uint8Array, dialect: Dialect): Uint8Array {
    return this.#lastPieces.get(update, dialect, (bytes) => dialect.catchUp(bytes, true));
  }

  #diff(stateVector: Uint8Array): Uint8Array {
    if (stateVector.length > MAX_KEY_BYTES) return this.#replicas.use(this.#journal).diff(stateVector);
    if (this.#diffSeq !== this.#journal.seq) {
      this.#diffs.clear();
      this.#diffSeq = this.#journal.seq;
    }
    const key = stateVector.join();
    let diff = this.#diffs.get(key);
    if (!diff) {
      diff = this.#replicas.use(this.#journal).diff(stateVector);
      if (this.#diffs.size < MAX_DIFFS) this.#diffs.set(key, diff);
    }
    return diff;
  }
}
