import {
  type DocumentName,
  encodeStateVector,
  type Inspection,
  inspectUpdate,
  JoineryError,
  toJoineryError,
} from "@joinery/shared";
import type { StoredDocument } from "./ports.ts";

/**
 * What an update is to a document: `new`, it can be added; `known`, it brings nothing that is not there; `gap`,
 * it builds upon something that is missing.
 */
export type Verdict = "new" | "known" | "gap";

/**
 * Which clock ticks of each client a document contains. With this a room tells news from repetition and sees
 * gaps, without a Y.Doc. Invariant: a document contains every tick of a client below its clock.
 */
export class Coverage {
  readonly #clocks = new Map<number, number>();
  #stateVector: Uint8Array | null = null;

  /**
   * What a stored document contains. The disk is a door like any other: what it holds is inspected too.
   *
   * @throws JoineryError DOCUMENT_DAMAGED (backoff), naming the document and `seq`.
   */
  static of(document: DocumentName, stored: StoredDocument | null): Coverage {
    const coverage = new Coverage();
    if (!stored) return coverage;
    const { snapshot, tail } = stored;
    if (snapshot) coverage.#addStored(document, snapshot.seq, snapshot.update);
    for (const { seq, parts } of tail) {
      for (const { update } of parts) coverage.#addStored(document, seq, update);
    }
    return coverage;
  }

  get isEmpty(): boolean {
    return this.#clocks.size === 0;
  }

  /** The Yjs v1 state vector. Cost: linear in clients after a change, else nothing. */
  get stateVector(): Uint8Array {
    this.#stateVector ??= encodeStateVector(this.#clocks);
    return this.#stateVector;
  }

  /**
   * Says what an update is to the document. Deletes do not show in clocks: an update with any is never `known`.
   *
   * Cost: linear in the update's ranges and references.
   */
  judge({ structs, needs, deletes }: Inspection): Verdict {
    let isNew = deletes > 0;
    // Ticks that the update itself brings, per client, when they go beyond what is known.
    let reached: Map<number, number> | null = null;
    for (const { client, start, end } of structs) {
      const known = reached?.get(client) ?? this.#clocks.get(client) ?? 0;
      if (start > known) return "gap";
      if (end <= known) continue;
      isNew = true;
      reached ??= new Map();
      reached.set(client, end);
    }
    for (const [client, clock] of needs) {
      if (clock > (reached?.get(client) ?? this.#clocks.get(client) ?? 0)) return "gap";
    }
    return isNew ? "new" : "known";
  }

  /** Whether all structs of an update are there, whatever it deletes. */
  hasStructs({ structs }: Inspection): boolean {
    return structs.every(({ client, end }) => end <= (this.#clocks.get(client) ?? 0));
  }

  add({ structs }: Inspection): void {
    for (const { client, end } of structs) {
      if (end <= (this.#clocks.get(client) ?? 0)) continue;
      this.#clocks.set(client, end);
      this.#stateVector = null;
    }
  }

  #addStored(document: DocumentName, seq: number, update: Uint8Array): void {
    try {
      this.add(inspectUpdate(update));
    } catch (cause) {
      const message = `document "${document}" is damaged at seq ${seq}: ${toJoineryError(cause).message}`;
      throw new JoineryError("DOCUMENT_DAMAGED", message, { cause });
    }
  }
}
