import * as Y from "yjs";

/** What Yjs keeps in every shared type: a list and entries by key. */
interface Content {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/** What a document shows, as plain values to compare: two documents with equal content read the same. */
export function contentOf(doc: Y.Doc): unknown {
  const roots: [string, unknown][] = [];
  for (const [name, type] of doc.share) {
    const content = contentOfType(type);
    if (content !== null) roots.push([name, content]);
  }
  return roots.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Read from the items themselves, because a root that nobody asked for has no kind yet. `null` when empty. */
function contentOfType(type: Content): unknown {
  const list: unknown[] = [];
  for (let item = type._start; item !== null; item = item.right) {
    if (!item.deleted) list.push(...contentOfItem(item));
  }
  const entries: [string, unknown][] = [];
  for (const [key, item] of type._map) {
    if (!item.deleted) entries.push([key, contentOfItem(item).at(-1)]);
  }
  if (list.length === 0 && entries.length === 0) return null;
  return { list, entries: entries.sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** One item's content, as plain values; it need not be in a document. */
export function contentOfItem({ content }: Y.Item): unknown[] {
  if (content instanceof Y.ContentType) {
    const { type } = content;
    const name =
      type instanceof Y.XmlElement ? type.nodeName : type instanceof Y.XmlHook ? type.hookName : undefined;
    return [{ kind: type.constructor.name, name, content: contentOfType(type) }];
  }
  if (content instanceof Y.ContentFormat) return [{ format: content.key, value: content.value }];
  if (content instanceof Y.ContentEmbed) return [{ embed: content.embed }];
  if (content instanceof Y.ContentDoc) return [{ guid: content.doc.guid, options: content.opts }];
  return content.getContent();
}
