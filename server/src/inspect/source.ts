/**
 * How the commands that read see documents, wherever these are: in a data folder that no server has open, or in a
 * running server. Nothing here writes.
 */

import type { DocumentName, JoineryError } from "@joinery/shared";
import type { Deletion, Lineage, LogEntry, StoredDocument } from "../engine/ports.ts";
import type { PackedUpdates } from "./packed-updates.ts";

/** What a list says of a document. */
export interface DocumentListing {
  readonly document: DocumentName;
  /** 32 zeros when `damage` has taken it. */
  readonly lineage: Lineage;
  /** When the first batch was appended, in milliseconds since 1970; 0 when `damage` has taken that. */
  readonly bornAt: number;
  /** When the last batch was appended, in milliseconds since 1970; 0 when `damage` has taken that. */
  readonly changedAt: number;
  /** Of the last batch. */
  readonly seq: number;
  /** The last batch that the newest snapshot stands for; 0 when there is no snapshot. */
  readonly snapshotSeq: number;
  /** Bytes of the newest snapshot's update; 0 when there is none. */
  readonly snapshotBytes: number;
  /** Batches in the log after the newest snapshot. */
  readonly logEntries: number;
  /** Bytes of their updates. */
  readonly logBytes: number;
  /** Bytes that are kept besides: the snapshot before the newest one, and the log between the two. */
  readonly keptBytes: number;
  /** DOCUMENT_DAMAGED, for the first record that is not as it was written or may be missing. */
  readonly damage: JoineryError | null;
}

/** Something that is not as it has to be. */
export interface Problem {
  /** Which record; `document` when it is not in one alone. */
  readonly record: "birth" | "snapshot" | "log" | "branches" | "document";
  /** Of the record; 0 when it has none. */
  readonly seq: number;
  /** A sentence for people, without its end. */
  readonly reason: string;
}

/** What came of looking at every record of a document. */
export interface Verification {
  readonly document: DocumentName;
  readonly records: number;
  /** Of their updates. */
  readonly bytes: number;
  /** Snapshots that were compared with what the log before them builds. */
  readonly comparedSnapshots: number;
  /** In the order in which they were found; at most {@link MAX_PROBLEMS}. */
  readonly problems: readonly Problem[];
}

/** Where all is damaged, the first ones tell enough. */
export const MAX_PROBLEMS = 100;

/** What is stored of a document, in as little memory as its bytes take. */
export interface PackedDocument extends Pick<StoredDocument, "lineage" | "bornAt" | "damage"> {
  /** Of the last batch that is in it; 0 for none. */
  readonly seq: number;
  /** When that batch was flushed, or the snapshot that stands for it was written, in milliseconds since 1970; 0 for none. */
  readonly time: number;
  /** Bytes of the snapshot's update; 0 when there is none. */
  readonly snapshotBytes: number;
  /** Batches in the log after it. */
  readonly logEntries: number;
  /** The snapshot's first, if there is one, then those of the log. */
  readonly updates: PackedUpdates;
}

/** Documents, to be read. All methods reject with the code of what failed; none of them changes anything. */
export interface DocumentSource {
  /** Where the documents are, for people: `data folder ./data`. */
  describe(): string;

  /** What is wrong with the place as a whole, for people: any document may have lost something by it. */
  readonly damage: readonly string[];

  /**
   * Lists documents whose names start with `prefix`, in the order of their names' UTF-8 bytes. Damaged documents are
   * listed too, and told by their `damage`; what may be missing as a whole is told by DOCUMENT_DAMAGED after all others.
   * Cost: reads them once; memory for the largest record.
   */
  list(prefix: string): AsyncIterable<DocumentListing>;

  /**
   * Names of the documents that {@link DocumentSource.list} lists, and what it says after all of them.
   * Cost: of a folder a seek a document; elsewhere that of the list.
   */
  names(prefix: string): AsyncIterable<DocumentName>;

  /**
   * What the list says of one document.
   *
   * @returns `null` when there is no such document.
   */
  listing(document: DocumentName): Promise<DocumentListing | null>;

  /**
   * Reads a document's newest snapshot and the log after it; of a damaged one, what is sound.
   *
   * @param until Reads the document as it was after the batch with this `seq`: the newest snapshot up to there, and
   * the log from there up to that batch.
   * @returns `null` when there is no such document.
   * Rejects with DOCUMENT_DAMAGED when nothing of it is sound, and with INVALID_OPTION when `until` lies before what
   * is kept (see {@link DocumentSource.log}) or after the last batch. Cost: proportional to the bytes returned.
   */
  load(document: DocumentName, until?: number): Promise<StoredDocument | null>;

  /** As `load`, with little more memory than its bytes, where the source can do that. */
  pack?(document: DocumentName, until?: number): Promise<PackedDocument | null>;

  /**
   * Reads log entries with `seq` greater than `after`, ascending: as many as have `maxBytes` of updates, but at least
   * one if there is one. Entries that a snapshot stands for are among them as long as they are kept; where the first
   * one is not `after + 1`, those before it are gone. It ends before an entry that is damaged or missing, and rejects
   * with DOCUMENT_DAMAGED when that is the first one.
   */
  log(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]>;

  /**
   * Looks at every record of a document: see {@link Verification}.
   *
   * @returns `null` when there is no such document.
   * Cost: reads it once or twice; puts its structs in order only where its bytes do not tell.
   */
  verify(document: DocumentName): Promise<Verification | null>;

  /** Lets go of the documents; idempotent. */
  close(): Promise<void>;
}

/** Documents, and what was deleted of them and can be restored. */
export interface RestorableSource extends DocumentSource {
  /**
   * Lists what was deleted under names that start with `prefix`, by name, then by number.
   * Cost: linear in deletions.
   */
  deletions(prefix: string): AsyncIterable<Omit<Deletion, "stateVector">>;
}
