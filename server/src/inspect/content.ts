/** A document's content, as it is or as it was, from what is stored of it. */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { mergeUpdates } from "../engine/merge.ts";
import type { StoredDocument } from "../engine/ports.ts";
import { type Moment, momentOf } from "./at.ts";
import type { ContentRoot } from "./content-nodes.ts";
import { type RootKind, rootsOf } from "./content-roots.ts";
import { noRoot } from "./no-root.ts";
import { loadPacked, packDocument } from "./packed-document.ts";
import type { PackedUpdates } from "./packed-updates.ts";
import type { DocumentSource } from "./source.ts";
import { type OrderedStructs, orderAny } from "./struct-order.ts";
import { OutOfOrder } from "./structs.ts";

/** A document's bytes at some moment. */
export interface StoredContent {
  readonly document: DocumentName;
  /** 32 zeros when `damage` has taken it. */
  readonly lineage: string;
  /** Of the last batch that is in it; 0 for none. */
  readonly seq: number;
  /** When that batch was flushed, or the snapshot that stands for it was written, in milliseconds since 1970; 0 for none. */
  readonly time: number;
  /** Yjs v1, in order. */
  readonly updates: readonly Uint8Array[];
  /** What is wrong with the stored document; what is here is what comes before that. */
  readonly damage: JoineryError | null;
}

export interface DocumentContent extends Omit<StoredContent, "updates"> {
  readonly roots: readonly ContentRoot[];
}

/** The same, in as little memory as its bytes take. */
export interface PackedContent extends Omit<StoredContent, "updates"> {
  readonly updates: PackedUpdates;
}

/**
 * Reads what is stored of a document.
 *
 * @param at Only what was there at that moment; `null` for all.
 * @returns `null` when there is no such document.
 * Rejects with INVALID_OPTION when the moment is beyond what is kept of it, and with what the source says. Cost: proportional to the bytes returned; builds no Y.Doc.
 */
export async function readStored(
  source: DocumentSource,
  document: DocumentName,
  at: Moment | null,
): Promise<StoredContent | null> {
  const packed = await readPacked(source, document, at);
  return packed && { ...packed, updates: [...packed.updates] };
}

/** As {@link readStored}, for documents that may be large. */
export async function readPacked(
  source: DocumentSource,
  document: DocumentName,
  at: Moment | null,
): Promise<PackedContent | null> {
  const until = at === null ? undefined : await momentOf(source, document, at);
  const stored =
    until === 0
      ? await packDocument(() => unborn(source, document))
      : await loadPacked(source, document, until);
  if (stored === null) return null;
  const { lineage, seq, time, updates, damage } = stored;
  return { document, lineage, seq, time, updates, damage };
}

/** A document before its first batch: there is nothing in it. */
async function unborn(source: DocumentSource, document: DocumentName): Promise<StoredDocument | null> {
  const listing = await source.listing(document);
  if (listing === null) return null;
  const { lineage, bornAt, damage } = listing;
  return { lineage, bornAt, damage, snapshot: null, tail: [], branches: [] };
}

/**
 * What a document shows. What is in its nodes is read from its bytes when it is asked for: nobody may change them.
 *
 * @param as What its roots are said to be, by name; others are told from their content.
 * @throws JoineryError REPLICA_FAILED (backoff) when its updates are no document; INVALID_OPTION when `as` names a root
 * that is not there.
 * Cost: near linear in bytes; twenty bytes of memory a struct, and forty for each key of a map. Builds no Y.Doc.
 */
export function contentOf(
  { updates, ...stored }: Omit<StoredContent, "updates"> & { readonly updates: Iterable<Uint8Array> },
  as: ReadonlyMap<string, RootKind> = new Map(),
): DocumentContent {
  const ordered = inOrder(stored.document, updates);
  const { roots } = ordered.lists;
  for (const name of as.keys()) {
    if (!roots.has(name)) throw noRoot(name, roots.keys());
  }
  return { ...stored, roots: rootsOf(ordered, as) };
}

function inOrder(document: DocumentName, updates: Iterable<Uint8Array>): OrderedStructs {
  try {
    return orderAny(updates);
  } catch (error) {
    const reason = error instanceof OutOfOrder ? error.message : toJoineryError(error).message;
    const name = JSON.stringify(document);
    throw new JoineryError("REPLICA_FAILED", `document ${name} cannot be built: ${reason}`, { cause: error });
  }
}

/** A document as one Yjs v1 update. Cost: near linear in bytes; builds no Y.Doc. */
export function updateOf({ updates }: Pick<StoredContent, "updates">): Uint8Array {
  return mergeUpdates(updates);
}

/** The same in Yjs' second format. */
export function updateV2Of(stored: Pick<StoredContent, "updates">): Uint8Array {
  return Y.convertUpdateFormatV1ToV2(updateOf(stored));
}
