/** Holds JSON of what is to become shared types to what {@link NewNode} says. All throw JoineryError INVALID_OPTION (never). */

import { bytesAt, valueDescribedAt } from "./described-value.ts";
import type { NewNode } from "./edit.ts";
import { attributesAt, demandKnown, type Fields, listAt, objectAt, plainAt, textAt } from "./fields.ts";
import { malformed, shown } from "./malformed.ts";

/** As much as a body that is JSON of 256 levels can say. Real documents stay below 20. */
const MAX_DEPTH = 100;

/** Where something is put: that decides what it may be. */
type Home = "entry" | "item" | "xml" | "embed";

type Reader = (place: string, fields: Fields, depth: number) => void;

/** What may be told of a node that nobody needs: how much there is of it. */
const COUNTED = ["type", "length"];

/** By type: the fields that are known, and what they have to be. */
const READERS: Readonly<Record<string, Reader>> = {
  text: readText,
  "xml-text": readText,
  map(place, fields, depth) {
    demandKnown(place, fields, ["type", "entries"]);
    readEntries(`${place}.entries`, fields.entries, depth);
  },
  array(place, fields, depth) {
    demandKnown(place, fields, [...COUNTED, "items"]);
    readList(`${place}.items`, fields.items, "item", depth);
  },
  "xml-element"(place, fields, depth) {
    demandKnown(place, fields, ["type", "name", "attributes", "children"]);
    demandName(place, fields);
    readEntries(`${place}.attributes`, fields.attributes, depth);
    readList(`${place}.children`, fields.children, "xml", depth);
  },
  "xml-fragment"(place, fields, depth) {
    demandKnown(place, fields, ["type", "children"]);
    readList(`${place}.children`, fields.children, "xml", depth);
  },
  "xml-hook"(place, fields, depth) {
    demandKnown(place, fields, ["type", "name", "entries"]);
    demandName(place, fields);
    readEntries(`${place}.entries`, fields.entries, depth);
  },
  value(place, fields) {
    demandKnown(place, fields, ["type", "value"]);
    if (!Object.hasOwn(fields, "value")) throw malformed(place, "lacks a value");
    valueDescribedAt(`${place}.value`, fields.value);
  },
  binary(place, fields) {
    demandKnown(place, fields, [...COUNTED, "base64"]);
    bytesAt(`${place}.base64`, fields.base64);
  },
  subdocument(place, fields) {
    demandKnown(place, fields, ["type", "guid", "options"]);
    textAt(`${place}.guid`, fields.guid);
    if (fields.options === undefined) return;
    const options = objectAt(`${place}.options`, valueDescribedAt(`${place}.options`, fields.options));
    demandKnown(`${place}.options`, options, ["autoLoad", "gc", "meta"]);
  },
};

/** What XML holds; elsewhere it may be an entry or an item as well. */
const IN_XML = ["xml-element", "xml-fragment", "xml-text", "xml-hook"];

/**
 * @param place Where it is, as `edits[2].node`.
 * Cost: linear in its JSON.
 */
export function nodeAt(place: string, value: unknown): NewNode {
  readNode(place, value, "entry", 0);
  return value as NewNode;
}

/** What may be an item of an array, a node of XML or embedded in a text: which of them only the document knows. */
export function nodesAt(place: string, value: unknown): readonly NewNode[] {
  readList(place, listAt(place, value), "item", -1);
  return value as readonly NewNode[];
}

function readNode(place: string, value: unknown, home: Home, depth: number): void {
  if (depth > MAX_DEPTH) throw malformed(place, `is nested more than ${MAX_DEPTH} deep`);
  if (value === null || typeof value !== "object") {
    demandScalar(place, value, home);
    return;
  }
  const fields = objectAt(place, value);
  const type = textAt(`${place}.type`, fields.type ?? typeMissing(place));
  const read = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
  if (read === undefined) {
    throw malformed(
      place,
      `has the type ${shown(type)}, it must be one of ${Object.keys(READERS).join(", ")}`,
    );
  }
  if (home === "xml" && !IN_XML.includes(type)) {
    throw malformed(place, `has the type ${shown(type)}; among XML it must be one of ${IN_XML.join(", ")}`);
  }
  if (home === "embed") demandEmbed(place, type, fields);
  read(place, fields, depth);
}

function demandScalar(place: string, value: unknown, home: Home): void {
  if (home === "embed" || (home === "xml" && typeof value !== "string")) {
    throw malformed(place, `is ${shown(value)}, which cannot stand there`);
  }
  plainAt(place, value);
}

/** Objects are nodes: without a type nobody knows whether a map or a plain value is meant. */
function typeMissing(place: string): never {
  throw malformed(
    place,
    'lacks a type: a plain object is {"type": "value", "value": {…}}, a shared one {"type": "map", "entries": {…}}',
  );
}

/** Yjs keeps what is embedded in a text as a shared type, or as JSON of an object. */
function demandEmbed(place: string, type: string, { value }: Fields): void {
  if (type === "binary" || type === "subdocument") {
    throw malformed(place, `has the type ${shown(type)}, which a text cannot embed`);
  }
  if (type === "value") attributesAt(`${place}.value`, valueDescribedAt(`${place}.value`, value));
}

/** As `describeFormatting` says it. What JSON has no word for has no place in it. */
function demandFormatting(place: string, value: unknown): void {
  for (const [name, inner] of Object.entries(attributesAt(place, value))) {
    plainAt(`${place}[${shown(name)}]`, valueDescribedAt(place, inner));
  }
}

function readText(place: string, fields: Fields, depth: number): void {
  demandKnown(place, fields, [...COUNTED, "text", "delta", "attributes"]);
  readEntries(`${place}.attributes`, fields.attributes, depth);
  if (fields.text !== undefined && fields.delta !== undefined) {
    throw malformed(place, "has a text and a delta, it may have one of them");
  }
  if (fields.text !== undefined) textAt(`${place}.text`, fields.text);
  if (fields.delta === undefined) return;
  for (const [i, piece] of listAt(`${place}.delta`, fields.delta).entries()) {
    readPiece(`${place}.delta[${i}]`, piece, depth);
  }
}

function readPiece(place: string, piece: unknown, depth: number): void {
  const fields = objectAt(place, piece);
  demandKnown(place, fields, ["insert", "attributes"]);
  if (fields.attributes !== undefined) demandFormatting(`${place}.attributes`, fields.attributes);
  if (typeof fields.insert === "string") textAt(`${place}.insert`, fields.insert);
  else readNode(`${place}.insert`, fields.insert, "embed", depth + 1);
}

function readEntries(place: string, value: unknown, depth: number): void {
  if (value === undefined) return;
  for (const [key, inner] of Object.entries(objectAt(place, value))) {
    textAt(place, key);
    readNode(`${place}[${shown(key)}]`, inner, "entry", depth + 1);
  }
}

function readList(place: string, value: unknown, home: Home, depth: number): void {
  if (value === undefined) return;
  for (const [i, item] of listAt(place, value).entries()) readNode(`${place}[${i}]`, item, home, depth + 1);
}

function demandName(place: string, { name }: Fields): void {
  if (textAt(`${place}.name`, name) === "") throw malformed(`${place}.name`, "is empty");
}
