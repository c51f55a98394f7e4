/**
 * What a root is. Yjs updates do not store the types of roots: they are told from what is in them and is not deleted.
 *
 * | what a root has | it is |
 * | --- | --- |
 * | strings, formatting or embeds in its list | a text; keys are the text's attributes |
 * | nothing but XML nodes in its list | an XML fragment; keys are attributes |
 * | keys | a map |
 * | anything else in its list | an array |
 * | nothing | empty: it cannot be told |
 *
 * An array of nothing but XML nodes is taken for a fragment, and an empty map for nothing. Who knows better says so.
 */

import * as Y from "yjs";

/** What a root may be said to be. */
export const ROOT_KINDS = ["text", "map", "array", "xml"] as const;

export type RootKind = (typeof ROOT_KINDS)[number];

/** What a root has, by what tells its type: ticks in its list, and keys. */
export interface Census {
  /** Strings, formatting and embeds. */
  text: number;
  xml: number;
  /** Other types. */
  types: number;
  /** What only arrays have. */
  values: number;
  keys: number;
}

export function emptyCensus(): Census {
  return { text: 0, xml: 0, types: 0, values: 0, keys: 0 };
}

export function kindByCensus({ text, xml, types, values, keys }: Census): RootKind | "empty" {
  const other = types + values;
  if (text > 0) return "text";
  if (xml > 0 && other === 0) return "xml";
  if (keys > 0) return "map";
  return other + xml > 0 ? "array" : "empty";
}

/** What Yjs keeps in every shared type: a list, and of each key its last value. */
interface TypeContent {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/** What a root of a Y.Doc is. Cost: linear in its items. */
export function kindOf({ _start, _map }: TypeContent): RootKind | "empty" {
  const census = emptyCensus();
  for (let item = _start; item !== null; item = item.right)
    if (!item.deleted) census[partOf(item.content)] += item.length;
  for (const item of _map.values()) if (!item.deleted) census.keys++;
  return kindByCensus(census);
}

function partOf(content: Y.Item["content"]): Exclude<keyof Census, "keys"> {
  if (content instanceof Y.ContentString || content instanceof Y.ContentFormat) return "text";
  if (content instanceof Y.ContentEmbed) return "text";
  if (!(content instanceof Y.ContentType)) return "values";
  const { type }: { readonly type: unknown } = content;
  const isXml = type instanceof Y.XmlFragment || type instanceof Y.XmlText || type instanceof Y.XmlHook;
  return isXml ? "xml" : "types";
}
