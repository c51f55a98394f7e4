import type { ErrorCode, JoineryError } from "./errors.ts";

/** The rest of an error's row. */
export interface ErrorDetails {
  readonly httpStatus: number;
  /** One sentence for documentation and for people. */
  readonly meaning: string;
  /** The message may name files or say how the server is built: a peer is told the meaning instead. */
  readonly isInternal?: true;
}

export const ERROR_DETAILS: Readonly<Record<ErrorCode, ErrorDetails>> = {
  INVALID_NAME: {
    httpStatus: 400,
    meaning:
      "The document's name is empty, too long, not valid Unicode in normalisation form C (NFC), or has characters that control text or its direction.",
  },
  INVALID_OPTION: {
    httpStatus: 400,
    meaning: "An option has a value that is not allowed.",
  },
  MALFORMED_FRAME: {
    httpStatus: 422,
    meaning: "A frame does not decode as the dialect that the connection speaks.",
  },
  MALFORMED_UPDATE: {
    httpStatus: 422,
    meaning: "A Yjs update, state vector or awareness update is not well formed.",
  },
  VERSION_UNSUPPORTED: {
    httpStatus: 426,
    meaning: "Client and server speak different versions of the protocol.",
  },
  LINEAGE_CHANGED: {
    httpStatus: 409,
    meaning:
      "The server's document is not the one that the client has a copy of: it was deleted, created anew or restored.",
  },
  DOCUMENT_EXISTS: {
    httpStatus: 409,
    meaning: "There is a document of this name already.",
  },
  DOCUMENT_NOT_FOUND: {
    httpStatus: 404,
    meaning: "There is no document of this name, or no deletion of it that could be undone.",
  },
  DOCUMENT_DELETED: {
    httpStatus: 410,
    meaning:
      "The document that the client has a copy of was deleted: what is of it does not come back by itself.",
  },
  REVISION_CHANGED: {
    httpStatus: 412,
    meaning: "The document is at another revision than the one that the request builds upon.",
  },
  SIGNAL_REFUSED: {
    httpStatus: 400,
    meaning: "A signal is too large, one too many, or not what the application accepts. The session goes on.",
  },
  UNAUTHENTICATED: {
    httpStatus: 401,
    meaning:
      "No token was shown where one is needed, or it has expired, was revoked, or is not good: come back with a new one.",
  },
  PERMISSION_DENIED: {
    httpStatus: 403,
    meaning: "The session may not do this.",
  },
  MESSAGE_TOO_LARGE: {
    httpStatus: 413,
    meaning: "A message is larger than the server accepts.",
  },
  UPDATE_TOO_LARGE: {
    httpStatus: 413,
    meaning:
      "A Yjs update or state vector is well formed, but has more structs, delete ranges or clients, or a longer root name, than the server accepts.",
  },
  UPDATE_TOO_COSTLY: {
    httpStatus: 413,
    meaning:
      "A Yjs update is well formed, but integrating it, or loading the document with it, takes far more time or memory than its size explains.",
  },
  PRESENCE_TOO_LARGE: {
    httpStatus: 413,
    meaning: "A presence state is larger, or a connection announces more of them, than the server accepts.",
  },
  DOCUMENT_DAMAGED: {
    httpStatus: 500,
    meaning: "A stored record of the document fails its check. What is on disk was left as it is.",
  },
  STORAGE_UNAVAILABLE: {
    httpStatus: 503,
    meaning: "The storage cannot be read or written at the moment; nothing is accepted until it can.",
    isInternal: true,
  },
  DATA_FOLDER_IN_USE: {
    httpStatus: 500,
    meaning: "Another process has the data folder open.",
    isInternal: true,
  },
  DATA_FOLDER_UNUSABLE: {
    httpStatus: 500,
    meaning: "The data folder cannot be created, read or written, or its database is missing.",
    isInternal: true,
  },
  ADDRESS_UNAVAILABLE: {
    httpStatus: 500,
    meaning: "The address cannot be listened on.",
    isInternal: true,
  },
  SOURCE_UNUSABLE: {
    httpStatus: 500,
    meaning:
      "What is to be imported is not there, in use, of another kind, or cannot be read. It is never sent.",
    isInternal: true,
  },
  REPLICA_FAILED: {
    httpStatus: 500,
    meaning: "The document could not be built from its log, or not within its bounds of time and memory.",
    isInternal: true,
  },
  HOOK_FAILED: {
    httpStatus: 503,
    meaning:
      "What the server asks who may come in, a function of the application or the keys of tokens, did not answer, or not in time; come back in a moment.",
    isInternal: true,
  },
  CONNECTION_LOST: {
    httpStatus: 503,
    meaning:
      "The connection broke, or there never was one. 1006 is what a client's own WebSocket reports; it is never sent.",
  },
  DOCUMENT_FULL: {
    httpStatus: 413,
    meaning: "The document is as large as the server accepts; it can be read, and deleted from.",
  },
  CLIENT_ID_IN_USE: {
    httpStatus: 409,
    meaning: "Edits came under the client id of another connection, which is alive.",
  },
  TOO_SLOW: {
    httpStatus: 503,
    meaning: "The client did not read what it was sent, or did not send what was due, for too long.",
  },
  TOO_MANY_CONNECTIONS: {
    httpStatus: 429,
    meaning:
      "The address has as many connections, or opened as many just now, as the server accepts from one.",
  },
  TOO_MANY_DOCUMENTS: {
    httpStatus: 429,
    meaning: "The connection has as many documents open as the server accepts on one.",
  },
  SERVER_FULL: {
    httpStatus: 503,
    meaning: "The server has as many connections, rooms or waiting updates as it accepts.",
  },
  SERVER_DRAINING: {
    httpStatus: 503,
    meaning: "The server is about to stop; come back in a moment.",
  },
  OFFLINE_STORE_FAILED: {
    httpStatus: 500,
    meaning: "The client's copy on this device cannot be read or written. It is never sent.",
  },
  INTERNAL: {
    httpStatus: 500,
    meaning: "The server made a mistake and gave up this room or connection rather than go on wrongly.",
    isInternal: true,
  },
};

/** What a peer may be told of an error. */
export function publicMessageOf({ code, message }: JoineryError): string {
  const { isInternal, meaning } = ERROR_DETAILS[code];
  return isInternal ? meaning : message;
}
