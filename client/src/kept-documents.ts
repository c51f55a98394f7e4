/**
 * The documents that are kept on this device. It opens their copies, each once at a time, and brings edits of those
 * that nobody has open to the server, a few documents at a time: what the store remembers from earlier, and what was
 * closed before it was saved. Loaded only by clients that keep documents.
 */

import type { JoineryError } from "@joinery/shared";
import type { Connection } from "./connection.ts";
import type { DocumentHandle } from "./document.ts";
import { LocalCopy } from "./local-copy.ts";
import type { OfflineStore, PendingDocument } from "./offline/ports.ts";
import type { Environment, Timer } from "./ports.ts";

/** Documents open in the background at once; each is in memory whole. */
const MAX_DOCUMENTS = 4;
/** One that is not saved after this makes room for others, and is tried again at the next connection. */
const PATIENCE_MS = 60_000;

export interface KeptDocumentsOptions {
  readonly name: string;
  readonly environment: Environment;
  readonly connection: Connection;
  /** Those that the application has open. */
  readonly handles: ReadonlyMap<string, DocumentHandle>;
  /** Opens a document in the background. */
  open(document: string): DocumentHandle;
  /** There is something to save. */
  onPending(): void;
  /** The store cannot be read, or not be closed. */
  onError(thrown: unknown): void;
}

interface Syncing {
  readonly handle: DocumentHandle;
  readonly timer: Timer;
  readonly unsubscribe: () => void;
}

export class KeptDocuments {
  readonly #options: KeptDocumentsOptions;
  readonly #store: OfflineStore;
  /** Copies that are still being closed. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #syncing = new Map<string, Syncing>();
  /** Those that were refused, or took too long, since the last connection. */
  readonly #givenUp = new Set<string>();
  #wasOnline = false;
  #isScanning = false;
  #isScanDue = false;
  #isClosed = false;

  /** Rejects with OFFLINE_STORE_FAILED (never) when the store cannot be opened. */
  static async open(options: KeptDocumentsOptions): Promise<KeptDocuments> {
    const kept = new KeptDocuments(options, await options.environment.openOfflineStore(options.name));
    kept.#scan();
    return kept;
  }

  private constructor(options: KeptDocumentsOptions, store: OfflineStore) {
    this.#options = options;
    this.#store = store;
  }

  /** Opens a document's copy, once it is not open any more. */
  async openCopy(
    document: string,
    encode: () => Uint8Array,
    onError: (error: JoineryError) => void,
  ): Promise<LocalCopy> {
    await this.#closing.get(document);
    const { clock } = this.#options.environment;
    return new LocalCopy(await this.#store.open(document, onError), clock, encode);
  }

  /** A document was closed, and its copy is being. */
  closed(document: string, closing: Promise<void>): void {
    const done = closing
      .catch((thrown: unknown) => this.#options.onError(thrown))
      .then(() => {
        if (this.#closing.get(document) === done) this.#closing.delete(document);
        this.#scan();
      });
    this.#closing.set(document, done);
  }

  pending(): Promise<readonly PendingDocument[]> {
    return this.#store.pending();
  }

  connectionChanged(): void {
    const isOnline = this.#isOnline;
    if (isOnline === this.#wasOnline) return;
    this.#wasOnline = isOnline;
    this.#givenUp.clear();
    if (isOnline) this.#scan();
    // While it is offline a document would only take memory.
    else for (const document of [...this.#syncing.keys()]) this.release(document);
  }

  /** The application opens the document itself. */
  release(document: string): void {
    const syncing = this.#syncing.get(document);
    if (!syncing) return;
    this.#syncing.delete(document);
    syncing.timer.cancel();
    syncing.unsubscribe();
    this.closed(document, syncing.handle.end());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const document of [...this.#syncing.keys()]) this.release(document);
    await Promise.all(this.#closing.values());
    await this.#store.close();
  }

  /** Whether documents can be synced. */
  get #isOnline(): boolean {
    return this.#options.connection.state === "online";
  }

  /** Looks what there is to be saved. */
  #scan(): void {
    this.#isScanDue = true;
    if (this.#isScanning || this.#isClosed) return;
    this.#isScanning = true;
    this.#startAll()
      .catch((thrown: unknown) => this.#options.onError(thrown))
      .finally(() => {
        this.#isScanning = false;
      });
  }

  async #startAll(): Promise<void> {
    while (this.#isScanDue) {
      this.#isScanDue = false;
      const pending = await this.#store.pending();
      if (this.#isClosed) return;
      const wanted = pending.filter(({ document }) => this.#isWanted(document));
      if (wanted.length > 0) this.#options.onPending();
      if (!this.#isOnline) continue;
      for (const { document } of wanted.slice(0, MAX_DOCUMENTS - this.#syncing.size)) this.#start(document);
    }
  }

  #isWanted(document: string): boolean {
    return (
      !this.#options.handles.has(document) &&
      !this.#closing.has(document) &&
      !this.#syncing.has(document) &&
      !this.#givenUp.has(document)
    );
  }

  #start(document: string): void {
    const handle = this.#options.open(document);
    const unsubscribe = handle.subscribe(() => {
      const { saved, status } = handle.getSnapshot();
      if (saved) this.#done(document);
      else if (status.kind === "refused") this.#giveUp(document);
    });
    const { clock } = this.#options.environment;
    const timer = clock.setTimer(PATIENCE_MS, () => this.#giveUp(document));
    this.#syncing.set(document, { handle, timer, unsubscribe });
  }

  #giveUp(document: string): void {
    this.#givenUp.add(document);
    this.#done(document);
  }

  #done(document: string): void {
    this.release(document);
    this.#scan();
  }
}
