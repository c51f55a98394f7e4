/** What the roots of a document are, and what they show. */

import type { ContentNode, ContentRoot } from "./content-nodes.ts";
import { byName, ContentReader } from "./content-views.ts";
import { type Census, emptyCensus, kindByCensus, type RootKind } from "./root-kind.ts";
import { ContentRef, TypeRef } from "./struct-content.ts";
import type { TypeNumber } from "./struct-lists.ts";
import type { OrderedStructs } from "./struct-order.ts";

export { ROOT_KINDS, type RootKind } from "./root-kind.ts";

/**
 * All roots of a document, in the order of their names. What is in them is read when it is asked for.
 *
 * @param as What roots are said to be, by name; others are told from their content.
 * Cost: linear in structs.
 */
export function rootsOf(ordered: OrderedStructs, as: ReadonlyMap<string, RootKind>): ContentRoot[] {
  const reader = new ContentReader(ordered);
  return [...reader.roots()]
    .sort(([a], [b]) => byName(a, b))
    .map(([name, type]) => {
      const census = censusOf(reader, type);
      const kind = as.get(name) ?? kindByCensus(census);
      return { name, node: rootNode(reader, type, kind), hidden: hiddenIn(census, kind) };
    });
}

function rootNode(reader: ContentReader, type: TypeNumber, kind: RootKind | "empty"): ContentNode {
  switch (kind) {
    case "text":
      return reader.textOf(type, "text", null);
    case "map":
      return { kind, entries: reader.entriesOf(type), id: null };
    case "array":
      return { kind, items: reader.itemsOf(type), id: null };
    case "xml": {
      const [entries, items] = [reader.entriesOf(type), reader.itemsOf(type)];
      return { kind: "xml-fragment", name: "", entries, items, id: null };
    }
    case "empty":
      return { kind, id: null };
  }
}

function censusOf(reader: ContentReader, type: TypeNumber): Census {
  const census = emptyCensus();
  for (const struct of reader.shown(type)) census[partOf(reader, struct)] += reader.lengthOf(struct);
  for (const _ of reader.keyed(type)) census.keys++;
  return census;
}

function partOf(reader: ContentReader, struct: number): Exclude<keyof Census, "keys"> {
  switch (reader.refOf(struct)) {
    case ContentRef.STRING:
    case ContentRef.FORMAT:
    case ContentRef.EMBED:
      return "text";
    case ContentRef.TYPE:
      // XML's types come last.
      return reader.contents.typeOf(struct).ref >= TypeRef.XML_ELEMENT ? "xml" : "types";
    default:
      return "values";
  }
}

function hiddenIn({ text, xml, types, values, keys }: Census, kind: RootKind | "empty"): string | null {
  const inList = text + xml + types + values;
  const hidden: string[] = [];
  if (kind === "array" && keys > 0) hidden.push(counted(keys, "key"));
  if (kind === "map" && inList > 0) hidden.push(counted(inList, "list item"));
  // A text shows types, as embeds.
  if (kind === "text" && values > 0) hidden.push(counted(values, "list item"));
  return hidden.length > 0 ? hidden.join(", ") : null;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
