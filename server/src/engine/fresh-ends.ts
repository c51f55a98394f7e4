/**
 * Tells from bytes where the items of an update stand. Where items were put side by side at one place, Yjs looks
 * through them for whoever puts one more there: through all that stands behind the item's left neighbour, and behind
 * that, up to its right neighbour. In the worst case that is the whole document, for each item.
 *
 * There is nothing to look through behind a neighbour that nothing stands behind yet: the end of what somebody wrote.
 * That is where people write nearly always: they type on, set a key again, add to a list. So the ends of what came
 * lately are remembered, and whoever writes elsewhere is taken to cost the most that it can.
 *
 * This is about the order in which items come. Loaded in another order, they may cost more: only a replica tells.
 */

import { type StructBlock, StructCursor, StructKind } from "@joinery/shared";
import type { News } from "./contents.ts";
import { LazyMap } from "./lazy-map.ts";

/** Items of an update, those apart that Yjs adds to the one before them. */
export interface Places {
  /** Behind an end, or behind what the update itself brings. */
  readonly fresh: number;
  /** Anywhere else. */
  readonly elsewhere: number;
}

/** More are forgotten: then whoever goes on there is taken to write elsewhere, once. */
const MAX_ENDS = 8192;

const CONTENT_BITS = 0x1f;
/** Contents that Yjs makes one item of: deleted, JSON, text and values. */
const MERGING: ReadonlySet<number> = new Set([1, 2, 4, 8]);
const NO_CLIENT = -1;

/** What the next item of a client has to have in common with its last one to become one with it. */
interface Writing {
  readonly content: number;
  readonly rightClient: number;
  readonly rightClock: number;
}

const NONE: Places = { fresh: 0, elsewhere: 0 };
const ONE_FRESH: Places = { fresh: 1, elsewhere: 0 };
const ONE_ELSEWHERE: Places = { fresh: 0, elsewhere: 1 };

export class FreshEnds {
  /** Last ticks of items that nothing stands behind, by client. */
  readonly #ends = new LazyMap<number, Set<number>>();
  readonly #writings = new LazyMap<number, Writing>();
  #size = 0;
  /** The last update of one struct that was looked at, and that struct: most are looked at, then added. */
  #looked: News | null = null;
  #lookedAt: StructCursor | null = null;

  /** Where the items of an update stand that was not added yet. Cost: a few look-ups a struct. */
  placesOf(news: News): Places {
    const { update, inspection } = news;
    const { blocks, structCount } = inspection;
    if (structCount === 0) return NONE;
    if (structCount === 1) return this.#placeOf(this.#onlyOf(news), update);
    let fresh = 0;
    let elsewhere = 0;
    for (const block of blocks) {
      const cursor = new StructCursor(update, block);
      while (cursor.next()) {
        if (!isItem(cursor)) continue;
        if (isBehindTick(cursor, block.clock) || this.#isBehindEnd(cursor)) fresh++;
        else elsewhere++;
      }
    }
    return { fresh, elsewhere };
  }

  /** The update was added. Cost: as {@link placesOf}. */
  add(news: News): void {
    const { update, inspection } = news;
    const { blocks, structCount } = inspection;
    if (structCount === 0) return;
    if (this.#size + structCount > MAX_ENDS) this.#forget();
    if (structCount === 1) {
      const item = this.#onlyOf(news);
      this.#looked = null;
      this.#lookedAt = null;
      if (!isItem(item)) return;
      this.#remember(item, update);
      this.#use(item);
      return;
    }
    if (structCount > MAX_ENDS) return;
    // What stands behind an end may come before it in the bytes.
    this.#forEach(update, blocks, (cursor) => this.#remember(cursor, update));
    this.#forEach(update, blocks, (cursor) => this.#use(cursor));
  }

  #onlyOf(news: News): StructCursor {
    if (this.#looked !== news || this.#lookedAt === null) {
      this.#looked = news;
      this.#lookedAt = new StructCursor(news.update, news.inspection.blocks[0] as StructBlock);
      this.#lookedAt.next();
    }
    return this.#lookedAt;
  }

  #placeOf(cursor: StructCursor, update: Uint8Array): Places {
    if (!isItem(cursor)) return NONE;
    if (!this.#isBehindEnd(cursor)) return ONE_ELSEWHERE;
    const isNext = cursor.originClient === cursor.client && cursor.originClock === cursor.clock - 1;
    return isNext && this.#goesOn(cursor, update) ? NONE : ONE_FRESH;
  }

  #isBehindEnd({ hasOrigin, originClient, originClock }: StructCursor): boolean {
    return hasOrigin && this.#ends.get(originClient)?.has(originClock) === true;
  }

  /** Whether Yjs makes one item of it and its client's last one, if it stands right behind that. */
  #goesOn(cursor: StructCursor, update: Uint8Array): boolean {
    const last = this.#writings.get(cursor.client);
    const content = contentOf(cursor, update);
    if (last?.content !== content || !MERGING.has(content)) return false;
    return cursor.hasRightOrigin
      ? last.rightClient === cursor.rightClient && last.rightClock === cursor.rightClock
      : last.rightClient === NO_CLIENT;
  }

  #remember(cursor: StructCursor, update: Uint8Array): void {
    const { client, clock, length, hasRightOrigin } = cursor;
    let ends = this.#ends.get(client);
    if (!ends) {
      ends = new Set();
      this.#ends.set(client, ends);
    }
    ends.add(clock + length - 1);
    this.#size++;
    if (this.#goesOn(cursor, update)) return;
    this.#writings.set(client, {
      content: contentOf(cursor, update),
      rightClient: hasRightOrigin ? cursor.rightClient : NO_CLIENT,
      rightClock: hasRightOrigin ? cursor.rightClock : 0,
    });
  }

  /** Something stands behind the item's left neighbour now. */
  #use({ hasOrigin, originClient, originClock }: StructCursor): void {
    if (!hasOrigin) return;
    const ends = this.#ends.get(originClient);
    if (!ends?.delete(originClock)) return;
    this.#size--;
    if (ends.size > 0) return;
    this.#ends.delete(originClient);
    this.#writings.delete(originClient);
  }

  #forEach(update: Uint8Array, blocks: readonly StructBlock[], visit: (item: StructCursor) => void): void {
    for (const block of blocks) {
      const cursor = new StructCursor(update, block);
      while (cursor.next()) if (isItem(cursor)) visit(cursor);
    }
  }

  #forget(): void {
    this.#ends.clear();
    this.#writings.clear();
    this.#size = 0;
  }
}

function isItem({ kind }: StructCursor): boolean {
  return kind !== StructKind.GC && kind !== StructKind.SKIP;
}

/** Whether an item stands behind a tick of its own client at or after this one, or in a type that was made there. */
function isBehindTick(item: StructCursor, clock: number): boolean {
  if (item.hasOrigin) return item.originClient === item.client && item.originClock >= clock;
  return item.parent === "item" && item.parentClient === item.client && item.parentClock >= clock;
}

function contentOf({ start }: StructCursor, update: Uint8Array): number {
  return (update[start] as number) & CONTENT_BITS;
}
