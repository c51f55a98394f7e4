/**
 * The one table of errors. A code says what happened; its row says what a client should do about it. Codes are stable
 * across major versions, messages may improve. What only servers and people need of a row is in `error-details.ts`, so
 * that pages do not load it.
 *
 * Close codes 4400-4499, and 1009 for a message that is too large, are permanent: the client stops and says why; but
 * after 4401 it comes back with a new token. All others are transient: it comes back after a pause. Standard codes
 * (RFC 6455, section 7.4) are used where one fits.
 */

/** What a client does after an error: give up, come back after a growing pause, or come back with a new token. */
export type Retry = "never" | "backoff" | "after-auth";

export interface ErrorRow {
  readonly retry: Retry;
  /** WebSocket close code. */
  readonly closeCode: number;
}

const never = (closeCode: number): ErrorRow => ({ retry: "never", closeCode });
const backoff = (closeCode: number): ErrorRow => ({ retry: "backoff", closeCode });

// Of those that share a close code, the first is what the code stands for where nothing else was said.
export const ERRORS = {
  INVALID_NAME: never(4400),
  INVALID_OPTION: never(4400),
  MALFORMED_FRAME: never(4422),
  MALFORMED_UPDATE: never(4422),
  VERSION_UNSUPPORTED: never(4426),
  LINEAGE_CHANGED: never(4409),
  DOCUMENT_EXISTS: never(4409),
  DOCUMENT_NOT_FOUND: never(4404),
  DOCUMENT_DELETED: never(4410),
  REVISION_CHANGED: never(4412),
  SIGNAL_REFUSED: never(4400),
  UNAUTHENTICATED: { retry: "after-auth", closeCode: 4401 },
  PERMISSION_DENIED: never(4403),
  MESSAGE_TOO_LARGE: never(1009),
  UPDATE_TOO_LARGE: never(4413),
  UPDATE_TOO_COSTLY: never(4413),
  PRESENCE_TOO_LARGE: never(4413),
  DOCUMENT_DAMAGED: backoff(4510),
  STORAGE_UNAVAILABLE: backoff(4503),
  INTERNAL: backoff(1011),
  DATA_FOLDER_IN_USE: never(1011),
  DATA_FOLDER_UNUSABLE: never(1011),
  ADDRESS_UNAVAILABLE: never(1011),
  SOURCE_UNUSABLE: never(1011),
  REPLICA_FAILED: backoff(1011),
  HOOK_FAILED: backoff(4511),
  CONNECTION_LOST: backoff(1006),
  DOCUMENT_FULL: never(4413),
  CLIENT_ID_IN_USE: backoff(4509),
  TOO_SLOW: backoff(4508),
  TOO_MANY_CONNECTIONS: backoff(4529),
  TOO_MANY_DOCUMENTS: backoff(4529),
  SERVER_FULL: backoff(1013),
  SERVER_DRAINING: backoff(1012),
  OFFLINE_STORE_FAILED: never(1011),
} satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** An expected failure, with a stable {@link ErrorCode}. Programmer errors stay plain `Error`s. */
export class JoineryError extends Error {
  readonly code: ErrorCode;
  /** Name of the limit that was reached, if it was one. */
  readonly limit: string | null;

  /** @param message What was wrong, with what, and where; for logs and, see `publicMessageOf`, for the peer. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown; limit?: string }) {
    super(message, options);
    this.name = "JoineryError";
    this.code = code;
    this.limit = options?.limit ?? null;
  }

  get row(): ErrorRow {
    return ERRORS[this.code];
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
  // A message that is too large (1009) is as large the next time.
  return closeCode === 1009 || Math.floor(closeCode / 100) === 44 ? "never" : "backoff";
}
