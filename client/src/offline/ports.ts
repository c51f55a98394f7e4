/** Where a client keeps documents on its own device, as the rest of the client sees it. */

import type { JoineryError } from "@joinery/shared";
import type { LineageId, Revision } from "@joinery/shared/protocol";

/** What the device has of one document. */
export interface OfflineCopy {
  /** They make up the document, what is unsaved included. Yjs v1 updates, in any order. */
  readonly updates: readonly Uint8Array[];
  /** Local edits that are not known to be durable on the server, in order. */
  readonly unsaved: readonly Uint8Array[];
  /** All that is durable up to here is in the copy. */
  readonly revision: Revision | null;
  /** Of which life of the document it is a copy; `null` if the server never had it durable. */
  readonly lineage: LineageId | null;
}

/** One document that is open. Writes are queued, batched and kept in order; what fails is told to `onError`. */
export interface OfflineDocument {
  /** As it was when it was opened. */
  readonly copy: OfflineCopy;
  /** A local edit; joins `unsaved`. */
  addLocal(update: Uint8Array): void;
  addRemote(update: Uint8Array): void;
  /** The first `count` unsaved edits are durable now. */
  saved(count: number): void;
  /** Never on disk before the remote updates that it covers, which were added before. */
  setRevision(revision: Revision | null, lineage: LineageId | null): void;
  /** A hint: this is the whole document now, unsaved edits included; the store may fold. */
  compact(state: Uint8Array): void;
  readonly isCompactionDue: boolean;
  /** Another copy takes the place of this one. */
  replace(copy: OfflineCopy): void;
  /** Resolves when all that was given before is on disk. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** A document with unsaved edits. */
export interface PendingDocument {
  readonly document: string;
  /** Local edits that are not known to be durable on the server, and their bytes. */
  readonly unsaved: number;
  readonly bytes: number;
}

export interface OfflineStore {
  /**
   * Opens a document, which may be new; at most once at a time.
   *
   * @param onError Told of every write that fails; the document goes on in memory.
   * Rejects with OFFLINE_STORE_FAILED when what is stored is damaged.
   */
  open(document: string, onError: (error: JoineryError) => void): Promise<OfflineDocument>;
  pending(): Promise<readonly PendingDocument[]>;
  /** Copies a document, all of it as unsaved local edits of a new one. */
  copyTo(document: string, name: string): Promise<void>;
  remove(document: string): Promise<void>;
  close(): Promise<void>;
}
