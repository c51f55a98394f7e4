/** What can be done with a data folder that no server has open. */

import type { DocumentName } from "@joinery/shared";
import type { Author, Deletion, Storage } from "../engine/ports.ts";
import type { AppendedUpdate } from "../import/append-update.ts";
import type { DocumentRepair } from "../storage/repair.ts";
import type { FolderRest } from "../storage/repair-rest.ts";
import type { ServerOptions } from "./options.ts";

export interface FolderToolsOptions extends Pick<ServerOptions, "limits"> {
  /**
   * Works on a copy in the folder for temporary files: everything answers as it would, and the folder stays as it is, byte
   * by byte. Default false.
   */
  readonly isDryRun?: boolean;
  /** Creates the folder, and a database in it, where there is none. Default false: that is refused. */
  readonly createIfMissing?: boolean;
  /** Who is said to have done it. Default `operator`. */
  readonly author?: Author;
}

/** What came of folding a document's log. */
export interface DocumentCompaction {
  readonly document: DocumentName;
  /** `already`: there was nothing after its newest snapshot. */
  readonly outcome: "compacted" | "already" | "failed";
  /** Why it failed; then the document is as it was. */
  readonly reason: string | null;
  /** The last batch of its log. */
  readonly seq: number;
  /** Of the newest snapshot and the log after it, which is what loading it reads. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** A data folder to work on. All methods reject as those of {@link Storage}; one is to be called at a time. */
export interface FolderTools {
  readonly folder: string;
  /** What was not as it was written in the files of the database, and was put right or noted, for people. */
  readonly damage: readonly string[];
  /** Where the documents are, for reading. */
  readonly storage: Storage;
  /** As {@link Storage.delete}, now, by the author. */
  delete(document: DocumentName): Promise<Deletion | null>;
  erase(document: DocumentName): Promise<void>;
  /** @param prefix Default: all. */
  deletions(prefix?: string): AsyncIterable<Deletion>;
  /**
   * As {@link Storage.restore}.
   *
   * @param number Default: the newest deletion of that name.
   * @returns What was restored.
   */
  restore(document: DocumentName, number?: number): Promise<Deletion>;
  purge(before: number): Promise<number>;
  /**
   * Repairs damaged documents, or the one, and says of each what was done; sound ones are left alone and not told of.
   * A dry run saves nothing aside.
   *
   * Rejects with DOCUMENT_NOT_FOUND (never) when there is no document of that name, and with DOCUMENT_DAMAGED, after all
   * others, when LevelDB cannot read one. Cost: reads all of them, and a damaged one twice.
   */
  repair(document?: DocumentName): AsyncIterable<DocumentRepair>;
  /**
   * After all documents were repaired: takes out what belongs to none, and forgets what may have been lost without being
   * missed anywhere, which only this tells.
   */
  repairRest(): Promise<FolderRest & { readonly savedAs: string | null }>;
  /**
   * Folds logs into snapshots, of all documents or of some; one that cannot be folded is told, and left as it is.
   * The snapshot before stays, and the log since that one, so that the document can do without the new one.
   *
   * Rejects with DOCUMENT_NOT_FOUND (never) when there is no document of that name, and with DOCUMENT_DAMAGED after all
   * others when {@link Storage.list} does.
   */
  compact(which?: CompactionScope): AsyncIterable<DocumentCompaction>;
  /**
   * Has LevelDB write its files anew, without what was deleted or replaced. Cost: all of the database is written, so
   * as much has to be free on the disk.
   *
   * @returns Bytes of the database on the disk.
   */
  reclaim(): Promise<{ readonly bytesBefore: number; readonly bytesAfter: number }>;
  /** As `appendUpdate` in `import/append-update.ts`, by the author unless another one is named. */
  append(document: DocumentName, update: Uint8Array, author?: Author): Promise<AppendedUpdate | null>;
  /** Lets go of the folder; idempotent. */
  close(): Promise<void>;
}

export type CompactionScope = { readonly prefix: string } | { readonly document: DocumentName };
