/**
 * The documents that are kept on this device. It opens their copies, each once at a time, and brings edits of those
 * that nobody has open to the server, a few documents at a time: what the store remembers from earlier, and what was
 * closed before it was saved. Loaded only by clients that keep documents.
 */

import { JoineryError, toJoineryError } from "@joinery/shared";
import type { Connection } from "./connection.ts";
import type { DocumentHandle } from "./document.ts";
import { LocalCopy } from "./local-copy.ts";
import type { OfflineStore, OnCopyState, PendingDocument } from "./offline/ports.ts";
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
  /** Told when the store cannot be read, or a copy not be closed, and with `null` when they can again. */
  onState(error: JoineryError | null): void;
}

interface Syncing {
  readonly handle: DocumentHandle;
  readonly timer: Timer;
  readonly unsubscribe: () => void;
}

export class KeptDocuments {
  readonly #options: KeptDocumentsOptions;
  readonly #store: OfflineStore;
  readonly #stopListening: () => void;
  /** Copies that are still being closed, or forgotten. */
  readonly #busy = new Map<string, Promise<void>>();
  readonly #syncing = new Map<string, Syncing>();
  /** Those that were refused, or took too long, since the last connection. */
  readonly #givenUp = new Set<string>();
  #wasOnline = false;
  #isScanning = false;
  #isScanDue = false;
  #isClosed = false;
  /** Why the list of unsaved edits could not be read, or a copy not be closed, the last time. */
  #scanError: JoineryError | null = null;
  #closeError: JoineryError | null = null;

  /** Rejects with OFFLINE_STORE_FAILED (never) when the store cannot be opened. */
  static async open(options: KeptDocumentsOptions): Promise<KeptDocuments> {
    const kept = new KeptDocuments(options, await options.environment.openOfflineStore(options.name));
    kept.#scan();
    return kept;
  }

  private constructor(options: KeptDocumentsOptions, store: OfflineStore) {
    this.#options = options;
    this.#store = store;
    this.#stopListening = options.environment.onBackground(() => store.writeNow());
  }

  /** Opens a document's copy, once it is not open any more. */
  async openCopy(document: string, encode: () => Uint8Array, onState: OnCopyState): Promise<LocalCopy> {
    await this.#busy.get(document);
    const { clock } = this.#options.environment;
    return new LocalCopy(await this.#store.open(document, onState), clock, encode);
  }

  /** A document was closed, and its copy is being. @param isGivenUp If that fails: it would be tried again at once. */
  closed(document: string, closing: Promise<void>, isGivenUp = false): void {
    this.#hold(
      document,
      closing.then(
        () => this.#tell({ closeError: null }),
        (thrown: unknown) => {
          if (isGivenUp) this.#givenUp.add(document);
          this.#tell({ closeError: toJoineryError(thrown) });
        },
      ),
    );
  }

  /**
   * Removes a document's copy. If the application opens the document meanwhile, it begins anew.
   *
   * Rejects with INVALID_OPTION (never) when the application has it open, or when it has unsaved edits that are not to
   * be discarded.
   */
  async forget(document: string, discardUnsaved = false): Promise<void> {
    if (this.#options.handles.has(document)) throw unforgettable(document, "it is open");
    this.release(document);
    const forgetting = this.#forget(document, discardUnsaved, this.#busy.get(document));
    this.#hold(
      document,
      forgetting.catch(() => undefined),
    );
    await forgetting;
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
    this.closed(document, syncing.handle.end(), true);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const document of [...this.#syncing.keys()]) this.release(document);
    await Promise.all(this.#busy.values());
    this.#stopListening();
    await this.#store.close();
  }

  async #forget(
    document: string,
    discardUnsaved: boolean,
    closing: Promise<void> | undefined,
  ): Promise<void> {
    await closing;
    const pending = (await this.#store.pending()).find((one) => one.document === document);
    if (pending && !discardUnsaved) {
      throw unforgettable(document, `it has edits that are not saved (${pending.unsaved})`);
    }
    await this.#store.remove(document);
  }

  /** Keeps the document's copy from being opened while something is done with it, which must not reject. */
  #hold(document: string, doing: Promise<void>): void {
    const done = doing.then(() => {
      if (this.#busy.get(document) === done) this.#busy.delete(document);
      this.#scan();
    });
    this.#busy.set(document, done);
  }

  #tell({ scanError = this.#scanError, closeError = this.#closeError }): void {
    const before = this.#scanError ?? this.#closeError;
    [this.#scanError, this.#closeError] = [scanError, closeError];
    const now = scanError ?? closeError;
    if (now !== before) this.#options.onState(now);
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
      .then(
        () => this.#tell({ scanError: null }),
        (thrown: unknown) => this.#tell({ scanError: toJoineryError(thrown) }),
      )
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
      !this.#busy.has(document) &&
      !this.#syncing.has(document) &&
      !this.#givenUp.has(document)
    );
  }

  #start(document: string): void {
    const handle = this.#options.open(document);
    const unsubscribe = handle.subscribe(() => {
      const { saved, status, offlineError } = handle.getSnapshot();
      // A copy that cannot be read or written stays on the list, and would be tried again at once.
      if (status.kind === "refused" || (saved && offlineError)) this.#giveUp(document);
      else if (saved) this.#done(document);
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

function unforgettable(document: string, why: string): JoineryError {
  return new JoineryError("INVALID_OPTION", `${document} cannot be forgotten: ${why}`);
}
