/**
 * The messages of Hocuspocus providers, of versions 2 to 4. A message is an address, which is a length and that many
 * bytes of UTF-8, then a kind, then
 *
 *   0 sync        0 step 1: state vector │ 1 step 2: update │ 2 update
 *   1 awareness   awareness update
 *   2 auth        0 token: text, then since version 4 the provider's version │ 0 alone: a token is asked for
 *                 1 denied: reason │ 2 authenticated: "readonly" or "read-write"
 *   3 query       nothing                            (asks for awareness)
 *   4 sync reply  as sync, but nothing is asked back
 *   5 stateless   text
 *   6             for servers among themselves
 *   7 close       nothing, or from the server a reason
 *   8 sync status 1: an edit was saved │ 0: it was not
 *
 * A ping is one byte, 9, and so is its answer, 10: they are of the connection and have no address.
 */

import { type ByteReader, lengthPrefixed } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { Permission } from "../../engine/rights.ts";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;
const SYNC_REPLY = 4;
const STATELESS = 5;
const BROADCAST_STATELESS = 6;
const CLOSE = 7;
const SYNC_STATUS = 8;
export const PING = 9;
export const PONG = 10;

const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;

const TOKEN = 0;
const DENIED = 1;
const AUTHENTICATED = 2;

/** As in the native dialect. */
const MAX_TOKEN_BYTES = 16 * 1024;
const MAX_AGENT_BYTES = 256;

/** What a provider says about a document. Bytes are views. */
export type ClientMessage =
  | { readonly kind: "step1"; readonly stateVector: Uint8Array; readonly isReply: boolean }
  | { readonly kind: "step2"; readonly update: Uint8Array }
  | { readonly kind: "update"; readonly update: Uint8Array }
  | { readonly kind: "awareness"; readonly update: Uint8Array }
  | { readonly kind: "token"; readonly token: string; readonly agent: string | null }
  | { readonly kind: "query" }
  | { readonly kind: "stateless"; readonly payload: string }
  | { readonly kind: "close" };

/**
 * Reads what follows the address, to the message's end.
 *
 * @throws JoineryError MALFORMED_FRAME (never retry).
 */
export function readMessage(reader: ByteReader): ClientMessage {
  const kind = reader.varUint();
  switch (kind) {
    case SYNC:
    case SYNC_REPLY:
      return readSync(reader, kind === SYNC_REPLY);
    case AWARENESS:
      return { kind: "awareness", update: reader.lastBytes() };
    case AUTH:
      return readToken(reader);
    case QUERY_AWARENESS:
      reader.end();
      return { kind: "query" };
    case STATELESS: {
      const payload = reader.varString();
      reader.end();
      return { kind: "stateless", payload };
    }
    case CLOSE:
      reader.end();
      return { kind: "close" };
    case BROADCAST_STATELESS:
    case SYNC_STATUS:
      return reader.fail(`message of kind ${kind} is for servers to send`);
    default:
      return reader.fail(`message of kind ${kind} is unknown`);
  }
}

function readSync(reader: ByteReader, isReply: boolean): ClientMessage {
  const step = reader.varUint();
  switch (step) {
    case STEP_1:
      return { kind: "step1", stateVector: reader.lastBytes(), isReply };
    case STEP_2:
      return { kind: "step2", update: reader.lastBytes() };
    case UPDATE:
      return { kind: "update", update: reader.lastBytes() };
    default:
      return reader.fail(`sync step ${step} is unknown`);
  }
}

function readToken(reader: ByteReader): ClientMessage {
  const what = reader.varUint();
  if (what !== TOKEN) reader.fail(`auth message of type ${what} is for servers to send`);
  const token = shortString(reader, MAX_TOKEN_BYTES);
  const agent = reader.remaining > 0 ? shortString(reader, MAX_AGENT_BYTES) : null;
  reader.end();
  return { kind: "token", token, agent };
}

/** Text of which no more than so many bytes are looked at. */
export function shortString(reader: ByteReader, maxBytes: number): string {
  const start = reader.position;
  const length = reader.varUint();
  if (length > maxBytes) reader.fail(`text of ${length} bytes is longer than ${maxBytes}`);
  reader.position = start;
  return reader.varString();
}

/** What a server says, without the address that it is said to. */
export const serverMessages = {
  step1: (stateVector: Uint8Array): Uint8Array => lengthPrefixed([SYNC, STEP_1], stateVector),
  step2: (update: Uint8Array): Uint8Array => lengthPrefixed([SYNC, STEP_2], update),
  update: (update: Uint8Array): Uint8Array => lengthPrefixed([SYNC, UPDATE], update),
  awareness: (update: Uint8Array): Uint8Array => lengthPrefixed([AWARENESS], update),
  authenticated: (permission: Permission): Uint8Array =>
    lengthPrefixed([AUTH, AUTHENTICATED], encodeUtf8(permission === "write" ? "read-write" : "readonly")),
  denied: (reason: string): Uint8Array => lengthPrefixed([AUTH, DENIED], encodeUtf8(reason)),
  requestToken: (): Uint8Array => Uint8Array.of(AUTH, TOKEN),
  stateless: (payload: string): Uint8Array => lengthPrefixed([STATELESS], encodeUtf8(payload)),
  close: (reason: string): Uint8Array => lengthPrefixed([CLOSE], encodeUtf8(reason)),
  syncStatus: (isSaved: boolean): Uint8Array => Uint8Array.of(SYNC_STATUS, isSaved ? 1 : 0),
};

/** The message of a connection. */
export const PONG_MESSAGE: Uint8Array = Uint8Array.of(PONG);
