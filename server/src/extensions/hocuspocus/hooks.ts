/**
 * The hooks of Hocuspocus 4: when each is called, with what, what becomes of what it throws, and where that differs
 * from there. Total by type over the published names and payloads; the page in docs/ is made of it, and the tests go
 * through it.
 */

import type { HookPayloadByName, HookName as PublishedHookName } from "@hocuspocus/server";

/**
 * What becomes of what a hook throws. It `refuses` what a client wants, or it `vetoes`; what is only `told` it is
 * reported; what it failed to do is `retried`; or it `answers` in place of the server.
 */
type Fate = "refuses" | "vetoes" | "told" | "retried" | "answers" | "stops";

interface HookRow<Name extends PublishedHookName> {
  readonly when: string;
  /** The payload's fields. */
  readonly payload: { readonly [field in keyof HookPayloadByName[Name]]-?: true };
  readonly onThrow: Fate;
  /** Empty for none. */
  readonly difference: string;
}

const REQUEST = { requestHeaders: true, requestParameters: true, socketId: true } as const;
const DOCUMENT = { document: true, documentName: true } as const;
/** Of loading a document, of one message, of storing. */
const LOAD = { context: true, ...DOCUMENT, instance: true, ...REQUEST, connectionConfig: true } as const;
const MESSAGE = {
  clientsCount: true,
  context: true,
  ...DOCUMENT,
  instance: true,
  ...REQUEST,
  update: true,
  connection: true,
} as const;
const STORE = {
  clientsCount: true,
  ...DOCUMENT,
  lastContext: true,
  lastTransactionOrigin: true,
  instance: true,
} as const;

export const HOOKS = {
  onConfigure: {
    when: "once, before the storage is opened",
    payload: { instance: true, configuration: true, version: true },
    onThrow: "stops",
    difference: "It is waited for, and the server does not start when it fails.",
  },
  onListen: {
    when: "the server listens on a port of its own",
    payload: { instance: true, configuration: true, port: true },
    onThrow: "stops",
    difference: "Not with `attach`, where somebody else listens.",
  },
  onUpgrade: {
    when: "before a WebSocket is accepted",
    payload: { request: true, socket: true, head: true, instance: true },
    onThrow: "answers",
    difference: "An error is answered with 403 instead of leaving the socket open.",
  },
  onConnect: {
    when: "a client asks for a document; of any dialect",
    payload: {
      context: true,
      documentName: true,
      instance: true,
      request: true,
      ...REQUEST,
      connectionConfig: true,
      providerVersion: true,
    },
    onThrow: "refuses",
    difference: "`context` has what the extensions before it returned.",
  },
  connected: {
    when: "a client was let in",
    payload: {
      context: true,
      documentName: true,
      instance: true,
      request: true,
      ...REQUEST,
      connectionConfig: true,
      connection: true,
      providerVersion: true,
    },
    onThrow: "told",
    difference: "What it throws does not take the document from the client again.",
  },
  onAuthenticate: {
    when: "after `onConnect`, with the client's token",
    payload: {
      context: true,
      documentName: true,
      instance: true,
      ...REQUEST,
      request: true,
      token: true,
      connectionConfig: true,
      providerVersion: true,
    },
    onThrow: "refuses",
    difference:
      "The token of a client that shows none is an empty text. `context` has what the extensions before it returned.",
  },
  onTokenSync: {
    when: "a client sends another token",
    payload: {
      context: true,
      ...DOCUMENT,
      instance: true,
      ...REQUEST,
      token: true,
      connectionConfig: true,
      connection: true,
    },
    onThrow: "refuses",
    difference: "`connectionConfig.readOnly` counts as well as `connection.readOnly`.",
  },
  onCreateDocument: {
    when: "a document is loaded, before its Y.Doc is made",
    payload: { context: true, documentName: true, instance: true, ...REQUEST, connectionConfig: true },
    onThrow: "refuses",
    difference: "",
  },
  onLoadDocument: {
    when: "a document is loaded, before anybody is let in",
    payload: LOAD,
    onThrow: "refuses",
    difference:
      "The Y.Doc has what Joinery has stored already; content that is made anew beside it is left out, see above. What is added is on disk before anybody is let in. When it fails, clients are told to come back, unless it throws a `code` from 4400 to 4499.",
  },
  afterLoadDocument: {
    when: "after that, with what was added",
    payload: LOAD,
    onThrow: "refuses",
    difference: "Called again when the Y.Doc had to be made anew.",
  },
  beforeHandleMessage: {
    when: "before anything that a client sends is looked at",
    payload: MESSAGE,
    onThrow: "refuses",
    difference:
      "For clients of other dialects `update` has the bytes that a Hocuspocus provider would have sent. Not for tokens, pings, questions for awareness and goodbyes.",
  },
  afterHandleMessage: {
    when: "after it was handled",
    payload: MESSAGE,
    onThrow: "told",
    difference: "An update that is costly may still be tried then, and is not yet in the document.",
  },
  beforeHandleAwareness: {
    when: "before a client's awareness is taken in",
    payload: {
      awareness: true,
      clientsCount: true,
      context: true,
      ...DOCUMENT,
      instance: true,
      ...REQUEST,
      states: true,
      transactionOrigin: true,
      connection: true,
    },
    onThrow: "refuses",
    difference:
      "That a client is gone is passed on whatever the hook does. An id that is somebody else's cannot be announced.",
  },
  beforeBroadcastStateless: {
    when: "an extension broadcasts a stateless message",
    payload: { ...DOCUMENT, payload: true },
    onThrow: "told",
    difference: "",
  },
  beforeSync: {
    when: "before a sync message is handled; after `beforeHandleMessage`",
    payload: {
      clientsCount: true,
      context: true,
      ...DOCUMENT,
      connection: true,
      type: true,
      payload: true,
    },
    onThrow: "refuses",
    difference: "",
  },
  onStateless: {
    when: "a client sends a stateless message, or a signal named `stateless` to the server",
    payload: { connection: true, ...DOCUMENT, payload: true },
    onThrow: "told",
    difference: "A client with 16 that are not finished waits.",
  },
  onChange: {
    when: "the document changed: an edit was accepted, or an extension wrote",
    payload: {
      clientsCount: true,
      context: true,
      ...DOCUMENT,
      instance: true,
      ...REQUEST,
      update: true,
      transactionOrigin: true,
      connection: true,
    },
    onThrow: "told",
    difference:
      "Called at the end of the turn in which the edit was accepted, maybe before it is on disk. With 64 calls of a document that are not finished, further changes come as one call with one `update`.",
  },
  onStoreDocument: {
    when: "`debounce` after the last change, at most `maxDebounce` after the first; at once when the last client left, and when the server stops; and once for each document that is opened first after a start of the process",
    payload: STORE,
    onThrow: "retried",
    difference:
      "When it fails it is called again, after 1, 2, 4 … 60 s, until it succeeds. What it stores is a copy: Joinery's own log is what counts. The call after a start makes good what a killed process did not store.",
  },
  afterStoreDocument: {
    when: "after that succeeded",
    payload: STORE,
    onThrow: "told",
    difference: "",
  },
  onAwarenessUpdate: {
    when: "somebody's awareness changed",
    payload: {
      ...DOCUMENT,
      instance: true,
      transactionOrigin: true,
      connection: true,
      added: true,
      updated: true,
      removed: true,
      awareness: true,
      states: true,
    },
    onThrow: "told",
    difference: "With 64 calls of a document that are not finished, further changes come as one call.",
  },
  onRequest: {
    when: "an HTTP request to the server's own port, before the server answers it",
    payload: { request: true, response: true, instance: true },
    onThrow: "answers",
    difference:
      "An error is answered with 500. Where no hook answers, Joinery does, and refuses requests with a body. A body has the time of `requestTimeoutMs`; its size is the hook's to bound.",
  },
  onDisconnect: {
    when: "a client has left",
    payload: {
      clientsCount: true,
      context: true,
      ...DOCUMENT,
      instance: true,
      ...REQUEST,
    },
    onThrow: "told",
    difference: "",
  },
  beforeUnloadDocument: {
    when: "nobody is in the document for `idleRoomMs`, and all is stored",
    payload: { instance: true, documentName: true, document: true },
    onThrow: "vetoes",
    difference:
      "The document stays in memory for a while after the last client left, and is asked about again after a veto.",
  },
  afterUnloadDocument: {
    when: "the document has left memory",
    payload: { instance: true, documentName: true },
    onThrow: "told",
    difference: "",
  },
  onDestroy: {
    when: "the server has stopped",
    payload: { instance: true },
    onThrow: "told",
    difference: "",
  },
} as const satisfies { readonly [Name in PublishedHookName]: HookRow<Name> };

export type HookName = keyof typeof HOOKS;

/** The hooks that are given a document: a server that has one of them keeps a Y.Doc of each document in memory. */
export const DOCUMENT_HOOKS: readonly HookName[] = (Object.keys(HOOKS) as HookName[]).filter(
  // `onCreateDocument` is about nothing but its document; the document of `connected` is its connection's.
  (name) => "document" in HOOKS[name].payload || name === "onCreateDocument" || name === "connected",
);

/** Hooks, as whoever wrote them typed them. */
export type Hooks = { readonly [name in HookName]?: (payload: never) => unknown };

/** An extension, as whoever wrote it typed it. */
export interface AnyExtension extends Hooks {
  readonly priority?: number;
  readonly extensionName?: string;
}
