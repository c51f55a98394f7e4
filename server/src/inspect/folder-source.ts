/**
 * A data folder that no server has open, to be read. LevelDB writes to its files whenever it opens them, and so does
 * what puts right what is damaged; so both happen to a copy in the folder for temporary files, whose lock keeps
 * servers out meanwhile. The folder itself stays as it is, byte by byte.
 *
 * On a file system that is mounted to be read, nobody takes a lock. It may be writable elsewhere, and so be written to
 * all the same: then its files change, and it is not read.
 */

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { type DocumentName, JoineryError } from "@joinery/shared";
import type { Deletion, LogEntry, StoredDocument } from "../engine/ports.ts";
import { copyDatabase, type DatabaseCopy } from "../import/database-copy.ts";
import { hasDatabase, openDataFolder } from "../storage/data-folder.ts";
import type { Database } from "../storage/database.ts";
import type { KeptFinding } from "../storage/database-check.ts";
import { deletionsRange } from "../storage/deleted-keys.ts";
import { readDeletions } from "../storage/deletions.ts";
import { loadDocument } from "../storage/document-reader.ts";
import { type Loss, readLosses } from "../storage/losses.ts";
import { openReadOnly } from "../storage/read-only-database.ts";
import { messageOf, readError, reading } from "../storage/storage-errors.ts";
import { listingOf, listings, namesIn } from "./folder-listing.ts";
import { type FileStates, fileStates, isSame, lockAccess } from "./folder-lock.ts";
import { loadUntil, readKeptLog } from "./folder-log.ts";
import { packDocument } from "./packed-document.ts";
import { ReadBytes, releaseAll } from "./released-memory.ts";
import type { DocumentListing, PackedDocument, RestorableSource, Verification } from "./source.ts";
import { verifyDocument } from "./verify.ts";

const DATABASE = "level";
/** What is copied besides: who may open the folder, how it was closed, and who has it open. */
const BESIDE = ["joinery.json", "closed.json", "server.json"];
/** Where no lock can be taken, nobody is asked who has it; and what only the server's user may read is left. */
const BESIDE_UNLOCKED = ["joinery.json", "closed.json"];

/**
 * Opens a data folder to read it; nothing in it is changed. Not for a process that has the folder open itself: of
 * that the lock does not tell, and it would be gone with the source.
 *
 * Rejects with DATA_FOLDER_IN_USE, naming who has it open, or DATA_FOLDER_UNUSABLE (never retry), naming what is wrong
 * with what: also where its lock may not be taken, for want of permission. On a read-only file system the lock is not
 * taken, and it rejects with DATA_FOLDER_IN_USE where a file of the database changes meanwhile. Cost: reads every file of the database once, because LevelDB passes damage over without a word.
 */
export async function openFolderSource(folder: string): Promise<RestorableSource> {
  await requireDatabase(folder);
  const before = await statesUnlocked(folder);
  const copy = await copyOf(folder, before);
  try {
    const source = await openCopy(folder, copy);
    await requireSame(folder, before).catch(async (error: unknown) => {
      await source.close();
      throw error;
    });
    return source;
  } catch (error) {
    await copy.remove();
    if (!(error instanceof JoineryError)) throw error;
    // What is missing or torn may have been changed while it was read.
    if (error.code !== "DATA_FOLDER_IN_USE") await requireSame(folder, before);
    // The copy stands for the folder; who reads this knows nothing of it.
    const message = error.message
      .replaceAll(JSON.stringify(copy.folder), JSON.stringify(folder))
      .replaceAll(copy.folder, folder);
    throw new JoineryError(error.code, message, { cause: error });
  }
}

async function openCopy(folder: string, copy: DatabaseCopy): Promise<RestorableSource> {
  const damage: string[] = [];
  const found = (finding: KeptFinding) => void damage.push(textOf(finding));
  const database = await openDataFolder({ folder: copy.folder, openDatabase: openReadOnly, found });
  // What started the process needs much that nobody does from here on.
  releaseAll();
  const losses = await readLosses(database).catch(async (error: unknown) => {
    await database.close();
    throw readError("what is known to be lost", error);
  });
  return new FolderSource({ folder, copy, database, losses, damage });
}

interface Parts {
  readonly folder: string;
  readonly copy: DatabaseCopy;
  readonly database: Database;
  readonly losses: readonly Loss[];
  readonly damage: readonly string[];
}

class FolderSource implements RestorableSource {
  readonly damage: readonly string[];
  readonly #folder: string;
  readonly #copy: DatabaseCopy;
  readonly #database: Database;
  readonly #losses: readonly Loss[];
  #closed: Promise<void> | null = null;

  constructor({ folder, copy, database, losses, damage }: Parts) {
    this.damage = damage;
    this.#folder = folder;
    this.#copy = copy;
    this.#database = database;
    this.#losses = losses;
  }

  describe(): string {
    return `data folder ${this.#folder}`;
  }

  async *list(prefix: string): AsyncGenerator<DocumentListing> {
    try {
      yield* listings(this.#database, prefix, this.#losses);
    } catch (error) {
      throw readError(`the list of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  async *names(prefix: string): AsyncGenerator<DocumentName> {
    try {
      yield* namesIn(this.#database, prefix, this.#losses);
    } catch (error) {
      throw readError(`the names of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  async *deletions(prefix: string): AsyncGenerator<Deletion> {
    try {
      yield* readDeletions(this.#database, deletionsRange(prefix));
    } catch (error) {
      throw readError(`the list of deletions of documents that start with ${JSON.stringify(prefix)}`, error);
    }
  }

  listing(document: DocumentName): Promise<DocumentListing | null> {
    return reading(document, listingOf(this.#database, document, this.#losses));
  }

  load(document: DocumentName, until?: number): Promise<StoredDocument | null> {
    return reading(document, this.#load(document, until));
  }

  async pack(document: DocumentName, until?: number): Promise<PackedDocument | null> {
    const read = new ReadBytes();
    const packing = packDocument(
      (keep) => this.#load(document, until, keep),
      (update) => read.add(update),
    );
    const packed = await reading(document, packing);
    releaseAll();
    return packed;
  }

  log(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    return reading(document, readKeptLog(this.#database, document, { after, maxBytes }));
  }

  verify(document: DocumentName): Promise<Verification | null> {
    return reading(document, verifyDocument(this.#database, document, this.#losses));
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #load(
    document: DocumentName,
    until: number | undefined,
    keep?: (entry: LogEntry) => LogEntry,
  ): Promise<StoredDocument | null> {
    return until === undefined
      ? loadDocument(this.#database, document, this.#losses, keep)
      : loadUntil(this.#database, document, until, keep);
  }

  async #close(): Promise<void> {
    try {
      await this.#database.close();
    } finally {
      await this.#copy.remove();
    }
  }
}

/** A database is never created: where there is none, there is nothing to read. */
async function requireDatabase(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: unknown) => error as NodeJS.ErrnoException);
  if (found instanceof Error) {
    throw unusable(folder, found.code === "ENOENT" ? "there is no such folder" : found.message, found);
  }
  if (!found.isDirectory()) throw unusable(folder, "it is a file");
  if (!(await hasDatabase(folder)))
    throw unusable(folder, `there is no database in it (no file ${DATABASE}/CURRENT)`);
}

/**
 * The files of a database whose lock cannot be taken, as they are before it is read; `null` where it can be.
 *
 * Rejects with DATA_FOLDER_UNUSABLE where only permission is missing: then somebody else may write to it at any time.
 */
async function statesUnlocked(folder: string): Promise<FileStates | null> {
  const database = join(folder, DATABASE);
  try {
    const access = await lockAccess(database);
    if (access === "granted") return null;
    if (access === "read-only") return await fileStates(database);
  } catch (error) {
    throw unusable(folder, messageOf(error), error);
  }
  throw unusable(
    folder,
    `there is no permission to lock it (to write to ${DATABASE}/LOCK), which keeps servers out meanwhile. Read it as the user it belongs to; or ask the server that has it open, by its URL; or read a copy that was made while no server had it open`,
  );
}

/** @param before `null` where its lock keeps everybody out. */
async function requireSame(folder: string, before: FileStates | null): Promise<void> {
  if (before === null) return;
  const now = await fileStates(join(folder, DATABASE)).catch((error: unknown) => {
    throw unusable(folder, messageOf(error), error);
  });
  if (isSame(before, now)) return;
  const message = `data folder ${JSON.stringify(folder)} is in use: its files changed while it was read. It is read-only here, but not for whoever writes to it: ask that server, by its URL`;
  throw new JoineryError("DATA_FOLDER_IN_USE", message);
}

async function copyOf(folder: string, unlocked: FileStates | null): Promise<DatabaseCopy> {
  const [files, lock] = unlocked === null ? [BESIDE, "shared" as const] : [BESIDE_UNLOCKED, "own" as const];
  const beside = files.map((file) => join(folder, file));
  try {
    return await copyDatabase(join(folder, DATABASE), DATABASE, beside, lock);
  } catch (error) {
    await requireSame(folder, unlocked);
    // Where it was to be copied to is nobody's concern.
    throw unusable(folder, messageOf(error).replace(/ -> '.*'$/, ""), error);
  }
}

/** What was done about it was done to the copy. */
function textOf({ file, offset, outcome, reason, documents }: KeptFinding): string {
  const found = outcome === "repaired" ? "something is not as it was written, and can be put right" : reason;
  const whose =
    documents.length === 0 ? "" : ` (${documents.map((name) => JSON.stringify(name)).join(", ")})`;
  return `${file}, near byte ${offset}: ${found}${whose}`;
}

function unusable(folder: string, why: string, cause?: unknown): JoineryError {
  const message = `data folder ${JSON.stringify(folder)} cannot be read: ${why}`;
  return new JoineryError("DATA_FOLDER_UNUSABLE", message, { cause });
}
