import { mergeUpdates } from "./merge.ts";
import type { Author, LogPart } from "./ports.ts";
import { putTogether } from "./put-together.ts";

/** What one flush takes out of a batch. */
export interface ClosedBatch {
  /** For the log: by author. */
  readonly parts: readonly LogPart[];
  /** For the wire: all together. */
  readonly update: Uint8Array;
}

/** Updates of one author. */
interface OpenPart {
  readonly author: Author;
  readonly updates: Uint8Array[];
}

/** The updates that the next flush will merge, log and send. Keeps references: give it copies. */
export class OpenBatch {
  #parts: OpenPart[] = [];
  /** Set once there are several: of two people who type, most batches have one. */
  #byAuthor: Map<Author, OpenPart> | null = null;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** What is in it, in the order in which each author gave it. */
  *updates(): Iterable<Uint8Array> {
    for (const { updates } of this.#parts) yield* updates;
  }

  add(author: Author, update: Uint8Array): void {
    const part = this.#partOf(author);
    if (part) part.updates.push(update);
    else this.#addPart({ author, updates: [update] });
    this.#bytes += update.length;
  }

  /** Empties the batch. Returns `null` when there is nothing in it. */
  take(): ClosedBatch | null {
    if (this.#bytes === 0) return null;
    const parts = this.#parts.map(({ author, updates }) => ({ author, update: merged(updates) }));
    this.#parts = [];
    this.#byAuthor = null;
    this.#bytes = 0;
    return { parts, update: merged(parts.map(({ update }) => update)) };
  }

  #partOf(author: Author): OpenPart | undefined {
    const first = this.#parts[0];
    return first?.author === author ? first : this.#byAuthor?.get(author);
  }

  #addPart(part: OpenPart): void {
    this.#parts.push(part);
    if (this.#parts.length > 1) this.#byAuthor = (this.#byAuthor ?? new Map()).set(part.author, part);
  }
}

/** Of what was inspected. */
function merged(updates: readonly Uint8Array[]): Uint8Array {
  const together = updates.length > 1 ? putTogether(updates) : null;
  return together ?? mergeUpdates(updates);
}
