import * as Y from "yjs";

/**
 * Whether a document holds an item that stands where no editor puts one. An editor puts an item between two that are
 * side by side for it; so what its right neighbour was put behind is not right of its left one, and what its left
 * neighbour was put before is not left of its right one. Of an item that breaks this, each document shows what the
 * order makes of it in which it took things in; bytes do not tell, only a document does.
 *
 * Cost: linear in the document.
 */
export function hasMisplaced(doc: Y.Doc): boolean {
  const places = new Places(doc);
  for (const structs of doc.store.clients.values()) {
    for (const struct of structs) {
      if (struct instanceof Y.Item && isMisplaced(struct, places)) return true;
    }
  }
  return false;
}

function isMisplaced({ origin, rightOrigin }: Y.Item, places: Places): boolean {
  const left = origin && places.itemAt(origin);
  const right = rightOrigin && places.itemAt(rightOrigin);
  // What stood beside something that was collected is collected too, or will be.
  if (left === GONE || right === GONE) return false;
  if (right?.parentSub != null) return true;
  if (right && rightOrigin) {
    const behind = rightOrigin.clock > right.id.clock ? before(rightOrigin) : right.origin;
    if (origin && places.compare(origin, rightOrigin) >= 0) return true;
    if (behind && (origin === null || places.compare(origin, behind) < 0)) return true;
  }
  if (left?.rightOrigin == null) return false;
  return rightOrigin === null || places.compare(rightOrigin, left.rightOrigin) > 0;
}

function before({ client, clock }: Y.ID): Y.ID {
  return Y.createID(client, clock - 1);
}

const GONE = "gone";

/** Where items stand in their lists; each list is walked once. */
class Places {
  readonly #store: Y.Doc["store"];
  readonly #places = new Map<Y.Item, number>();

  constructor({ store }: Y.Doc) {
    this.#store = store;
  }

  itemAt(id: Y.ID): Y.Item | typeof GONE {
    const found: unknown = Y.getItem(this.#store, id);
    return found instanceof Y.Item ? found : GONE;
  }

  /** Less than 0 when the first stands before the second; 0 for the same, and where that cannot be said. */
  compare(a: Y.ID, b: Y.ID): number {
    const [first, second] = [this.itemAt(a), this.itemAt(b)];
    if (first === GONE || second === GONE || first.parent !== second.parent) return 0;
    return first === second ? a.clock - b.clock : this.#of(first) - this.#of(second);
  }

  #of(item: Y.Item): number {
    const known = this.#places.get(item);
    if (known !== undefined) return known;
    let first = item;
    while (first.left !== null) first = first.left;
    let place = 0;
    for (let next: Y.Item | null = first; next !== null; next = next.right) {
      this.#places.set(next, place++);
    }
    return this.#places.get(item) ?? 0;
  }
}
