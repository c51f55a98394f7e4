/** What a document shows, out of its structs: nodes that read what is in them when it is asked for. */

import {
  type ContentNode,
  type Entries,
  type Formatting,
  type ItemId,
  NO_ENTRIES,
  type PlacedTicks,
  type Sequence,
  type TextNode,
  type TextPiece,
} from "./content-nodes.ts";
import { ContentRef, StructContents, TypeRef } from "./struct-content.ts";
import type { TypeNumber } from "./struct-lists.ts";
import type { OrderedStructs } from "./struct-order.ts";
import { NONE } from "./structs.ts";

/** Parts of a text that are put together at once. */
const PARTS_AT_ONCE = 1024;

/** Reads the nodes of a document. */
export class ContentReader {
  readonly contents: StructContents;
  readonly #ordered: OrderedStructs;

  constructor(ordered: OrderedStructs) {
    this.#ordered = ordered;
    this.contents = new StructContents(ordered.structs);
  }

  /** Names of the roots, and what stands for each. */
  *roots(): Generator<readonly [name: string, type: TypeNumber]> {
    for (const [name, number] of this.#ordered.lists.roots) yield [name, ~number];
  }

  /** The structs in the list of a type that are not deleted, in order. */
  *shown(type: TypeNumber): Generator<number> {
    const { lists, rights, structs } = this.#ordered;
    const list = lists.ofType(type);
    if (list === NONE) return;
    for (let i = lists.headOf(list); i !== NONE; i = rights[i] as number) if (!structs.isDeleted(i)) yield i;
  }

  /** The text of all structs of a list that have some, from one up to and with another, which may be the same one. */
  textBetween(first: number, last: number, max: number): string {
    const { rights, structs } = this.#ordered;
    let text = "";
    let next: string[] = [];
    let left = max;
    for (let i = first; ; i = rights[i] as number) {
      if (!structs.isDeleted(i) && structs.refOf(i) === ContentRef.STRING) {
        const part = this.contents.textOf(i, left);
        left -= part.length;
        if (next.push(part) === PARTS_AT_ONCE) {
          text += next.join("");
          next = [];
        }
      }
      if (i === last || left <= 0) return text + next.join("");
    }
  }

  refOf(struct: number): number {
    return this.#ordered.structs.refOf(struct);
  }

  /** How many ticks a struct has. */
  lengthOf(struct: number): number {
    return this.#ordered.structs.lengthOf(struct);
  }

  idOf(struct: number): ItemId {
    const { structs } = this.#ordered;
    return { client: structs.clients[structs.clientOf(struct)] as number, clock: structs.clockOf(struct) };
  }

  /** Lists of the keys of a type that have a value. */
  *keyed(type: TypeNumber): Generator<number> {
    const { lists, structs } = this.#ordered;
    for (const list of lists.keyed(type)) if (!structs.isDeleted(lists.tailOf(list))) yield list;
  }

  entriesOf(type: TypeNumber): Entries {
    for (const _ of this.keyed(type)) return new EntriesView(this, this.#ordered, type);
    return NO_ENTRIES;
  }

  itemsOf(type: TypeNumber): Sequence<ContentNode> {
    return new ItemsView(this, type);
  }

  textOf(type: TypeNumber, kind: TextNode["kind"], id: ItemId | null): TextNode {
    return new TextView(this, { type, kind, id });
  }

  /** What a struct holds, one node for each tick that counts. A string is a value here: a text has its own way. */
  *nodesOf(struct: number): Generator<ContentNode> {
    const { contents } = this;
    const id = this.idOf(struct);
    switch (this.refOf(struct)) {
      case ContentRef.TYPE:
        yield this.#typeNode(struct, id);
        return;
      case ContentRef.ANY:
      case ContentRef.JSON:
        yield* valueNodes(contents.valuesOf(struct), id);
        return;
      case ContentRef.STRING:
        yield* characterNodes(contents.textOf(struct), id);
        return;
      case ContentRef.BINARY:
        yield { kind: "binary", bytes: contents.bytesOf(struct), id };
        return;
      case ContentRef.EMBED:
        yield { kind: "value", value: contents.embedOf(struct), id };
        return;
      case ContentRef.SUBDOCUMENT:
        yield { kind: "subdocument", ...contents.subdocumentOf(struct), id };
    }
  }

  #typeNode(type: number, id: ItemId): ContentNode {
    const { ref, name } = this.contents.typeOf(type);
    const entries = () => this.entriesOf(type);
    switch (ref) {
      case TypeRef.TEXT:
        return this.textOf(type, "text", id);
      case TypeRef.XML_TEXT:
        return this.textOf(type, "xml-text", id);
      case TypeRef.MAP:
        return { kind: "map", entries: entries(), id };
      case TypeRef.XML_HOOK:
        return { kind: "xml-hook", name, entries: entries(), id };
      case TypeRef.XML_ELEMENT:
        return { kind: "xml-element", name, entries: entries(), items: this.itemsOf(type), id };
      case TypeRef.XML_FRAGMENT:
        return { kind: "xml-fragment", name, entries: entries(), items: this.itemsOf(type), id };
      default:
        return { kind: "array", items: this.itemsOf(type), id };
    }
  }
}

function* valueNodes(values: Iterable<unknown>, { client, clock }: ItemId): Generator<ContentNode> {
  let next = clock;
  for (const value of values) {
    const id = { client, clock: next++ };
    yield value instanceof Uint8Array ? { kind: "binary", bytes: value, id } : { kind: "value", value, id };
  }
}

/** Characters, of which some have two ticks. */
function* characterNodes(text: string, { client, clock }: ItemId): Generator<ContentNode> {
  let next = clock;
  for (const value of text) {
    yield { kind: "value", value, id: { client, clock: next } };
    next += value.length;
  }
}

class EntriesView implements Entries {
  readonly #reader: ContentReader;
  readonly #ordered: OrderedStructs;
  readonly #type: TypeNumber;
  #size = -1;

  constructor(reader: ContentReader, ordered: OrderedStructs, type: TypeNumber) {
    this.#reader = reader;
    this.#ordered = ordered;
    this.#type = type;
  }

  get size(): number {
    if (this.#size < 0) {
      this.#size = 0;
      for (const _ of this.#reader.keyed(this.#type)) this.#size++;
    }
    return this.#size;
  }

  get(key: string): ContentNode | undefined {
    const { lists } = this.#ordered;
    for (const list of this.#reader.keyed(this.#type))
      if (lists.keyOf(list) === key) return this.#valueOf(list);
    return undefined;
  }

  *keys(): MapIterator<string> {
    for (const list of this.#sorted()) yield this.#ordered.lists.keyOf(list);
  }

  *values(): MapIterator<ContentNode> {
    for (const list of this.#sorted()) yield this.#valueOf(list);
  }

  *[Symbol.iterator](): MapIterator<[string, ContentNode]> {
    for (const list of this.#sorted()) yield [this.#ordered.lists.keyOf(list), this.#valueOf(list)];
  }

  #sorted(): Int32Array {
    const { lists } = this.#ordered;
    return Int32Array.from(this.#reader.keyed(this.#type)).sort((a, b) => lists.compareKeys(a, b));
  }

  /** Of a struct with several values the last one counts. */
  #valueOf(list: number): ContentNode {
    let last: ContentNode | null = null;
    for (const node of this.#reader.nodesOf(this.#ordered.lists.tailOf(list))) last = node;
    return last ?? { kind: "value", value: undefined, id: null };
  }
}

class ItemsView implements Sequence<ContentNode> {
  readonly #reader: ContentReader;
  readonly #type: TypeNumber;
  #length = -1;

  constructor(reader: ContentReader, type: TypeNumber) {
    this.#reader = reader;
    this.#type = type;
  }

  get length(): number {
    if (this.#length < 0) {
      this.#length = 0;
      for (const struct of this.#reader.shown(this.#type)) this.#length += this.#countOf(struct);
    }
    return this.#length;
  }

  *[Symbol.iterator](): Generator<ContentNode> {
    for (const struct of this.#reader.shown(this.#type)) yield* this.#reader.nodesOf(struct);
  }

  #countOf(struct: number): number {
    const reader = this.#reader;
    const ref = reader.refOf(struct);
    if (ref === ContentRef.FORMAT) return 0;
    // Characters, of which some have two ticks.
    return ref === ContentRef.STRING ? [...reader.contents.textOf(struct)].length : reader.lengthOf(struct);
  }
}

/** Pieces are found from the structs; what is formatted alike is one, however it was typed. */
class TextView implements TextNode {
  readonly kind: TextNode["kind"];
  readonly id: ItemId | null;
  readonly #reader: ContentReader;
  readonly #type: TypeNumber;
  #length = -1;

  constructor(
    reader: ContentReader,
    {
      type,
      kind,
      id,
    }: { readonly type: TypeNumber; readonly kind: TextNode["kind"]; readonly id: ItemId | null },
  ) {
    this.#reader = reader;
    this.#type = type;
    this.kind = kind;
    this.id = id;
  }

  get length(): number {
    if (this.#length < 0) {
      this.#length = 0;
      for (const struct of this.#counted()) this.#length += this.#reader.lengthOf(struct);
    }
    return this.#length;
  }

  get entries(): Entries {
    return this.#reader.entriesOf(this.#type);
  }

  get pieces(): Iterable<TextPiece> {
    return { [Symbol.iterator]: () => piecesOf(this.#reader, this.#type) };
  }

  get ticks(): readonly PlacedTicks[] {
    const ticks: PlacedTicks[] = [];
    let at = 0;
    for (const struct of this.#counted()) {
      const { client, clock } = this.#reader.idOf(struct);
      const length = this.#reader.lengthOf(struct);
      const last = ticks.at(-1);
      if (last && last.client === client && last.clock + last.length === clock)
        ticks[ticks.length - 1] = { ...last, length: last.length + length };
      else ticks.push({ client, clock, length, at });
      at += length;
    }
    return ticks;
  }

  /** The structs that are text or embedded in it. */
  *#counted(): Generator<number> {
    for (const struct of this.#reader.shown(this.#type))
      if (isCounted(this.#reader.refOf(struct))) yield struct;
  }
}

function isCounted(ref: number): boolean {
  return ref === ContentRef.STRING || isEmbed(ref);
}

function isEmbed(ref: number): boolean {
  return ref === ContentRef.EMBED || ref === ContentRef.TYPE;
}

function* piecesOf(reader: ContentReader, type: TypeNumber): Generator<TextPiece> {
  const current = new Map<string, unknown>();
  let formatting: Formatting | null = null;
  let piece: StringPiece | null = null;
  for (const struct of reader.shown(type)) {
    const ref = reader.refOf(struct);
    if (ref === ContentRef.FORMAT) {
      const { name, value } = reader.contents.formatOf(struct);
      if (value === null) current.delete(name);
      else current.set(name, value);
      formatting = current.size === 0 ? null : new Map([...current].sort(([a], [b]) => byName(a, b)));
    } else if (ref === ContentRef.STRING) {
      // Marks that change nothing would cut a text into pieces that are formatted alike.
      if (piece !== null && !isSame(piece.formatting, formatting)) {
        yield piece;
        piece = null;
      }
      piece ??= new StringPiece(reader, formatting);
      piece.add(struct);
    } else if (isEmbed(ref)) {
      if (piece !== null) yield piece;
      piece = null;
      const [embed = null] = reader.nodesOf(struct);
      yield { embed, formatting, length: 1, text: () => "" };
    }
  }
  if (piece !== null) yield piece;
}

/** A piece of text: what has text from one struct of a list up to another. */
class StringPiece implements TextPiece {
  readonly embed = null;
  readonly formatting: Formatting | null;
  length = 0;
  readonly #reader: ContentReader;
  #first = NONE;
  #last = NONE;

  constructor(reader: ContentReader, formatting: Formatting | null) {
    this.#reader = reader;
    this.formatting = formatting;
  }

  add(struct: number): void {
    if (this.#first === NONE) this.#first = struct;
    this.#last = struct;
    this.length += this.#reader.lengthOf(struct);
  }

  text(max: number = Number.POSITIVE_INFINITY): string {
    return this.#reader.textBetween(this.#first, this.#last, max);
  }
}

function isSame(a: Formatting | null, b: Formatting | null): boolean {
  if (a === b) return true;
  if (a === null || b === null || a.size !== b.size) return false;
  for (const [key, value] of a) {
    if (!b.has(key) || JSON.stringify(b.get(key)) !== JSON.stringify(value)) return false;
  }
  return true;
}

/** By UTF-16 units: the same on every machine, whatever its language. */
export function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
