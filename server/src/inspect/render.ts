/** A document as bytes that somebody else reads: the formats in which commands and HTTP give it away. */

import { encodeStateVector, inspectUpdate, JoineryError, NO_UPDATE_LIMITS } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import { contentOf, type StoredContent, updateOf, updateV2Of } from "./content.ts";
import { deltaOfRoots, plainRoots } from "./content-json.ts";
import { type ContentRoot, isText } from "./content-nodes.ts";
import type { RootKind } from "./content-roots.ts";
import { noRoot } from "./no-root.ts";
import { plainTextOfRoots } from "./text.ts";
import { markdownOfRoots } from "./text-markdown.ts";
import { hasMarkup, markupOf, xmlOf } from "./text-xml.ts";

/** `update-v2` is in Yjs' second format. The first three have all roots; the others show values or text. */
export const RENDER_FORMATS = [
  "update",
  "update-v2",
  "state-vector",
  "json",
  "text",
  "xml",
  "markdown",
  "delta",
] as const;

export type RenderFormat = (typeof RENDER_FORMATS)[number];

export interface RenderRequest {
  readonly format: RenderFormat;
  /** Only this root; not for formats that have all. Default: all. */
  readonly root?: string | null;
  /** As of {@link contentOf}. */
  readonly as?: ReadonlyMap<string, RootKind>;
}

export interface Rendering {
  readonly bytes: Uint8Array;
  /** Names of roots that have something, which the format has no form for. */
  readonly leftOut: readonly string[];
}

/** What is rendered: a document's updates, Yjs v1, in order. */
export type Rendered = Pick<StoredContent, "document" | "updates">;

/** Whether a format shows values or text. */
export function showsContent(format: RenderFormat): boolean {
  return format !== "update" && format !== "update-v2" && format !== "state-vector";
}

/**
 * Gives a document away.
 *
 * @param onRead Called when it is read, before it is written.
 * @throws JoineryError INVALID_OPTION (never) for a root that is not there, or that the format cannot be of alone; and as
 * {@link contentOf}. Cost: near linear in bytes.
 */
export function render(
  { document, updates }: Rendered,
  { format, root = null, as = new Map() }: RenderRequest,
  onRead?: () => void,
): Rendering {
  if (!showsContent(format)) {
    if (root !== null) throw invalid(`${format} has all roots: one alone is for other formats`);
    return { bytes: bytesOf(updates, format), leftOut: [] };
  }
  const facts = { document, lineage: "", seq: 0, time: 0, damage: null };
  const { roots } = contentOf({ ...facts, updates }, as);
  onRead?.();
  const shown = root === null ? roots : [rootNamed(roots, root)];
  const { text, leftOut } = textOf(shown, format, root !== null);
  return { bytes: encodeUtf8(text), leftOut };
}

function bytesOf(updates: readonly Uint8Array[], format: RenderFormat): Uint8Array {
  if (format === "state-vector") return stateVectorOf(updates);
  return format === "update" ? updateOf({ updates }) : updateV2Of({ updates });
}

/** Of a log, which has no gaps, all that there is of a client is up to its last tick. */
function stateVectorOf(updates: readonly Uint8Array[]): Uint8Array {
  const clocks = new Map<number, number>();
  for (const update of updates) {
    for (const { client, end } of inspectUpdate(update, NO_UPDATE_LIMITS).structs)
      clocks.set(client, Math.max(end, clocks.get(client) ?? 0));
  }
  return encodeStateVector(clocks);
}

function rootNamed(roots: readonly ContentRoot[], name: string): ContentRoot {
  const root = roots.find((each) => each.name === name);
  if (root !== undefined) return root;
  throw noRoot(
    name,
    roots.map((each) => each.name),
  );
}

interface Text {
  readonly text: string;
  readonly leftOut: readonly string[];
}

/** @param isOne Whether there is one root, which is written without its name. */
function textOf(roots: readonly ContentRoot[], format: RenderFormat, isOne: boolean): Text {
  switch (format) {
    case "json":
      return { text: jsonText(plainRoots(roots), isOne), leftOut: [] };
    case "delta":
      return {
        text: jsonText(deltaOfRoots(roots), isOne),
        leftOut: namesOf(roots.filter(({ node }) => !isText(node))),
      };
    case "xml":
      return {
        text: xmlText(roots, isOne),
        leftOut: namesOf(roots.filter(({ node }) => !hasMarkup(node))),
      };
    case "markdown":
      return { text: markdownOfRoots(roots), leftOut: [] };
    default:
      return { text: withNewline(plainTextOfRoots(roots)), leftOut: [] };
  }
}

function jsonText(byName: Readonly<Record<string, unknown>>, isOne: boolean): string {
  const value = isOne ? Object.values(byName)[0] : byName;
  return `${JSON.stringify(value ?? null, null, 2)}\n`;
}

function xmlText(roots: readonly ContentRoot[], isOne: boolean): string {
  const [root] = roots;
  return isOne && root && hasMarkup(root.node) ? `${markupOf(root.node)}\n` : xmlOf(roots);
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

function namesOf(roots: readonly ContentRoot[]): string[] {
  return roots.filter(({ node }) => node.kind !== "empty").map(({ name }) => name);
}

function invalid(message: string): JoineryError {
  return new JoineryError("INVALID_OPTION", message);
}
