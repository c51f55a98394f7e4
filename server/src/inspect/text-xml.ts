/**
 * XML of a document as markup that any parser takes: text is escaped, which Yjs' own `toString` does not do. Formatting
 * of text is elements around it, as Yjs has it.
 */

import { describeNode } from "./content-describe.ts";
import {
  type ContentNode,
  type ContentRoot,
  type Entries,
  type Formatting,
  isText,
} from "./content-nodes.ts";
import { describeValue } from "./content-values.ts";

/** Names of XML 1.0, without colons: there are no namespaces. */
const NAME = /^[\p{L}_][\p{L}\p{N}\p{M}._-]*$/u;
/** What no XML 1.0 document may have, in whatever form. */
const FORBIDDEN = /(?![\t\n\r\u007f-\u009f])[\p{Cc}\p{Cs}\ufffe\uffff]/gu;

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["\n", "&#10;"],
  ["\r", "&#13;"],
  ["\t", "&#9;"],
]);

/** The roots that are XML or text, as one XML document: `<document><root name="…">…</root></document>`. */
export function xmlOf(roots: readonly ContentRoot[]): string {
  const elements = roots
    .filter(({ node }) => hasMarkup(node))
    .map(({ name, node }) => {
      return `  <root name="${attributeText(name)}">${markupOf(node)}</root>\n`;
    });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<document>\n${elements.join("")}</document>\n`;
}

/** Whether a node can be said in markup. */
export function hasMarkup(node: ContentNode): boolean {
  return isText(node) || node.kind === "xml-fragment" || node.kind === "xml-element";
}

/** A node as markup. What is no XML is described in JSON, as text. */
export function markupOf(node: ContentNode): string {
  switch (node.kind) {
    case "text":
    case "xml-text":
      return Array.from(node.pieces, (piece) => {
        const inner = piece.embed === null ? elementText(piece.text()) : markupOf(piece.embed);
        return formatted(inner, piece.formatting);
      }).join("");
    case "xml-fragment":
      return Array.from(node.items, markupOf).join("");
    case "xml-element":
      return element(node.name, attributesOf(node.entries), Array.from(node.items, markupOf).join(""));
    case "xml-hook":
      return element(node.name, attributesOf(node.entries), "");
    case "map":
    case "array":
    case "value":
    case "binary":
    case "subdocument":
    case "empty":
      return elementText(JSON.stringify(describeNode(node)));
  }
}

function formatted(inner: string, formatting: Formatting | null): string {
  if (formatting === null) return inner;
  return [...formatting].reduceRight((markup, [name, value]) => {
    return element(name, formattingAttributes(value), markup);
  }, inner);
}

/** An object's entries are attributes; that formatting is simply on needs none; anything else is `value`. */
function formattingAttributes(value: unknown): [string, string][] {
  if (value === true) return [];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [["value", textOf(value)]];
  return Object.entries(value).map(([name, inner]) => [name, textOf(inner)]);
}

function attributesOf(entries: Entries): [string, string][] {
  return [...entries].map(([name, node]) => {
    return [name, node.kind === "value" ? textOf(node.value) : JSON.stringify(describeNode(node))];
  });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(describeValue(value));
}

/**
 * An element. Where a name is none in XML, the element is `_` with the name as an attribute; attributes with such
 * names go together into one, as JSON.
 */
function element(name: string, attributes: readonly (readonly [string, string])[], inner: string): string {
  const isName = NAME.test(name);
  const strange = attributes.filter(([key]) => !NAME.test(key) || (!isName && key === "name"));
  const tag = isName ? name : "_";
  const all = [
    ...(isName ? [] : [["name", name] as const]),
    ...attributes.filter((attribute) => !strange.includes(attribute)),
    ...(strange.length > 0 ? [["_", JSON.stringify(strange)] as const] : []),
  ];
  const written = all.map(([key, value]) => ` ${key}="${attributeText(value)}"`).join("");
  return inner === "" ? `<${tag}${written}/>` : `<${tag}${written}>${inner}</${tag}>`;
}

function elementText(text: string): string {
  return text.replaceAll(FORBIDDEN, "\ufffd").replaceAll(/[&<>\r]/g, entityOf);
}

function attributeText(text: string): string {
  return text.replaceAll(FORBIDDEN, "\ufffd").replaceAll(/[&<>"\n\r\t]/g, entityOf);
}

function entityOf(character: string): string {
  return ENTITIES.get(character) ?? character;
}
