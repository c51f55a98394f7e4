/** Changes of texts. Indices are UTF-16 units, and what is embedded takes one. */

import * as Y from "yjs";
import type { Attributes } from "./edit.ts";
import { Misfit } from "./misfit.ts";
import { TextCursor } from "./text-cursor.ts";

/**
 * Edits the texts of a document while one transaction lasts; nobody else may edit them meanwhile. All methods throw
 * {@link Misfit} for an index or a range that is none.
 */
export class TextEditor {
  /** Edits mostly go through a text in order; finding each place from the beginning would take far longer. */
  readonly #cursors = new Map<Y.Text, TextCursor>();

  /** Without attributes it is formatted as what comes before it. */
  insert(text: Y.Text, index: number, inserted: string, attributes?: Attributes): void {
    const cursor = this.#demandPlace(text, index);
    if (attributes === undefined) text.insert(index, inserted);
    // Yjs adds to what it is given.
    else text.insert(index, inserted, { ...attributes });
    cursor.inserted(index, inserted.length);
  }

  embed(text: Y.Text, index: number, embedded: object, attributes?: Attributes): void {
    const cursor = this.#demandPlace(text, index);
    text.insertEmbed(index, embedded, attributes && { ...attributes });
    cursor.inserted(index, 1);
  }

  delete(text: Y.Text, index: number, length: number): void {
    this.#demandRange(text, index, length);
    text.delete(index, length);
  }

  format(text: Y.Text, index: number, length: number, attributes: Attributes): void {
    this.#demandRange(text, index, length);
    if (length > 0) text.format(index, length, { ...attributes });
  }

  /** It is edited in another way. */
  forget(text: Y.Text): void {
    this.#cursors.delete(text);
  }

  #demandRange(text: Y.Text, index: number, length: number): void {
    const end = index + length;
    if (end > text.length) {
      throw new Misfit(`the text has ${text.length} UTF-16 units, ${end} would be needed`);
    }
    this.#demandPlace(text, end);
    // The cursor stays where the range begins: what comes after it is different from now on.
    this.#demandPlace(text, index);
  }

  /** The cursor is there then. */
  #demandPlace(text: Y.Text, index: number): TextCursor {
    if (index > text.length)
      throw new Misfit(`the text has ${text.length} UTF-16 units, and no index ${index}`);
    const cursor = this.#cursors.get(text) ?? new TextCursor(text);
    this.#cursors.set(text, cursor);
    const { item, offset } = cursor.moveTo(index);
    // Yjs replaces both halves of a surrogate pair that it splits. It has no pair in two items.
    if (offset === 0 || !(item?.content instanceof Y.ContentString)) return cursor;
    if ((item.content.str.codePointAt(offset - 1) as number) > 0xffff) {
      throw new Misfit(`index ${index} is in the middle of a character, which takes two UTF-16 units`);
    }
    return cursor;
  }
}

/** The shared type, or the object, that is embedded; `undefined` where none is. Cost: linear in items before it. */
export function embeddedAt(text: Y.Text, index: number): unknown {
  const { item } = new TextCursor(text).moveTo(index);
  if (item?.content instanceof Y.ContentType) return item.content.type;
  return item?.content instanceof Y.ContentEmbed ? item.content.embed : undefined;
}

/** What a text shows, in order. */
export function* shownItems(text: Y.Text): Generator<Y.Item> {
  for (let item = text._start; item !== null; item = item.right) {
    if (!item.deleted && item.countable) yield item;
  }
}
