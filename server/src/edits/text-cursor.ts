import type * as Y from "yjs";

/** A place in a text. */
export interface TextPlace {
  /** The item that has the unit behind it; `null` at the end. */
  readonly item: Y.Item | null;
  /** How many units of that item come before it. */
  readonly offset: number;
}

/**
 * Finds places in a text, each from the one before. Between transactions Yjs puts items together, so it is good for one
 * transaction only; in which items are cut, and the left part stays what the whole was.
 */
export class TextCursor {
  readonly #text: Y.Text;
  /** One that shows something; `null` for the beginning. */
  #item: Y.Item | null = null;
  /** The index of its first unit. */
  #start = 0;

  constructor(text: Y.Text) {
    this.#text = text;
  }

  /** @param index At most the text's length. Cost: linear in the items between there and here. */
  moveTo(index: number): TextPlace {
    let item = this.#item ?? this.#text._start;
    let start = this.#start;
    while (item !== null && start > index && item.left !== null) {
      item = item.left;
      start -= lengthOf(item);
    }
    for (; item !== null; item = item.right) {
      const length = lengthOf(item);
      if (length === 0) continue;
      this.#item = item;
      this.#start = start;
      if (index < start + length) return { item, offset: index - start };
      start += length;
    }
    // Of what was deleted meanwhile nobody knows whether what is inserted here comes before or after it.
    if (this.#item !== null && lengthOf(this.#item) === 0) this.#toBeginning();
    return { item: null, offset: 0 };
  }

  /** Something was inserted where the cursor is. */
  inserted(index: number, length: number): void {
    if (this.#item !== null && this.#start >= index) this.#start += length;
  }

  #toBeginning(): void {
    this.#item = null;
    this.#start = 0;
  }
}

function lengthOf(item: Y.Item): number {
  return !item.deleted && item.countable ? item.length : 0;
}
