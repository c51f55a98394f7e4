/**
 * Edits of a document as JSON: what they look like. What these types say is what goes over HTTP.
 *
 * What is put into a document is said in one of two fields, so that none can be taken for the other: `value` is JSON as
 * it is, which is replaced as a whole; `node` says which shared type it becomes, in the words of `describeNode`.
 */

import type { Json } from "../inspect/content-values.ts";

/**
 * Where something is: the name of a root, then keys of maps, names of attributes, and indices from 0 in arrays, XML
 * and, of types that are embedded, in texts.
 */
export type Path = readonly [root: string, ...way: (string | number)[]];

/** Each builds upon what those before it have made. */
export type Edit = SetEdit | InsertEdit | DeleteEdit | ClearEdit | FormatEdit | TextEdit;

/** Names and values of formatting; `null` ends one. */
export type Attributes = Readonly<Record<string, Json>>;

/**
 * Puts something where the path leads: at a key of a map, at an attribute of an XML element or a text, or in place of
 * an item of an array or a node of XML. A root that has nothing becomes a map.
 */
export type SetEdit = { readonly op: "set"; readonly path: Path } & (
  | { readonly value: Json }
  | { readonly node: NewNode }
);

interface Insertion {
  readonly op: "insert";
  /** The array, text or XML into which is inserted. */
  readonly path: Path;
  /** Before which item, node or UTF-16 unit. Default: `end`. */
  readonly index?: number | "end";
}

/**
 * Inserts `values` into an array, `text` into a text, `nodes` into an array, XML or, where they are embedded, a text.
 * A root that has nothing becomes an array, a text, or XML where all the nodes are.
 */
export type InsertEdit =
  | (Insertion & { readonly values: readonly Json[] })
  | (Insertion & { readonly nodes: readonly NewNode[]; readonly attributes?: Attributes })
  /** Without attributes the text is formatted as what comes before it. */
  | (Insertion & { readonly text: string; readonly attributes?: Attributes });

/** Without `index`, deletes what is where the path leads; a key or an attribute need not be there. */
export interface DeleteEdit {
  readonly op: "delete";
  readonly path: Path;
  /** Given, the path is of an array, text or XML, and what is deleted begins here. */
  readonly index?: number;
  /** Of items, nodes or UTF-16 units. Default: 1. */
  readonly length?: number;
}

/** Deletes all that a map, array, text or XML has; attributes stay. */
export interface ClearEdit {
  readonly op: "clear";
  readonly path: Path;
}

/** Formats a range of a text. */
export interface FormatEdit {
  readonly op: "format";
  readonly path: Path;
  readonly index: number;
  /** In UTF-16 units. */
  readonly length: number;
  readonly attributes: Attributes;
}

/**
 * Makes a text read as `value`, by few and small changes, so that the cursors of others and their formatting stay. What
 * is embedded stays too. A root that has nothing becomes a text.
 */
export interface TextEdit {
  readonly op: "text";
  readonly path: Path;
  readonly value: string;
}

/**
 * What something becomes, in the words that `describeNode` has for what is there. Of itself a string is a text where XML
 * is, and a plain value elsewhere, as numbers, booleans and null are.
 */
export type NewNode =
  | null
  | boolean
  | number
  | string
  | NewText
  | NewMap
  | NewArray
  | NewXml
  | NewXmlHook
  | NewValue
  | NewBinary
  | NewSubdocument;

/** By key. */
export type NewEntries = Readonly<Record<string, NewNode>>;

/** `text` is short for a delta of one piece. */
export interface NewText {
  /** `xml-text` among XML, `text` elsewhere. */
  readonly type: "text" | "xml-text";
  readonly text?: string;
  readonly delta?: readonly NewPiece[];
  /** Of the text as a whole. */
  readonly attributes?: NewEntries;
}

/** A piece of text, or what is embedded: a shared type, or a plain value that is an object. */
export interface NewPiece {
  readonly insert: NewNode;
  readonly attributes?: Attributes;
}

interface NewMap {
  readonly type: "map";
  readonly entries?: NewEntries;
}

interface NewArray {
  readonly type: "array";
  readonly items?: readonly NewNode[];
}

export interface NewXml {
  readonly type: "xml-element" | "xml-fragment";
  /** Only an element has one. */
  readonly name?: string;
  /** Only an element has them. */
  readonly attributes?: NewEntries;
  /** Elements, texts, fragments and hooks; a string is a text. */
  readonly children?: readonly NewNode[];
}

interface NewXmlHook {
  readonly type: "xml-hook";
  readonly name: string;
  readonly entries?: NewEntries;
}

/** A plain value; what JSON has no word for as `describeValue` says it: `{"$bigint": "12"}`. */
interface NewValue {
  readonly type: "value";
  readonly value: Json;
}

interface NewBinary {
  readonly type: "binary";
  readonly base64: string;
}

/** A reference to a document that is kept elsewhere. */
export interface NewSubdocument {
  readonly type: "subdocument";
  readonly guid: string;
  /** As Yjs has them: `autoLoad`, `gc`, `meta`. */
  readonly options?: Json;
}
