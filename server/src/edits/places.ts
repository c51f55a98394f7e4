/** Finds the shared type that an edit is about. */

import * as Y from "yjs";
import { kindOf, type RootKind } from "../inspect/root-kind.ts";
import type { Path } from "./edit.ts";
import { shown } from "./malformed.ts";
import { Misfit } from "./misfit.ts";
import type { Element } from "./new-content.ts";
import { embeddedAt } from "./texts.ts";

/** What an edit can change. */
export type Container = Y.Map<unknown> | Y.Array<unknown> | Y.Text | Y.XmlFragment;

/** Roots are made what they have to be. Elements can do what fragments can, and roots may have attributes. */
const CLASSES = { text: Y.Text, map: Y.Map, array: Y.Array, xml: Y.XmlElement } as const;

/** Of the names of roots that are shown to who asks for another one. */
const MAX_NAMES_LENGTH = 200;

/**
 * The shared type to which a path leads.
 *
 * @param empty What a root becomes of which nobody knows what it is, because nothing is in it, or it is not there.
 * `null` where it has to have something.
 * @throws Misfit where there is none.
 */
export function containerAt(doc: Y.Doc, [root, ...way]: Path, empty: RootKind | null): Container {
  let container = rootAt(doc, root, way.length === 0 ? empty : null);
  for (const [i, part] of way.entries()) {
    const inner = innerAt(container, part);
    if (!isContainer(inner)) {
      throw new Misfit(`at ${shown([root, ...way.slice(0, i + 1)])} there is ${described(inner)}`);
    }
    container = inner;
  }
  return container;
}

function rootAt(doc: Y.Doc, name: string, empty: RootKind | null): Container {
  const kind = kindAt(doc, name) ?? empty;
  if (kind !== null) return doc.get(name, CLASSES[kind] as new () => Container);
  if (doc.share.has(name)) throw new Misfit(`the root ${shown(name)} has nothing`);
  throw new Misfit(`there is no root ${shown(name)}: ${namesOf(doc)}`);
}

/** Whether a root is there of which nobody knows what it is, because it has nothing. */
export function isEmptyRoot(doc: Y.Doc, name: string): boolean {
  return doc.share.has(name) && kindAt(doc, name) === null;
}

/** @returns `null` where nobody knows. */
function kindAt(doc: Y.Doc, name: string): RootKind | null {
  const root = doc.share.get(name);
  if (root === undefined) return null;
  // What an edit before this one has made of it.
  if (isContainer(root)) return kindOfContainer(root);
  const kind = kindOf(root);
  return kind === "empty" ? null : kind;
}

function kindOfContainer(container: Container): RootKind {
  if (container instanceof Y.Text) return "text";
  if (container instanceof Y.Array) return "array";
  return container instanceof Y.Map ? "map" : "xml";
}

function isContainer(value: unknown): value is Container {
  return (
    value instanceof Y.Text ||
    value instanceof Y.Array ||
    value instanceof Y.Map ||
    value instanceof Y.XmlFragment
  );
}

/** @returns `undefined` where nothing is. */
function innerAt(container: Container, part: string | number): unknown {
  if (typeof part === "string") return entryAt(container, part);
  if (container instanceof Y.Text) return embeddedAt(container, part);
  if (container instanceof Y.Map) throw new Misfit(`${described(container)} has no index ${part}`);
  return part < container.length ? container.get(part) : undefined;
}

function entryAt(container: Container, key: string): unknown {
  if (container instanceof Y.Map) return container.get(key);
  if (container instanceof Y.Array || !hasAttributes(container)) {
    throw new Misfit(`${described(container)} has no key ${shown(key)}`);
  }
  return container.getAttribute(key);
}

/** Texts have attributes as a whole, and elements; fragments have none. */
export function hasAttributes(container: Container): container is Y.Text | Element {
  return container instanceof Y.Text || container instanceof Y.XmlElement;
}

/** What is there, for people, behind "there is". */
export function described(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value instanceof Y.Text) return `a text of ${value.length} UTF-16 units`;
  if (value instanceof Y.Array) return `an array of ${counted(value.length, "item")}`;
  if (value instanceof Y.Map) return `a map with ${counted(value.size, "key")}`;
  if (value instanceof Y.XmlFragment) return `XML with ${counted(value.length, "node")}`;
  if (value instanceof Uint8Array) return `a plain value of ${counted(value.length, "byte")}`;
  if (value instanceof Y.Doc) return "a subdocument";
  return `a plain value, ${typeof value === "bigint" ? value : shown(value)}`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function namesOf(doc: Y.Doc): string {
  const names = [...doc.share.keys()]
    .sort()
    .map((name) => JSON.stringify(name))
    .join(", ");
  if (names === "") return "there are none";
  return `there is ${names.length > MAX_NAMES_LENGTH ? `${names.slice(0, MAX_NAMES_LENGTH)}…` : names}`;
}
