/** Makes what Yjs takes of what an edit puts into a document. */

import * as Y from "yjs";
import { bytesAt, valueDescribedAt } from "./described-value.ts";
import type { Attributes, NewEntries, NewNode, NewPiece, NewSubdocument, NewText, NewXml } from "./edit.ts";
import { plainProblem } from "./fields.ts";
import { Misfit } from "./misfit.ts";

export type XmlContent = Y.XmlElement | Y.XmlText;

/** What Yjs takes as an attribute. */
export type Attribute = NonNullable<unknown> | null;

/** Its attributes may be all that entries of maps may be. */
export type Element = Y.XmlElement<Record<string, Attribute>>;

/** Behind these no message comes: what they read was read before. */
const NODE = "the node";

/** What goes under a key, or as an attribute. */
export function entryOf(node: NewNode): Attribute {
  return demandTaken(contentOf(node));
}

/** What goes into an array. @throws Misfit where Yjs has no way to put it there. */
export function itemOf(node: NewNode): unknown {
  return demandItem(contentOf(node));
}

/** As {@link itemOf}, of a plain value. */
export function demandItem(value: unknown): unknown {
  if (value === undefined) throw new Misfit("Yjs takes no undefined into an array");
  if (typeof value === "bigint") throw new Misfit("Yjs takes no bigint into an array");
  return demandTaken(value);
}

/** @throws Misfit for what Yjs mistakes: it looks at this property to see what it is given. */
export function demandTaken(value: unknown): Attribute {
  const isObject = typeof value === "object" && value !== null && !(value instanceof Y.AbstractType);
  if (isObject && Object.hasOwn(value, "constructor")) {
    throw new Misfit('Yjs takes no object that has the key "constructor"');
  }
  // Its types do not say so, but Yjs takes undefined too.
  return value as Attribute;
}

/** What goes among XML; a string is a text. @throws Misfit for what is no XML. */
export function xmlOf(node: NewNode): XmlContent {
  const content = typeof node === "string" ? new Y.XmlText(node) : contentOf(node);
  const isXml =
    content instanceof Y.XmlFragment || content instanceof Y.XmlText || content instanceof Y.XmlHook;
  // Yjs takes fragments and hooks too.
  if (isXml) return content as XmlContent;
  throw new Misfit("among XML there are elements, fragments, texts of XML and hooks only");
}

/** What a text embeds. @throws Misfit for what it cannot. */
export function embedOf(node: NewNode): object {
  const content = contentOf(node);
  if (content instanceof Y.AbstractType) return content;
  const isObject = typeof content === "object" && content !== null && !Array.isArray(content);
  if (isObject && plainProblem(content) === null && !(content instanceof Y.Doc)) return content;
  throw new Misfit("a text embeds shared types, and plain values that are objects of JSON");
}

function contentOf(node: NewNode): unknown {
  if (node === null || typeof node !== "object") return node;
  switch (node.type) {
    case "text":
      return textOf(new Y.Text(), node);
    case "xml-text":
      return textOf(new Y.XmlText(), node);
    case "map":
      return withEntries(new Y.Map(), node.entries);
    case "xml-hook":
      return withEntries(new Y.XmlHook(node.name), node.entries);
    case "array": {
      const array = new Y.Array<unknown>();
      array.insert(0, (node.items ?? []).map(itemOf));
      return array;
    }
    case "xml-element":
    case "xml-fragment":
      return elementOf(node);
    case "value":
      return valueDescribedAt(NODE, node.value);
    case "binary":
      return bytesAt(NODE, node.base64);
    case "subdocument":
      return subdocumentOf(node);
  }
}

function withEntries(map: Y.Map<unknown>, entries: NewEntries = {}): object {
  for (const [key, node] of Object.entries(entries)) map.set(key, entryOf(node));
  return map;
}

function elementOf({ type, name = "", attributes = {}, children = [] }: NewXml): object {
  const content = children.map(xmlOf);
  if (type === "xml-fragment") {
    const fragment = new Y.XmlFragment();
    fragment.insert(0, content);
    return fragment;
  }
  const element = new Y.XmlElement<Record<string, Attribute>>(name);
  for (const [key, node] of Object.entries(attributes)) element.setAttribute(key, entryOf(node));
  element.insert(0, content);
  return element;
}

function textOf(into: Y.Text, { text, delta, attributes = {} }: NewText): object {
  const pieces: readonly NewPiece[] = delta ?? (text === undefined ? [] : [{ insert: text }]);
  into.applyDelta(
    pieces.map(({ insert, attributes }) => ({
      insert: typeof insert === "string" ? insert : embedOf(insert),
      ...(attributes && { attributes: formattingOf(attributes) }),
    })),
  );
  for (const [key, node] of Object.entries(attributes)) into.setAttribute(key, entryOf(node));
  return into;
}

function formattingOf(attributes: Attributes): Record<string, unknown> {
  const described = Object.entries(attributes).map(([name, value]) => [name, valueDescribedAt(NODE, value)]);
  return Object.fromEntries(described);
}

function subdocumentOf({ guid, options }: NewSubdocument): Y.Doc {
  const {
    autoLoad = false,
    gc = true,
    meta = null,
  } = valueDescribedAt(NODE, options ?? {}) as Partial<Y.Doc>;
  // It is a reference: nothing is loaded here.
  return new Y.Doc({ guid, autoLoad, gc, meta, shouldLoad: false });
}
