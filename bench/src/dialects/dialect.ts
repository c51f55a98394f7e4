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
  /** Updates are sent in the order in which their frames are made. */
  update(update: Uint8Array): Uint8Array;
  presence(update: Uint8Array): Uint8Array;
  /** What is in a message, in order. Payloads are views into it. @throws Error when it does not decode. */
  read(message: Uint8Array): readonly Incoming[];
}

/** Makes one client's end. */
export type Dialect = (document: string) => Wire;
