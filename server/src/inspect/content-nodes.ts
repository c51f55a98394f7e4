/**
 * What a document shows, as plain data: apart from Yjs, so that it can be printed, compared and written in other
 * formats once the Y.Doc, which takes far more memory, is gone. Nothing in it is looked up in plain objects: keys
 * come from whoever wrote the document.
 */

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
  /** A string is never empty. */
  readonly insert: string | ContentNode;
  /** `null` for none. */
  readonly formatting: Formatting | null;
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
  readonly pieces: readonly TextPiece[];
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
  readonly items: readonly ContentNode[];
}

export interface XmlNode extends InItem {
  readonly kind: "xml-fragment" | "xml-element";
  /** Empty for a fragment. */
  readonly name: string;
  /** Attributes. */
  readonly entries: Entries;
  readonly items: readonly ContentNode[];
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
export type Entries = ReadonlyMap<string, ContentNode>;

export interface ContentRoot {
  readonly name: string;
  readonly node: ContentNode;
  /** What is in it that a root of this kind does not show, for people: `3 keys`; `null` for nothing. */
  readonly hidden: string | null;
}

export const NO_ENTRIES: Entries = new Map();

/** The text of its pieces, without what is embedded, as Yjs gives it. */
export function stringOf({ pieces }: TextNode): string {
  return pieces.map(({ insert }) => (typeof insert === "string" ? insert : "")).join("");
}

export function isText(node: ContentNode): node is TextNode {
  return node.kind === "text" || node.kind === "xml-text";
}
