/**
 * All Hocuspocus extensions of a server as one plugin: who may open a document is asked of them, what becomes of rooms
 * they are told. What no extension has a hook for is not looked at.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type JoineryError, parseDocumentName } from "@joinery/shared";
import type { ObservedRoom, RoomObserver } from "../../engine/observer.ts";
import type { Session } from "../../engine/session.ts";
import { isOwnVisit } from "../../engine/visit.ts";
import {
  type Admission,
  type AdmissionRequest,
  type Admissions,
  ANONYMOUS,
  NO_REQUEST,
  type Renewal,
} from "../../protocols/admission.ts";
import { guestOf } from "../guests.ts";
import type { Plugin, PluginCounts, PluginServer } from "../plugin.ts";
import { StoredMarks } from "../stored-marks.ts";
import type { Configuration } from "./configuration.ts";
import { DirectConnection } from "./direct-connection.ts";
import type { HookChain } from "./hook-chain.ts";
import { DOCUMENT_HOOKS } from "./hooks.ts";
import { HostedBytes } from "./hosted-bytes.ts";
import { type Context, HostedConnection } from "./hosted-connection.ts";
import { HostedRoom } from "./hosted-room.ts";
import { answerRequest, answerUpgrade } from "./http-hooks.ts";
import { HOCUSPOCUS_VERSION, HostInstance, type InstanceHost } from "./instance.ts";
import { GUARD_HOOKS, MessageGuard } from "./message-guard.ts";
import { denialOf } from "./refusal.ts";
import type { Opener, RoomHost } from "./room-host.ts";
import { ServerPresence } from "./server-presence.ts";
import { Stores } from "./stores.ts";
import { noRequestFields } from "./web-request.ts";

/** Where a client is. */
interface Place {
  readonly room: HostedRoom;
  readonly connection: HostedConnection;
}

const NOBODY: Opener = {
  context: {},
  requestFields: noRequestFields(),
  connectionConfig: { readOnly: false, isAuthenticated: false },
};

export class ExtensionHost implements InstanceHost {
  readonly chain: HookChain;
  readonly instance: HostInstance;
  readonly admissions: Admissions;
  readonly observer: RoomObserver;
  readonly #configuration: Configuration;
  /** Whether extensions see documents. */
  readonly #isHosting: boolean;
  readonly #bytes: HostedBytes;
  readonly #rooms = new Map<ObservedRoom, HostedRoom>();
  readonly #places = new WeakMap<Session, Place>();
  /** Rooms of which extensions have not been told yet that they are gone. */
  readonly #endings = new Set<Promise<void>>();
  #server: PluginServer | null = null;
  #stores: Stores | null = null;

  constructor(chain: HookChain, configuration: Configuration) {
    this.chain = chain;
    this.#configuration = configuration;
    this.#isHosting = chain.has(...DOCUMENT_HOOKS);
    this.#bytes = new HostedBytes(configuration.maxHostedBytes);
    const { hooks, ...own } = configuration;
    this.instance = new HostInstance(this, { ...own, ...hooks, extensions: chain.extensions });
    this.admissions = {
      admit: (request) => this.#admit(request),
      needsToken: chain.has("onAuthenticate"),
      isAuthenticating: chain.has("onAuthenticate", "onConnect"),
    };
    this.observer = this.#makeObserver();
  }

  get counts(): PluginCounts {
    return {
      hostedDocuments: this.#bytes.documents,
      hostedBytes: this.#bytes.total,
      pendingStores: this.#stores?.pending ?? 0,
      failingStores: this.#stores?.failing ?? 0,
    };
  }

  // The server's life

  async start(server: PluginServer): Promise<void> {
    const { chain, instance } = this;
    const { debounce: debounceMs, maxDebounce: maxDebounceMs } = this.#configuration;
    this.#server = server;
    this.#stores = new Stores({
      chain,
      clock: server.clock,
      debounceMs,
      maxDebounceMs,
      marks: new StoredMarks(server.limits.maxStoredMarks),
      onMarkForgotten: () => server.countLimit("maxStoredMarks"),
    });
    chain.begin(server);
    const { configuration } = instance;
    await chain.run("onConfigure", { instance, configuration, version: HOCUSPOCUS_VERSION });
  }

  async listening({ port }: { readonly port: number }): Promise<void> {
    const { chain, instance } = this;
    await chain.run("onListen", { instance, configuration: instance.configuration, port });
  }

  request(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    return answerRequest(this.chain, this.instance, request, response);
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<boolean> {
    return answerUpgrade(this.chain, { request, socket, head, instance: this.instance });
  }

  async draining(): Promise<void> {
    const rooms = [...this.#rooms.values()];
    await Promise.all(
      rooms.map(async (room) => {
        room.catchUp();
        // What was refused has been reported.
        await room.write().catch(() => undefined);
      }),
    );
    await this.stores.storeAll();
    // Extensions may have written while they stored.
    await Promise.allSettled(rooms.map((room) => room.whenDurable()));
  }

  async close(): Promise<void> {
    this.#stores?.close();
    await Promise.all(this.#endings);
    await this.chain.told("onDestroy", { instance: this.instance }, null);
  }

  // Who may come in

  #admit(request: AdmissionRequest): Admission | Promise<Admission> {
    const connection = new HostedConnection(request, this.#later);
    if (this.chain.has("onConnect", "onAuthenticate")) return this.#ask(connection, request.token ?? "");
    return this.#letIn(connection);
  }

  async #ask(connection: HostedConnection, token: string): Promise<Admission> {
    const about = {
      ...connection.requestFields,
      context: connection.context,
      documentName: connection.documentName,
      instance: this.instance,
      request: connection.request,
      connectionConfig: connection.connectionConfig,
      providerVersion: connection.providerVersion,
    };
    try {
      await this.#runForContext("onConnect", about, connection);
      await this.#runForContext(
        "onAuthenticate",
        { ...about, context: connection.context, token },
        connection,
      );
    } catch (thrown) {
      throw denialOf(thrown);
    }
    return this.#letIn(connection);
  }

  #letIn(connection: HostedConnection): Admission {
    connection.admitted();
    const isRenewed = this.chain.has("onTokenSync");
    return {
      author: ANONYMOUS.author,
      // Extensions change it at any time.
      get rights() {
        return connection.rights;
      },
      guest: connection,
      ...(isRenewed && { renew: (token: string) => this.#renew(connection, token) }),
    };
  }

  async #renew(connection: HostedConnection, token: string): Promise<Renewal> {
    await connection.whenEntered();
    const payload = {
      ...connection.requestFields,
      context: connection.context,
      document: connection.document,
      documentName: connection.documentName,
      instance: this.instance,
      token,
      connectionConfig: connection.connectionConfig,
      connection,
    };
    try {
      await this.#runForContext("onTokenSync", payload, connection);
    } catch (thrown) {
      throw denialOf(thrown);
    }
    connection.applyPermission();
    return {
      get rights() {
        return connection.rights;
      },
    };
  }

  /** What each hook returns is added to the context, for the next one too. */
  async #runForContext<Payload extends { context: Context }>(
    name: "onConnect" | "onAuthenticate" | "onTokenSync",
    payload: Payload,
    connection: HostedConnection,
  ): Promise<void> {
    await this.chain.run(name, payload, {
      document: connection.documentName,
      onResult: (result) => {
        connection.addToContext(result);
        payload.context = connection.context;
      },
    });
  }

  // What becomes of rooms

  #makeObserver(): RoomObserver {
    const rooms = this.#rooms;
    const always: RoomObserver = {
      loaded: (room) => this.#loaded(room),
      joined: (room, session) => this.#joined(room, session),
      left: (room, session) => this.#left(room, session),
      ended: (room, error) => this.#ended(room, error),
      ...(this.chain.has("onStoreDocument", "afterStoreDocument", "beforeUnloadDocument") && {
        evicting: (room: ObservedRoom) => rooms.get(room)?.evicting() ?? null,
      }),
      ...(this.chain.has(...GUARD_HOOKS) && {
        guard: new MessageGuard(this.chain, (session) => this.#places.get(session) ?? null),
      }),
    };
    if (!this.#isHosting) return always;
    return {
      ...always,
      accepted: (room, session, update) => {
        const place = this.#places.get(session);
        if (place) place.room.accepted(place.connection, update);
        else if (isOwnVisit(session)) rooms.get(room)?.accepted(null, update);
      },
      announced: (_room, session, entries) => {
        const place = this.#places.get(session);
        place?.room.announced(place.connection, entries);
      },
    };
  }

  #loaded(room: ObservedRoom): Promise<void> | null {
    const hosted = new HostedRoom(this.#roomHost, room);
    this.#rooms.set(room, hosted);
    if (this.#isHosting) return hosted.load(openerOf(room.waiting[0]));
    hosted.loadUnseen();
    return null;
  }

  #joined(room: ObservedRoom, session: Session): void {
    const hosted = this.#rooms.get(room);
    if (!hosted) return;
    const direct = guestOf(session, DirectConnection);
    if (direct !== null) {
      direct.entered(hosted);
      return;
    }
    if (guestOf(session, ServerPresence) !== null || isOwnVisit(session)) return;
    const connection = guestOf(session, HostedConnection) ?? this.#strangerIn(session);
    this.#places.set(session, { room: hosted, connection });
    hosted.joined(connection, session);
  }

  /** What extensions know of one who was let in by somebody else. */
  #strangerIn({ document, dialect }: Session): HostedConnection {
    const request = { connection: NO_REQUEST, document, dialect: dialect.name, token: null };
    return new HostedConnection({ ...request, agent: null, requestToken: () => undefined }, this.#later);
  }

  #left(room: ObservedRoom, session: Session): void {
    const place = this.#places.get(session);
    if (place) {
      place.room.left(place.connection);
      return;
    }
    const hosted = this.#rooms.get(room);
    if (hosted) guestOf(session, DirectConnection)?.left(hosted);
  }

  #ended(room: ObservedRoom, error: JoineryError | null): void {
    const ending = this.#rooms.get(room)?.ended(error);
    this.#rooms.delete(room);
    if (!ending) return;
    this.#endings.add(ending);
    void ending.then(() => this.#endings.delete(ending));
  }

  // What extensions do

  get stores(): Stores {
    if (this.#stores === null) throw new Error("the server has not begun");
    return this.#stores;
  }

  get documentsCount(): number {
    return this.#rooms.size;
  }

  get directsCount(): number {
    return [...this.#rooms.values()].reduce((sum, { directs }) => sum + directs.size, 0);
  }

  *connectionsOf(documentName?: string): Iterable<HostedConnection> {
    for (const room of this.#rooms.values()) {
      if (documentName === undefined || room.name === documentName) yield* room.connections.keys();
    }
  }

  async openDirectConnection(documentName: string, context: Context): Promise<DirectConnection> {
    const { rooms, limits } = this.#begun;
    const document = parseDocumentName(documentName, limits.maxNameBytes);
    const { instance } = this;
    return await DirectConnection.open({ rooms, document, context, instance, isHosted: this.#isHosting });
  }

  readonly #later = (run: () => void): void => void this.#begun.clock.endOfTurn(run);

  get #begun(): PluginServer {
    if (this.#server === null) throw new Error("the server has not begun");
    return this.#server;
  }

  get #roomHost(): RoomHost {
    const { documents } = this.instance;
    return {
      rooms: this.#begun.rooms,
      chain: this.chain,
      clock: this.#begun.clock,
      stores: this.stores,
      bytes: this.#bytes,
      yDocOptions: this.#configuration.yDocOptions,
      storesWhenEmpty: this.#configuration.unloadImmediately,
      instance: this.instance,
      shown: (document) => documents.set(document.name, document),
      hidden: (document) => {
        // The next room of the document may have shown its own.
        if (documents.get(document.name) === document) documents.delete(document.name);
      },
    };
  }
}

/** For whom a document is loaded: for the first one who waits for it. */
function openerOf(first: Session | undefined): Opener {
  if (first === undefined) return NOBODY;
  return guestOf(first, DirectConnection)?.opener ?? guestOf(first, HostedConnection) ?? NOBODY;
}

/** The host as the server has it: with what there are hooks for. */
export function pluginOf(host: ExtensionHost): Plugin & { readonly counts: PluginCounts } {
  const { chain } = host;
  return {
    admissions: host.admissions,
    observer: host.observer,
    start: (server) => host.start(server),
    draining: () => host.draining(),
    close: () => host.close(),
    ...(chain.has("onListen") && { listening: (address) => host.listening(address) }),
    ...(chain.has("onRequest") && { request: (request, response) => host.request(request, response) }),
    ...(chain.has("onUpgrade") && {
      upgrade: (request, socket, head) => host.upgrade(request, socket, head),
    }),
    get counts() {
      return host.counts;
    },
  };
}
