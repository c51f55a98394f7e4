/**
 * A document as the application has it: a Y.Doc with its awareness, and what is true of them. It brings together the
 * session with the server, the copy on this device and presence, and knows which edits are local: all that neither
 * of the first two brought.
 */

import type { WirePermission } from "@joinery/shared/protocol";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";
import { Content } from "./content.ts";
import type {
  DocumentEvents,
  DocumentSnapshot,
  LineageChoice,
  LineageConflict,
  OpenOptions,
} from "./document-api.ts";
import type { DocumentContext, DocumentHost } from "./document-host.ts";
import { Events } from "./events.ts";
import { RefusedError } from "./failure.ts";
import { mergeUpdates } from "./merge.ts";
import { type Observable, throwLater, Watched } from "./observable.ts";
import type { Other, Presence, PresenceState } from "./presence.ts";
import { Session } from "./session.ts";
import { type SignalReceiver, writeSignal } from "./signals.ts";
import type { Status } from "./status.ts";

export class DocumentHandle implements Observable<DocumentSnapshot> {
  readonly name: string;
  readonly #host: DocumentHost;
  readonly #content: Content;
  readonly #session: Session;
  readonly #watched: Watched<DocumentSnapshot>;
  readonly #others: Watched<readonly Other[]>;
  #isClosed = false;
  #ending: Promise<void> = Promise.resolve();
  #opened = 0;

  /** For the client, which opens documents. */
  constructor(name: string, options: OpenOptions, context: DocumentContext) {
    const events = new Events<DocumentEvents>();
    // A mistake of the application, which nobody else can handle.
    const report = (thrown: unknown) => {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (!events.emit("error", error)) throwLater(error);
    };
    this.name = name;
    this.#host = {
      ...context,
      name,
      options,
      events,
      report,
      changed: () => this.#watched.changed(),
      othersChanged: () => this.#others?.changed(),
      destroyed: () => void this.end().catch(report),
    };
    this.#content = new Content(this.#host);
    this.#session = new Session(this.#host, this.#content);
    this.#watched = new Watched(
      () => this.#snapshot(),
      (before, now) => this.#tell(before, now),
    );
    this.#others = new Watched(() => this.#content.presence?.others() ?? []);
    this.#content.load(this.#session);
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

  /** Presence as editor bindings know it; another one once `doc` is. */
  get awareness(): Awareness {
    return this.#presence.awareness;
  }

  get status(): Status {
    return this.getSnapshot().status;
  }

  get synced(): boolean {
    return this.getSnapshot().synced;
  }

  get saved(): boolean {
    return this.getSnapshot().saved;
  }

  get unsaved(): { readonly count: number; readonly bytes: number } {
    return this.getSnapshot().unsaved;
  }

  get permission(): WirePermission | null {
    return this.getSnapshot().permission;
  }

  get user(): string | null {
    return this.getSnapshot().user;
  }

  get conflict(): LineageConflict | null {
    return this.getSnapshot().conflict;
  }

  /** Listens to an event. @returns Stops that. */
  on<Name extends keyof DocumentEvents>(
    name: Name,
    listener: (payload: DocumentEvents[Name]) => void,
  ): () => void {
    return this.#host.events.on(name, listener);
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

  /**
   * Resolves when what this device has of the document is in `doc`; at once without an offline store. Rejects with
   * RefusedError when the document is closed before.
   */
  whenLoaded(): Promise<void> {
    // A document that the server refuses is loaded all the same.
    return this.#when(({ isLoaded }) => isLoaded, "closed");
  }

  /**
   * Sends a message to those who have the document open now; it is never kept.
   *
   * @param name 1 to 64 bytes.
   * @param payload Anything that JSON can say, at most 16 KiB of it.
   * @param options.to `all`, this client included; `others`, the default; or one user, in all of their sessions.
   * @returns Whether it was sent: not while there is no connection. A server that refuses it says so by `notice`.
   */
  signal(name: string, payload: unknown, options: { readonly to?: SignalReceiver } = {}): boolean {
    return this.#session.signal(writeSignal(name, payload, options.to ?? "others"));
  }

  /** Changes some fields of what we say of ourselves; others are told at most once in 50 ms, always the newest. */
  setPresence(fields: PresenceState): void {
    this.#presence.set(fields);
  }

  /** We are typing: others see it for 3 s. Call it at each keystroke. */
  typing(): void {
    this.#presence.typing();
  }

  /** Everybody else who is here; the same list until it changes. */
  others(): readonly Other[] {
    return this.#others.getSnapshot();
  }

  /** As `others`, to watch: the same object for as long as the document is open, also when `doc` becomes another. */
  get presence(): Observable<readonly Other[]> {
    return this.#others;
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
    const { applyChoice } = await import("./choice.ts");
    await applyChoice({ host: this.#host, content: this.#content, session: this.#session }, choice, copyName);
  }

  /**
   * Closes the document, once it was closed as often as it was opened. Edits that are not saved are kept in the offline
   * store, from which they are synced in the background; without a store they are lost, so wait for `whenSaved` first.
   * A Y.Doc that is destroyed closes it, too.
   *
   * @returns When all is in the store. Rejects with OFFLINE_STORE_FAILED (never) when it cannot be; it is closed all the
   * same.
   */
  async close(): Promise<void> {
    if (this.#isClosed || --this.#opened <= 0) await this.end();
  }

  // For the client

  opened(): void {
    this.#opened++;
  }

  /** Closes, however often it was opened. */
  end(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#session.close();
      this.#watched.changed();
      this.#ending = this.#content.close();
      this.#host.closed(this.#ending);
    }
    return this.#ending;
  }

  connectionChanged(): void {
    this.#watched.changed();
  }

  /** Resolves when the copy on this device is on disk. */
  async whenStored(): Promise<void> {
    await this.#content.copy?.flush();
  }

  // What it is made of

  get #presence(): Presence {
    // reason: only documents that are being saved in the background have none, and nobody else has those.
    return this.#content.presence as Presence;
  }

  // What is true

  #snapshot(): DocumentSnapshot {
    const { doc, isLoaded, offlineError } = this.#content;
    const now = this.#session.snapshot();
    const saved = isLoaded && now.unsaved.count === 0 && !now.conflict;
    return { ...now, doc, isLoaded, saved, offlineError };
  }

  #tell(before: DocumentSnapshot, now: DocumentSnapshot): void {
    for (const name of ["status", "synced", "saved"] as const) {
      if (now[name] !== before[name]) this.#host.events.emit(name, now[name] as never);
    }
    if (now.conflict && now.conflict !== before.conflict) this.#choose(now.conflict);
  }

  #choose(conflict: LineageConflict): void {
    this.#host.events.emit("lineage", conflict);
    const choose = async () => {
      const choice = await this.#host.options.onLineage?.(conflict);
      if (choice && this.conflict === conflict) await this.resolve(choice);
    };
    choose().catch((thrown: unknown) => {
      // Who closes it meanwhile has made no mistake.
      if (!this.#isClosed) this.#host.report(thrown);
    });
  }

  /** @param end Rejects in this state, and when closed. */
  async #when(
    isReached: (snapshot: DocumentSnapshot) => boolean,
    end: Status["kind"] = "refused",
  ): Promise<void> {
    const isOver = ({ status: { kind } }: DocumentSnapshot) => kind === end || kind === "closed";
    const snapshot = await this.#watched.until((now) => isReached(now) || isOver(now));
    if (isReached(snapshot)) return;
    const { code, reason } = snapshot.status;
    const message = reason ?? "The document was closed.";
    throw new RefusedError({ code: code ?? "CONNECTION_LOST", retry: "never", message });
  }
}
