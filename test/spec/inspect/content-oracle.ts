/**
 * What a document shows, read out of a Y.Doc: what the reader of bytes is held to. It walks the items themselves: Yjs'
 * own `toJSON` puts keys into plain objects, and a root has no type until somebody says which.
 */

import * as Y from "yjs";
import { ApplyGuard } from "../../../server/src/engine/apply-guard.ts";
import {
  type ContentNode,
  type ContentRoot,
  type Entries,
  type Formatting,
  type ItemId,
  NO_ENTRIES,
  type PlacedTicks,
  type TextNode,
  type TextPiece,
} from "../../../server/src/inspect/content-nodes.ts";
import type { RootKind } from "../../../server/src/inspect/root-kind.ts";

/** No client has this id: Yjs complains on the console of a document that is sent edits under its own. */
const NOBODY = -1;

/** The roots of the document that Yjs builds of updates. Throws where it cannot. */
export function rootsByYjs(
  updates: readonly Uint8Array[],
  as: ReadonlyMap<string, RootKind> = new Map(),
): ContentRoot[] {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = NOBODY;
  // Observers of formatted texts write: they delete marks that have become idle.
  doc.on("beforeObserverCalls", ({ changed }: Y.Transaction) => changed.clear());
  new ApplyGuard(doc).apply(updates);
  return rootsOf(doc, as);
}

/** What Yjs keeps in every shared type: a list, and of each key its last value. */
interface TypeContent {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/**
 * All roots of a document, in the order of their names.
 *
 * @param as What roots are said to be, by name; others are told from their content.
 * Cost: linear in items.
 */
function rootsOf(doc: Y.Doc, as: ReadonlyMap<string, RootKind>): ContentRoot[] {
  return [...doc.share]
    .sort(([a], [b]) => byName(a, b))
    .map(([name, type]) => {
      const kind = as.get(name) ?? kindOf(type);
      return { name, node: rootNode(type, kind), hidden: hiddenIn(type, kind) };
    });
}

function rootNode(type: TypeContent, kind: RootKind | "empty"): ContentNode {
  switch (kind) {
    case "text":
      return textOf(type, "text", null);
    case "map":
      return { kind, entries: entriesOf(type), id: null };
    case "array":
      return { kind, items: itemsOf(type), id: null };
    case "xml":
      return { kind: "xml-fragment", name: "", entries: entriesOf(type), items: itemsOf(type), id: null };
    case "empty":
      return { kind, id: null };
  }
}

/** What stands in a type's list, by what tells its type. */
interface Census {
  /** Strings, formatting and embeds. */
  text: number;
  xml: number;
  /** What only arrays have. */
  other: number;
  keys: number;
}

function censusOf(type: TypeContent): Census {
  const census: Census = { text: 0, xml: 0, other: 0, keys: 0 };
  for (const { content, length } of shownItems(type)) census[partOf(content)] += length;
  for (const item of type._map.values()) if (!item.deleted) census.keys++;
  return census;
}

function partOf(content: Y.Item["content"]): "text" | "xml" | "other" {
  if (content instanceof Y.ContentString || content instanceof Y.ContentFormat) return "text";
  if (content instanceof Y.ContentEmbed) return "text";
  return content instanceof Y.ContentType && isXml(content.type) ? "xml" : "other";
}

function isXml(type: unknown): boolean {
  return type instanceof Y.XmlFragment || type instanceof Y.XmlText || type instanceof Y.XmlHook;
}

/** What a root is, as far as what it has tells; see the table above. Cost: linear in its items. */
function kindOf(type: TypeContent): RootKind | "empty" {
  const { text, xml, other, keys } = censusOf(type);
  if (text > 0) return "text";
  if (xml > 0 && other === 0) return "xml";
  if (keys > 0) return "map";
  return other + xml > 0 ? "array" : "empty";
}

function hiddenIn(type: TypeContent, kind: RootKind | "empty"): string | null {
  const { text, xml, other, keys } = censusOf(type);
  const hidden: string[] = [];
  if (kind === "array" && keys > 0) hidden.push(counted(keys, "key"));
  if (kind === "map" && text + xml + other > 0) hidden.push(counted(text + xml + other, "list item"));
  if (kind === "text" && countOthers(type) > 0) hidden.push(counted(countOthers(type), "list item"));
  return hidden.length > 0 ? hidden.join(", ") : null;
}

/** What no text shows. */
function countOthers(type: TypeContent): number {
  let count = 0;
  for (const { content, length } of shownItems(type)) {
    if (partOf(content) === "other" && !(content instanceof Y.ContentType)) count += length;
  }
  return count;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function* shownItems({ _start }: TypeContent): Generator<Y.Item> {
  for (let item = _start; item !== null; item = item.right) if (!item.deleted) yield item;
}

function entriesOf({ _map }: TypeContent): Entries {
  if (_map.size === 0) return NO_ENTRIES;
  const entries = new Map<string, ContentNode>();
  for (const [key, item] of [..._map].sort(([a], [b]) => byName(a, b))) {
    if (item.deleted) continue;
    // Of an item with several values, which Yjs makes of overwritten ones, the last one counts.
    const last = nodesOf(item).at(-1);
    if (last !== undefined) entries.set(key, last);
  }
  return entries;
}

function itemsOf(type: TypeContent): ContentNode[] {
  const nodes: ContentNode[] = [];
  for (const item of shownItems(type)) for (const node of nodesOf(item)) nodes.push(node);
  return nodes;
}

/** What an item holds, one node for each tick that counts. A string is a value here: a text has its own way. */
function nodesOf({ content, id: { client, clock } }: Y.Item): ContentNode[] {
  const id: ItemId = { client, clock };
  const each = (values: readonly unknown[]): ContentNode[] =>
    values.map((value, i) => {
      const before = values.slice(0, i).filter((each) => typeof each === "string" && each.length === 2);
      const ticksBefore = content instanceof Y.ContentString ? i + before.length : i;
      return valueNode(value, { client, clock: clock + ticksBefore });
    });
  if (content instanceof Y.ContentType) return [typeNode(content.type, id)];
  if (content instanceof Y.ContentAny || content instanceof Y.ContentJSON) return each(content.arr);
  if (content instanceof Y.ContentBinary) return [{ kind: "binary", bytes: content.content, id }];
  if (content instanceof Y.ContentDoc) {
    return [{ kind: "subdocument", guid: content.doc.guid, options: content.opts, id }];
  }
  if (content instanceof Y.ContentString) return each([...content.str]);
  return content instanceof Y.ContentEmbed ? each([content.embed]) : [];
}

function valueNode(value: unknown, id: ItemId): ContentNode {
  return value instanceof Uint8Array ? { kind: "binary", bytes: value, id } : { kind: "value", value, id };
}

function typeNode(type: TypeContent, id: ItemId): ContentNode {
  if (type instanceof Y.XmlText) return textOf(type, "xml-text", id);
  if (type instanceof Y.Text) return textOf(type, "text", id);
  // A hook is a map, and an element a fragment.
  if (type instanceof Y.XmlHook) {
    return { kind: "xml-hook", name: type.hookName, entries: entriesOf(type), id };
  }
  if (type instanceof Y.Map) return { kind: "map", entries: entriesOf(type), id };
  if (type instanceof Y.XmlElement) {
    return { kind: "xml-element", name: type.nodeName, entries: entriesOf(type), items: itemsOf(type), id };
  }
  if (type instanceof Y.XmlFragment) {
    return { kind: "xml-fragment", name: "", entries: entriesOf(type), items: itemsOf(type), id };
  }
  return { kind: "array", items: itemsOf(type), id };
}

function textOf(type: TypeContent, kind: TextNode["kind"], id: ItemId | null): TextNode {
  const builder = new TextBuilder();
  for (const item of shownItems(type)) builder.add(item);
  return { kind, ...builder.build(), entries: entriesOf(type), id };
}

/** Puts a text together from its items: what is formatted alike is one piece, however it was typed. */
class TextBuilder {
  readonly #pieces: TextPiece[] = [];
  readonly #ticks: PlacedTicks[] = [];
  readonly #current = new Map<string, unknown>();
  #formatting: Formatting | null = null;
  #text: string[] = [];
  #length = 0;

  add(item: Y.Item): void {
    const { content } = item;
    if (content instanceof Y.ContentString) {
      this.#text.push(content.str);
      this.#addTicks(item, content.str.length);
    } else if (content instanceof Y.ContentFormat) this.#format(content.key, content.value);
    else if (content instanceof Y.ContentEmbed || content instanceof Y.ContentType) {
      this.#endPiece();
      const [insert] = nodesOf(item);
      if (insert === undefined) return;
      this.#pieces.push(embedPiece(insert, this.#formatting));
      this.#addTicks(item, 1);
    }
  }

  build(): Pick<TextNode, "length" | "pieces" | "ticks"> {
    this.#endPiece();
    return { length: this.#length, pieces: this.#pieces, ticks: this.#ticks };
  }

  #format(key: string, value: unknown): void {
    this.#endPiece();
    if (value === null) this.#current.delete(key);
    else this.#current.set(key, value);
    const names = [...this.#current].sort(([a], [b]) => byName(a, b));
    this.#formatting = names.length === 0 ? null : new Map(names);
  }

  #addTicks({ id: { client, clock } }: Y.Item, length: number): void {
    const last = this.#ticks.at(-1);
    if (last && last.client === client && last.clock + last.length === clock) {
      this.#ticks[this.#ticks.length - 1] = { ...last, length: last.length + length };
    } else this.#ticks.push({ client, clock, length, at: this.#length });
    this.#length += length;
  }

  #endPiece(): void {
    if (this.#text.length === 0) return;
    const insert = this.#text.join("");
    this.#text = [];
    const last = this.#pieces.at(-1);
    // Marks that change nothing would cut a text into pieces that are formatted alike.
    if (last && last.embed === null && isSame(last.formatting, this.#formatting)) {
      this.#pieces[this.#pieces.length - 1] = textPiece(last.text() + insert, last.formatting);
    } else this.#pieces.push(textPiece(insert, this.#formatting));
  }
}

function textPiece(insert: string, formatting: Formatting | null): TextPiece {
  return { embed: null, formatting, length: insert.length, text: (max) => insert.slice(0, max) };
}

function embedPiece(embed: ContentNode, formatting: Formatting | null): TextPiece {
  return { embed, formatting, length: 1, text: () => "" };
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
function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
