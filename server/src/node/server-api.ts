/** What an embedder sees of a server. */

import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { LimitName } from "@joinery/shared";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Doc } from "yjs";
import type { AccessManager } from "../access/access-api.ts";
import type { CodeEditOptions } from "../documents/code-edits.ts";
import type { Revision } from "../engine/ports.ts";
import type { SignalHandler } from "../engine/signals.ts";
import type { Connect } from "../transports/loopback.ts";

export interface ListenOptions {
  /**
   * Address or name to listen on. Without authentication it has to be the loopback's, unless the option
   * `allowPublicWithoutAuthentication` says otherwise. Default 127.0.0.1.
   */
  readonly host?: string;
  /** Port to listen on; 0 takes a free one. Default 4321. */
  readonly port?: number;
}

export interface AttachOptions {
  /**
   * Upgrade requests below this path are the server's; the document's name is what follows it. Default `/`: all
   * of them. Give one where others use WebSockets too, as Vite does.
   */
  readonly path?: string;
}

export interface ServerCounts {
  readonly connections: number;
  /** Clients in documents. */
  readonly sessions: number;
  /** Users in documents, as they were verified; all who are nobody in particular are none. */
  readonly users: number;
  /** Tickets that wait to be used. */
  readonly tickets: number;
  /** Documents in memory. */
  readonly rooms: number;
  /** Replicas that are being built or wait for it. */
  readonly replicaJobs: number;
  /** Bytes of updates that are held aside until what they build upon comes. */
  readonly heldBytes: number;
  /** Bytes of updates that are not on disk yet. */
  readonly uncommittedBytes: number;
  /** Presence entries dropped since the start because another session owns their id; most are echoes. */
  readonly foreignPresence: number;
  /** Signals that were not sent to a client since the start because it read too slowly. */
  readonly droppedSignals: number;
  /** Documents of which Hocuspocus extensions see a Y.Doc, and their encoded size in bytes. */
  readonly hostedDocuments: number;
  readonly hostedBytes: number;
  /**
   * Documents of which the hook `store` has not stored all, and as many of which `onStoreDocument` has not; and those of
   * which it failed the last time.
   */
  readonly pendingStores: number;
  readonly failingStores: number;
  /** How often each limit was reached since the start. */
  readonly limitHits: Readonly<Record<LimitName, number>>;
}

export interface CloseResult {
  /** Names of documents whose last edits could not be stored; empty when all went well. */
  readonly unsaved: readonly string[];
}

export interface Server extends AccessManager {
  /**
   * Opens the storage, then listens on a socket of its own, where it also serves the page.
   *
   * @returns The address as people type it, such as `http://127.0.0.1:4321`.
   * @throws JoineryError DATA_FOLDER_IN_USE, DATA_FOLDER_UNUSABLE, ADDRESS_UNAVAILABLE, INVALID_OPTION (never retry).
   */
  listen(options?: ListenOptions): Promise<{ readonly url: string; readonly port: number }>;
  /**
   * Serves WebSocket upgrades of somebody else's HTTP server: Node's own, Express's, Vite's. Pages of that server
   * may connect, and those of the option `origins`. Await `ready` to know whether the storage opened.
   */
  attach(httpServer: UpgradeSource, options?: AttachOptions): void;
  /** Resolves when the storage is open; rejects as `listen` does. */
  ready(): Promise<void>;
  /** Connects a client in the same process, without a socket: give it to the client as its way to connect. */
  readonly connect: Connect;
  /**
   * Decides what becomes of signals of this name, in all documents; replaces what was registered for it before. Without
   * a handler signals are passed on to whom they are for.
   */
  signal<Schema extends StandardSchemaV1>(name: string, handler: SignalHandler<Schema>): void;
  /**
   * Sends a signal of the server's to those for whom all that is given fits: in all documents, and in all tabs of a
   * user.
   *
   * @param to Everybody if nothing is given. Nobody in particular cannot be sent one by name.
   * @param payload Anything that `JSON.stringify` takes.
   * @returns To how many it was sent: not to who reads too slowly, nor to whose protocol has no signals.
   * @throws JoineryError SIGNAL_REFUSED (never) when name or payload are too large.
   */
  tell(to: { readonly document?: string; readonly user?: string }, name: string, payload: unknown): number;
  /**
   * Edits a document by a function, in one transaction; a document that is not there begins with it. Clients get the edit
   * as they get others', and its author in the log is the `origin`.
   *
   * Resolves when the edit is on disk, to where the document is then. Rejects with what the function throws, and then
   * nothing was written; INVALID_OPTION (never) where it returns a promise: it makes its edits before it returns; and as a
   * client's edit is refused: UPDATE_TOO_COSTLY (never) for documents above `maxCodeEditBytes`, DOCUMENT_FULL,
   * DOCUMENT_DAMAGED, STORAGE_UNAVAILABLE.
   *
   * @param change Given a Y.Doc with all that the document has. It is gone afterwards: nothing of it may be kept.
   * Cost: builds the Y.Doc on the event loop; a megabyte takes about a tenth of a second.
   */
  edit(name: string, change: (doc: Doc) => void, options?: CodeEditOptions): Promise<Revision>;
  /**
   * Answers an HTTP request below `/api/v1` (docs/access.md) that came to somebody else's HTTP server, as one that this
   * server is attached to.
   *
   * @returns Whether it was one: others are left alone.
   */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
  /**
   * Drains: accepts nobody, makes durable what was accepted, closes the clients with a code that means "come
   * back" (1012), and closes the storage. Idempotent. An attached HTTP server stays open.
   */
  close(): Promise<CloseResult>;
  counts(): ServerCounts;
  /**
   * What `/metrics` answers, in Prometheus' text format: docs/metrics.md. Also where the option `metrics` is `false`.
   * Cost: linear in sessions.
   */
  metrics(): Promise<string>;
}

/** The part of an HTTP server that attaching needs. */
export type UpgradeSource = Pick<HttpServer, "on" | "off" | "listenerCount">;
