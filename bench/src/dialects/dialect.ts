import type { Revision } from "@joinery/shared/protocol";
import type * as Y from "yjs";

/** What a frame from a server is, as far as a client under measurement cares. */
export type Incoming =
  /** Live updates of others. */
  | { readonly kind: "update"; readonly update: Uint8Array }
  /** A piece of the answer to our state vector; `isDeflated` where it is compressed (raw deflate). */
  | { readonly kind: "catch-up"; readonly update: Uint8Array; readonly isDeflated?: boolean }
  /** That was the last piece: the client has joined. */
  | { readonly kind: "joined" }
  /** The server asks for what it is missing. */
  | { readonly kind: "ask" }
  /** Everything that this client sent up to this number is in the log (`received`), or on disk (`durable`). */
  | { readonly kind: "received" | "durable"; readonly upTo: number }
  | { readonly kind: "presence"; readonly update: Uint8Array }
  | { readonly kind: "refused"; readonly reason: string };

/** The copy of a document that somebody arrives with: an empty one, or what they had when they left. */
export interface Copy {
  readonly clientId: number;
  readonly doc: Y.Doc;
  /** What the server has by now; whoever arrives has nothing beyond it. */
  readonly serverStateVector: Uint8Array;
  /** Where the copy is in the server's log, where the dialect has a word for it. */
  readonly revision: Revision | null;
}

/** What a message from a server is to a client that only waits for the document. */
export interface Skimmed {
  /** Of the document's updates that are in it. */
  readonly documentBytes: number;
  /** Whether the server asks for what it is missing. */
  readonly asks: boolean;
  /** Whether this was the last piece: the client has joined. */
  readonly joined: boolean;
  readonly refusal: string | null;
}

export const SKIMMED_NOTHING: Skimmed = { documentBytes: 0, asks: false, joined: false, refusal: null };

/**
 * One client's end of a wire protocol, for one document. Spoken raw, so that the load generator's own cost is small
 * and known.
 */
export interface Wire {
  /** Path of the WebSocket's URL, with its leading slash. */
  readonly path: string;
  readonly subprotocol?: string;
  /** What a client sends as soon as it is connected: its credentials and an empty state vector. */
  readonly opening: readonly Uint8Array[];
  /** Set where nothing answers the opening: who is connected has joined. */
  readonly joinsUnasked?: true;
  /** The answer to {@link Incoming} `ask` of a client that has nothing the server is missing. */
  readonly nothing: Uint8Array;
  /**
   * What a published client says that arrives with a copy, instead: what it opens with, with the presence that it has
   * by default, and the answer to {@link Incoming} `ask`.
   */
  arriving(copy: Copy): Pick<Wire, "opening" | "nothing">;
  /** Updates are sent in the order in which their frames are made. */
  update(update: Uint8Array): Uint8Array;
  presence(update: Uint8Array): Uint8Array;
  /** What is in a message, in order. Payloads are views into it. @throws Error when it does not decode. */
  read(message: Uint8Array): readonly Incoming[];
  /**
   * Tells the same of a message as far as who joins wants to know, without looking into updates.
   *
   * @param head Its first bytes: all of it if it has at most 128 KiB, else at least 64.
   * @param bytes How many it has. @throws Error when it does not decode.
   */
  skim(head: Uint8Array, bytes: number): Skimmed;
}

/** Makes one client's end. */
export type Dialect = (document: string) => Wire;

/** One client's end of a protocol that has many documents on a connection, for one that only reads. */
export interface Multiplexed extends Pick<Wire, "path" | "subprotocol" | "opening"> {
  /** What opens a document, by its index. */
  open(document: number): readonly Uint8Array[];
  /** The answer to {@link Incoming} `ask` of a document. */
  nothing(document: number): Uint8Array;
  /** What is in a message, in order. Payloads are views into it. @throws Error when it does not decode. */
  read(message: Uint8Array): readonly IncomingOf[];
}

/** What came for one of the documents, by its index. */
export interface IncomingOf {
  readonly document: number;
  readonly incoming: Incoming;
}
