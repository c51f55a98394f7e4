import * as Y from "yjs";

/** What Yjs keeps in every shared type: a list and entries by key. */
interface Shared {
  readonly _start: Y.Item | null;
  readonly _map: ReadonlyMap<string, Y.Item>;
}

/**
 * What a document shows, as one string to compare. Formats appear as what they do to the content behind them, and
 * not as the marks that they are: editors remove marks that do nothing, each for itself.
 *
 * Cost: linear in what is shown.
 */
export function shownBy(doc: Y.Doc): string {
  const roots: string[] = [];
  for (const [name, type] of doc.share) {
    const shown = showType(type);
    if (shown !== "[]{}") roots.push(`${JSON.stringify(name)}:${shown}`);
  }
  return roots.sort().join("\n");
}

function showType({ _start, _map }: Shared): string {
  const entries: string[] = [];
  for (const [key, item] of _map) {
    if (!item.deleted) entries.push(`${JSON.stringify(key)}:${showEntry(item)}`);
  }
  return `[${showList(_start)}]{${entries.sort().join()}}`;
}

function showList(start: Y.Item | null): string {
  let shown = "";
  const formats = new Map<string, string>();
  let format = "";
  let lastFormat = "";
  for (let item = start; item !== null; item = item.right) {
    if (item.deleted) continue;
    const { content } = item;
    if (content instanceof Y.ContentFormat) {
      // reason: Yjs types a format's value as an object; it is any JSON
      const value: unknown = content.value;
      if (value === null) formats.delete(content.key);
      else formats.set(content.key, show(value));
      format = [...formats].sort().join();
      continue;
    }
    if (format !== lastFormat) shown += `<${format}>`;
    lastFormat = format;
    shown += content instanceof Y.ContentString ? content.str : `(${showContent(item)})`;
  }
  return shown;
}

/** A key shows the last of its values. */
function showEntry(item: Y.Item): string {
  const isSeveral = item.content instanceof Y.ContentAny || item.content instanceof Y.ContentJSON;
  return isSeveral ? show(item.content.getContent().at(-1)) : showContent(item);
}

function showContent({ content }: Y.Item): string {
  if (content instanceof Y.ContentType) {
    const { type } = content;
    const name =
      type instanceof Y.XmlElement ? type.nodeName : type instanceof Y.XmlHook ? type.hookName : "";
    return `${type.constructor.name} ${name}${showType(type)}`;
  }
  if (content instanceof Y.ContentFormat) return `format ${content.key} ${show(content.value)}`;
  if (content instanceof Y.ContentEmbed) return `embed ${show(content.embed)}`;
  if (content instanceof Y.ContentDoc) return `doc ${content.doc.guid} ${show(content.opts)}`;
  return content.getContent().map(show).join();
}

/** Any value that a document can hold, also those that JSON has no word for. */
function show(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${value.join(" ")}`;
  if (Array.isArray(value)) return `[${value.map(show).join()}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}:${show(inner)}`)
      .join()}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return Object.is(value, -0) ? "-0" : String(value);
}
