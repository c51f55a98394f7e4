import { decodeStateVector, type Inspection, JoineryError } from "@joinery/shared";
import type { Deletion } from "./ports.ts";

const NO_CLOCKS: ReadonlyMap<number, number> = new Map();

/**
 * What was deleted under a document's name, as long as that can be undone. Clients whose dialect does not say what their
 * copy is of would bring it all back when they return; an edit that was deleted with its document is told by its client
 * id and its clock.
 *
 * A client id that is the same in every life of a document, as of content that all clients make alike, counts as the
 * deleted one's too.
 */
export class Graves {
  /** Of each client, how many of its ticks were deleted with a document. */
  readonly #clocks: ReadonlyMap<number, number>;

  constructor(deletions: readonly Pick<Deletion, "stateVector">[]) {
    const clocks = new Map<number, number>();
    // Most documents have none, and each has one of these.
    this.#clocks = deletions.length === 0 ? NO_CLOCKS : clocks;
    for (const { stateVector } of deletions) {
      // It is our own record, and was bounded when the document was written.
      for (const [client, clock] of decodeStateVector(stateVector, Number.POSITIVE_INFINITY)) {
        clocks.set(client, Math.max(clock, clocks.get(client) ?? 0));
      }
    }
  }

  /** @throws JoineryError DOCUMENT_DELETED (never) when something of the deleted is among what an update brings. */
  refuse({ structs }: Inspection): void {
    if (this.#clocks.size === 0) return;
    for (const { client, start } of structs) {
      if (start >= (this.#clocks.get(client) ?? 0)) continue;
      throw new JoineryError(
        "DOCUMENT_DELETED",
        "the document that this is of was deleted: open it anew to begin another one",
      );
    }
  }
}
