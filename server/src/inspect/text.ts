/** The plain text of a document: for reading, searching and counting words. */

import { type ContentNode, type ContentRoot, isText, stringOf } from "./content-nodes.ts";

/** Elements that break a line in the text that they stand in. */
const BREAKS: ReadonlySet<string> = new Set(["br", "hardBreak", "hard_break", "linebreak"]);

/**
 * The plain text of a node: a text without its formatting and what is embedded; of XML, what stands in an element with
 * text in a line of its own; of maps and arrays, the texts in them, one after the other. Values are no texts.
 */
export function plainTextOf(node: ContentNode): string {
  if (isText(node)) return stringOf(node);
  return textsIn(node).join("\n");
}

/** The plain texts of all roots that have any, with an empty line between two. */
export function plainTextOfRoots(roots: readonly ContentRoot[]): string {
  return roots
    .map(({ node }) => plainTextOf(node))
    .filter((text) => text !== "")
    .join("\n\n");
}

function textsIn(node: ContentNode): string[] {
  switch (node.kind) {
    case "text":
    case "xml-text":
      return [stringOf(node)];
    case "map":
    case "xml-hook":
      return [...node.entries.values()].flatMap(textsIn);
    case "array":
      return Array.from(node.items, textsIn).flat();
    case "xml-fragment":
    case "xml-element":
      return hasText(node.items) ? [inline(node)] : Array.from(node.items, textsIn).flat();
    case "value":
    case "binary":
    case "subdocument":
    case "empty":
      return [];
  }
}

function hasText(items: Iterable<ContentNode>): boolean {
  for (const item of items) if (isText(item)) return true;
  return false;
}

/** Elements among texts belong to their line. */
function inline(node: ContentNode): string {
  if (isText(node)) return stringOf(node);
  if (node.kind !== "xml-element" && node.kind !== "xml-fragment") return "";
  return BREAKS.has(node.name) ? "\n" : Array.from(node.items, inline).join("");
}
