/**
 * A room, as extensions know it: who is in it, what they may do there, and its Y.Doc if extensions want to see one.
 * The engine tells it what happened; at the end of the turn it does what follows from that and calls the hooks.
 */

import { type AwarenessEntry, encodeAwareness, type JoineryError } from "@joinery/shared";
import type * as Y from "yjs";
import type { ObservedRoom } from "../../engine/observer.ts";
import type { Clock } from "../../engine/ports.ts";
import type { Rooms } from "../../engine/rooms.ts";
import type { Session } from "../../engine/session.ts";
import { Changes } from "./changes.ts";
import { DocumentSync } from "./document-sync.ts";
import type { HookChain } from "./hook-chain.ts";
import type { HostedBytes } from "./hosted-bytes.ts";
import type { Context, HostedConnection } from "./hosted-connection.ts";
import { type DocumentRoom, HostedDocument, type YDocOptions } from "./hosted-document.ts";
import { HostedPresence } from "./hosted-presence.ts";
import { addLoaded } from "./loaded-content.ts";
import { refusalOf } from "./refusal.ts";
import { ServerPresence } from "./server-presence.ts";
import type { Storable, Stores } from "./stores.ts";
import { connectionOf, contextOf, skipsStoring } from "./transaction-origin.ts";
import { TurnQueue } from "./turn-queue.ts";
import { noRequestFields, type RequestFields } from "./web-request.ts";

/** What all rooms of a host share. */
export interface RoomHost {
  readonly rooms: Rooms;
  readonly chain: HookChain;
  readonly clock: Clock;
  readonly stores: Stores;
  readonly bytes: HostedBytes;
  readonly yDocOptions: YDocOptions;
  /** Whether a document is stored as soon as the last client has left. */
  readonly storesWhenEmpty: boolean;
  /** What payloads have as `instance`. */
  readonly instance: object;
  /** Extensions find a document under its name, from now on or no more. */
  shown(document: HostedDocument): void;
  hidden(document: HostedDocument): void;
}

/** For whom a document is loaded. */
export interface Opener {
  readonly context: Context;
  readonly requestFields: RequestFields;
  readonly connectionConfig: { readOnly: boolean; isAuthenticated: boolean };
}

export class HostedRoom implements DocumentRoom, Storable {
  readonly connections = new Map<HostedConnection, { readonly clients: Set<number> }>();
  /** Direct connections. */
  readonly directs = new Set<object>();
  readonly #host: RoomHost;
  readonly #room: ObservedRoom;
  readonly #queue: TurnQueue;
  readonly #changes: Changes;
  readonly #presence: HostedPresence;
  #yDocOptions: YDocOptions;
  #sync: DocumentSync | null = null;
  #isLoaded = false;
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
  }

  get name(): string {
    return this.#room.document;
  }

  /** `null` where extensions want to see none. */
  get document(): HostedDocument | null {
    return this.#sync?.document ?? null;
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
    const { chain, instance, bytes } = this.#host;
    const { name: document } = this;
    const { context, requestFields, connectionConfig } = opener;
    const about = { ...requestFields, context, connectionConfig, documentName: document, instance };
    try {
      await chain.run("onCreateDocument", about, {
        document,
        onResult: (result) => {
          this.#yDocOptions = { ...this.#yDocOptions, ...(result as YDocOptions | undefined) };
        },
      });
      bytes.take(this, sumOf(this.#room.allUpdates()));
      const sync = this.#openDocument();
      const payload = { ...about, document: sync.document };
      const onResult = (result: unknown) => addLoaded(sync.document, result);
      await chain.run("onLoadDocument", payload, { document, onResult });
      sync.document.isLoading = false;
      this.#isLoaded = true;
      await chain.run("afterLoadDocument", payload, { document });
      await this.#writeLoaded(sync);
      this.#host.stores.adopt(this);
    } catch (thrown) {
      throw refusalOf(thrown);
    }
  }

  /** The document is there, and extensions want to see none of it. */
  loadUnseen(): void {
    this.#isLoaded = true;
  }

  /** Makes the document all the same, for an extension that writes to it. @throws JoineryError SERVER_FULL. */
  show(): void {
    if (this.#sync !== null) return;
    this.#host.bytes.take(this, sumOf(this.#room.allUpdates()));
    this.#openDocument().document.isLoading = false;
  }

  /** Undoes that, when the last one who wanted to see it has gone. */
  hide(): void {
    this.#queue.push(() => {
      if (this.directs.size === 0) this.#closeDocument();
    });
  }

  // What the engine tells. None of it runs any code of an extension.

  accepted(connection: HostedConnection | null, update: Uint8Array): void {
    if (this.#sync === null) return;
    this.#host.bytes.add(this, update.length);
    const origin = connection && { source: "connection", connection };
    this.#queue.push(() => this.#sync?.apply(update, origin));
  }

  announced(connection: HostedConnection, entries: readonly AwarenessEntry[]): void {
    if (this.#sync === null) return;
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
    return isClean && !chain.has("beforeUnloadDocument") ? null : this.#mayGo();
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
    await this.#sync?.write();
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
    if (this.#isOver) this.#closeDocument();
  }

  /** Tells extensions that somebody has gone. */
  async tellGone(about: { readonly context: Context; readonly requestFields: RequestFields }): Promise<void> {
    const payload = { ...this.fields, context: about.context, ...about.requestFields };
    await this.#host.chain.told("onDisconnect", payload, this.name);
  }

  // How it is done.

  #openDocument(): DocumentSync {
    const sync = new DocumentSync({
      room: this.#room,
      create: () => this.#create(),
      onUpdate: (update, origin, transaction) => this.#updated(update, origin, transaction),
      onWritten: () => {
        if (this.#isLoaded) this.#queue.wake();
      },
      onObserverThrew: (thrown) => this.#report("observer of the document", thrown),
      onRebuilt: (document, reason) => this.#rebuilt(document, reason),
    });
    this.#sync = sync;
    this.#host.shown(sync.document);
    return sync;
  }

  #create(): HostedDocument {
    const document = new HostedDocument(this.name, this, this.#yDocOptions);
    this.#presence.follow(document);
    return document;
  }

  #closeDocument(): void {
    const { document } = this;
    this.#sync?.close();
    this.#sync = null;
    this.#host.bytes.release(this);
    if (document === null) return;
    this.#host.hidden(document);
    document.destroy();
  }

  /** What a damaged document was given cannot be kept; it is shown as far as it is sound. */
  async #writeLoaded(sync: DocumentSync): Promise<void> {
    try {
      await sync.write();
    } catch (thrown) {
      if (this.#room.damage === null) throw thrown;
    }
  }

  #rebuilt(document: HostedDocument, reason: Error): void {
    document.isLoading = !this.#isLoaded;
    this.#host.shown(document);
    this.#report("document", reason);
    if (!this.#isLoaded) return;
    const connectionConfig = { readOnly: false, isAuthenticated: true };
    const payload = { ...this.fields, ...noRequestFields(), context: {}, connectionConfig };
    this.#host.chain.tell("afterLoadDocument", payload, this.name);
  }

  #updated(update: Uint8Array, origin: unknown, transaction: Y.Transaction): void {
    if (!this.#isLoaded) return;
    const { chain, clock, stores } = this.#host;
    this.hosted.lastChangeTime = clock.now();
    if (chain.has("onChange")) this.#changes.changed(update, origin, transaction);
    if (chain.has("onStoreDocument", "afterStoreDocument") && !skipsStoring(origin)) {
      stores.changed(this, origin);
    }
  }

  #writeBack(): void {
    if (this.#isLoaded && this.#sync !== null) {
      // The document was made anew then, and that was reported.
      this.#sync.write().catch(() => undefined);
    }
  }

  #disconnected(connection: HostedConnection): void {
    this.#presence.left(connection);
    this.connections.delete(connection);
    connection.left();
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
    return !stores.isPending(this.name);
  }

  async #end(error: JoineryError | null): Promise<void> {
    const { chain, stores, instance } = this.#host;
    this.#isOver = true;
    this.#presence.close();
    this.#sync?.close();
    // What was not stored is stored all the same, unless a next room takes it over.
    if (error !== null && stores.isPending(this.name)) void stores.storeNow(this.name);
    else this.#closeDocument();
    if (!this.#isLoaded) return;
    await chain.told("afterUnloadDocument", { instance, documentName: this.name }, this.name);
  }

  #report(hook: string, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#host.chain.report("hook-failed", hook, this.name, error, 0);
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

function sumOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((sum, update) => sum + update.length, 0);
}
