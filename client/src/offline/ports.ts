/** Where a client keeps documents on its own device, as the rest of the client sees it. */

import type { JoineryError } from "@joinery/shared";
import type { LineageId, LogPoint, Revision } from "@joinery/shared/protocol";

/** Where in the server's log a copy is. */
export interface CopyPlace {
  /** All that is durable up to here is in the copy. */
  readonly revision: Revision | null;
  /** Of which life of the document it is a copy; `null` if the server never had it durable. */
  readonly lineage: LineageId | null;
  /**
   * Batches that were durable on the server when the copy was made: one that has them not was restored to an earlier
   * state. At most one of each branch, the revision's among them.
   */
  readonly confirmed: readonly LogPoint[];
}

/** What the device has of one document. */
export interface OfflineCopy extends CopyPlace {
  /** They make up the document, what is unsaved included. Yjs v1 updates, in any order. */
  readonly updates: readonly Uint8Array[];
  /** Local edits that are not known to be durable on the server, in order. */
  readonly unsaved: readonly Uint8Array[];
}

/**
 * One document that is open. What it is given waits in memory and is written in batches, in order; a batch happens as
 * a whole or not at all. What fails is told to `onState`, and is tried again. All but `flush` and `close` return at
 * once, and throw an `Error` when the document is closed.
 */
export interface OfflineDocument {
  /** As it was when it was opened. */
  readonly copy: OfflineCopy;
  /** A local edit; joins `unsaved`. Never let go of before it is written, while the document is open. */
  addLocal(update: Uint8Array): void;
  /** Something that came from the server. The copy has no revision from here on, until one is set again. */
  addRemote(update: Uint8Array): void;
  /** The first `count` unsaved edits are durable now. Throws a `RangeError` when there are fewer. */
  saved(count: number): void;
  /**
   * Says up to where everything durable has been added; `null`: that is not known. Never on disk before what was added
   * before it.
   *
   * @param lineage Of the copy; `null` leaves it as it is. Throws an `Error` when the copy, or the revision, is of
   * another one: such a copy takes `replace`.
   * @param confirmed As in {@link CopyPlace}; written with what is added from now on. Default: the revision.
   */
  setRevision(revision: Revision | null, lineage: LineageId | null, confirmed?: readonly LogPoint[]): void;
  /** This is the whole document now, unsaved edits included, and takes the place of its parts; it may fail to. */
  compact(state: Uint8Array): void;
  /**
   * In how many milliseconds `compact` is due: 0 when it is, more after one that failed; `null` when it is not wanted.
   * It changes with what is given, when something was written, and when `onState` is called.
   */
  readonly compactionDueInMs: number | null;
  /** Another copy takes the place of this one and of all that waits. */
  replace(copy: OfflineCopy): void;
  /**
   * Writes what waits, without the pause that follows a failure, and resolves when all that was given before is on
   * disk. Rejects with OFFLINE_STORE_FAILED (never) when it is not: the attempt failed, and is repeated later; or the
   * store had to let go of what came from the server, and has it again when the document was compacted.
   */
  flush(): Promise<void>;
  /**
   * Writes what waits and lets go of the document. Rejects with OFFLINE_STORE_FAILED (never) when that failed: then it
   * is closed all the same, and what waited is gone. Idempotent.
   */
  close(): Promise<void>;
}

/** A document with unsaved edits. */
export interface PendingDocument {
  readonly document: string;
  /** Local edits that are not known to be durable on the server, and their bytes. */
  readonly unsaved: number;
  readonly bytes: number;
}

/**
 * Told what is wrong with a copy whenever that changes: it cannot be written, or part of it was damaged. `null`: nothing
 * is any more, and all that waited is on disk. What was damaged when it was opened stays so until it is closed. Must not
 * throw.
 */
export type OnCopyState = (error: JoineryError | null) => void;

/** The methods reject with OFFLINE_STORE_FAILED (never) when the database cannot be read or written, or is closed. */
export interface OfflineStore {
  /**
   * Opens a document, which may be new; at most once at a time. Records that are damaged, or of another life of the
   * document, are left out of the copy, and `onState` is told before this resolves; they stay as they are until the
   * document is compacted, and are kept aside then.
   *
   * Rejects with OFFLINE_STORE_FAILED (never) also when a later version of Joinery wrote the copy: nothing is changed
   * then; and with INVALID_NAME (never).
   */
  open(document: string, onState: OnCopyState): Promise<OfflineDocument>;
  /** What is on disk once everything that waits is. */
  pending(): Promise<readonly PendingDocument[]>;
  /**
   * Copies a document, all of it as unsaved local edits of a new one. Rejects with OFFLINE_STORE_FAILED (never) also
   * when there is a copy of that name already.
   */
  copyTo(document: string, name: string): Promise<void>;
  /** Removes all of a document, also what was kept aside. Rejects with OFFLINE_STORE_FAILED (never) while it is open. */
  remove(document: string): Promise<void>;
  /** Begins to write all that waits before it returns: the page may be about to go. What fails is tried again. */
  writeNow(): void;
  /** Closes all documents, as their own `close` does; rejects when one of them did. Idempotent. */
  close(): Promise<void>;
}
