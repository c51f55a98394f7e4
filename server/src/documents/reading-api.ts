/** Reading documents without a socket: what the HTTP API asks of the server. What is read is what is on disk. */

import type { DocumentName, JoineryError } from "@joinery/shared";
import type { LogEntry, Revision, StoredDocument } from "../engine/ports.ts";
import type { Moment } from "../inspect/at.ts";
import type { DeletionPage } from "../inspect/deletion-page.ts";
import type { ListingPage } from "../inspect/folder-listing.ts";
import type { UpdateSummary } from "../inspect/log-entries.ts";
import type { RenderRequest } from "../inspect/render.ts";
import type { DocumentListing, Verification } from "../inspect/source.ts";

/** Which part of a list is wanted. */
export interface PageRequest {
  readonly prefix: string;
  /** Only what comes behind this name; `null` for the beginning. */
  readonly after: DocumentName | null;
  readonly limit: number;
}

/** A document, and how far it is. */
export interface ListedDocument extends DocumentListing {
  readonly revision: Revision;
}

export interface DocumentRequest extends RenderRequest {
  /** As it was then; `null` for now. */
  readonly at: Moment | null;
  /** Whether whoever asks has it at this revision: then it is not read. */
  readonly isKnown: (revision: Revision) => boolean;
}

/** What was read, and keeps memory until `end` is called; that may be called more than once. */
interface Kept {
  /** What it is of. */
  readonly revision: Revision;
  readonly end: () => void;
}

/** A document in some format. */
export interface ReadDocument extends Kept {
  /** `null` for who has it already. */
  readonly bytes: Uint8Array | null;
  /** Names of roots that have something, which the format has no form for. */
  readonly leftOut: readonly string[];
  /** DOCUMENT_DAMAGED where this is what is sound of it. */
  readonly damage: JoineryError | null;
}

/** A document as it is stored. */
export interface ReadStored extends Kept {
  readonly stored: StoredDocument;
}

export interface LogRequest {
  /** Only batches after this `seq`. */
  readonly after: number;
  readonly limit: number;
  /** Of updates; the first batch comes whatever it has. */
  readonly maxBytes: number;
}

/** A part of a log. */
export interface ReadLog extends Kept {
  /** Of the last batch of the log is `revision`; this one the newest snapshot stands for; 0 when there is none. */
  readonly snapshotSeq: number;
  readonly entries: readonly LogEntry[];
  /** Of the parts of all entries, in order. */
  readonly summaries: readonly UpdateSummary[];
  /** Behind which batch the log goes on; `null` at its end. */
  readonly next: number | null;
  /** DOCUMENT_DAMAGED where the first entry behind `after` is damaged or missing; then there are none. */
  readonly damage: JoineryError | null;
}

/**
 * All reject with DOCUMENT_NOT_FOUND (never) where there is no such document, with DOCUMENT_DAMAGED (backoff) where nothing
 * of it is sound, with SERVER_FULL (backoff) where more is being read than may be, and with STORAGE_UNAVAILABLE,
 * REPLICA_FAILED and SERVER_DRAINING (backoff). Where they take a signal, that is aborted when nobody waits any more: what was
 * not begun then is not, and they reject with its reason.
 */
export interface DocumentReading {
  /** Lists documents; a page may be short and have a next. Cost: reads them, a few megabytes at least. */
  documents(page: PageRequest, signal?: AbortSignal): Promise<ListingPage>;
  /** Lists what was deleted and may be restored. */
  deletions(page: PageRequest): Promise<DeletionPage>;
  /** How far a document is. Cheap. */
  revision(document: DocumentName): Promise<Revision>;
  /** What the list says of one. Cost: reads it. */
  listing(document: DocumentName, signal?: AbortSignal): Promise<ListedDocument>;
  /**
   * Reads a document in some format. Rejects with INVALID_OPTION (never) for a moment that is not kept any more or is not
   * there yet, and as `render` does.
   */
  document(document: DocumentName, request: DocumentRequest, signal?: AbortSignal): Promise<ReadDocument>;
  /** @param until As of `DocumentSource.load`; `null` for now. Rejects with INVALID_OPTION (never) as that does. */
  stored(document: DocumentName, until: number | null, signal?: AbortSignal): Promise<ReadStored>;
  log(document: DocumentName, request: LogRequest, signal?: AbortSignal): Promise<ReadLog>;
  /** Looks at every record; one document at a time. */
  verification(document: DocumentName, signal: AbortSignal): Promise<Verification>;
}
