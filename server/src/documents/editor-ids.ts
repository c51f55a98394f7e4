/**
 * Under which client ids the server's own process edits documents. Each id that was ever used costs whoever opens the
 * document some bytes, for good, so those that can be used again are: by one edit at a time, and only while all that was
 * made under them is known to be in the document.
 */

import type { DocumentName } from "@joinery/shared";
import type { Random } from "../engine/ports.ts";

/** An id that nobody else has for the time of an edit. */
export interface EditorId {
  readonly clientId: number;
  /** The edit is in the document: the next one may be made under the same id. Without it, it is never used again. */
  keep(): void;
}

interface Pool {
  /** An id belongs to one life of the name. */
  readonly lineage: string;
  readonly free: number[];
}

/** Documents whose ids are remembered. Whoever edits more of them by turns takes new ids. */
const MAX_DOCUMENTS = 10_000;
/** More edits of one document at once are rare, and take new ids. */
const MAX_FREE = 16;

export class EditorIds {
  readonly #random: Random;
  /** The one that was used last is last. */
  readonly #pools = new Map<DocumentName, Pool>();

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * @param lineage The document's, at this moment.
   * @param isFree Whether nobody who is there has an id. Default: nobody has.
   */
  take(
    document: DocumentName,
    lineage: string,
    isFree: (clientId: number) => boolean = () => true,
  ): EditorId {
    const pool = this.#poolOf(document, lineage);
    let clientId = pool.free.pop();
    // Anybody can see which they are, and take one: that must not hold up an edit.
    while (clientId !== undefined && !isFree(clientId)) clientId = pool.free.pop();
    return this.#given(pool, clientId ?? this.#newId());
  }

  #given(pool: Pool, clientId: number): EditorId {
    return {
      clientId,
      keep: () => {
        if (pool.free.length < MAX_FREE && !pool.free.includes(clientId)) pool.free.push(clientId);
      },
    };
  }

  #poolOf(document: DocumentName, lineage: string): Pool {
    const known = this.#pools.get(document);
    const pool = known?.lineage === lineage ? known : { lineage, free: [] };
    this.#pools.delete(document);
    this.#pools.set(document, pool);
    if (this.#pools.size > MAX_DOCUMENTS) {
      for (const oldest of this.#pools.keys()) {
        this.#pools.delete(oldest);
        break;
      }
    }
    return pool;
  }

  /** As Yjs takes its own: any of 32 bits. */
  #newId(): number {
    const bytes = this.#random.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  }
}
