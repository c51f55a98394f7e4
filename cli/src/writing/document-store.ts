/**
 * How the commands that write see documents, wherever these are: in a data folder that no server has open, or in a
 * running server.
 */

import type { AppendedUpdate, Author, DocumentCompaction, LogEntry, StoredDocument } from "@joinery/server";
import type { DocumentName } from "@joinery/shared";
import type { DeletionSummary } from "../remote/deletions.ts";

export interface NewUpdate {
  /** Yjs v1. */
  readonly update: Uint8Array;
  /** Who is said to have made it; `null` for whoever the store takes the command for. */
  readonly author: Author | null;
  /** Refuses it where there is a document of that name, with DOCUMENT_EXISTS (never retry). */
  readonly mustBeNew: boolean;
}

/** Documents, to be written. All methods reject with the code of what failed. */
export interface DocumentStore {
  /** Where the documents are, for people: `data folder ./data`. */
  describe(): string;

  /** What was wrong with the place as a whole, for people. */
  readonly damage: readonly string[];

  /** How many documents there are. Cost: reads a little of each. */
  count(): Promise<number>;

  /**
   * Reads a document, as far as it is sound.
   *
   * @returns `null` when there is none.
   */
  load(document: DocumentName): Promise<StoredDocument | null>;

  /** A batch of a document's log; `null` when it is not kept. */
  entry(document: DocumentName, seq: number): Promise<LogEntry | null>;

  /**
   * Merges an update into a document, all of it or nothing; one that is not there begins with it.
   *
   * @returns `null` when the document has all of it already.
   */
  append(document: DocumentName, update: NewUpdate): Promise<AppendedUpdate | null>;

  /**
   * Deletes a document, so that it can be restored.
   *
   * @returns `null` when there is none.
   */
  delete(document: DocumentName): Promise<DeletionSummary | null>;

  /**
   * Erases a document for good, and what was deleted under its name.
   *
   * @returns Whether there was any of it.
   */
  erase(document: DocumentName): Promise<boolean>;

  /**
   * Brings back what was deleted under a name.
   *
   * @param number Of the deletion; `null` for the last one.
   * Rejects with DOCUMENT_NOT_FOUND and DOCUMENT_EXISTS (never).
   */
  restore(
    document: DocumentName,
    number: number | null,
  ): Promise<{ readonly seq: number; readonly lineage: string }>;

  /**
   * Folds the log of a document, or of each, into a snapshot.
   *
   * @param document `null` for all: what may be missing is told by DOCUMENT_DAMAGED after all others.
   * Rejects with DOCUMENT_NOT_FOUND (never) when it is not there.
   */
  compact(document: DocumentName | null): AsyncIterable<DocumentCompaction>;

  /** @throws JoineryError INVALID_OPTION (never) where {@link reclaim} is not to be had: before all else is done. */
  requireReclaim(): void;

  /**
   * Has the files on the disk written anew, without what was deleted or replaced.
   *
   * @returns Bytes on the disk. Rejects as {@link requireReclaim} throws.
   */
  reclaim(): Promise<{ readonly bytesBefore: number; readonly bytesAfter: number }>;

  /** Lets go of the documents; idempotent. */
  close(): Promise<void>;
}
