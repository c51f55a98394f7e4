/**
 * The local edits of a document that are not known to be durable on the server, oldest first, in the packs in which
 * they are on disk: those that came while one batch was under way share a record. A pack leaves the disk when all of
 * it is durable; until then a reload takes all of it for unsaved, which sends some edits twice and loses none.
 */

import type { StoredEdits } from "./stored-copy.ts";

export interface Pack {
  readonly updates: readonly Uint8Array[];
  readonly bytes: number;
  /** Of its record. */
  readonly key: Uint8Array;
}

/** Packs are put together when there are this many small ones: a day offline is many keystrokes. */
const MAX_SMALL_PACKS = 64;
const SMALL_PACK_BYTES = 32 * 1024;

export class UnsavedEdits {
  #packs: Pack[];
  /** How many of the first pack's edits are durable. */
  #savedOfFirst = 0;
  /** They are in no pack yet. */
  #waiting: Uint8Array[] = [];

  constructor(stored: readonly StoredEdits[]) {
    this.#packs = stored.map(({ key, updates }) => toPack(key, updates));
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  get packs(): readonly Pack[] {
    return this.#packs;
  }

  add(update: Uint8Array): void {
    this.#waiting.push(update);
  }

  /** Makes a pack of what waits. */
  pack(key: Uint8Array): Pack {
    const pack = toPack(key, this.#waiting);
    this.#waiting = [];
    this.#packs.push(pack);
    return pack;
  }

  /**
   * The oldest `count` edits are durable.
   *
   * @returns The packs that are durable as a whole, and the edits that were in none.
   */
  saved(count: number): { packs: readonly Pack[]; waiting: readonly Uint8Array[] } {
    let left = count + this.#savedOfFirst;
    let done = 0;
    for (; done < this.#packs.length; done++) {
      const size = (this.#packs[done] as Pack).updates.length;
      if (size > left) break;
      left -= size;
    }
    const isInPack = done < this.#packs.length;
    if (!isInPack && left > this.#waiting.length)
      throw new RangeError(`there are fewer than ${count} unsaved edits`);
    this.#savedOfFirst = isInPack ? left : 0;
    return {
      packs: this.#packs.splice(0, done),
      waiting: isInPack ? [] : this.#waiting.splice(0, left),
    };
  }

  /**
   * Makes one pack of the newest small ones, when there are many.
   *
   * @returns The packs that it takes the place of, and itself; `null` when there is nothing to do.
   */
  repack(newKey: () => Uint8Array): { former: readonly Pack[]; pack: Pack } | null {
    let first = this.#packs.length;
    while (first > 0 && (this.#packs[first - 1] as Pack).bytes < SMALL_PACK_BYTES) first--;
    if (first === 0 && this.#savedOfFirst > 0) first = 1;
    if (this.#packs.length - first < MAX_SMALL_PACKS) return null;
    const former = this.#packs.splice(first);
    const pack = toPack(
      newKey(),
      former.flatMap(({ updates }) => updates),
    );
    this.#packs.push(pack);
    return { former, pack };
  }
}

function toPack(key: Uint8Array, updates: readonly Uint8Array[]): Pack {
  return { key, updates, bytes: updates.reduce((sum, { length }) => sum + length, 0) };
}
