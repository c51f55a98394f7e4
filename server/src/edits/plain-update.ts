/** Plain JSON and plain text as one update that brings a document there. */

import type { DocumentName } from "@joinery/shared";
import type { StoredDocument } from "../engine/ports.ts";
import { contentOf } from "../inspect/content.ts";
import { type ContentRoot, isText, stringOf } from "../inspect/content-nodes.ts";
import { editedUpdate } from "./apply-edits.ts";
import { editsOfPlain, type NewRootKinds } from "./plain-edits.ts";

/** A document that something is merged into. */
export interface MergeTarget {
  readonly document: DocumentName;
  /** `null` when it is not there yet. */
  readonly stored: StoredDocument | null;
}

/**
 * Makes one Yjs v1 update that makes a document say what plain JSON says; see `editsOfPlain`.
 *
 * @returns An update without structs and deletes where it says that already.
 * @throws JoineryError INVALID_OPTION (never) for what cannot be said so, naming the place; REPLICA_FAILED (backoff) when
 * the document cannot be built. Cost: builds the document, about twelve times its bytes.
 */
export function updateOfPlain(
  target: MergeTarget,
  json: unknown,
  kinds: NewRootKinds = new Map(),
): Uint8Array {
  return updateOf(target, (roots) => editsOfPlain(roots, json, kinds));
}

/**
 * Makes one Yjs v1 update that makes a root of a document read as a text. A line break at the end of it counts only
 * where the root ends with one already: editors of files, and exports, put one there.
 *
 * Returns, throws and costs as {@link updateOfPlain}.
 */
export function updateOfText(target: MergeTarget, root: string, text: string): Uint8Array {
  return updateOf(target, (roots) => {
    const node = roots.find(({ name }) => name === root)?.node;
    const isEnded = node !== undefined && isText(node) && stringOf(node).endsWith("\n");
    const value = isEnded ? text : text.replace(/\r?\n$/, "");
    return editsOfPlain(roots, { [root]: value }, new Map([[root, "text"]]));
  });
}

function updateOf(
  { document, stored }: MergeTarget,
  editsOf: (roots: readonly ContentRoot[]) => ReturnType<typeof editsOfPlain>,
): Uint8Array {
  const updates = stored?.tail.flatMap(({ parts }) => parts.map(({ update }) => update)) ?? [];
  if (stored?.snapshot) updates.unshift(stored.snapshot.update);
  const { roots } = contentOf({ document, lineage: "", seq: 0, time: 0, damage: null, updates });
  return editedUpdate(updates, editsOf(roots));
}
