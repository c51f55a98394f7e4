/**
 * A document as lines of a tree, for people: every line fits a width, what is long is cut and says by how much, and
 * nothing in it can write to a terminal. Pieces of a line say what they are, for who
 * prints them in colours.
 */

import { toHexString } from "lib0/buffer";
import {
  type ContentNode,
  type ContentRoot,
  type Entries,
  type Formatting,
  isText,
  type Sequence,
  type TextNode,
  type TextPiece,
  type XmlNode,
} from "./content-nodes.ts";
import { describeValue, type Json } from "./content-values.ts";
import { cutTo, named, printable, quoted, widthOf } from "./tree-printable.ts";

/** What a piece of a line is, for who colours it. */
export type TreeStyle = "name" | "kind" | "string" | "value" | "tag" | "note" | "plain" | "added" | "removed";

export interface TreePiece {
  readonly text: string;
  readonly style: TreeStyle;
}

export type TreeLine = readonly TreePiece[];

export interface TreeOptions {
  /** Columns of a line, at least 20; nothing is cut to fit them where `isFull`. */
  readonly width: number;
  /** How many levels below the roots are shown. */
  readonly maxDepth: number;
  /** Shows everything: all levels, all items, texts to their end. */
  readonly isFull: boolean;
}

/** Items of a list, keys of a map, or pieces of a text that are shown where not all are. */
const MAX_SHOWN = 20;
const MAX_TEXT = 200;
const FIRST_BYTES = 16;
/** Values stand in a column behind keys up to this wide. */
const MAX_KEY_WIDTH = 24;
/** Columns of a piece of a line, where lines have no end. */
const MAX_PIECE = 1000;
/** Longer JSON is shown in lines. */
const MAX_INLINE = 40;
/** Deeper lines are not moved further to the right, but say how deep they are. */
const MAX_INDENT = 24;

/** All roots as lines, which come as they are asked for. */
export function* treeOf(roots: readonly ContentRoot[], options: TreeOptions): Generator<TreeLine> {
  const tree = new Tree(options);
  for (const root of roots) yield* tree.root(root);
}

class Tree {
  readonly #width: number;
  readonly #maxDepth: number;
  readonly #isFull: boolean;

  constructor({ width, maxDepth, isFull }: TreeOptions) {
    this.#width = Math.max(20, width);
    this.#isFull = isFull;
    this.#maxDepth = isFull ? Number.POSITIVE_INFINITY : maxDepth;
  }

  *root({ name, node, hidden }: ContentRoot): Generator<TreeLine> {
    const note =
      hidden === null ? [] : [piece("note", `also has ${hidden}, which a ${typeOf(node)} does not show`)];
    yield this.#line(0, [piece("name", named(name)), ...summaryOf(node, this.#isFull), ...note]);
    yield* this.#inside(node, 1);
  }

  /** What is in a node, below a line that says what it is. */
  *#inside(node: ContentNode, depth: number): Generator<TreeLine> {
    if (isText(node)) yield* this.#text(node, depth);
    else if (node.kind === "map" || node.kind === "xml-hook") yield* this.#entries(node.entries, depth);
    else if (node.kind === "array") yield* this.#items(node.items, depth);
    else if (node.kind === "xml-fragment") {
      yield* this.#entries(node.entries, depth, "@");
      yield* this.#children(node.items, depth);
    } else if (node.kind === "xml-element") yield* this.#markup(node, depth);
    else if (node.kind === "value" && isContainer(node.value) && inOneLine(node.value) === null)
      yield* this.#value(node.value, depth);
  }

  *#entries(entries: Entries, depth: number, mark = ""): Generator<TreeLine> {
    if (depth > this.#maxDepth) return;
    const shown = this.#isFull ? entries.size : MAX_SHOWN;
    // Values that are alike in a column are easier to read; a long key may stick out.
    let width = 0;
    for (const key of first(entries.keys(), shown))
      width = Math.max(width, Math.min(MAX_KEY_WIDTH, widthOf(named(key))));
    for (const [key, node] of first(entries, shown)) {
      yield* this.#labelled(mark + named(key), node, depth, width + mark.length);
    }
    if (entries.size > shown) yield this.#more(depth, entries.size - shown, "key");
  }

  *#items(items: Sequence<ContentNode>, depth: number): Generator<TreeLine> {
    if (depth > this.#maxDepth) return;
    const shown = this.#isFull ? items.length : MAX_SHOWN;
    const width = String(Math.min(items.length, shown) - 1).length;
    let i = 0;
    for (const item of first(items, shown))
      yield* this.#labelled(String(i++).padStart(width), item, depth, width);
    if (items.length > shown) yield this.#more(depth, items.length - shown, "item");
  }

  *#labelled(label: string, node: ContentNode, depth: number, width: number): Generator<TreeLine> {
    const pad = " ".repeat(Math.max(0, width - widthOf(label)));
    yield this.#line(depth, [piece("name", label + pad), ...summaryOf(node, this.#isFull)]);
    yield* this.#inside(node, depth + 1);
  }

  *#text({ pieces, entries }: TextNode, depth: number): Generator<TreeLine> {
    if (depth > this.#maxDepth) return;
    yield* this.#entries(entries, depth, "@");
    let count = 0;
    for (const each of pieces) {
      if (++count > MAX_SHOWN && !this.#isFull) continue;
      const { embed } = each;
      const marks = formattingOf(each.formatting);
      if (embed === null) yield* this.#string(each, marks, depth);
      else {
        yield this.#line(depth, [piece("kind", "embed"), ...summaryOf(embed, this.#isFull), ...marks]);
        yield* this.#inside(embed, depth + 1);
      }
    }
    if (count > MAX_SHOWN && !this.#isFull) yield this.#more(depth, count - MAX_SHOWN, "piece");
  }

  /** A string, in lines as they fit: a text is cut where a line of it ends, so that it looks as in its editor. */
  *#string(text: TextPiece, marks: readonly TreePiece[], depth: number): Generator<TreeLine> {
    const isWhole = this.#isFull || text.length <= MAX_TEXT;
    const shown = isWhole ? text.text() : wholeCharacters(text.text(MAX_TEXT), MAX_TEXT);
    const lines = shown.split(/(?<=\n)/);
    const rest = text.length - shown.length;
    for (const [i, line] of lines.entries()) {
      const isLast = i === lines.length - 1;
      const more = isLast && rest > 0 ? [piece("note", `… ${counted(rest, "more character")}`)] : [];
      yield this.#line(depth, [piece("string", quoted(line)), ...more, ...(isLast ? marks : [])]);
    }
  }

  *#value(value: object, depth: number): Generator<TreeLine> {
    if (depth > this.#maxDepth) return;
    if (Array.isArray(value)) {
      yield* this.#items(value.map(nodeOf), depth);
    } else {
      yield* this.#entries(new Map(Object.entries(value).map(([key, inner]) => [key, nodeOf(inner)])), depth);
    }
  }

  // Markup

  *#children(items: Sequence<ContentNode>, depth: number): Generator<TreeLine> {
    if (depth > this.#maxDepth) return;
    const shown = this.#isFull ? items.length : MAX_SHOWN;
    for (const item of first(items, shown)) yield* this.#child(item, depth);
    if (items.length > shown) yield this.#more(depth, items.length - shown, "node");
  }

  *#child(node: ContentNode, depth: number): Generator<TreeLine> {
    if (isText(node)) yield* this.#text(node, depth);
    else if (node.kind === "xml-element") yield* this.#markup(node, depth);
    else {
      yield this.#line(depth, summaryOf(node, this.#isFull));
      yield* this.#inside(node, depth + 1);
    }
  }

  *#markup(node: XmlNode, depth: number): Generator<TreeLine> {
    const name = printable(node.name);
    const shown = this.#isFull ? node.entries.size : MAX_SHOWN;
    const more = node.entries.size - shown;
    const attributes = [...first(node.entries, shown)].flatMap(([key, value]) => [
      piece("name", ` ${named(key)}`),
      piece("plain", "="),
      ...inlineOf(value),
    ]);
    const rest = more > 0 ? [piece("note", ` … ${counted(more, "more attribute")}`)] : [];
    const open = [piece("tag", `<${name}`), ...attributes, ...rest];
    if (node.items.length === 0) {
      yield this.#line(depth, [...open, piece("tag", "/>")], "");
    } else if (depth >= this.#maxDepth) {
      const note = piece("note", counted(node.items.length, "node"));
      yield this.#line(depth, [...open, piece("tag", ">"), note, piece("tag", `</${name}>`)], "");
    } else {
      yield this.#line(depth, [...open, piece("tag", ">")], "");
      yield* this.#children(node.items, depth + 1);
      yield this.#line(depth, [piece("tag", `</${name}>`)], "");
    }
  }

  #more(depth: number, count: number, noun: string): TreeLine {
    return this.#line(depth, [piece("note", `… ${counted(count, `more ${noun}`)}`)]);
  }

  /** Puts two spaces between pieces that are not empty, and cuts what does not fit. */
  #line(depth: number, pieces: readonly TreePiece[], gap = "  "): TreeLine {
    const deep = depth * 2 > MAX_INDENT ? `${" ".repeat(MAX_INDENT)}${depth}· ` : " ".repeat(depth * 2);
    const line: TreePiece[] = [];
    let left = this.#isFull ? Number.POSITIVE_INFINITY : this.#width;
    for (const next of [piece(depth * 2 > MAX_INDENT ? "note" : "plain", deep), ...spaced(pieces, gap)]) {
      if (next.text === "" || left <= 0) continue;
      const text = this.#isFull ? next.text : cutTo(next.text, Math.min(left, MAX_PIECE));
      line.push({ ...next, text });
      left -= this.#isFull ? 0 : widthOf(text);
    }
    return line;
  }
}

export function spaced(pieces: readonly TreePiece[], gap: string): TreePiece[] {
  return pieces.flatMap((next, i) => (i === 0 || gap === "" ? [next] : [piece("plain", gap), next]));
}

/** What a node is, and its value if that fits a line. */
export function summaryOf(node: ContentNode, isFull: boolean): TreePiece[] {
  const kind = piece("kind", typeOf(node));
  switch (node.kind) {
    case "text":
    case "xml-text":
      return [kind, piece("note", counted(node.length, "character"))];
    case "map":
      return [kind, piece("note", counted(node.entries.size, "key"))];
    case "xml-hook":
      return [kind, piece("tag", printable(node.name)), piece("note", counted(node.entries.size, "key"))];
    case "array":
      return [kind, piece("note", counted(node.items.length, "item"))];
    case "xml-fragment":
      return [kind, piece("note", counted(node.items.length, "node"))];
    case "xml-element":
      return [kind];
    case "value":
      return valueSummary(node.value, isFull);
    case "binary":
      return [kind, piece("note", counted(node.bytes.length, "byte")), piece("value", bytesOf(node.bytes))];
    case "subdocument":
      return [kind, piece("string", quoted(node.guid)), ...optionsOf(node.options)];
    case "empty":
      return [kind, piece("note", "all that was in it is deleted")];
  }
}

function typeOf({ kind }: ContentNode): string {
  return kind === "xml-fragment" ? "xml" : kind;
}

function valueSummary(value: unknown, isFull: boolean): TreePiece[] {
  if (!isContainer(value)) return scalarOf(value, isFull);
  const count = Array.isArray(value) ? value.length : Object.keys(value).length;
  const json = inOneLine(value);
  if (json !== null) return [piece("value", json)];
  return Array.isArray(value)
    ? [piece("kind", "list"), piece("note", counted(count, "item"))]
    : [piece("kind", "object"), piece("note", counted(count, "key"))];
}

function scalarOf(value: unknown, isFull: boolean): TreePiece[] {
  if (typeof value === "string") {
    const shown = isFull || value.length <= MAX_TEXT ? value : wholeCharacters(value, MAX_TEXT);
    const rest = value.length - shown.length;
    const more = rest > 0 ? [piece("note", `… ${counted(rest, "more character")}`)] : [];
    return [piece("string", quoted(shown)), ...more];
  }
  if (typeof value === "bigint") return [piece("value", `${value}n`)];
  if (value instanceof Uint8Array) return [piece("kind", "binary"), piece("value", bytesOf(value))];
  return [piece("value", String(value))];
}

/** An attribute's value, as it stands in markup. */
function inlineOf(node: ContentNode): TreePiece[] {
  if (node.kind === "value") return [piece("string", jsonOf(describeValue(node.value)))];
  return spaced(summaryOf(node, false), " ");
}

function formattingOf(formatting: Formatting | null): TreePiece[] {
  return [...(formatting ?? [])].map(([name, value]) => {
    return piece("name", value === true ? named(name) : `${named(name)}=${jsonOf(describeValue(value))}`);
  });
}

function optionsOf(options: unknown): TreePiece[] {
  return isContainer(options) && Object.keys(options).length > 0
    ? [piece("value", jsonOf(describeValue(options)))]
    : [];
}

function bytesOf(bytes: Uint8Array): string {
  const hex = toHexString(bytes.subarray(0, FIRST_BYTES)).replaceAll(/(..)(?=.)/g, "$1 ");
  return bytes.length > FIRST_BYTES ? `${hex} …` : hex;
}

function nodeOf(value: unknown): ContentNode {
  return value instanceof Uint8Array
    ? { kind: "binary", bytes: value, id: null }
    : { kind: "value", value, id: null };
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

/** A small object or list as JSON; `null` for one that is shown in lines of its own. */
function inOneLine(value: object): string | null {
  const json = jsonOf(describeValue(value));
  return json.length <= MAX_INLINE ? json : null;
}

function jsonOf(json: Json): string {
  return printable(JSON.stringify(json));
}

export function wholeCharacters(text: string, length: number): string {
  const cut = text.slice(0, length);
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

export function piece(style: TreeStyle, text: string): TreePiece {
  return { style, text };
}

function* first<T>(items: Iterable<T>, count: number): Generator<T> {
  let left = count;
  if (left <= 0) return;
  for (const item of items) {
    yield item;
    if (--left === 0) return;
  }
}
