/** What a frame from a server is, as far as a client under measurement cares. */
export type Incoming =
  /** Live updates of others. */
  | { readonly kind: "update"; readonly update: Uint8Array }
  /** The answer to our state vector: once it is here, the client has joined. */
  | { readonly kind: "catch-up"; readonly update: Uint8Array }
  /** The server asks for what it is missing. */
  | { readonly kind: "ask" }
  | { readonly kind: "presence"; readonly update: Uint8Array }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "other" };

/** A wire protocol for one document. Spoken raw, so that the load generator's own cost is small and known. */
export interface Wire {
  /** Path of the WebSocket's URL, with its leading slash. */
  readonly path: string;
  /** What a client sends as soon as it is connected: its credentials and an empty state vector. */
  readonly opening: readonly Uint8Array[];
  /** The answer to {@link Incoming} `ask` of a client that has nothing the server is missing. */
  readonly nothing: Uint8Array;
  update(update: Uint8Array): Uint8Array;
  presence(update: Uint8Array): Uint8Array;
  /** Payloads are views into the frame. @throws Error when the frame does not decode. */
  read(frame: Uint8Array): Incoming;
}

export type Dialect = (document: string) => Wire;
