/** The functions of an application that a server calls. docs/hooks.md says when, in which order, and what is promised. */

import { JoineryError } from "@joinery/shared";
import type { RightsSpec } from "../../engine/rights.ts";

/** A client that says who it is. */
export interface AuthenticateRequest {
  /** What the client shows; `null` if nothing. */
  readonly token: string | null;
  /** Which protocol the client speaks: `joinery.v1`, `y-websocket`, `hocuspocus`, `http`. */
  readonly dialect: string;
  /** Version of the client's software, as it says; `null` if it does not. */
  readonly agent: string | null;
  readonly connection: HookConnection;
}

/** How a client is connected. In the same process all but `id` is empty. */
export interface HookConnection {
  /** Unique while the server lives; one connection may open several documents. */
  readonly id: string;
  /** The client's address, see the option `trustProxy`. */
  readonly address: string;
  /** The request's target as the client wrote it, with the query; the value of its parameter `token` is `***`. */
  readonly url: string;
  /** Names in lower case. Tokens in `authorization` and `sec-websocket-protocol` are `***`; cookies are as they came. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Who a client is. */
export interface Authentication<Context> {
  /** Kept in the log with what the client writes, and told to others. Default: nobody in particular. */
  readonly user?: string;
  /** What the client may do with any document, at most. Default: what `authorize` says; without it, `write`. */
  readonly permission?: RightsSpec;
  /** Until when this is good, as milliseconds since 1970 or a Date: sessions end then, unless a new token comes. Default: no end. */
  readonly expiresAt?: number | Date;
  /** When the token was issued, in the same way: revocations go by it. Default: not known. */
  readonly issuedAt?: number | Date;
  /** What the issuer calls the token: it can be revoked by this. Default: it has no name. */
  readonly tokenId?: string;
  /** Whatever the other hooks are to be given with what this client does. */
  readonly context?: Context;
}

/** A client, as far as it is known. */
export interface Visitor<Context> {
  readonly document: string;
  /** Empty for nobody in particular. */
  readonly user: string;
  /** What `authenticate` gave. */
  readonly context: Context | undefined;
}

export interface VisitorSession<Context> extends Visitor<Context> {
  /** Number of the session; greater for one that began later, unique while the server lives. */
  readonly session: number;
}

/** Something was written, and is on disk. */
export interface DocumentChange {
  readonly document: string;
  /** 32 hexadecimal digits; a document that is deleted and made anew has others. */
  readonly lineage: string;
  /** Place in the document's log of the first and the last batch that this is; mostly one and the same. */
  readonly firstSeq: number;
  readonly seq: number;
  /** When the last of them was written, in milliseconds since 1970. */
  readonly time: number;
  /** Yjs v1 update; must not be changed. */
  readonly update: Uint8Array;
  /** Who wrote it; empty for nobody in particular, which the server itself is too. */
  readonly authors: readonly string[];
}

/** A document as it is on disk. */
export interface DocumentState {
  readonly document: string;
  readonly lineage: string;
  /** The last batch of the log that is in it; greater for a later state of the same lineage. */
  readonly seq: number;
  /** The whole document as one Yjs v1 update; must not be changed. */
  readonly state: Uint8Array;
}

export interface PresenceChange<Context> extends VisitorSession<Context> {
  readonly clientId: number;
  /** What the client shows of itself, parsed; `null` when it is gone. */
  readonly state: Readonly<Record<string, unknown>> | null;
}

export interface SignalMessage<Context> extends VisitorSession<Context> {
  readonly name: string;
  /** Parsed JSON. */
  readonly payload: unknown;
  /** For whom it is, besides the application. */
  readonly to: "all" | "others" | "server" | { readonly user: string };
}

type Awaitable<T> = T | Promise<T>;

/**
 * An application's functions, all of them optional; what is not there costs nothing. Promises are waited for; of those
 * that return `unknown` nothing else is looked at.
 */
export interface Hooks<Context = unknown> {
  /** Says who a client is, once a connection and for each new token. Throws to refuse it. */
  authenticate?(request: AuthenticateRequest): Awaitable<Authentication<Context>>;
  /**
   * Says what somebody may do with a document; `null` for nothing. The stricter of this and `authenticate` holds. Where
   * the document is empty it is the server as a whole, of which only `manage` is asked.
   */
  authorize?(visitor: Visitor<Context>): Awaitable<RightsSpec | null>;
  /** Gives the content of a document to which nothing was ever written, as a Yjs v1 update; `null` for none. */
  load?(request: { readonly document: string }): Awaitable<Uint8Array | null>;
  /** Something was written and is on disk. Awaited before the next of the same document. */
  change?(change: DocumentChange): unknown;
  /** Keeps a document elsewhere too. Called until it succeeds, after a pause, with all that is on disk by then. */
  store?(state: DocumentState): unknown;
  /** Somebody's presence has changed. */
  presence?(change: PresenceChange<Context>): unknown;
  /** A signal came. `false` stops it; the sender is not told. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that returns nothing is the usual one.
  signal?(message: SignalMessage<Context>): Awaitable<boolean | void>;
  /** Somebody has opened a document. */
  connect?(session: VisitorSession<Context>): unknown;
  /** They have gone. */
  disconnect?(session: VisitorSession<Context>): unknown;
}

/** Names of all hooks. Total by type. */
const NAMES: { readonly [name in keyof Required<Hooks>]: true } = {
  authenticate: true,
  authorize: true,
  load: true,
  change: true,
  store: true,
  presence: true,
  signal: true,
  connect: true,
  disconnect: true,
};

export type HookName = keyof Hooks;

export const HOOK_NAMES: readonly string[] = Object.keys(NAMES);

/** Gives hooks their types where they are written apart from the server. */
export function defineHooks<Context = unknown>(hooks: Hooks<Context>): Hooks<Context> {
  return hooks;
}

/** What `authenticate`, `authorize` and `signal` throw for the client to be told why: other errors stay in the log. */
export class AccessDenied extends JoineryError {
  /** @param message For people: the client shows it. */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("PERMISSION_DENIED", message, options);
  }
}

/** What `authenticate` and `authorize` throw for the client to come back with a new token: the one it showed is not good. */
export class TokenRejected extends JoineryError {
  /** @param message For people: the client shows it. */
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("UNAUTHENTICATED", message, options);
  }
}
