/** One edit, by the calls that a client would make. All throw {@link Misfit}. */

import * as Y from "yjs";
import type { RootKind } from "../inspect/root-kind.ts";
import type {
  ClearEdit,
  DeleteEdit,
  Edit,
  FormatEdit,
  InsertEdit,
  NewNode,
  Path,
  SetEdit,
  TextEdit,
} from "./edit.ts";
import { Misfit } from "./misfit.ts";
import { demandItem, demandTaken, embedOf, entryOf, itemOf, xmlOf } from "./new-content.ts";
import { type Container, containerAt, described, hasAttributes, isEmptyRoot } from "./places.ts";
import { rewriteText } from "./rewrite-text.ts";
import type { TextEditor } from "./texts.ts";

/** @throws Misfit where it does not fit what is there. */
export function applyEdit(doc: Y.Doc, edit: Edit, texts: TextEditor): void {
  switch (edit.op) {
    case "set":
      set(doc, edit);
      break;
    case "insert":
      insert(doc, edit, texts);
      break;
    case "delete":
      remove(doc, edit, texts);
      break;
    case "clear":
      clear(doc, edit, texts);
      break;
    case "format":
      format(doc, edit, texts);
      break;
    case "text":
      rewrite(doc, edit, texts);
      break;
  }
}

function set(doc: Y.Doc, edit: SetEdit): void {
  const [way, last] = split(edit.path, "is set");
  const container = containerAt(doc, way, typeof last === "string" ? "map" : null);
  if (typeof last === "number") {
    replaceItem(container, last, edit);
    return;
  }
  const content = "node" in edit ? entryOf(edit.node) : demandTaken(edit.value);
  if (container instanceof Y.Map) container.set(last, content);
  else if (!(container instanceof Y.Array) && hasAttributes(container)) container.setAttribute(last, content);
  else throw new Misfit(`there is ${described(container)}, which has no keys`);
}

function replaceItem(container: Container, index: number, edit: SetEdit): void {
  if (container instanceof Y.Text || container instanceof Y.Map) {
    throw new Misfit(
      `there is ${described(container)}: set replaces items of arrays and nodes of XML by their index`,
    );
  }
  demandRange(container, index, 1);
  if (container instanceof Y.Array) {
    const item = "node" in edit ? itemOf(edit.node) : demandItem(edit.value);
    container.delete(index);
    container.insert(index, [item]);
  } else {
    if (!("node" in edit)) throw new Misfit("XML has nodes, and no plain values");
    const node = xmlOf(edit.node);
    container.delete(index);
    container.insert(index, [node]);
  }
}

function insert(doc: Y.Doc, edit: InsertEdit, texts: TextEditor): void {
  const container = containerAt(doc, edit.path, kindFor(edit));
  if (container instanceof Y.Map)
    throw new Misfit(`there is ${described(container)}: set puts something under a key`);
  const { index: at = "end" } = edit;
  const index = at === "end" ? container.length : at;
  if (container instanceof Y.Text) insertIntoText(container, index, edit, texts);
  else {
    demandIndex(container, index);
    if (container instanceof Y.Array) container.insert(index, itemsOf(edit));
    else container.insert(index, xmlNodesOf(edit));
  }
}

/** What a root becomes that has nothing. */
function kindFor(edit: InsertEdit): RootKind {
  if ("text" in edit) return "text";
  if ("values" in edit) return "array";
  const others = edit.nodes.filter((node) => typeof node !== "string");
  return others.length > 0 && others.every(isXml) ? "xml" : "array";
}

function isXml(node: NewNode): boolean {
  return typeof node === "object" && node !== null && node.type.startsWith("xml-");
}

function insertIntoText(text: Y.Text, index: number, edit: InsertEdit, texts: TextEditor): void {
  if ("values" in edit)
    throw new Misfit(`there is ${described(text)}: into it goes text, and nodes that it embeds`);
  if ("text" in edit) {
    texts.insert(text, index, edit.text, edit.attributes);
    return;
  }
  for (const [i, node] of edit.nodes.entries()) texts.embed(text, index + i, embedOf(node), edit.attributes);
}

function itemsOf(edit: InsertEdit): unknown[] {
  if ("text" in edit) throw new Misfit("there is an array: into it go values and nodes");
  if ("values" in edit) return edit.values.map(demandItem);
  if (edit.attributes !== undefined)
    throw new Misfit("there is an array: only in a text something is formatted");
  return edit.nodes.map(itemOf);
}

function xmlNodesOf(edit: InsertEdit): ReturnType<typeof xmlOf>[] {
  if (!("nodes" in edit)) throw new Misfit("there is XML: into it go nodes, of which a string is a text");
  if (edit.attributes !== undefined)
    throw new Misfit("there is XML: attributes are set in a node, or by their path");
  return edit.nodes.map(xmlOf);
}

function remove(doc: Y.Doc, { path, index, length = 1 }: DeleteEdit, texts: TextEditor): void {
  if (index !== undefined) {
    removeRange(containerAt(doc, path, null), index, length, texts);
    return;
  }
  const [way, last] = split(path, "is deleted: clear empties it");
  const container = containerAt(doc, way, null);
  if (typeof last === "number") removeRange(container, last, 1, texts);
  else if (container instanceof Y.Map) container.delete(last);
  else if (!(container instanceof Y.Array) && hasAttributes(container)) container.removeAttribute(last);
  else throw new Misfit(`there is ${described(container)}, which has no keys`);
}

function removeRange(container: Container, index: number, length: number, texts: TextEditor): void {
  if (container instanceof Y.Map) throw new Misfit(`there is ${described(container)}, which has no indices`);
  if (container instanceof Y.Text) texts.delete(container, index, length);
  else {
    demandRange(container, index, length);
    container.delete(index, length);
  }
}

function clear(doc: Y.Doc, { path }: ClearEdit, texts: TextEditor): void {
  if (path.length === 1 && isEmptyRoot(doc, path[0])) return;
  const container = containerAt(doc, path, null);
  if (container instanceof Y.Map) container.clear();
  else container.delete(0, container.length);
  if (container instanceof Y.Text) texts.forget(container);
}

function format(doc: Y.Doc, { path, index, length, attributes }: FormatEdit, texts: TextEditor): void {
  texts.format(textAt(doc, path, null), index, length, attributes);
}

function rewrite(doc: Y.Doc, { path, value }: TextEdit, texts: TextEditor): void {
  const text = textAt(doc, path, "text");
  rewriteText(text, value);
  texts.forget(text);
}

/** The last part of a path, and the way there. */
function split(path: Path, verb: string): readonly [way: Path, last: string | number] {
  const last = path.at(-1);
  if (path.length === 1 || last === undefined) throw new Misfit(`no root ${verb}`);
  return [path.slice(0, -1) as unknown as Path, last];
}

function textAt(doc: Y.Doc, path: Path, empty: "text" | null): Y.Text {
  const container = containerAt(doc, path, empty);
  if (container instanceof Y.Text) return container;
  throw new Misfit(`there is ${described(container)}, and it takes a text`);
}

function demandIndex(container: Y.Array<unknown> | Y.XmlFragment, index: number): void {
  if (index > container.length) throw new Misfit(`there is ${described(container)}, and no index ${index}`);
}

function demandRange(container: Y.Array<unknown> | Y.XmlFragment, index: number, length: number): void {
  if (index + length <= container.length) return;
  const range = length === 1 ? `index ${index}` : `range from ${index} to ${index + length}`;
  throw new Misfit(`there is ${described(container)}, and no ${range}`);
}
