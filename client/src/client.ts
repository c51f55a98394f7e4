import { JoineryError, toJoineryError } from "@joinery/shared";
import { Connection } from "./connection.ts";
import { DocumentHandle } from "./document.ts";
import type { OpenOptions } from "./document-api.ts";
import type { DocumentContext } from "./document-host.ts";
import { standardEnvironment } from "./environment.ts";
import type { KeptDocuments } from "./kept-documents.ts";
import { type Observable, Watched } from "./observable.ts";
import type { PendingDocument } from "./offline/ports.ts";
import type { Environment } from "./ports.ts";
import type { Status } from "./status.ts";
import type { TokenSource } from "./token.ts";

export interface ClientOptions {
  /** The server's WebSocket address, `ws:` or `wss:`; documents are named on the connection, not in it. */
  readonly url: string;
  /**
   * Shown to the server: a text, or a function that is asked at each connection, and again when the last one is about
   * to expire or was not taken. Default: none.
   */
  readonly token?: TokenSource;
  /**
   * Keeps documents on this device: a folder in Node and Electron, a database's name in browsers. Default: nothing is
   * kept.
   */
  readonly offline?: string;
  /** What the server's log calls this client. Default "joinery". */
  readonly agent?: string;
  /** Sockets, clock and the like. Default: the platform's own. */
  readonly environment?: Environment;
}

export interface ClientSnapshot {
  /** Of the connection. */
  readonly status: Status;
  /** Why the offline store cannot be opened or read, or the last document not be closed; `null` when all is well. */
  readonly offlineError: JoineryError | null;
}

/**
 * The connection to one server, and the documents that are open over it. It connects when the first document is
 * opened, or when the offline store has edits that are not saved, and comes back by itself.
 */
export class JoineryClient implements Observable<ClientSnapshot> {
  readonly #environment: Environment;
  readonly #connection: Connection;
  readonly #handles = new Map<string, DocumentHandle>();
  /** `null` when nothing is to be kept on this device. */
  readonly #kept: Promise<KeptDocuments> | null;
  readonly #watched: Watched<ClientSnapshot>;
  #offlineError: JoineryError | null = null;
  /** Whether the application wants no connection. */
  #isOff = false;
  #isClosed = false;
  #closing: Promise<void> | null = null;

  /** Neither connects nor throws: a URL that is none is told by `status`. */
  constructor(options: ClientOptions) {
    const { url, token = "", offline, agent = "joinery", environment = standardEnvironment() } = options;
    const onChange = () => this.#connectionChanged();
    this.#environment = environment;
    this.#connection = new Connection({ url, token, agent, environment, onChange });
    this.#watched = new Watched(() => ({
      status: this.#connection.status,
      offlineError: this.#offlineError,
    }));
    this.#kept = offline === undefined ? null : this.#keep(offline);
    this.#withKept(() => undefined);
  }

  /** Calls back after each change of what `getSnapshot` gives. @returns Stops that. */
  get subscribe(): (listener: () => void) => () => void {
    return this.#watched.subscribe;
  }

  get getSnapshot(): () => ClientSnapshot {
    return this.#watched.getSnapshot;
  }

  /** Of the connection. */
  get status(): Status {
    return this.getSnapshot().status;
  }

  /**
   * Opens a document. One that is open already is given again, and closes when it was closed as often as it was opened.
   * What this device has of it is shown before the server answers. A name that the server does not like makes the
   * document refused, with INVALID_NAME.
   *
   * @throws JoineryError INVALID_OPTION (never) when the client is closed, or when the document is open with another
   * Y.Doc or awareness than the options give.
   */
  open(name: string, options: OpenOptions = {}): DocumentHandle {
    let handle = this.#handles.get(name);
    const { awareness, doc = awareness?.doc ?? handle?.doc } = options;
    const isOther = handle && (doc !== handle.doc || (awareness && awareness !== handle.awareness));
    if (this.#isClosed || isOther || (awareness && awareness.doc !== doc)) {
      const why = this.#isClosed ? "the client is closed" : "it has another Y.Doc";
      throw new JoineryError("INVALID_OPTION", `${name} cannot be opened: ${why}`);
    }
    if (!handle) {
      this.#withKept((kept) => kept.release(name));
      handle = new DocumentHandle(name, doc ? { ...options, doc } : options, this.#context(name, true));
      this.#handles.set(name, handle);
      this.#connectIfIdle();
    }
    handle.opened();
    return handle;
  }

  /**
   * Documents with edits that are not saved, open or not. Those that are not open are synced in the background.
   *
   * Rejects with OFFLINE_STORE_FAILED (never) when the store cannot be read.
   */
  async pending(): Promise<readonly PendingDocument[]> {
    const all = new Map<string, PendingDocument>();
    for (const pending of (await (await this.#kept)?.pending()) ?? []) all.set(pending.document, pending);
    for (const [document, handle] of this.#handles) {
      const { isLoaded, unsaved } = handle.getSnapshot();
      if (isLoaded) all.set(document, { document, unsaved: unsaved.count, bytes: unsaved.bytes });
    }
    return [...all.values()].filter(({ unsaved }) => unsaved > 0);
  }

  /**
   * Removes what this device has of a document that is not open here; the server's copy stays. Close it in other tabs
   * first. Does nothing without an offline store.
   *
   * @param options.discardUnsaved Also when it has edits that are not saved, which are lost then. Default false.
   * Rejects with INVALID_OPTION (never) when the document is open, or has unsaved edits that are not to be discarded;
   * with OFFLINE_STORE_FAILED (never) when the store cannot be read or written.
   */
  async forget(name: string, options: { readonly discardUnsaved?: boolean } = {}): Promise<void> {
    await (await this.#kept)?.forget(name, options.discardUnsaved);
  }

  /** Connects now: after `disconnect`, after a refusal, or instead of waiting. */
  connect(): void {
    this.#isOff = false;
    this.#connection.connect();
  }

  /** Gives the connection up until `connect`. Documents stay open and can be edited. */
  disconnect(): void {
    this.#isOff = true;
    this.#connection.disconnect();
  }

  /** Gives the server a new token while the connection goes on. Rejects as the application's token function does. */
  refreshToken(): Promise<void> {
    return this.#connection.refreshToken();
  }

  /**
   * Closes all documents and the connection. Resolves when all is in the offline store; rejects with
   * OFFLINE_STORE_FAILED (never) when it cannot be, and all is closed all the same. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    const closing = [...this.#handles.values()].map((handle) => handle.end());
    this.#connection.close();
    await Promise.allSettled(closing);
    // One that could not be opened was told of.
    const kept = await this.#kept?.catch(() => null);
    await kept?.close();
    await Promise.all(closing);
  }

  #context(name: string, isForeground: boolean): DocumentContext {
    return {
      connection: this.#connection,
      environment: this.#environment,
      hasPresence: isForeground,
      openCopy: (encode, onState) => this.#kept?.then((kept) => kept.openCopy(name, encode, onState)) ?? null,
      open: (copyName, doc) => this.open(copyName, { doc }),
      closed: (closing) => {
        if (!isForeground) return;
        this.#handles.delete(name);
        this.#withKept((kept) => kept.closed(name, closing));
      },
    };
  }

  async #keep(name: string): Promise<KeptDocuments> {
    try {
      const { KeptDocuments } = await import("./kept-documents.ts");
      return await KeptDocuments.open({
        name,
        environment: this.#environment,
        connection: this.#connection,
        handles: this.#handles,
        open: (document) => new DocumentHandle(document, {}, this.#context(document, false)),
        onPending: () => this.#connectIfIdle(),
        onState: (error) => this.#storeIs(error),
      });
    } catch (thrown) {
      this.#storeIs(toJoineryError(thrown));
      throw thrown;
    }
  }

  #connectIfIdle(): void {
    if (!this.#isOff && this.#connection.state === "idle") this.#connection.connect();
  }

  #storeIs(error: JoineryError | null): void {
    this.#offlineError = error;
    this.#watched.changed();
  }

  #connectionChanged(): void {
    this.#watched.changed();
    for (const handle of this.#handles.values()) handle.connectionChanged();
    this.#withKept((kept) => kept.connectionChanged());
  }

  /** In the order of opening and closing, also before the store is there. */
  #withKept(run: (kept: KeptDocuments) => void): void {
    // One that could not be opened was told of.
    this.#kept?.then(run, () => undefined);
  }
}
