/** A document's content, as it is or as it was, from what is stored of it. */

import { type DocumentName, JoineryError, toJoineryError } from "@joinery/shared";
import * as Y from "yjs";
import { ApplyGuard } from "../engine/apply-guard.ts";
import { EMPTY_UPDATE, mergeUpdates } from "../engine/merge.ts";
import type { StoredDocument } from "../engine/ports.ts";
import { type Moment, momentOf } from "./at.ts";
import type { ContentRoot } from "./content-nodes.ts";
import { type RootKind, rootsOf } from "./content-roots.ts";
import type { DocumentSource } from "./source.ts";

/** No client has this id: Yjs complains on the console of a document that is sent edits under its own. */
const NOBODY = -1;

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
  const until = at === null ? undefined : await momentOf(source, document, at);
  const stored = until === 0 ? await unborn(source, document) : await source.load(document, until);
  if (stored === null) return null;
  const { lineage, snapshot, tail, damage } = stored;
  const last = tail.at(-1) ?? snapshot;
  const updates = tail.flatMap(({ parts }) => parts.map(({ update }) => update));
  if (snapshot) updates.unshift(snapshot.update);
  return { document, lineage, seq: last?.seq ?? 0, time: last?.time ?? 0, updates, damage };
}

/** A document before its first batch: there is nothing in it. */
async function unborn(source: DocumentSource, document: DocumentName): Promise<StoredDocument | null> {
  const listing = await source.listing(document);
  if (listing === null) return null;
  const { lineage, bornAt, damage } = listing;
  return { lineage, bornAt, damage, snapshot: null, tail: [], branches: [] };
}

/**
 * What a document shows.
 *
 * @param as What its roots are said to be, by name; others are told from their content.
 * @throws JoineryError REPLICA_FAILED (backoff) when Yjs cannot build it; INVALID_OPTION when `as` names a root that
 * is not there.
 * Cost: builds a Y.Doc, which takes about twelve times the bytes while it is there, and integrates on this thread.
 */
export function contentOf(
  { updates, ...stored }: StoredContent,
  as: ReadonlyMap<string, RootKind> = new Map(),
): DocumentContent {
  const doc = new Y.Doc({ guid: "" });
  doc.clientID = NOBODY;
  // Observers of formatted texts write: they delete marks that have become idle.
  doc.on("beforeObserverCalls", ({ changed }: Y.Transaction) => changed.clear());
  try {
    new ApplyGuard(doc).apply(updates);
  } catch (error) {
    const { code, message } = toJoineryError(error);
    const name = JSON.stringify(stored.document);
    throw new JoineryError(code, `document ${name} cannot be built: ${message}`, { cause: error });
  }
  for (const name of as.keys()) {
    if (doc.share.has(name)) continue;
    const names = [...doc.share.keys()].map((known) => JSON.stringify(known)).join(", ");
    const there = names === "" ? "it has none" : `it has ${names}`;
    throw new JoineryError("INVALID_OPTION", `there is no root ${JSON.stringify(name)}: ${there}`);
  }
  return { ...stored, roots: rootsOf(doc, as) };
}

/** A document as one Yjs v1 update. Cost: near linear in bytes; builds no Y.Doc. */
export function updateOf({ updates }: Pick<StoredContent, "updates">): Uint8Array {
  return updates.length === 0 ? EMPTY_UPDATE : mergeUpdates(updates);
}

/** The same in Yjs' second format. */
export function updateV2Of(stored: Pick<StoredContent, "updates">): Uint8Array {
  return Y.convertUpdateFormatV1ToV2(updateOf(stored));
}
