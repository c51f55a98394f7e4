/** A document's content as the JSON that its own application would expect. */

import { toBase64 } from "lib0/buffer";
import { describeNode } from "./content-describe.ts";
import {
  type ContentNode,
  type ContentRoot,
  type Formatting,
  isText,
  stringOf,
  type TextNode,
} from "./content-nodes.ts";
import { definedOnly, type Json, type JsonObject, objectOf, plainValue, when } from "./content-values.ts";
import { markupOf } from "./text-xml.ts";

/**
 * A node as applications see it: texts are strings, XML is markup, bytes are base64, bigints are their digits. As
 * JSON has it, undefined is left out of objects, and null in lists, as are NaN and infinities. A subdocument is an object with its `guid`.
 */
export function plainNode(node: ContentNode): Json | undefined {
  switch (node.kind) {
    case "text":
      return stringOf(node);
    case "xml-text":
    case "xml-fragment":
    case "xml-element":
      return markupOf(node);
    case "map":
    case "xml-hook":
      return plainEntries(node.entries);
    case "array":
      return Array.from(node.items, (item) => plainNode(item) ?? null);
    case "value":
      return plainValue(node.value);
    case "binary":
      return toBase64(node.bytes);
    case "subdocument":
      return { guid: node.guid };
    case "empty":
      return null;
  }
}

function plainEntries(entries: Iterable<readonly [string, ContentNode]>): JsonObject {
  return definedOnly([...entries].map(([key, node]) => [key, plainNode(node)]));
}

/** All roots by their names. */
export function plainRoots(roots: readonly ContentRoot[]): JsonObject {
  return definedOnly(roots.map(({ name, node }) => [name, plainNode(node)]));
}

/** A text as a list of operations, as Quill and Yjs have it. Types in it are described. */
function deltaOf({ pieces }: TextNode): Json {
  return Array.from(pieces, (piece) => {
    const { embed, formatting } = piece;
    return objectOf([
      ["insert", embed === null ? piece.text() : plainEmbed(embed)],
      ...when<[string, Json]>(formatting !== null, ["attributes", plainFormatting(formatting)]),
    ]);
  });
}

function plainEmbed(node: ContentNode): Json {
  return node.kind === "value" ? (plainValue(node.value) ?? null) : describeNode(node);
}

function plainFormatting(formatting: Formatting | null): JsonObject {
  return definedOnly([...(formatting ?? [])].map(([name, value]) => [name, plainValue(value)]));
}

/** The texts among roots as deltas, by name. */
export function deltaOfRoots(roots: readonly ContentRoot[]): JsonObject {
  return objectOf(
    roots.flatMap(({ name, node }): [string, Json][] => (isText(node) ? [[name, deltaOf(node)]] : [])),
  );
}
