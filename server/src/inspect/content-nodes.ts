/**
 * What a document shows: apart from Yjs, so that it can be printed, compared and written in other formats. What is in a
 * node is read when it is asked for, each time anew, so that a large document takes little more memory than its bytes;
 * who goes through it more than once keeps it (see {@link keptNode}). Nothing in it is looked up in plain objects: keys
 * come from whoever wrote the document.
 */

/** Items in order, of which each is read when it comes. */
export interface Sequence<T> extends Iterable<T> {
  readonly length: number;
}

/** The item that holds something, as Yjs names it: who wrote it can be told from that. */
export interface ItemId {
  readonly client: number;
  readonly clock: number;
}

/** Ticks of one client that stand one behind the other in a text. */
export interface TickRange extends ItemId {
  readonly length: number;
}

/** Ticks in a text. */
export interface PlacedTicks extends TickRange {
  /** Where they begin, in UTF-16 units. */
  readonly at: number;
}

/** Names and values of formatting that holds for a piece of text, in the order of their names. */
export type Formatting = ReadonlyMap<string, unknown>;

/** A piece of text with the same formatting, or something embedded, which takes the place of one character. */
export interface TextPiece {
  /** What is embedded; `null` for text. */
  readonly embed: ContentNode | null;
  /** `null` for none. */
  readonly formatting: Formatting | null;
  /** In UTF-16 units, at least 1; 1 for what is embedded. */
  readonly length: number;
  /**
   * Its text, empty for what is embedded.
   *
   * @param max As many UTF-16 units of its beginning, at most. Cost: decodes what it returns.
   */
  text(max?: number): string;
}

interface InItem {
  /** `null` for a root. */
  readonly id: ItemId | null;
}

export interface TextNode extends InItem {
  /** `xml-text` is a text among XML; at a root that cannot be told, and does not matter. */
  readonly kind: "text" | "xml-text";
  /** As Yjs counts: UTF-16 units, and one for each thing that is embedded. */
  readonly length: number;
  readonly pieces: Iterable<TextPiece>;
  /** Attributes of the text as a whole, which Yjs keeps as keys. */
  readonly entries: Entries;
  /** Which ticks the text is made of, in order; their lengths add up to `length`. */
  readonly ticks: readonly PlacedTicks[];
}

interface MapNode extends InItem {
  readonly kind: "map";
  readonly entries: Entries;
}

interface ArrayNode extends InItem {
  readonly kind: "array";
  readonly items: Sequence<ContentNode>;
}

export interface XmlNode extends InItem {
  readonly kind: "xml-fragment" | "xml-element";
  /** Empty for a fragment. */
  readonly name: string;
  /** Attributes. */
  readonly entries: Entries;
  readonly items: Sequence<ContentNode>;
}

interface XmlHookNode extends InItem {
  readonly kind: "xml-hook";
  readonly name: string;
  readonly entries: Entries;
}

/** JSON, and what else Yjs takes: undefined, bigints, NaN and infinities, bytes within objects. */
interface ValueNode extends InItem {
  readonly kind: "value";
  readonly value: unknown;
}

interface BinaryNode extends InItem {
  readonly kind: "binary";
  readonly bytes: Uint8Array;
}

/** A reference to a document that is kept elsewhere. */
interface SubdocumentNode extends InItem {
  readonly kind: "subdocument";
  readonly guid: string;
  /** An object, as it came with the reference. */
  readonly options: unknown;
}

/** A root of which everything is deleted: what it was does not show. */
interface EmptyNode extends InItem {
  readonly kind: "empty";
}

export type ContentNode =
  | TextNode
  | MapNode
  | ArrayNode
  | XmlNode
  | XmlHookNode
  | ValueNode
  | BinaryNode
  | SubdocumentNode
  | EmptyNode;

/** In the order of their keys. */
export type Entries = Pick<
  ReadonlyMap<string, ContentNode>,
  "size" | "get" | "keys" | "values" | typeof Symbol.iterator
>;

export interface ContentRoot {
  readonly name: string;
  readonly node: ContentNode;
  /** What is in it that a root of this kind does not show, for people: `3 keys`; `null` for nothing. */
  readonly hidden: string | null;
}

export const NO_ENTRIES: Entries = new Map();

/** Pieces of a text that are put together at once. */
const PIECES_AT_ONCE = 1024;

/** The text of its pieces, without what is embedded, as Yjs gives it. */
export function stringOf({ pieces }: TextNode): string {
  let text = "";
  let next: string[] = [];
  for (const piece of pieces) {
    if (next.push(piece.text()) < PIECES_AT_ONCE) continue;
    text += next.join("");
    next = [];
  }
  return text + next.join("");
}

export function isText(node: ContentNode): node is TextNode {
  return node.kind === "text" || node.kind === "xml-text";
}

/** A node with all that is in it, read once and kept. Cost: memory for all of it, many times its bytes. */
export function keptNode(node: ContentNode): ContentNode {
  if (isText(node)) {
    const { kind, id, length, ticks } = node;
    return {
      kind,
      id,
      length,
      ticks,
      pieces: Array.from(node.pieces, keptPiece),
      entries: keptEntries(node.entries),
    };
  }
  if (node.kind === "array") return { ...node, items: Array.from(node.items, keptNode) };
  if (node.kind === "map" || node.kind === "xml-hook") return { ...node, entries: keptEntries(node.entries) };
  if (node.kind !== "xml-element" && node.kind !== "xml-fragment") return node;
  return { ...node, items: Array.from(node.items, keptNode), entries: keptEntries(node.entries) };
}

function keptEntries(entries: Entries): Entries {
  return new Map(Array.from(entries, ([key, node]) => [key, keptNode(node)] as const));
}

function keptPiece(piece: TextPiece): TextPiece {
  const { embed, formatting, length } = piece;
  const kept = piece.text();
  return { embed: embed && keptNode(embed), formatting, length, text: (max) => kept.slice(0, max) };
}
