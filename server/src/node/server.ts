/**
 * The composition root: gives the engine a real clock, real storage and real sockets, and starts and stops them
 * in the right order.
 */

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import { type LimitName, parseDocumentName } from "@joinery/shared";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import pino from "pino";
import type { Doc } from "yjs";
import { Access } from "../access/access.ts";
import type { AccessManager, AccessTarget, Ban, SessionInfo } from "../access/access-api.ts";
import { tokenDigestOf } from "../access/digest.ts";
import { AddressRates } from "../address-rates.ts";
import type { CodeEditOptions } from "../documents/code-edits.ts";
import { limitOf } from "../engine/events.ts";
import type { Revision, Storage } from "../engine/ports.ts";
import { comeBack, Rooms } from "../engine/rooms.ts";
import type { SignalHandler, SignalHandlers } from "../engine/signals.ts";
import { clientAddress } from "../http/address.ts";
import { type Api, createApi } from "../http/api/api.ts";
import { correlationOf } from "../http/correlation.ts";
import { allowAtHome, allowLocal, isLoopbackHost, onlyWhere } from "../http/local.ts";
import { allowOrigins, type RequestRule } from "../http/origin.ts";
import { pageHandler, type RequestHandler } from "../http/page.ts";
import { ServerStats } from "../metrics/server-stats.ts";
import { Watching } from "../metrics/watching.ts";
import type { Admissions, ConnectionRequest } from "../protocols/admission.ts";
import { WorkerReplicas } from "../replicas/worker-replicas.ts";
import { LevelStorage } from "../storage/level.ts";
import { LimitHits } from "../transports/limit-hits.ts";
import type { Connect } from "../transports/loopback.ts";
import { AccessFile } from "./access-file.ts";
import { AttachedServers } from "./attached-servers.ts";
import { SYSTEM_CLOCK, SYSTEM_RANDOM } from "./clock.ts";
import { COMMIT_PACE } from "./commit-pace.ts";
import { THREAD_POOL_COMPRESSION } from "./compression.ts";
import { Documents } from "./documents.ts";
import { EventLog } from "./event-log.ts";
import {
  apiFirst,
  createLimitedHttpServer,
  respondDraining,
  respondRaw,
  startListening,
  type UpgradeHandler,
  withoutBody,
} from "./http-server.ts";
import { Links } from "./links.ts";
import { checkListenAddress, urlAtHome, urlOf } from "./listen-address.ts";
import type { Logger, ServerEvent } from "./log.ts";
import { type ResolvedOptions, resolveOptions, type ServerOptions } from "./options.ts";
import { PluginHost } from "./plugin-host.ts";
import { pluginsOf } from "./plugins-of.ts";
import type {
  AttachOptions,
  CloseResult,
  ListenOptions,
  Server,
  ServerCounts,
  UpgradeSource,
} from "./server-api.ts";
import { newOperatorKey, removeServerFile, writeServerFile } from "./server-file.ts";
import { readVersion } from "./version.ts";
import { withinMs } from "./within.ts";

/** With the 6 s that the storage has to store and the 2 s that clients have to close, less than 10 s in all. */
const STORAGE_CLOSE_TIMEOUT_MS = 1_500;

/**
 * Makes a server; it does nothing until `listen` or `attach`.
 *
 * @throws JoineryError INVALID_OPTION (never retry), naming the option.
 */
export function createServer<Context = unknown>(options: ServerOptions<Context> = {}): Server {
  return new JoineryServer(resolveOptions(options));
}

function defaultLogger(): Logger {
  return pino({ level: "warn" }, pino.destination(2));
}

class JoineryServer implements Server {
  readonly #options: ResolvedOptions;
  readonly #storage: Storage;
  readonly #replicas: WorkerReplicas;
  readonly #plugins: PluginHost;
  readonly #access: Access;
  readonly #api: Api;
  readonly #rooms: Rooms;
  readonly #links: Links;
  readonly #documents: Documents;
  /** Lets its bearer do everything; kept in the data folder, for whoever may read that. `null` where there is none. */
  readonly #operatorKey: string | null;
  readonly #signalHandlers: SignalHandlers = new Map();
  readonly #hits = new LimitHits();
  readonly #watching = new Watching({
    clock: SYSTEM_CLOCK,
    storage: () => this.#storage,
    counts: () => this.counts(),
    connections: () => ({ websocket: this.#links.count, loopback: this.#links.loopbackCount }),
    sessions: () => this.#rooms.sessions(),
    pendingSignalBytes: () => this.#rooms.pendingSignalBytes,
    bans: () => this.#access.bans().length,
  });
  readonly #stats = new ServerStats({
    version: readVersion(),
    clock: SYSTEM_CLOCK,
    meter: this.#watching.meter,
    counts: () => this.counts(),
    connections: () => ({ websocket: this.#links.count, loopback: this.#links.loopbackCount }),
  });
  readonly #admissions: Admissions;
  readonly #report: (event: ServerEvent) => void;
  readonly #isAllowedOrigin: RequestRule;
  readonly #attached = new AttachedServers();
  #httpServer: HttpServer | null = null;
  #isListening = false;
  #opening: Promise<void> | null = null;
  #closing: Promise<CloseResult> | null = null;

  constructor(options: ResolvedOptions) {
    const { limits } = options;
    const watching = this.#watching;
    const logger = options.logger ?? defaultLogger();
    const log = new EventLog(logger, SYSTEM_CLOCK, (event) => watching.observe(event));
    const report = (event: ServerEvent) => log.report(event);
    const onLimit = (limit: LimitName) => this.#hits.count(limit);
    this.#options = options;
    this.#report = report;
    this.#storage =
      options.storage ??
      new LevelStorage({
        folder: options.data,
        minFreeBytes: limits.minFreeBytes,
        report,
        onCommit: watching.onCommit,
        commitPace: COMMIT_PACE,
      });
    this.#replicas = new WorkerReplicas({ limits, onLimit });
    this.#plugins = new PluginHost(pluginsOf(options, report), {
      clock: SYSTEM_CLOCK,
      limits,
      report,
      countLimit: onLimit,
      countCall: watching.onHook,
    });
    const { observer } = this.#plugins;
    this.#operatorKey = options.storage ? null : newOperatorKey();
    this.#access = new Access({
      operatorKey: this.#operatorKey === null ? null : tokenDigestOf(this.#operatorKey),
      admissions: this.#plugins.admissions,
      clock: SYSTEM_CLOCK,
      random: SYSTEM_RANDOM,
      limits,
      recheckMs: options.access.recheckMs,
      revocationMs: options.access.revocationMs,
      // Whoever keeps documents elsewhere has no folder of ours.
      store: options.storage ? null : new AccessFile(options.data),
      report,
      onLimit,
    });
    this.#admissions = watching.countAdmissions(this.#access);
    this.#rooms = new Rooms({
      storage: this.#storage,
      replicas: this.#replicas,
      clock: SYSTEM_CLOCK,
      random: SYSTEM_RANDOM,
      log: {
        report: (event) => {
          const limit = limitOf(event);
          if (limit !== null) onLimit(limit);
          report(event);
        },
      },
      meter: watching.meter,
      compression: THREAD_POOL_COMPRESSION,
      signalHandlers: this.#signalHandlers,
      limits,
      flush: options.flush,
      idleRoomMs: options.idleRoomMs,
      ...(observer && { observer }),
    });
    this.#documents = new Documents({
      rooms: this.#rooms,
      storage: this.#storage,
      replicas: this.#replicas,
      admissions: this.#admissions,
      access: this.#access,
      random: SYSTEM_RANDOM,
      limits,
      report,
      onLimit,
    });
    const rates = new AddressRates({
      clock: SYSTEM_CLOCK,
      perSecond: limits.maxAddressRequestsPerSecond,
      burstMs: limits.maxBurstMs,
      maxAddresses: limits.maxAddresses,
      onForgotten: () => onLimit("maxAddresses"),
    });
    const api = createApi({
      access: this.#access,
      limits,
      report,
      countLimit: onLimit,
      rates,
      connectionOf: (request) => this.#requestOf(request),
      services: { ...this.#documents.services, stats: () => this.#stats.read() },
      clock: SYSTEM_CLOCK,
    });
    this.#api = watching.countRequests(api);
    this.#isAllowedOrigin = allowOrigins(options.origins);
    this.#links = new Links({
      rooms: this.#rooms,
      admissions: this.#admissions,
      limits,
      hits: this.#hits,
      heartbeat: options.heartbeat,
      trustProxy: options.trustProxy,
      showsUsers: this.#access.isAuthenticating,
      onDialect: watching.onDialect,
      onLimit,
      report,
    });
  }

  get connect(): Connect {
    // As with `attach`: who connects is told if the storage cannot be opened.
    if (this.#closing === null) this.ready().catch(() => undefined);
    return this.#links.connect;
  }

  signal<Schema extends StandardSchemaV1>(name: string, handler: SignalHandler<Schema>): void {
    // What the handler is given is what its own schema made.
    this.#signalHandlers.set(name, handler as unknown as SignalHandler);
  }

  ready(): Promise<void> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<void> {
    this.#stats.start();
    await this.#watching.begin();
    await this.#plugins.begin(this.#rooms);
    await this.#storage.open();
    await this.#access.load();
    // What a killed process left behind would name the wrong one to whoever finds the folder locked.
    if (!this.#options.storage) await removeServerFile(this.#options.data);
    this.#documents.opened();
    this.#watching.opened();
  }

  async listen({
    host = "127.0.0.1",
    port = 4321,
  }: ListenOptions = {}): Promise<{ url: string; port: number }> {
    const { allowPublicWithoutAuthentication } = this.#options;
    checkListenAddress(host, port, this.#access.isAuthenticating || allowPublicWithoutAuthentication);
    this.#refuseWhenClosed();
    if (this.#isListening) throw new Error("the server is listening already");
    this.#isListening = true;
    try {
      return await this.#listen(host, port);
    } catch (error) {
      this.#isListening = false;
      throw error;
    }
  }

  async #listen(host: string, port: number): Promise<{ url: string; port: number }> {
    await this.ready();
    const asksNobody = !this.#access.isAuthenticating && isLoopbackHost(host);
    const isAllowed = allowAtHome(this.#isAllowedOrigin, asksNobody);
    const page = pageHandler(this.#options.page);
    const httpServer = createLimitedHttpServer({
      limits: this.#options.limits,
      hits: this.#hits,
      handle: this.#watchFirst(
        onlyWhere(isAllowed, apiFirst(this.#api, this.#plugins.handle(withoutBody(page)))),
      ),
      upgrade: (request, socket, head) => {
        // The port is still open for who watches the server; clients are to think that it is not.
        if (this.#closing !== null) respondRaw(socket, 503);
        else this.#accept(request, socket, head, "/", isAllowed);
      },
    });
    const address = await startListening(httpServer, host, port);
    this.#httpServer = httpServer;
    const url = urlOf(host, address.port);
    if (this.#operatorKey !== null) {
      const server = { pid: process.pid, url: urlAtHome(host, address.port), key: this.#operatorKey };
      await writeServerFile(this.#options.data, server);
    }
    await this.#plugins.listening({ host, port: address.port });
    return { url, port: address.port };
  }

  /** Answers who watches the server, also while it drains; others only until then. */
  #watchFirst(others: RequestHandler): RequestHandler {
    const watch = this.#watching.door(this.#options.metrics, {
      access: this.#access,
      isLocal: allowLocal(this.#isAllowedOrigin),
      connectionOf: (request) => this.#requestOf(request),
      report: this.#report,
    });
    return (request, response) => {
      if (watch(request, response)) return;
      if (this.#closing === null) others(request, response);
      else respondDraining(response);
    };
  }

  attach(httpServer: UpgradeSource, { path = "/" }: AttachOptions = {}): void {
    this.#refuseWhenClosed();
    this.#attached.attach(httpServer, path, (request, socket, head, prefix) => {
      this.#accept(request, socket, head, prefix, this.#isAllowedOrigin);
    });
    // A storage that cannot be opened refuses every load, so clients are told; whoever awaits `ready` learns why.
    this.ready().catch(() => undefined);
  }

  #accept(
    ...[request, socket, head, prefix, isAllowed]: [...Parameters<UpgradeHandler>, string, RequestRule]
  ): void {
    const handshake = { request, socket, head, prefix, isAllowed };
    this.#plugins.upgrade(request, socket, head, () => this.#links.accept(handshake));
  }

  // Who may do what

  revoke(...args: Parameters<AccessManager["revoke"]>): Promise<number> {
    return this.#access.revoke(...args);
  }

  recheck(...args: Parameters<AccessManager["recheck"]>): Promise<number> {
    return this.#access.recheck(...args);
  }

  kick(...args: Parameters<AccessManager["kick"]>): number {
    return this.#access.kick(...args);
  }

  ban(...args: Parameters<AccessManager["ban"]>): Promise<Ban> {
    return this.#access.ban(...args);
  }

  unban(id: string): Promise<boolean> {
    return this.#access.unban(id);
  }

  bans(): readonly Ban[] {
    return this.#access.bans();
  }

  sessions(target?: AccessTarget): readonly SessionInfo[] {
    return this.#access.sessions(target);
  }

  tell({ document, user }: { document?: string; user?: string }, name: string, payload: unknown): number {
    const to = {
      ...(document !== undefined && {
        document: parseDocumentName(document, this.#options.limits.maxNameBytes),
      }),
      ...(user !== undefined && { user }),
    };
    return this.#rooms.signal(to, name, payload);
  }

  async edit(name: string, change: (doc: Doc) => void, options: CodeEditOptions = {}): Promise<Revision> {
    const document = parseDocumentName(name, this.#options.limits.maxNameBytes);
    this.#refuseWhenClosed();
    await this.ready();
    return await this.#documents.edit(document, change, options);
  }

  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const isOwn = this.#api.isOwn(request);
    if (isOwn) this.#api.handle(request, response);
    return isOwn;
  }

  metrics(): Promise<string> {
    return this.#watching.read();
  }

  /** A request over HTTP is a connection of its own to who decides about access. */
  #requestOf(request: IncomingMessage): ConnectionRequest {
    const { trustProxy } = this.#options;
    return {
      id: correlationOf(request, trustProxy),
      number: this.#links.nextId(),
      address: clientAddress(request, trustProxy),
      url: request.url ?? "",
      headers: request.headers,
      token: null,
    };
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== null) throw new Error("the server was closed");
  }

  close(): Promise<CloseResult> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  counts(): ServerCounts {
    return {
      connections: this.#links.count,
      ...this.#rooms.counts(),
      users: this.#access.users,
      tickets: this.#access.tickets,
      ...this.#plugins.counts,
      limitHits: this.#hits.counts(),
    };
  }

  async #drain(): Promise<CloseResult> {
    const httpServer = this.#httpServer;
    // It goes on listening, so that who watches it sees that it drains; nothing else is answered.
    this.#watching.draining();
    httpServer?.closeIdleConnections();
    this.#links.goAway();
    const unsaved = await this.#drainRooms();
    // Those who follow documents were told why by these.
    this.#api.stop();
    await this.#documents.close();
    await this.#replicas.close();
    await this.#links.close(comeBack());
    this.#access.close();
    await this.#plugins.close();
    this.#attached.detach();
    this.#watching.close();
    this.#stats.stop();
    if (httpServer) await stopListening(httpServer);
    if (this.#opening !== null) {
      // Once the folder is free, the word in it is that of whoever takes it.
      if (httpServer && !this.#options.storage) await removeServerFile(this.#options.data);
      // A disk that does not answer must not keep the process: what is at stake has been said in `unsaved`.
      await withinMs(this.#storage.close(), STORAGE_CLOSE_TIMEOUT_MS);
    }
    return { unsaved };
  }

  /** What the application stores elsewhere has the time that the storage has left of its own. */
  async #drainRooms(): Promise<readonly string[]> {
    const { drainTimeoutMs } = this.#options;
    const endMs = SYSTEM_CLOCK.monotonicMs() + drainTimeoutMs;
    return await this.#rooms.drain(drainTimeoutMs, () => {
      return this.#plugins.draining(Math.max(0, endMs - SYSTEM_CLOCK.monotonicMs()));
    });
  }
}

/** Cuts who is still connected. */
async function stopListening(httpServer: HttpServer): Promise<void> {
  const closed = new Promise<void>((resolve) => httpServer.close(() => resolve()));
  httpServer.closeAllConnections();
  await closed;
}
