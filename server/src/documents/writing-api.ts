/** Writing to documents without a socket: what the HTTP API asks of the server. */

import type { DocumentName } from "@joinery/shared";
import type { DoorRequest } from "../access/access-api.ts";
import type { Edit } from "../edits/edit.ts";
import type { Deletion, Revision } from "../engine/ports.ts";
import type { Moment } from "../inspect/at.ts";

/** At which revisions a document has to be, for something to be done; `any` for one that is there at all. */
export type Expected = "any" | readonly Revision[];

export interface WriteOptions {
  /** Default: wherever it is, be it nowhere yet. Rejects with REVISION_CHANGED (never) where it is not. */
  readonly expected?: Expected;
  /** Whoever asks is gone: what was not accepted by then is not. */
  readonly signal?: AbortSignal;
}

/** What a document that is created begins with. */
export type Beginnings =
  | { readonly edits: readonly Edit[] }
  /** All that another one has, or had at a moment; not its log. */
  | { readonly copyOf: DocumentName; readonly at: Moment | null };

/**
 * All of it is held to what whoever asks may do, as an edit of a client is, and all that is written is in the log under
 * their name. Whatever resolves is on disk. All reject with PERMISSION_DENIED (never), UNAUTHENTICATED (after-auth),
 * STORAGE_UNAVAILABLE, SERVER_FULL and SERVER_DRAINING (backoff).
 */
export interface DocumentWriting {
  /**
   * Merges a Yjs v1 update into a document, all of it or nothing; one that is not there begins with it.
   *
   * Rejects with MALFORMED_UPDATE (never) also where it builds upon what is not there, and as a client's edit would be
   * refused: UPDATE_TOO_LARGE, UPDATE_TOO_COSTLY, DOCUMENT_FULL, DOCUMENT_DAMAGED, CLIENT_ID_IN_USE, DOCUMENT_DELETED.
   */
  write(
    who: DoorRequest,
    document: DocumentName,
    update: Uint8Array,
    options: WriteOptions,
  ): Promise<Revision>;
  /**
   * Makes edits in one transaction. They are worked out upon what the document has when it is their turn.
   *
   * Rejects as {@link write}; with INVALID_OPTION (never) where an edit does not fit what is there, with its number.
   */
  edit(
    who: DoorRequest,
    document: DocumentName,
    edits: readonly Edit[],
    options: WriteOptions,
  ): Promise<Revision>;
  /** Rejects with DOCUMENT_EXISTS (never), and DOCUMENT_NOT_FOUND (never) where there is nothing to copy. */
  create(who: DoorRequest, document: DocumentName, beginnings: Beginnings): Promise<Revision>;
  /**
   * Takes a document away; whoever is in it is sent away and does not bring it back. It can be restored for a while.
   * Rejects with DOCUMENT_NOT_FOUND (never).
   */
  delete(who: DoorRequest, document: DocumentName, options: WriteOptions): Promise<Deletion>;
  /**
   * @param number Which deletion is undone; `null` for the last one.
   * Rejects with DOCUMENT_NOT_FOUND and DOCUMENT_EXISTS (never).
   */
  restore(document: DocumentName, number: number | null): Promise<Revision>;
  /** Folds a document's log into a snapshot. Rejects with DOCUMENT_NOT_FOUND (never), REPLICA_FAILED (backoff). */
  compact(document: DocumentName): Promise<Revision>;
}
