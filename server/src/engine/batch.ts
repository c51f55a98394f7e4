import { mergeUpdates } from "./merge.ts";
import type { Author, LogPart } from "./ports.ts";

/** What one flush takes out of a batch. */
export interface ClosedBatch {
  /** For the log: by author. */
  readonly parts: readonly LogPart[];
  /** For the wire: all together. */
  readonly update: Uint8Array;
}

/** The updates that the next flush will merge, log and send. Keeps references: give it copies. */
export class OpenBatch {
  readonly #updates = new Map<Author, Uint8Array[]>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** What is in it, in the order in which each author gave it. */
  *updates(): Iterable<Uint8Array> {
    for (const updates of this.#updates.values()) yield* updates;
  }

  add(author: Author, update: Uint8Array): void {
    const updates = this.#updates.get(author);
    if (updates) updates.push(update);
    else this.#updates.set(author, [update]);
    this.#bytes += update.length;
  }

  /** Empties the batch. Returns `null` when there is nothing in it. */
  take(): ClosedBatch | null {
    if (this.#bytes === 0) return null;
    const parts: LogPart[] = [];
    for (const [author, updates] of this.#updates) parts.push({ author, update: mergeUpdates(updates) });
    this.#updates.clear();
    this.#bytes = 0;
    return { parts, update: mergeUpdates(parts.map((part) => part.update)) };
  }
}
