/**
 * A document's content as JSON that says everything, types included: what programs read and compare. Its schema is
 * stable: fields may come, none change their meaning.
 */

import { toBase64 } from "lib0/buffer";
import type { ContentNode, ContentRoot, Entries, Formatting, TextNode } from "./content-nodes.ts";
import { describeValue, type Json, type JsonObject, objectOf, when } from "./content-values.ts";

export function describeRoot({ name, node, hidden }: ContentRoot): JsonObject {
  return objectOf([
    ["name", name],
    ...Object.entries(describeNode(node)),
    ...when<[string, Json]>(hidden !== null, ["hidden", hidden ?? ""]),
  ]);
}

/** A node with its type: `{"type": "map", "entries": {…}}`. */
export function describeNode(node: ContentNode): JsonObject {
  switch (node.kind) {
    case "text":
    case "xml-text":
      return objectOf([
        ["type", node.kind],
        ["length", node.length],
        ["delta", describeDelta(node)],
        ...when<[string, Json]>(node.entries.size > 0, ["attributes", describeEntries(node.entries)]),
      ]);
    case "map":
      return { type: "map", entries: describeEntries(node.entries) };
    case "array":
      return { type: "array", length: node.items.length, items: Array.from(node.items, describeNode) };
    case "xml-fragment":
    case "xml-element":
      return objectOf([
        ["type", node.kind],
        ...when<[string, Json]>(node.kind === "xml-element", ["name", node.name]),
        ...when<[string, Json]>(node.entries.size > 0, ["attributes", describeEntries(node.entries)]),
        ["children", Array.from(node.items, describeNode)],
      ]);
    case "xml-hook":
      return { type: "xml-hook", name: node.name, entries: describeEntries(node.entries) };
    case "value":
      return { type: "value", value: describeValue(node.value) };
    case "binary":
      return { type: "binary", length: node.bytes.length, base64: toBase64(node.bytes) };
    case "subdocument":
      return { type: "subdocument", guid: node.guid, options: describeValue(node.options) };
    case "empty":
      return { type: "empty" };
  }
}

/** Pieces of a text as a delta: `{"insert": …, "attributes"?: {…}}`. What is embedded is a node with its type. */
function describeDelta({ pieces }: TextNode): Json {
  return Array.from(pieces, (piece) => {
    const { embed, formatting } = piece;
    return objectOf([
      ["insert", embed === null ? piece.text() : describeNode(embed)],
      ...when<[string, Json]>(formatting !== null, ["attributes", describeFormatting(formatting)]),
    ]);
  });
}

/** `{}` for none. */
export function describeFormatting(formatting: Formatting | null): JsonObject {
  return objectOf([...(formatting ?? [])].map(([name, value]) => [name, describeValue(value)]));
}

function describeEntries(entries: Entries): JsonObject {
  return objectOf([...entries].map(([key, node]) => [key, describeNode(node)]));
}
