/** What an importer needs of the store of another server. */

import { JoineryError } from "@joinery/shared";

/** One document, as another server kept it. */
export interface SourceDocument {
  /** The name that it had there, which need not be one that Joinery takes. */
  readonly name: string;
  /**
   * Reads its updates, Yjs v1, in any order. To be called before the next document is asked for.
   *
   * @param maxBytes What all of them may have together.
   * Rejects with DOCUMENT_DAMAGED or MALFORMED_UPDATE (never retry it: skip the document) when they cannot be read,
   * and with DOCUMENT_FULL when they are too large.
   */
  read(maxBytes: number): Promise<readonly Uint8Array[]>;
}

/** The store of another server. It is read only, a document at a time. */
export interface Source {
  /** Number of documents, for progress; `null` when counting would cost too much. */
  readonly count: number | null;
  /** What is wrong with the store as a whole, for people: any document may have lost something by it. */
  readonly damage: readonly string[];
  /** All documents, once. Rejects with SOURCE_UNUSABLE (never retry) when it cannot go on. */
  documents(): AsyncIterable<SourceDocument>;
  close(): Promise<void>;
}

/** Opens the source at a place. Rejects with SOURCE_UNUSABLE (never retry) when there is none of this kind. */
export type OpenSource = (place: string, options: SourceOptions) => Promise<Source>;

export interface SourceOptions {
  /**
   * Makes Yjs v1 of an update in Yjs' second format. Rejects with MALFORMED_UPDATE or UPDATE_TOO_COSTLY (never).
   */
  readonly convert: (update: Uint8Array) => Promise<Uint8Array>;
}

/** @param place Where the source is, as it was given. */
export function unusableSource(place: string, why: string, cause?: unknown): JoineryError {
  return new JoineryError("SOURCE_UNUSABLE", `cannot import from ${JSON.stringify(place)}: ${why}`, {
    cause,
  });
}

/** @param why What is wrong with the document, for people. */
export function damagedInSource(why: string, cause?: unknown): JoineryError {
  return new JoineryError("DOCUMENT_DAMAGED", why, { cause });
}

/** Refuses a document that has more bytes than one may have. */
export function requireFits(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  throw new JoineryError(
    "DOCUMENT_FULL",
    `it has ${bytes} bytes, and a document may have ${maxBytes} (maxDocumentBytes)`,
    {
      limit: "maxDocumentBytes",
    },
  );
}

/** An error's message in one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, " ");
}
