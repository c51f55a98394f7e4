/** Reads documents for who has no socket: see `reading-api.ts`. Large ones are put together in a worker. */

import { type DocumentName, JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { branchAt } from "../engine/branches.ts";
import type { LogEntry, Revision, StoredDocument } from "../engine/ports.ts";
import { type LogSource, type Moment, momentOf } from "../inspect/at.ts";
import type { DeletionPage } from "../inspect/deletion-page.ts";
import type { DocumentHead } from "../inspect/document-head.ts";
import type { ListingPage } from "../inspect/folder-listing.ts";
import { summarizeUpdate, type UpdateSummary } from "../inspect/log-entries.ts";
import { type Rendering, type RenderRequest, render, showsContent } from "../inspect/render.ts";
import type { Verification } from "../inspect/source.ts";
import type { ServedSource } from "../inspect/storage-source.ts";
import { type Read, ReadBudget } from "./read-budget.ts";
import type {
  DocumentReading,
  DocumentRequest,
  ListedDocument,
  LogRequest,
  PageRequest,
  ReadDocument,
  ReadLog,
  ReadStored,
} from "./reading-api.ts";

/** Where documents are read that the event loop has no time for. */
export interface ReadWorker {
  /** As {@link render}. Rejects also with REPLICA_FAILED and SERVER_FULL (backoff). */
  render(document: DocumentName, updates: readonly Uint8Array[], request: RenderRequest): Promise<Rendering>;
  /** As {@link summarizeUpdate}, of each. Rejects with REPLICA_FAILED and SERVER_FULL (backoff). */
  summarize(document: DocumentName, updates: readonly Uint8Array[]): Promise<readonly UpdateSummary[]>;
}

export interface ReadingOptions {
  readonly source: ServedSource;
  /** Not the one that tries edits: whoever reads must not hold them up. */
  readonly worker: ReadWorker;
  readonly limits: Limits;
  /** Called when a limit was reached, for counts. */
  readonly onLimit: (limit: LimitName) => void;
}

/** What is smaller is put together on the event loop: it takes less than the way to another thread and back. */
const SMALL_BYTES = 64 * 1024;
/** A list is read in parts of so many bytes of records. */
const PAGE_BYTES = 8 * 1024 * 1024;

export class Reading implements DocumentReading {
  readonly #options: ReadingOptions;
  readonly #budget: ReadBudget;
  #verifying: Promise<unknown> = Promise.resolve();

  constructor(options: ReadingOptions) {
    this.#options = options;
    this.#budget = new ReadBudget(options);
  }

  documents({ prefix, after, limit }: PageRequest, signal?: AbortSignal): Promise<ListingPage> {
    const part = { prefix, after, maxDocuments: limit, maxBytes: PAGE_BYTES };
    return this.#during((read) => read.load(() => this.#options.source.page(part)), signal);
  }

  deletions({ prefix, after, limit }: PageRequest): Promise<DeletionPage> {
    const part = { prefix, after, maxDeletions: limit };
    return this.#during(() => this.#options.source.deletions(part));
  }

  async revision(document: DocumentName): Promise<Revision> {
    const head = await this.#head(document);
    return revisionAt(head, head.seq);
  }

  async listing(document: DocumentName, signal?: AbortSignal): Promise<ListedDocument> {
    const head = await this.#head(document);
    const list = () => this.#options.source.listing(document);
    const listing = await this.#during((read) => read.load(list), signal);
    if (listing === null) throw notFound(document);
    return { ...listing, revision: revisionAt({ ...head, lineage: listing.lineage }, listing.seq) };
  }

  async document(
    document: DocumentName,
    request: DocumentRequest,
    signal?: AbortSignal,
  ): Promise<ReadDocument> {
    const head = await this.#head(document);
    const { at, isKnown } = request;
    const seq = at === null ? head.seq : "seq" in at ? at.seq : null;
    // What is not there yet is nobody's, whatever they say.
    if (seq !== null && seq <= head.seq && isKnown(revisionAt(head, seq)))
      return known(revisionAt(head, seq));
    return this.#keeping(async (read) => {
      const until = at === null ? null : await this.#seqAt(document, at, read);
      if (seq === null && until !== null && isKnown(revisionAt(head, until))) {
        read.end();
        return known(revisionAt(head, until));
      }
      const stored = await this.#load(document, until, read);
      const rendering = await this.#rendering(document, stored, request);
      // The document itself is not needed any more.
      read.hold(rendering.bytes.length);
      return { ...rendering, revision: revisionOf(stored), damage: stored.damage, end: read.end };
    }, signal);
  }

  stored(document: DocumentName, until: number | null, signal?: AbortSignal): Promise<ReadStored> {
    return this.#keeping(async (read) => {
      const stored = await this.#load(document, until, read);
      return { stored, revision: revisionOf(stored), end: read.end };
    }, signal);
  }

  log(
    document: DocumentName,
    { after, limit, maxBytes }: LogRequest,
    signal?: AbortSignal,
  ): Promise<ReadLog> {
    return this.#keeping(async (read) => {
      const log = () => this.#options.source.log(document, after, maxBytes);
      const found = await read.load(log).catch(onlyDamage);
      const damage = found instanceof JoineryError ? found : null;
      const entries = found instanceof JoineryError ? [] : found.slice(0, limit);
      const updates = updatesIn(entries);
      read.hold(bytesOf(updates));
      const summaries = await this.#summaries(document, updates);
      // Not before the log is read: what was appended meanwhile would look like its end.
      const head = await this.#head(document);
      const last = entries.at(-1)?.seq ?? head.seq;
      return {
        revision: revisionAt(head, head.seq),
        snapshotSeq: head.snapshotSeq,
        entries,
        summaries,
        next: last < head.seq ? last : null,
        damage,
        end: read.end,
      };
    }, signal);
  }

  verification(document: DocumentName, signal: AbortSignal): Promise<Verification> {
    return this.#during(async () => {
      const verified = this.#verifying.then(() => {
        signal.throwIfAborted();
        return this.#options.source.verify(document);
      });
      // What one rejects with is not for the next.
      this.#verifying = verified.catch(() => undefined);
      const verification = await verified;
      if (verification === null) throw notFound(document);
      return verification;
    });
  }

  async #head(document: DocumentName): Promise<DocumentHead> {
    const head = await this.#options.source.head(document);
    if (head === null) throw notFound(document);
    return head;
  }

  /** The `seq` at a moment. Cost: of a time, reads the log up to there. */
  async #seqAt(document: DocumentName, at: Moment, read: Read): Promise<number> {
    // What is before the first batch that is kept is told by loading.
    if ("seq" in at && at.seq > 0) return at.seq;
    const { source } = this.#options;
    const log: LogSource = {
      listing: (name) => source.head(name),
      load: (name, until) => source.load(name, until),
      log: (name, after, maxBytes) => source.log(name, after, maxBytes),
    };
    return await read.load(() => momentOf(log, document, at));
  }

  /** @param until `null` for all; 0 for before the first batch, which is known to be the first. */
  async #load(document: DocumentName, until: number | null, read: Read): Promise<StoredDocument> {
    const { source } = this.#options;
    if (until === 0) return unborn(await this.#head(document));
    const stored = await read.load(() => source.load(document, until ?? undefined));
    if (stored === null) throw notFound(document);
    read.hold(bytesOf(updatesOf(stored)));
    return stored;
  }

  async #rendering(
    document: DocumentName,
    stored: StoredDocument,
    { format, root, as }: RenderRequest,
  ): Promise<Rendering> {
    const updates = updatesOf(stored);
    const [only] = updates;
    if (format === "update" && updates.length === 1 && only) return { bytes: only, leftOut: [] };
    const request = { format, ...(root !== undefined && { root }), ...(as && { as }) };
    // What updates show is in the hands of who made them, what it takes to merge them is not.
    const isSmall = bytesOf(updates) <= SMALL_BYTES && !showsContent(format);
    return isSmall
      ? render({ document, updates }, request)
      : await this.#options.worker.render(document, updates, request);
  }

  async #summaries(
    document: DocumentName,
    updates: readonly Uint8Array[],
  ): Promise<readonly UpdateSummary[]> {
    if (bytesOf(updates) <= SMALL_BYTES) return updates.map(summarizeUpdate);
    return await this.#options.worker.summarize(document, updates);
  }

  /** Reads something of which nothing is kept. */
  async #during<T>(work: (read: Read) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const read = this.#budget.begin(signal);
    try {
      return await work(read);
    } finally {
      read.end();
    }
  }

  /** Reads something that is kept until its `end` is called. */
  async #keeping<T>(work: (read: Read) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const read = this.#budget.begin(signal);
    try {
      const kept = await work(read);
      read.ready();
      return kept;
    } catch (error) {
      read.end();
      throw error;
    }
  }
}

function known(revision: Revision): ReadDocument {
  return { revision, bytes: null, leftOut: [], damage: null, end: () => undefined };
}

function revisionAt(
  { lineage, branches }: Pick<DocumentHead, "lineage" | "branches">,
  seq: number,
): Revision {
  return { lineage, seq, branch: branchAt(branches, seq) };
}

function revisionOf(stored: StoredDocument): Revision {
  return revisionAt(stored, (stored.tail.at(-1) ?? stored.snapshot)?.seq ?? 0);
}

/** A document before its first batch: there is nothing in it. */
function unborn({ lineage, branches }: DocumentHead): StoredDocument {
  return { lineage, bornAt: 0, snapshot: null, tail: [], branches, damage: null };
}

function updatesOf({ snapshot, tail }: StoredDocument): Uint8Array[] {
  return [...(snapshot ? [snapshot.update] : []), ...updatesIn(tail)];
}

function updatesIn(entries: readonly LogEntry[]): Uint8Array[] {
  return entries.flatMap(({ parts }) => parts.map(({ update }) => update));
}

function bytesOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((sum, { length }) => sum + length, 0);
}

function onlyDamage(error: unknown): JoineryError {
  if (error instanceof JoineryError && error.code === "DOCUMENT_DAMAGED") return error;
  throw error;
}

function notFound(document: DocumentName): JoineryError {
  return new JoineryError("DOCUMENT_NOT_FOUND", `there is no document ${JSON.stringify(document)}`);
}
