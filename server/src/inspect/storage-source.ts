/**
 * The documents of a running server, to be read over its open storage. Of LevelDB all is read that a folder has, the log
 * that a snapshot stands for too; of any other storage what the port gives. Nothing that takes long runs on the event
 * loop: large records are checked step by step, and documents verified in a worker.
 */

import { type DocumentName, JoineryError, type Limits } from "@joinery/shared";
import type { LogEntry, Storage, StoredDocument } from "../engine/ports.ts";
import { loadDocument } from "../storage/document-reader.ts";
import { LevelStorage } from "../storage/level.ts";
import type { Loss } from "../storage/losses.ts";
import { updateBytes } from "../storage/record.ts";
import { readError, reading } from "../storage/storage-errors.ts";
import { compareNames, type DeletionPage, type DeletionPart, deletionPage } from "./deletion-page.ts";
import { type DocumentHead, headOf } from "./document-head.ts";
import { type ListingPage, type ListingPart, listingOf, listingPage } from "./folder-listing.ts";
import { loadUntil, outside, readKeptLog, UNKNOWN_BIRTH } from "./folder-log.ts";
import type { DocumentListing, DocumentSource, Verification } from "./source.ts";
import { type ReadDatabase, stepwise, withView } from "./stepwise-reads.ts";
import { VerifyThreads } from "./verify-thread.ts";

/** How a server reads its own documents. */
export interface ServedSource extends DocumentSource {
  /**
   * How far a document is.
   *
   * @returns `null` when there is no such document.
   * Cost: of LevelDB four seeks, however large it is; of any other storage that of loading it.
   */
  head(document: DocumentName): Promise<DocumentHead | null>;
  /** A part of what `list` lists; what may be missing is told beside it. */
  page(part: ListingPart): Promise<ListingPage>;
  /** What was deleted and may be restored. */
  deletions(part: DeletionPart): Promise<DeletionPage>;
}

/** What is listed at once where all is. */
const PAGE = { maxDocuments: 100, maxBytes: 8_000_000 };

/**
 * Looks into the documents of a storage that is open. It ends with the storage, and does not close it.
 *
 * @param limits Of the workers that verify.
 */
export function storageSource(storage: Storage, limits: Limits): ServedSource {
  const threads = new VerifyThreads(limits);
  return storage instanceof LevelStorage
    ? new LevelSource(storage, threads)
    : new PortSource(storage, threads);
}

async function* listed(source: Pick<ServedSource, "page">, prefix: string): AsyncGenerator<DocumentListing> {
  let damage: JoineryError | null = null;
  for (let after: DocumentName | null = null; ; ) {
    const page: ListingPage = await source.page({ ...PAGE, prefix, after });
    yield* page.documents;
    damage ??= page.damage;
    after = page.next;
    if (after === null) break;
  }
  if (damage !== null) throw damage;
}

async function* namesOf(listings: AsyncIterable<DocumentListing>): AsyncGenerator<DocumentName> {
  for await (const { document } of listings) yield document;
}

class LevelSource implements ServedSource {
  readonly damage: readonly string[] = [];
  readonly #storage: LevelStorage;
  readonly #threads: VerifyThreads;

  constructor(storage: LevelStorage, threads: VerifyThreads) {
    this.#storage = storage;
    this.#threads = threads;
  }

  describe(): string {
    return "storage of the server";
  }

  list(prefix: string): AsyncGenerator<DocumentListing> {
    return listed(this, prefix);
  }

  names(prefix: string): AsyncGenerator<DocumentName> {
    return namesOf(this.list(prefix));
  }

  async page(part: ListingPart): Promise<ListingPage> {
    const { database, losses } = this.#opened();
    try {
      return await listingPage(database, part, losses);
    } catch (error) {
      throw readError(`the list of documents that start with ${JSON.stringify(part.prefix)}`, error);
    }
  }

  deletions(part: DeletionPart): Promise<DeletionPage> {
    return deletionPage(this.#storage, part);
  }

  async head(document: DocumentName): Promise<DocumentHead | null> {
    const { database, losses } = this.#opened();
    return reading(
      document,
      withView(database, (view) => headOf(view, document, losses)),
    );
  }

  async listing(document: DocumentName): Promise<DocumentListing | null> {
    const { database, losses } = this.#opened();
    // A collection of all that the server has would stop it for a moment.
    const onRead = () => undefined;
    return reading(document, listingOf(database, document, losses, onRead));
  }

  async load(document: DocumentName, until?: number): Promise<StoredDocument | null> {
    const { database, losses } = this.#opened();
    const loading =
      until === undefined
        ? loadDocument(database, document, losses)
        : withView(database, (view) => loadUntil(view, document, until));
    return reading(document, loading);
  }

  async log(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    const { database } = this.#opened();
    const entries = withView(database, (view) => readKeptLog(view, document, { after, maxBytes }));
    return reading(document, entries);
  }

  async verify(document: DocumentName): Promise<Verification | null> {
    // Its records are checked in the worker.
    const { database, losses } = this.#storage.inspect();
    const verifying = withView(database, (view) => this.#threads.verify(document, { view, losses }));
    return reading(document, verifying);
  }

  close(): Promise<void> {
    return this.#threads.close();
  }

  #opened(): { readonly database: ReadDatabase; readonly losses: readonly Loss[] } {
    const { database, losses } = this.#storage.inspect();
    return { database: stepwise(database), losses };
  }
}

class PortSource implements ServedSource {
  readonly damage: readonly string[] = [];
  readonly #storage: Storage;
  readonly #threads: VerifyThreads;

  constructor(storage: Storage, threads: VerifyThreads) {
    this.#storage = storage;
    this.#threads = threads;
  }

  describe(): string {
    return "storage of the server";
  }

  list(prefix: string): AsyncGenerator<DocumentListing> {
    return listed(this, prefix);
  }

  names(prefix: string): AsyncGenerator<DocumentName> {
    return namesOf(this.list(prefix));
  }

  async page({ prefix, after, maxDocuments, maxBytes }: ListingPart): Promise<ListingPage> {
    const documents: DocumentListing[] = [];
    let bytes = 0;
    try {
      for await (const { document } of this.#storage.list(prefix)) {
        if (after !== null && compareNames(document, after) <= 0) continue;
        const listing = await this.listing(document);
        if (listing === null) continue;
        documents.push(listing);
        bytes += listing.snapshotBytes + listing.logBytes;
        if (documents.length >= maxDocuments || bytes >= maxBytes)
          return { documents, next: document, damage: null };
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
      return { documents, next: null, damage: error };
    }
    return { documents, next: null, damage: null };
  }

  deletions(part: DeletionPart): Promise<DeletionPage> {
    return deletionPage(this.#storage, part);
  }

  async head(document: DocumentName): Promise<DocumentHead | null> {
    const stored = await this.#storage.load(document);
    if (stored === null) return null;
    const { lineage, branches, snapshot } = stored;
    return { lineage, branches, seq: lastSeq(stored), snapshotSeq: snapshot?.seq ?? 0 };
  }

  async listing(document: DocumentName): Promise<DocumentListing | null> {
    try {
      const stored = await this.#storage.load(document);
      return stored && listingOfStored(document, stored);
    } catch (error) {
      if (!isDamage(error)) throw error;
      const nothing = { ...UNKNOWN_BIRTH, snapshot: null, tail: [], branches: [] };
      return listingOfStored(document, { ...nothing, damage: error });
    }
  }

  async load(document: DocumentName, until?: number): Promise<StoredDocument | null> {
    const stored = await this.#storage.load(document);
    if (stored === null || until === undefined) return stored;
    const from = stored.snapshot?.seq ?? 0;
    if (until < Math.max(from, 1))
      throw outside(document, until, `what is kept begins with seq ${Math.max(from, 1)}`);
    const last = lastSeq(stored);
    if (until <= last)
      return { ...stored, tail: stored.tail.filter(({ seq }) => seq <= until), damage: null };
    if (stored.damage === null) throw outside(document, until, `its last batch is seq ${last}`);
    return stored;
  }

  async log(document: DocumentName, after: number, maxBytes: number): Promise<readonly LogEntry[]> {
    try {
      return await this.#storage.read(document, after, maxBytes);
    } catch (error) {
      // Maybe not the first one is damaged, and then those before it are sound.
      if (!isDamage(error) || maxBytes === 0) throw error;
      return await this.#storage.read(document, after, 0);
    }
  }

  async verify(document: DocumentName): Promise<Verification | null> {
    const stored = await this.#storage.load(document);
    return stored && this.#threads.verifyStored(document, stored);
  }

  close(): Promise<void> {
    return this.#threads.close();
  }
}

function lastSeq({ snapshot, tail }: StoredDocument): number {
  return tail.at(-1)?.seq ?? snapshot?.seq ?? 0;
}

function listingOfStored(document: DocumentName, stored: StoredDocument): DocumentListing {
  const { lineage, bornAt, snapshot, tail, damage } = stored;
  return {
    document,
    lineage,
    bornAt,
    changedAt: (tail.at(-1) ?? snapshot)?.time ?? 0,
    seq: lastSeq(stored),
    snapshotSeq: snapshot?.seq ?? 0,
    snapshotBytes: snapshot?.update.length ?? 0,
    logEntries: tail.length,
    logBytes: tail.reduce((sum, entry) => sum + updateBytes(entry), 0),
    // What else a storage keeps is its own business.
    keptBytes: 0,
    damage,
  };
}

function isDamage(error: unknown): error is JoineryError {
  return error instanceof JoineryError && error.code === "DOCUMENT_DAMAGED";
}
