/**
 * The one table of errors. A code says what happened; its row says what a client should do about it and how
 * each wire names it. Codes are stable across major versions, messages may improve.
 *
 * Close codes 4400-4499, and 1009 for a message that is too large, are permanent: the client stops and says why.
 * All others are transient: it comes back after a pause. Standard codes (RFC 6455, section 7.4) are used where one
 * fits.
 */

/** What a client does after an error: give up, come back after a growing pause, or come back with a new token. */
export type Retry = "never" | "backoff" | "after-auth";

export interface ErrorRow {
  readonly retry: Retry;
  /** WebSocket close code. */
  readonly closeCode: number;
  readonly httpStatus: number;
  /** One sentence for documentation and for people. */
  readonly meaning: string;
  /** The message may name files or say how the server is built: a peer is told the meaning instead. */
  readonly isInternal?: true;
}

export const ERRORS = {
  INVALID_NAME: {
    retry: "never",
    closeCode: 4400,
    httpStatus: 400,
    meaning:
      "The document's name is empty, too long, not valid Unicode in normalisation form C (NFC), or has characters that control text or its direction.",
  },
  INVALID_OPTION: {
    retry: "never",
    closeCode: 4400,
    httpStatus: 400,
    meaning: "An option has a value that is not allowed.",
  },
  MALFORMED_FRAME: {
    retry: "never",
    closeCode: 4422,
    httpStatus: 422,
    meaning: "A frame does not decode as the dialect that the connection speaks.",
  },
  MALFORMED_UPDATE: {
    retry: "never",
    closeCode: 4422,
    httpStatus: 422,
    meaning: "A Yjs update, state vector or awareness update is not well formed.",
  },
  PERMISSION_DENIED: {
    retry: "never",
    closeCode: 4403,
    httpStatus: 403,
    meaning: "The session may not do this.",
  },
  MESSAGE_TOO_LARGE: {
    retry: "never",
    closeCode: 1009,
    httpStatus: 413,
    meaning: "A message is larger than the server accepts.",
  },
  UPDATE_TOO_LARGE: {
    retry: "never",
    closeCode: 4413,
    httpStatus: 413,
    meaning:
      "A Yjs update or state vector is well formed, but has more structs, delete ranges or clients, or a longer root name, than the server accepts.",
  },
  UPDATE_TOO_COSTLY: {
    retry: "never",
    closeCode: 4413,
    httpStatus: 413,
    meaning:
      "A Yjs update is well formed, but integrating it, or loading the document with it, takes far more time or memory than its size explains.",
  },
  PRESENCE_TOO_LARGE: {
    retry: "never",
    closeCode: 4413,
    httpStatus: 413,
    meaning: "A presence state is larger, or a connection announces more of them, than the server accepts.",
  },
  DOCUMENT_DAMAGED: {
    retry: "backoff",
    closeCode: 4510,
    httpStatus: 500,
    meaning: "A stored record of the document fails its check. What is on disk was left as it is.",
  },
  STORAGE_UNAVAILABLE: {
    retry: "backoff",
    closeCode: 4503,
    httpStatus: 503,
    meaning: "The storage cannot be read or written at the moment; nothing is accepted until it can.",
    isInternal: true,
  },
  DATA_FOLDER_IN_USE: {
    retry: "never",
    closeCode: 1011,
    httpStatus: 500,
    meaning: "Another process has the data folder open.",
    isInternal: true,
  },
  DATA_FOLDER_UNUSABLE: {
    retry: "never",
    closeCode: 1011,
    httpStatus: 500,
    meaning: "The data folder cannot be created, read or written, or its database is missing.",
    isInternal: true,
  },
  ADDRESS_UNAVAILABLE: {
    retry: "never",
    closeCode: 1011,
    httpStatus: 500,
    meaning: "The address cannot be listened on.",
    isInternal: true,
  },
  REPLICA_FAILED: {
    retry: "backoff",
    closeCode: 1011,
    httpStatus: 500,
    meaning: "The document could not be built from its log, or not within its bounds of time and memory.",
    isInternal: true,
  },
  CONNECTION_LOST: {
    retry: "backoff",
    closeCode: 1006,
    httpStatus: 503,
    meaning: "The connection broke. 1006 is what a client's own WebSocket reports; it is never sent.",
  },
  DOCUMENT_FULL: {
    retry: "never",
    closeCode: 4413,
    httpStatus: 413,
    meaning: "The document is as large as the server accepts; it can be read, and deleted from.",
  },
  CLIENT_ID_IN_USE: {
    retry: "backoff",
    closeCode: 4509,
    httpStatus: 409,
    meaning: "Edits came under the client id of another connection, which is alive.",
  },
  TOO_SLOW: {
    retry: "backoff",
    closeCode: 4508,
    httpStatus: 503,
    meaning: "The client did not read what it was sent, or did not send what was due, for too long.",
  },
  TOO_MANY_CONNECTIONS: {
    retry: "backoff",
    closeCode: 4529,
    httpStatus: 429,
    meaning:
      "The address has as many connections, or opened as many just now, as the server accepts from one.",
  },
  SERVER_FULL: {
    retry: "backoff",
    closeCode: 1013,
    httpStatus: 503,
    meaning: "The server has as many connections, rooms or waiting updates as it accepts.",
  },
  SERVER_DRAINING: {
    retry: "backoff",
    closeCode: 1012,
    httpStatus: 503,
    meaning: "The server is about to stop; come back in a moment.",
  },
  INTERNAL: {
    retry: "backoff",
    closeCode: 1011,
    httpStatus: 500,
    meaning: "The server made a mistake and gave up this room or connection rather than go on wrongly.",
    isInternal: true,
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An expected failure, with a stable {@link ErrorCode}. Programmer errors stay plain `Error`s. */
export class JoineryError extends Error {
  readonly code: ErrorCode;
  /** Name of the limit that was reached, if it was one. */
  readonly limit: string | null;

  /** @param message What was wrong, with what, and where; for logs and, unless the row is internal, for the peer. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; limit?: string }) {
    super(message, options);
    this.name = "JoineryError";
    this.code = code;
    this.limit = options?.limit ?? null;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
  }

  /** What a peer may be told. */
  get publicMessage(): string {
    return this.row.isInternal ? this.row.meaning : this.message;
  }
}

/** Gives any thrown value a place in the table: a {@link JoineryError} stays itself, all else is INTERNAL. */
export function toJoineryError(thrown: unknown): JoineryError {
  if (thrown instanceof JoineryError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new JoineryError("INTERNAL", message, { cause: thrown });
}

/**
 * What a client should do after a connection closed with this code.
 *
 * @param closeCode WebSocket close code, 1000-4999.
 */
export function retryAfterClose(closeCode: number): Retry {
  if (closeCode === 4401) return "after-auth";
  // A message that is too large is as large the next time.
  if (closeCode === ERRORS.MESSAGE_TOO_LARGE.closeCode) return "never";
  return closeCode >= 4400 && closeCode <= 4499 ? "never" : "backoff";
}
