import * as Y from "yjs";
import { mergeUpdates } from "./merge.ts";

// A Y.Doc takes about twelve times its encoded size (measured on real documents).
const MEMORY_FACTOR = 12;

/**
 * A Y.Doc built from a document's bytes, for what cannot be told from bytes alone: the difference to a state
 * vector, what of an update is news, and a snapshot without the content that was deleted.
 */
export class Replica {
  readonly #doc = new Y.Doc();
  #bytes = 0;
  /** The log is contained up to here. */
  seq: number;

  constructor(seq: number, updates: Iterable<Uint8Array>) {
    this.seq = seq;
    this.include(updates);
  }

  /** Estimated memory in bytes. */
  get memoryBytes(): number {
    return this.#bytes * MEMORY_FACTOR;
  }

  /** Whether everything it was given could be integrated. One that is not sound must be let go. */
  get isSound(): boolean {
    return this.#doc.store.pendingStructs === null && this.#doc.store.pendingDs === null;
  }

  /** Adds the log from where the replica stands. */
  advance(seq: number, updates: Iterable<Uint8Array>): void {
    this.include(updates);
    this.seq = seq;
  }

  /** Adds what the log will have later: a replica may be ahead of its `seq`, never behind. */
  include(updates: Iterable<Uint8Array>): void {
    for (const update of updates) {
      Y.applyUpdate(this.#doc, update);
      this.#bytes += update.length;
    }
  }

  /** What a client with this state vector is missing. Always carries the whole delete set: Yjs cannot know better. */
  diff(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.#doc, stateVector);
  }

  /**
   * Integrates an update. Returns what of it was news to the document, as an update without gaps, or `null`.
   * What could not be integrated leaves the replica unsound.
   */
  integrate(update: Uint8Array): Uint8Array | null {
    const news: Uint8Array[] = [];
    const collect = (part: Uint8Array) => {
      news.push(part);
      this.#bytes += part.length;
    };
    this.#doc.on("update", collect);
    Y.applyUpdate(this.#doc, update);
    this.#doc.off("update", collect);
    return news.length === 0 ? null : mergeUpdates(news);
  }

  /** The whole state as one update, and a replica read back from it, or `null` if that differs from this one. */
  snapshot(): { readonly update: Uint8Array; readonly replica: Replica } | null {
    const update = Y.encodeStateAsUpdate(this.#doc);
    const replica = new Replica(this.seq, [update]);
    const isSame = replica.isSound && Y.equalSnapshots(Y.snapshot(this.#doc), Y.snapshot(replica.#doc));
    return isSame ? { update, replica } : null;
  }

  /** Frees the Y.Doc; the replica must not be used after. */
  release(): void {
    this.#doc.destroy();
  }
}
