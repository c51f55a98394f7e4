/**
 * How two contents differ: what was added, removed and changed, by path. It compares what is shown, so two documents
 * that were made in different ways and show the same are equal.
 */

import { createHash } from "node:crypto";
import { describeNode } from "./content-describe.ts";
import {
  type ContentNode,
  type ContentRoot,
  type Entries,
  type ItemId,
  isText,
  keptNode,
  type TextNode,
} from "./content-nodes.ts";
import { compareLists } from "./diff-sequence.ts";
import { compareStrings, compareTexts, type TextDifference } from "./diff-text.ts";

/** The name of a root, then keys and positions in lists; a key that is an attribute has an `@` before it. */
export type Path = readonly (string | number)[];

export type Difference =
  | { readonly change: "added"; readonly path: Path; readonly after: ContentNode }
  | { readonly change: "removed"; readonly path: Path; readonly before: ContentNode }
  | {
      readonly change: "changed";
      readonly path: Path;
      readonly before: ContentNode;
      readonly after: ContentNode;
      /** How the texts differ, where both are. */
      readonly text: TextDifference | null;
    };

// Among more items that were removed or added, those between the first and the last are compared in their order.
const MAX_CHANGED_ITEMS = 1000;
/** How far an item of the same kind is looked for. */
const PAIRED_WITHIN = 100;
/** Shorter strings are shown as they were and are; of longer ones, what differs. */
const MIN_COMPARED_STRING = 40;

/**
 * Compares two contents.
 *
 * @param isSameDocument Whether both are of one document: then types in lists are followed by their ids. Otherwise
 * they are told apart by content.
 * Cost: linear in what is the same; time and memory grow with the square of changes in one list or text, up to a bound.
 */
export function compareContents(
  before: readonly ContentRoot[],
  after: readonly ContentRoot[],
  isSameDocument: boolean,
): Difference[] {
  const comparison = new Comparison(isSameDocument);
  comparison.entries([], nodesOf(before), nodesOf(after));
  return comparison.differences;
}

/** A root of which everything is deleted is as one that was never there. */
function nodesOf(roots: readonly ContentRoot[]): Entries {
  return new Map(roots.filter(({ node }) => !isEmpty(node)).map(({ name, node }) => [name, keptNode(node)]));
}

function isEmpty(node: ContentNode): boolean {
  if (node.kind === "empty") return true;
  if (isText(node)) return node.length === 0 && node.entries.size === 0;
  return node.kind === "map" && node.entries.size === 0 && node.id === null;
}

class Comparison {
  readonly differences: Difference[] = [];
  readonly #isSameDocument: boolean;
  readonly #digests = new Map<ContentNode, string>();

  constructor(isSameDocument: boolean) {
    this.#isSameDocument = isSameDocument;
  }

  entries(path: Path, before: Entries, after: Entries, mark = ""): void {
    const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
    for (const key of keys) this.#pair([...path, mark + key], before.get(key), after.get(key));
  }

  #pair(path: Path, before: ContentNode | undefined, after: ContentNode | undefined): void {
    if (before && after) this.#nodes(path, before, after);
    else if (before) this.differences.push({ change: "removed", path, before });
    else if (after) this.differences.push({ change: "added", path, after });
  }

  #nodes(path: Path, before: ContentNode, after: ContentNode): void {
    if (this.#digest(before) === this.#digest(after)) return;
    if (isText(before) && isText(after)) this.#texts(path, before, after);
    else if (before.kind === "map" && after.kind === "map") this.entries(path, before.entries, after.entries);
    else if (before.kind === "array" && after.kind === "array")
      this.#lists(path, [...before.items], [...after.items]);
    else if (isElement(before) && isElement(after) && before.name === after.name) {
      this.entries(path, before.entries, after.entries, "@");
      if ("items" in before && "items" in after) this.#lists(path, [...before.items], [...after.items]);
    } else this.#values(path, before, after);
  }

  #texts(path: Path, before: TextNode, after: TextNode): void {
    this.entries(path, before.entries, after.entries, "@");
    const text = compareTexts(before, after);
    if (text) this.differences.push({ change: "changed", path, before, after, text });
  }

  /** Objects and lists among values are looked into, although Yjs replaces them as a whole. */
  #values(path: Path, before: ContentNode, after: ContentNode): void {
    const a = before.kind === "value" ? before.value : undefined;
    const b = after.kind === "value" ? after.value : undefined;
    if (isObject(a) && isObject(b)) {
      this.entries(path, nodesIn(a, before.id), nodesIn(b, after.id));
    } else if (Array.isArray(a) && Array.isArray(b)) {
      const wrap = (values: readonly unknown[], id: ItemId | null) =>
        values.map((value) => nodeOf(value, id));
      this.#lists(path, wrap(a, before.id), wrap(b, after.id));
    } else {
      const isLong =
        typeof a === "string" && typeof b === "string" && a.length + b.length > MIN_COMPARED_STRING;
      const text = isLong ? { changes: compareStrings(a, b), formats: [] } : null;
      this.differences.push({ change: "changed", path, before, after, text });
    }
  }

  #lists(path: Path, before: readonly ContentNode[], after: readonly ContentNode[]): void {
    const keyOf = (node: ContentNode) => this.#keyOf(node);
    let a = 0;
    let b = 0;
    let removed = 0;
    for (const { kind, count } of compareLists(before.map(keyOf), after.map(keyOf), MAX_CHANGED_ITEMS)) {
      if (kind === "removed") {
        removed = count;
        continue;
      }
      const added = kind === "added" ? count : 0;
      this.#run(path, before.slice(a, a + removed), after.slice(b, b + added), { a, b });
      a += removed;
      b += added;
      removed = 0;
      if (kind !== "same") continue;
      for (let i = 0; i < count; i++) this.#pair([...path, b + i], before[a + i], after[b + i]);
      a += count;
      b += count;
    }
    this.#run(path, before.slice(a), after.slice(b), { a, b });
  }

  /** Items that stand where others stood. Those of the same kind are taken for each other, in order. */
  #run(
    path: Path,
    removed: readonly ContentNode[],
    added: readonly ContentNode[],
    at: { readonly a: number; readonly b: number },
  ): void {
    let next = 0;
    const addUpTo = (end: number) => {
      for (; next < end; next++) {
        const after = added[next];
        if (after) this.differences.push({ change: "added", path: [...path, at.b + next], after });
      }
    };
    for (const [i, before] of removed.entries()) {
      const found = added.slice(next, next + PAIRED_WITHIN).findIndex((after) => isAlike(before, after));
      const after = found < 0 ? undefined : added[next + found];
      if (after === undefined) {
        this.differences.push({ change: "removed", path: [...path, at.a + i], before });
        continue;
      }
      addUpTo(next + found);
      this.#nodes([...path, at.b + next], before, after);
      next++;
    }
    addUpTo(added.length);
  }

  /** A type of one document is the same at two times whatever is in it; all else is told by content. */
  #keyOf(node: ContentNode): string {
    const isType = node.kind !== "value" && node.kind !== "binary" && node.kind !== "subdocument";
    if (!this.#isSameDocument || !isType || node.id === null) return this.#digest(node);
    return `${node.kind} ${node.id.client} ${node.id.clock}`;
  }

  /** Equal for nodes that show the same. */
  #digest(node: ContentNode): string {
    let digest = this.#digests.get(node);
    if (digest === undefined) {
      digest = this.#makeDigest(node);
      this.#digests.set(node, digest);
    }
    return digest;
  }

  /** Of what is within, digests: so each node is described once, however deep it is. */
  #makeDigest(node: ContentNode): string {
    const parts: string[] = [node.kind, "name" in node ? node.name : ""];
    // How many keys there are: a key could look like what follows them.
    if ("entries" in node) parts.push(String(node.entries.size));
    if ("entries" in node) for (const [key, inner] of node.entries) parts.push(key, this.#digest(inner));
    if ("items" in node) for (const inner of node.items) parts.push(this.#digest(inner));
    else if (!("entries" in node) || isText(node)) parts.push(JSON.stringify(describeNode(node)));
    const text = JSON.stringify(parts);
    return text.length <= 64 ? text : createHash("sha256").update(text).digest("base64");
  }
}

function isAlike(before: ContentNode, after: ContentNode): boolean {
  if (before.kind !== after.kind) return false;
  if (before.kind !== "value" || after.kind !== "value")
    return !isElement(before) || !isElement(after) || before.name === after.name;
  const areLists = Array.isArray(before.value) && Array.isArray(after.value);
  return areLists || (isObject(before.value) && isObject(after.value));
}

function isElement(
  node: ContentNode,
): node is ContentNode & { readonly name: string; readonly entries: Entries } {
  return node.kind === "xml-element" || node.kind === "xml-fragment" || node.kind === "xml-hook";
}

function isObject(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function nodesIn(object: object, id: ItemId | null): Entries {
  return new Map(Object.entries(object).map(([key, value]) => [key, nodeOf(value, id)]));
}

function nodeOf(value: unknown, id: ItemId | null): ContentNode {
  return value instanceof Uint8Array ? { kind: "binary", bytes: value, id } : { kind: "value", value, id };
}
