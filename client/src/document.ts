/**
 * A document as the application has it: a Y.Doc with its awareness, and what is true of them. It brings together the
 * session with the server, the copy on this device and presence, and knows which edits are local: all that neither
 * of the first two brought.
 */

import { JoineryError } from "@joinery/shared";
import { clientFrames, type SignalTarget, type WirePermission } from "@joinery/shared/protocol";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import type { Connection } from "./connection.ts";
import { Content, type ContentOptions } from "./content.ts";
import type { DocumentEvents, DocumentSnapshot, LineageChoice, OpenOptions } from "./document-api.ts";
import { Events } from "./events.ts";
import { RefusedError } from "./failure.ts";
import { mergeUpdates } from "./merge.ts";
import { type Observable, throwLater, Watched } from "./observable.ts";
import type { OfflineCopy } from "./offline/ports.ts";
import type { Environment } from "./ports.ts";
import type { Other, Presence, PresenceState } from "./presence.ts";
import { Session } from "./session.ts";
import type { LineageConflict, SessionDocument } from "./session-document.ts";
import { type Status, status } from "./status.ts";

/** What a document needs of its client. */
export interface DocumentContext {
  readonly connection: Connection;
  readonly environment: Environment;
  /** Whether presence is wanted: not of a document that is only being saved. */
  readonly hasPresence: boolean;
  readonly openCopy: ContentOptions["openCopy"];
  /** Makes a document of this name out of the content. */
  keepAsCopy(copyName: string, content: Uint8Array): Promise<void>;
  /** Nobody has it open any more; its copy on this device is being closed. */
  closed(closing: Promise<void>): void;
}

const DEFAULT_THROTTLE_MS = 50;

export class DocumentHandle implements Observable<DocumentSnapshot> {
  readonly name: string;
  readonly #options: OpenOptions;
  readonly #context: DocumentContext;
  readonly #events = new Events<DocumentEvents>();
  readonly #session: Session;
  readonly #watched: Watched<DocumentSnapshot>;
  readonly #content: Content;
  #offlineError: JoineryError | null = null;
  #isClosed = false;
  #opened = 0;

  /** For the client, which opens documents. */
  constructor(name: string, options: OpenOptions, context: DocumentContext) {
    const { connection, environment } = context;
    this.name = name;
    this.#options = options;
    this.#context = context;
    this.#content = new Content(this.#contentOptions());
    this.#session = new Session(this.#sessionDocument(), connection, environment);
    this.#watched = new Watched(
      () => this.#snapshot(),
      (before, now) => this.#tell(before, now),
    );
    this.#content.load();
  }

  /** Calls back after each change of what `getSnapshot` gives. @returns Stops that. */
  get subscribe(): (listener: () => void) => () => void {
    return this.#watched.subscribe;
  }

  /** All that is true of the document now; the same object until something changes. */
  get getSnapshot(): () => DocumentSnapshot {
    return this.#watched.getSnapshot;
  }

  /** See {@link DocumentSnapshot} for this and the following. */
  get doc(): Y.Doc {
    return this.#content.doc;
  }

  /** Presence as editor bindings know it. */
  get awareness(): Awareness {
    // reason: only documents that are being saved in the background have none, and nobody else has those.
    return this.#content.awareness as Awareness;
  }

  get status(): Status {
    return this.getSnapshot().status;
  }

  get synced(): boolean {
    return this.#session.state === "live";
  }

  get saved(): boolean {
    return this.#content.isLoaded && this.unsaved.count === 0;
  }

  get unsaved(): { readonly count: number; readonly bytes: number } {
    return this.#session.outbox.unsaved;
  }

  get permission(): WirePermission | null {
    return this.#session.permission;
  }

  get user(): string | null {
    return this.#session.user || null;
  }

  get conflict(): LineageConflict | null {
    return this.#session.conflict;
  }

  /** Listens to an event. @returns Stops that. */
  on<Name extends keyof DocumentEvents>(
    name: Name,
    listener: (payload: DocumentEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** Resolves when everything that the server has is here. Rejects with RefusedError when the document is refused or closed. */
  whenSynced(): Promise<void> {
    return this.#when(({ synced }) => synced);
  }

  /**
   * Resolves when every local edit is durable on the server. Rejects with RefusedError when the document is refused or
   * closed. Waits while the session may only read.
   */
  whenSaved(): Promise<void> {
    return this.#when(({ saved }) => saved);
  }

  /** Resolves when what this device has of the document is in `doc`; at once without an offline store. */
  whenLoaded(): Promise<void> {
    return this.#when(({ isLoaded }) => isLoaded);
  }

  /**
   * Sends a message to those who have the document open now; it is never kept.
   *
   * @param name 1 to 64 bytes.
   * @param payload Anything that JSON can say, at most 16 KiB of it.
   * @param options.to `all`, this client included; `others`, the default; or one user, in all of their sessions.
   * @returns Whether it was sent: not while there is no connection. A server that refuses it says so by `notice`.
   */
  signal(
    name: string,
    payload: unknown,
    options: { readonly to?: "all" | "others" | { readonly user: string } } = {},
  ): boolean {
    const { to = "others" } = options;
    const target: SignalTarget = typeof to === "string" ? { kind: to } : { kind: "user", user: to.user };
    const json = new TextEncoder().encode(JSON.stringify(payload ?? null));
    return this.#session.signal(clientFrames.signal(target, name, json));
  }

  /** Changes some fields of what we say of ourselves; others are told at most once in 50 ms, always the newest. */
  setPresence(fields: PresenceState): void {
    this.#content.presence?.set(fields);
  }

  /** We are typing: others see it for 3 s. Call it at each keystroke. */
  typing(): void {
    this.#content.presence?.typing();
  }

  /** Everybody else who is here; the same list until it changes. */
  others(): readonly Other[] {
    return this.#content.presence?.getSnapshot() ?? [];
  }

  /** As `others`, to watch. */
  get presence(): Observable<readonly Other[]> {
    // reason: as above.
    return this.#content.presence as Presence;
  }

  /** Gives the server a new token, without opening the document anew. Rejects as the application's token function does. */
  refreshToken(): Promise<void> {
    return this.#session.refreshToken();
  }

  /** Asks the server again, after a refusal or instead of waiting. */
  retry(): void {
    this.#session.reopen();
  }

  /** For a document that is refused: what is only on this device, and the whole document, as Yjs v1 updates. */
  rescue(): { readonly unsaved: Uint8Array; readonly document: Uint8Array } {
    return {
      unsaved: mergeUpdates(this.#session.outbox.updates),
      document: this.#content.encode(),
    };
  }

  /**
   * Decides what becomes of the copy on this device while the document is refused. After `discard` and `keep-as-copy`
   * `doc` is another Y.Doc, because Yjs cannot take content out of one: the event `doc` tells.
   *
   * @param copyName For `keep-as-copy`. Default: the name and " (copy)".
   * @throws JoineryError INVALID_OPTION (never) when the document is not refused, or for `merge` not by its lineage;
   * rejects with OFFLINE_STORE_FAILED (never) when the copy cannot be made: then nothing changes.
   */
  async resolve(choice: LineageChoice, copyName = `${this.name} (copy)`): Promise<void> {
    if (this.#session.state !== "refused" || (choice === "merge" && !this.conflict)) {
      throw new JoineryError("INVALID_OPTION", `${this.name} has nothing to ${choice}`);
    }
    const content = this.#content.encode();
    if (choice === "keep-as-copy") await this.#context.keepAsCopy(copyName, content);
    const kept = choice === "merge" ? [content] : [];
    this.#replaceCopy({ updates: kept, unsaved: kept, revision: null, lineage: null });
    if (choice !== "merge") {
      this.#content.replaceDoc();
      this.#events.emit("doc", this.doc);
    }
    this.#session.reopen();
    this.#watched.changed();
  }

  /**
   * Closes the document, once it was closed as often as it was opened. Edits that are not saved are kept in the offline
   * store, from which they are synced in the background; without a store they are lost, so wait for `whenSaved` first.
   *
   * @returns When all is in the store.
   */
  async close(): Promise<void> {
    if (this.#isClosed || --this.#opened > 0) return;
    await this.end();
  }

  // For the client

  opened(): void {
    this.#opened++;
  }

  /** Closes, however often it was opened. */
  async end(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#session.close();
    this.#watched.changed();
    const closing = this.#content.close();
    this.#context.closed(closing);
    await closing;
  }

  connectionChanged(): void {
    this.#watched.changed();
  }

  hide(): void {
    this.#content.presence?.hide();
  }

  show(): void {
    this.#content.presence?.show();
  }

  /** Resolves when the copy on this device is on disk. */
  async whenStored(): Promise<void> {
    await this.#content.copy?.flush();
  }

  // What it is made of

  #contentOptions(): ContentOptions {
    const { doc, awareness, presenceThrottleMs: throttleMs = DEFAULT_THROTTLE_MS } = this.#options;
    const { environment, hasPresence, openCopy } = this.#context;
    const onDue = () => this.#session.request();
    return {
      doc,
      awareness,
      presence: hasPresence ? { clock: environment.clock, throttleMs, onDue } : null,
      origin: this,
      openCopy,
      onLoaded: (copy, unsaved) => {
        this.#session.outbox.restore(unsaved);
        this.#watched.changed();
        this.#session.loaded(copy?.revision ?? null, copy?.lineage ?? null);
      },
      onEdit: (update) => {
        this.#session.edited(update);
        this.#watched.changed();
      },
      onCopyFailed: (error) => {
        this.#offlineError = error;
        this.#watched.changed();
        // The state says so, too: nobody has to listen.
        this.#events.emit("error", error);
      },
      onError: (thrown) => this.#report(thrown),
    };
  }

  #replaceCopy(copy: OfflineCopy): void {
    this.#content.copy?.replace(copy);
    this.#session.outbox.clear();
    this.#session.outbox.restore(copy.unsaved);
    this.#session.forgetLineage();
  }

  #sessionDocument(): SessionDocument {
    const content = this.#content;
    return {
      name: this.name,
      token: this.#options.token ?? null,
      seed: this.#options.seed ?? null,
      get doc() {
        return content.doc;
      },
      get presence() {
        return content.presence;
      },
      apply: (update) => content.apply(update),
      saved: (edits) => content.copy?.saved(edits),
      positionChanged: (revision, lineage) => content.copy?.setRevision(revision, lineage),
      signalled: ({ user, session, name, payload }) => {
        const json = parseJson(payload);
        if (json) this.#events.emit("signal", { name, payload: json.value, user: user || null, session });
      },
      noticed: (failure) => this.#events.emit("notice", failure),
      permissionChanged: (permission, reason) => this.#events.emit("permission", { permission, reason }),
      report: (thrown) => this.#report(thrown),
      changed: () => this.#watched.changed(),
    };
  }

  /** A mistake of the application, which nobody else can handle. */
  #report(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    if (!this.#events.emit("error", error)) throwLater(error);
  }

  // What is true

  #snapshot(): DocumentSnapshot {
    const { synced, saved, unsaved, permission, user, conflict } = this;
    return {
      status: this.#status(),
      doc: this.doc,
      isLoaded: this.#content.isLoaded,
      synced,
      saved,
      unsaved,
      permission,
      user,
      conflict,
      offlineError: this.#offlineError,
    };
  }

  #status(): Status {
    const { state, failure, retryAtMs } = this.#session;
    const { connection } = this.#context;
    if (this.#isClosed) return status("closed");
    if (state === "live") return status("online");
    if (state === "refused") return status("refused", failure);
    if (connection.state === "refused") return status("refused", connection.failure);
    if (state === "waiting") return status("offline", failure, retryAtMs);
    if (connection.state === "connecting" || connection.isUp) {
      return status("connecting", connection.failure ?? failure);
    }
    return status("offline", connection.failure, connection.retryAtMs);
  }

  #tell(before: DocumentSnapshot, now: DocumentSnapshot): void {
    if (now.status !== before.status) this.#events.emit("status", now.status);
    if (now.synced !== before.synced) this.#events.emit("synced", now.synced);
    if (now.saved !== before.saved) this.#events.emit("saved", now.saved);
    if (now.conflict && now.conflict !== before.conflict) this.#choose(now.conflict);
  }

  #choose(conflict: LineageConflict): void {
    this.#events.emit("lineage", conflict);
    const choose = async () => {
      const choice = await this.#options.onLineage?.(conflict);
      if (choice && this.conflict === conflict) await this.resolve(choice);
    };
    choose().catch((thrown: unknown) => this.#report(thrown));
  }

  #when(isReached: (snapshot: DocumentSnapshot) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): boolean => {
        const snapshot = this.getSnapshot();
        const { kind, code, reason } = snapshot.status;
        if (isReached(snapshot)) resolve();
        else if (kind === "refused" || kind === "closed") {
          const message = reason ?? "The document was closed.";
          reject(new RefusedError({ code: code ?? "CONNECTION_LOST", retry: "never", message }));
        } else return false;
        return true;
      };
      if (check()) return;
      const stop = this.subscribe(() => {
        if (check()) stop();
      });
    });
  }
}

/** `null` for what is no JSON: anybody may have sent it, and it concerns nobody. */
function parseJson(bytes: Uint8Array): { value: unknown } | null {
  try {
    return { value: JSON.parse(new TextDecoder().decode(bytes)) };
  } catch {
    return null;
  }
}
