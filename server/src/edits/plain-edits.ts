/**
 * Plain JSON as edits that make a document say it: what `plainRoots` gives can be changed elsewhere and brought back.
 * What the JSON does not speak of stays: other roots, other keys of maps. What says the same already stays too, whatever
 * type it has; so nothing is there twice when it is brought again.
 */

import { JoineryError } from "@joinery/shared";
import { plainNode } from "../inspect/content-json.ts";
import type { ContentNode, ContentRoot } from "../inspect/content-nodes.ts";
import type { RootKind } from "../inspect/content-roots.ts";
import type { Json, JsonObject } from "../inspect/content-values.ts";
import type { Edit, Path } from "./edit.ts";

/** What roots that are not there become. */
export type NewRootKinds = ReadonlyMap<string, RootKind>;

/**
 * Makes edits of plain JSON.
 *
 * Objects go into maps, lists into arrays, strings into texts; below that, where nothing is, they are plain values. In a
 * list what is the same at both ends stays, and what is between is replaced.
 *
 * @param roots Of the document that it is to be merged into; empty for a new one.
 * @param json Values by the names of roots.
 * @param kinds What new roots become, where that is not told by their values.
 * @throws JoineryError INVALID_OPTION (never), naming the place, for what cannot be said in this way: a number as a root,
 * or markup other than what is there. Cost: linear in both.
 */
export function editsOfPlain(
  roots: readonly ContentRoot[],
  json: unknown,
  kinds: NewRootKinds = new Map(),
): readonly Edit[] {
  if (!isObject(json)) throw unfit([], "it must be an object: values by the names of roots");
  for (const name of kinds.keys()) {
    if (!Object.hasOwn(json, name)) throw unfit([], `it has no root ${JSON.stringify(name)}`);
  }
  const there = new Map(roots.map(({ name, node }) => [name, node]));
  const edits: Edit[] = [];
  for (const [name, value] of Object.entries(json)) {
    merge({ edits, path: [name] }, there.get(name) ?? null, value, kinds.get(name));
  }
  return edits;
}

interface Place {
  readonly edits: Edit[];
  readonly path: Path;
}

/** @param node What is there; `null` for nothing. */
function merge(place: Place, node: ContentNode | null, value: Json, kind?: RootKind): void {
  const isEmpty = node === null || node.kind === "empty";
  if (!isEmpty && isSame(plainNode(node), value)) return;
  const isRoot = place.path.length === 1;
  // An empty root is exported as null.
  if (isRoot && isEmpty && value === null) return;
  const wanted = isEmpty ? (isRoot ? (kind ?? kindOf(place, value)) : "value") : node.kind;
  const inside = isEmpty ? null : node;
  if (wanted === "map") mergeMap(place, inside, value);
  else if (wanted === "array") mergeArray(place, inside, value);
  else if (wanted === "text" || wanted === "xml-text") mergeText(place, value);
  else if (PLAIN.includes(wanted)) place.edits.push({ op: "set", path: place.path, value });
  else throw unfit(place.path, "there is XML, which plain JSON has only as markup: import an update instead");
}

/** What is replaced as a whole. */
const PLAIN: readonly string[] = ["value", "binary", "subdocument"];

function kindOf({ path }: Place, value: Json): RootKind {
  if (typeof value === "string") return "text";
  if (Array.isArray(value)) return "array";
  if (isObject(value)) return "map";
  throw unfit(path, `a root is a map, an array or a text, not ${JSON.stringify(value)}`);
}

function mergeMap(place: Place, node: ContentNode | null, value: Json): void {
  if (!isObject(value)) throw unfit(place.path, "there is a map: it must be an object");
  const entries = node?.kind === "map" ? node.entries : null;
  for (const [key, item] of Object.entries(value)) {
    merge({ edits: place.edits, path: [...place.path, key] }, entries?.get(key) ?? null, item);
  }
}

function mergeArray({ edits, path }: Place, node: ContentNode | null, value: Json): void {
  if (!Array.isArray(value)) throw unfit(path, "there is an array: it must be a list");
  const before = node?.kind === "array" ? Array.from(node.items, (item) => plainNode(item) ?? null) : [];
  let start = 0;
  while (start < before.length && start < value.length && isSame(before[start], value[start])) start++;
  let left = 0;
  while (
    left < Math.min(before.length, value.length) - start &&
    isSame(before[before.length - 1 - left], value[value.length - 1 - left])
  )
    left++;
  const length = before.length - start - left;
  if (length > 0) edits.push({ op: "delete", path, index: start, length });
  const values = value.slice(start, value.length - left);
  if (values.length > 0) edits.push({ op: "insert", path, index: start, values });
}

function mergeText({ edits, path }: Place, value: Json): void {
  if (typeof value !== "string") throw unfit(path, "there is a text: it must be a string");
  edits.push({ op: "text", path, value });
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => isSame(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unfit(path: readonly (string | number)[], why: string): JoineryError {
  const where = path.length === 0 ? "the JSON" : `at ${JSON.stringify(path)}`;
  return new JoineryError("INVALID_OPTION", `${where}: ${why}`);
}
