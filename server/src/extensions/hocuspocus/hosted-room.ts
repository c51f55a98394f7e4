/**
 * A room, as extensions know it: who is in it, what they may do there, and its Y.Doc if extensions want to see one.
 * The engine tells it what happened; at the end of the turn it does what follows from that and calls the hooks.
 */

import { type AwarenessEntry, encodeAwareness, type JoineryError } from "@joinery/shared";
import type * as Y from "yjs";
import type { ObservedRoom } from "../../engine/observer.ts";
import type { Session } from "../../engine/session.ts";
import { Changes } from "./changes.ts";
import { errorOf } from "./hook-chain.ts";
import type { Context, HostedConnection } from "./hosted-connection.ts";
import { HostedCopy } from "./hosted-copy.ts";
import { type DocumentRoom, HostedDocument, type YDocOptions } from "./hosted-document.ts";
import { HostedPresence } from "./hosted-presence.ts";
import { addLoaded, LoadedContent, MadeAnew } from "./loaded-content.ts";
import { refusalOf } from "./refusal.ts";
import type { Opener, RoomHost } from "./room-host.ts";
import { ServerPresence } from "./server-presence.ts";
import type { Storable } from "./stores.ts";
import { connectionOf, contextOf, NOBODYS_CHANGE, skipsStoring } from "./transaction-origin.ts";
import { TurnQueue } from "./turn-queue.ts";
import { noRequestFields, type RequestFields } from "./web-request.ts";

export class HostedRoom implements DocumentRoom, Storable {
  readonly connections = new Map<HostedConnection, { readonly clients: Set<number> }>();
  /** Direct connections. */
  readonly directs = new Set<object>();
  readonly #host: RoomHost;
  readonly #room: ObservedRoom;
  readonly #queue: TurnQueue;
  readonly #changes: Changes;
  readonly #presence: HostedPresence;
  readonly #copy: HostedCopy;
  #yDocOptions: YDocOptions;
  /** While extensions fill the document. */
  #loading: LoadedContent | null = null;
  #isLoaded = false;
  /** Whether the load has succeeded: before that nothing is written, nor stored. */
  #isFilled = false;
  /** Of the last change before that, if extensions are to store one. */
  #changeToStore: { readonly origin: unknown } | null = null;
  #isOver = false;

  constructor(host: RoomHost, room: ObservedRoom) {
    const { chain, clock } = host;
    this.#host = host;
    this.#room = room;
    this.#yDocOptions = host.yDocOptions;
    this.#queue = new TurnQueue(
      clock,
      () => this.#writeBack(),
      (thrown) => this.#report("document", thrown),
    );
    this.#changes = new Changes({
      chain,
      name: this.name,
      document: () => this.hosted,
      payload: (update, origin) => ({ ...this.#changePayload(origin), update }),
    });
    const ownPresence = new ServerPresence({
      rooms: host.rooms,
      clock,
      document: room.document,
      awareness: () => this.document?.awareness ?? null,
    });
    this.#presence = new HostedPresence(chain, this, ownPresence);
    this.#copy = new HostedCopy({
      host,
      room,
      create: () => this.#create(),
      onUpdate: (update, origin, transaction) => this.#updated(update, origin, transaction),
      onWritten: () => {
        if (this.#isFilled) this.#queue.wake();
      },
      onObserverThrew: (thrown) => this.#report("observer of the document", thrown),
      onRebuilt: (document, reason) => this.#rebuilt(document, reason),
    });
  }

  get name(): string {
    return this.#room.document;
  }

  /** `null` where extensions want to see none. */
  get document(): HostedDocument | null {
    return this.#copy.document;
  }

  /** @throws Error if there is none. */
  get hosted(): HostedDocument {
    if (this.document === null) throw new Error(`${this.name} is not hosted`);
    return this.document;
  }

  get directConnections(): number {
    return this.directs.size;
  }

  get clientsCount(): number {
    return this.connections.size + this.directs.size;
  }

  get isStoring(): boolean {
    return this.#host.stores.isStoring(this.name);
  }

  get instance(): object {
    return this.#host.instance;
  }

  /** What almost every payload has. */
  get fields(): object {
    const { instance } = this.#host;
    return { instance, document: this.document, documentName: this.name, clientsCount: this.clientsCount };
  }

  // The document is there.

  /**
   * Fills the document with what extensions have of it. Resolves when all of that was accepted; rejects with the
   * refusal of whoever waits for the document.
   */
  async load(opener: Opener): Promise<void> {
    const { chain, instance, stores } = this.#host;
    const { name: document } = this;
    const { context, requestFields, connectionConfig } = opener;
    if (!stores.isMarked(this.#room)) this.#changeToStore = { origin: NOBODYS_CHANGE };
    const about = { ...requestFields, context, connectionConfig, documentName: document, instance };
    try {
      await chain.run("onCreateDocument", about, {
        document,
        onResult: (result) => {
          this.#yDocOptions = { ...this.#yDocOptions, ...(result as YDocOptions | undefined) };
        },
      });
      const payload = { ...about, document: this.#copy.open() };
      const content = new LoadedContent(payload.document);
      this.#loading = content;
      const onResult = (result: unknown, hook: string) => {
        addLoaded(this.hosted, result);
        if (content.isMadeAnew) this.#copy.rebuild(new MadeAnew(hook));
        payload.document = this.hosted;
      };
      await chain.run("onLoadDocument", payload, { document, onResult });
      this.#loading = null;
      this.hosted.isLoading = false;
      this.#isLoaded = true;
      await chain.run("afterLoadDocument", payload, { document });
      await this.#writeLoaded();
      this.#isFilled = true;
      stores.adopt(this);
      if (this.#changeToStore) stores.changed(this, this.#changeToStore.origin);
    } catch (thrown) {
      throw refusalOf(thrown);
    }
  }

  /** The document is there, and extensions want to see none of it. */
  loadUnseen(): void {
    this.#isLoaded = true;
    this.#isFilled = true;
  }

  /** Makes the document all the same, for an extension that writes to it. @throws JoineryError SERVER_FULL. */
  show(): void {
    if (this.document === null) this.#copy.open().isLoading = false;
  }

  /** Undoes that, when the last one who wanted to see it has gone. */
  hide(): void {
    this.#queue.push(() => {
      if (this.directs.size === 0) this.#copy.close();
    });
  }

  // What the engine tells. None of it runs any code of an extension.

  accepted(connection: HostedConnection | null, update: Uint8Array): void {
    if (this.document === null) return;
    this.#copy.grew(update.length);
    const origin = connection && { source: "connection", connection };
    this.#queue.push(() => this.#copy.apply(update, origin));
  }

  announced(connection: HostedConnection, entries: readonly AwarenessEntry[]): void {
    if (this.document === null) return;
    // The states may be views into what is used again.
    const update = encodeAwareness(entries);
    this.#queue.push(() => this.#presence.apply(connection, update));
  }

  joined(connection: HostedConnection, session: Session): void {
    this.connections.set(connection, { clients: new Set() });
    connection.entered(this, session);
    this.clientsChanged();
    if (!this.#host.chain.has("connected")) return;
    const { context, connectionConfig, providerVersion, request, requestFields } = connection;
    const { instance } = this.#host;
    const about = { ...requestFields, context, connectionConfig, providerVersion, request, connection };
    const payload = { ...about, documentName: this.name, instance };
    this.#queue.push(() => this.#host.chain.tell("connected", payload, this.name));
  }

  left(connection: HostedConnection): void {
    this.#queue.push(() => this.#disconnected(connection));
  }

  /** @returns Whether the room may go; `null` for yes, where nobody has to be asked. */
  evicting(): Promise<boolean> | null {
    const { chain, stores } = this.#host;
    const isClean = this.#queue.isEmpty && !stores.isPending(this.name);
    if (!isClean || chain.has("beforeUnloadDocument")) return this.#mayGo();
    stores.mark(this.#room);
    return null;
  }

  /** @returns Resolves when extensions have been told. */
  ended(error: JoineryError | null): Promise<void> {
    return new Promise((resolve) => this.#queue.push(() => resolve(this.#end(error))));
  }

  // What extensions do.

  /** Somebody has come or gone. */
  clientsChanged(): void {
    this.#queue.push(() => this.#presence.clientsChanged());
  }

  /** Does what waits for the end of the turn, so that the document is the room's. */
  catchUp(): void {
    this.#queue.runWaiting();
  }

  /** Resolves when what extensions wrote was accepted by the room; rejects with the refusal. */
  async write(): Promise<void> {
    if (this.#isFilled) await this.#copy.write();
  }

  whenDurable(): Promise<void> {
    return this.#room.whenDurable();
  }

  broadcastStateless(payload: string, isFor?: (connection: HostedConnection) => boolean): void {
    const about = { document: this.document, documentName: this.name, payload };
    this.#host.chain.tell("beforeBroadcastStateless", about, this.name);
    this.sendStateless(payload, isFor);
  }

  sendStateless(text: string, isFor?: (connection: HostedConnection) => boolean): void {
    const payload = new TextEncoder().encode(JSON.stringify(text));
    const bySession = new Map([...this.connections.keys()].map((each) => [each.session, each]));
    this.#room.signal({ name: "stateless", payload }, (session) => {
      const connection = bySession.get(session);
      return connection !== undefined && (isFor === undefined || isFor(connection));
    });
  }

  /** Runs after what the engine has told so far in this turn. */
  afterTold(run: () => void): void {
    this.#queue.push(run);
  }

  // Storing

  storePayload(lastTransactionOrigin: unknown): object {
    const lastContext = contextOf(lastTransactionOrigin);
    return { ...this.fields, lastContext, lastTransactionOrigin };
  }

  /** Stores now what has changed. */
  async store(): Promise<void> {
    await this.#host.stores.storeNow(this.name);
  }

  stored(): void {
    if (this.#isOver) this.#copy.close();
  }

  /** Tells extensions that somebody has gone. */
  async tellGone(about: { readonly context: Context; readonly requestFields: RequestFields }): Promise<void> {
    const payload = { ...this.fields, context: about.context, ...about.requestFields };
    await this.#host.chain.told("onDisconnect", payload, this.name);
  }

  // How it is done.

  #create(): HostedDocument {
    const document = new HostedDocument(this.name, this, this.#yDocOptions);
    this.#presence.follow(document);
    return document;
  }

  /** What a damaged document was given cannot be kept; it is shown as far as it is sound. */
  async #writeLoaded(): Promise<void> {
    try {
      await this.#copy.write();
    } catch (thrown) {
      if (this.#room.damage === null) throw thrown;
    }
  }

  #rebuilt(document: HostedDocument, reason: Error): void {
    document.isLoading = !this.#isLoaded;
    this.#loading?.restore(document);
    this.#report(reason instanceof MadeAnew ? reason.hook : "document", reason);
    if (!this.#isLoaded) return;
    const connectionConfig = { readOnly: false, isAuthenticated: true };
    const payload = { ...this.fields, ...noRequestFields(), context: {}, connectionConfig };
    this.#host.chain.tell("afterLoadDocument", payload, this.name);
  }

  #updated(update: Uint8Array, origin: unknown, transaction: Y.Transaction): void {
    this.#loading?.changed(update, transaction);
    if (!this.#isLoaded) return;
    const { chain, clock, stores } = this.#host;
    this.hosted.lastChangeTime = clock.now();
    if (chain.has("onChange")) this.#changes.changed(update, origin, transaction);
    if (!stores.isWanted || skipsStoring(origin)) return;
    if (this.#isFilled) stores.changed(this, origin);
    else this.#changeToStore = { origin };
  }

  #writeBack(): void {
    // The document was made anew then, and that was reported.
    this.write().catch(() => undefined);
  }

  #disconnected(connection: HostedConnection): void {
    const onThrown = (thrown: unknown) => this.#report("observer of the document", thrown);
    this.#presence.left(connection, onThrown);
    this.connections.delete(connection);
    connection.left(onThrown);
    this.#presence.clientsChanged();
    const { stores, storesWhenEmpty } = this.#host;
    void this.tellGone(connection).then(async () => {
      if (this.clientsCount === 0 && storesWhenEmpty) await stores.storeNow(this.name);
    });
  }

  async #mayGo(): Promise<boolean> {
    const { chain, stores, instance } = this.#host;
    await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (!(await stores.storeNow(this.name))) return false;
    const payload = { instance, documentName: this.name, document: this.document };
    try {
      await chain.run("beforeUnloadDocument", payload, { document: this.name });
    } catch {
      // A veto; if it was a mistake, it has been reported.
      return false;
    }
    // An extension may have written meanwhile.
    if (stores.isPending(this.name)) return false;
    stores.mark(this.#room);
    return true;
  }

  async #end(error: JoineryError | null): Promise<void> {
    const { chain, stores, instance } = this.#host;
    this.#isOver = true;
    this.#presence.close();
    this.#copy.stop();
    this.#changes.tellRest();
    // What was not stored is stored all the same, unless a next room takes it over.
    if (error !== null && stores.isPendingOf(this)) void stores.storeNow(this.name);
    else this.#copy.close();
    if (!this.#isLoaded) return;
    await chain.told("afterUnloadDocument", { instance, documentName: this.name }, this.name);
  }

  #report(hook: string, thrown: unknown): void {
    this.#host.chain.report("hook-failed", hook, this.name, errorOf(thrown), 0);
  }

  #changePayload(origin: unknown): object {
    const connection = connectionOf(origin);
    const request = connection?.requestFields ?? noRequestFields();
    return {
      ...this.fields,
      ...request,
      context: contextOf(origin),
      transactionOrigin: origin,
      connection,
    };
  }
}
