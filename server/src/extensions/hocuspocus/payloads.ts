/**
 * What hooks are given, as extensions may use it: the part of Hocuspocus' types that there is here too. Each is a
 * supertype of the published one, so extensions that were written with those fit; nothing has to be installed for it.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Awareness } from "y-protocols/awareness";
import type * as Y from "yjs";

/** What extensions keep of a client; theirs alone. */
// biome-ignore lint/suspicious/noExplicitAny: as there: each application has its own, and hooks of several share it.
export type ExtensionContext = any;

interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** A client in a document. */
export interface ExtensionConnection {
  context: ExtensionContext;
  /** Whether it may only read; may be set. */
  readOnly: boolean;
  readonly socketId: string;
  readonly request: Request;
  readonly providerVersion: string | null;
  /** Ends it; it comes back, unless the code is one from 4400 to 4499. */
  close(event?: Closing): void;
  sendStateless(payload: string): void;
  /** Asks for a token; `onTokenSync` is given it. */
  requestToken(): void;
}

export interface ExtensionDocument extends Y.Doc {
  readonly name: string;
  readonly awareness: Awareness;
  readonly isLoading: boolean;
  /** When it was last changed, in milliseconds since 1970; 0 for never. */
  readonly lastChangeTime: number;
  /** Whether nothing is in the root type of this name. */
  isEmpty(fieldName: string): boolean;
  merge(documents: Y.Doc | Y.Doc[]): ExtensionDocument;
  getConnectionsCount(): number;
  getConnections(): ExtensionConnection[];
  hasAwarenessStates(): boolean;
  broadcastStateless(payload: string, filter?: (connection: ExtensionConnection) => boolean): void;
}

/** A way into a document for the application itself. */
export interface ExtensionDirectConnection {
  transact(change: (document: ExtensionDocument) => void): Promise<void>;
  disconnect(options?: { unloadImmediately?: boolean }): Promise<void>;
}

/** What extensions may do with all documents. */
export interface ExtensionInstance {
  readonly documents: Map<string, ExtensionDocument>;
  getDocumentsCount(): number;
  getConnectionsCount(): number;
  flushPendingStores(): void;
  closeConnections(documentName?: string): void;
  openDirectConnection(documentName: string, context?: ExtensionContext): Promise<ExtensionDirectConnection>;
}

interface AboutServer {
  readonly instance: ExtensionInstance;
}

interface Configured extends AboutServer {
  readonly configuration: { readonly name: string | null; readonly debounce: number };
}

interface AboutRequest extends AboutServer {
  readonly documentName: string;
  readonly requestHeaders: Headers;
  readonly requestParameters: URLSearchParams;
  readonly socketId: string;
}

interface AboutVisit extends AboutRequest {
  /** What the hooks before returned of it. */
  context: ExtensionContext;
}

interface AboutOpening extends AboutVisit {
  readonly connectionConfig: { readOnly: boolean; isAuthenticated: boolean };
}

interface AboutEntrance extends AboutOpening {
  readonly request: Request;
  readonly providerVersion: string | null;
}

interface AboutLoading extends AboutOpening {
  readonly document: ExtensionDocument;
}

interface AboutDocument {
  readonly document: ExtensionDocument;
  readonly documentName: string;
}

interface AboutClient extends AboutVisit, AboutDocument {
  readonly clientsCount: number;
}

interface AboutMessage extends AboutClient {
  readonly update: Uint8Array;
  readonly connection: ExtensionConnection;
}

interface AboutOrigin {
  readonly transactionOrigin: unknown;
  readonly connection?: ExtensionConnection | undefined;
}

interface AboutStateless extends AboutDocument {
  readonly payload: string;
}

interface AboutStore extends AboutServer, AboutDocument {
  readonly clientsCount: number;
  readonly lastContext: ExtensionContext;
  readonly lastTransactionOrigin: unknown;
}

/** The payload of each hook. */
export interface HookPayloads {
  onConfigure: Configured & { readonly version: string };
  onListen: Configured & { readonly port: number };
  onUpgrade: AboutServer & {
    readonly request: IncomingMessage;
    readonly socket: Duplex;
    readonly head: Buffer;
  };
  onConnect: AboutEntrance;
  connected: AboutEntrance & { readonly connection: ExtensionConnection };
  onAuthenticate: AboutEntrance & { readonly token: string };
  onTokenSync: AboutLoading & { readonly token: string; readonly connection: ExtensionConnection };
  onCreateDocument: AboutOpening;
  onLoadDocument: AboutLoading;
  afterLoadDocument: AboutLoading;
  beforeHandleMessage: AboutMessage;
  afterHandleMessage: AboutMessage;
  beforeHandleAwareness: AboutClient &
    AboutOrigin & {
      readonly awareness: Awareness;
      readonly states: Map<number, Record<string, ExtensionContext>>;
    };
  beforeBroadcastStateless: AboutStateless;
  beforeSync: AboutDocument & {
    readonly clientsCount: number;
    readonly context: ExtensionContext;
    readonly connection: ExtensionConnection;
    readonly type: number;
    readonly payload: Uint8Array;
  };
  onStateless: AboutStateless & { readonly connection: ExtensionConnection };
  onChange: AboutClient & AboutOrigin & { readonly update: Uint8Array };
  onStoreDocument: AboutStore;
  afterStoreDocument: AboutStore;
  onAwarenessUpdate: AboutServer &
    AboutDocument &
    AboutOrigin & {
      readonly added: number[];
      readonly updated: number[];
      readonly removed: number[];
      readonly awareness: Awareness;
      readonly states: { clientId: number; [field: string | number]: ExtensionContext }[];
    };
  onRequest: AboutServer & { readonly request: IncomingMessage; readonly response: ServerResponse };
  onDisconnect: AboutClient;
  beforeUnloadDocument: AboutServer & AboutDocument;
  afterUnloadDocument: AboutServer & { readonly documentName: string };
  onDestroy: AboutServer;
}

/** A method's parameters may be narrower: extensions with the published types are typed by those. */
type Hook<Payload> = { hook(payload: Payload): unknown }["hook"];

/** Hooks, whose payloads are typed where they are written in place. */
export type TypedHooks = { readonly [name in keyof HookPayloads]?: Hook<HookPayloads[name]> };

/** An object written as a Hocuspocus 4 extension; any `Extension` of `@hocuspocus/server` is one. */
export interface HocuspocusExtension extends TypedHooks {
  /** Greater ones are called first; those with the same in the order in which they are given. Default 100. */
  readonly priority?: number;
  readonly extensionName?: string;
}
