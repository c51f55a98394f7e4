/** What has to be known of the `ws` package beyond its types. */

import type { Socket } from "node:net";
import { JoineryError, type LimitName } from "@joinery/shared";
import type { WebSocket } from "ws";

/** A close reason may have 123 bytes. */
const MAX_REASON_BYTES = 123;

/** ws names its errors by a code; those without one come from the socket, which broke. */
export function fromWsError(cause: Error & { code?: string }): JoineryError {
  const limit = exceededLimit(cause);
  if (limit !== null) {
    return new JoineryError("MESSAGE_TOO_LARGE", `message is over the limit ${limit}`, { cause });
  }
  const isProtocol = cause.code?.startsWith("WS_ERR_") ?? false;
  return new JoineryError(isProtocol ? "MALFORMED_FRAME" : "CONNECTION_LOST", cause.message, { cause });
}

/** The limit that an error of ws is about; `null` if about none. */
export function exceededLimit({ code, message }: Error & { code?: string }): LimitName | null {
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return "maxMessageBytes";
  if (code !== "WS_ERR_TOO_MANY_BUFFERED_PARTS") return null;
  return message.includes("fragments") ? "maxMessageFragments" : "maxMessageChunks";
}

/** The part of ws that reads frames, which has no public word for this. */
interface Receiver {
  readonly _bufferedBytes: number;
  readonly _state: number;
  readonly _fragmented: number;
  /** Of the last frame. */
  readonly _opcode: number;
  readonly _errored: boolean;
  readonly _maxPayload: number;
}

const CLOSE = 0x08;

function receiverOf(webSocket: WebSocket): Receiver {
  return (webSocket as unknown as { readonly _receiver: Receiver })._receiver;
}

/** Whether a frame, or a message of several frames, has begun and not ended. */
export function isWithinMessage(webSocket: WebSocket): boolean {
  return isWithin(receiverOf(webSocket));
}

function isWithin(receiver: Receiver): boolean {
  return receiver._bufferedBytes > 0 || receiver._state !== 0 || receiver._fragmented !== 0;
}

/** Of how many bytes a message may be that begins now; 0 where none may. */
export function maxNextMessageBytes(webSocket: WebSocket): number {
  const receiver = receiverOf(webSocket);
  if (webSocket.readyState !== webSocket.OPEN || isWithin(receiver) || hasEnded(receiver)) return 0;
  return receiver._maxPayload;
}

/** After a close frame, or something that is not allowed, nothing counts. */
function hasEnded({ _opcode: opcode, _state: state, _errored: isErrored }: Receiver): boolean {
  return isErrored || (opcode === CLOSE && state === 0);
}

/** How ws reads what came by a socket. */
export type ReadByWs = (this: Socket, bytes: Buffer) => void;

/**
 * Has a socket's bytes given to a function instead of to ws. By itself ws stops listening when it wants nothing more, so
 * that is to be asked before it is given any ({@link hearsNothing}).
 *
 * @returns What to give ws the bytes by that it is to read; `null` if that is not known, and all is as it was.
 */
export function divertData(socket: Socket, onData: (this: Socket, bytes: Buffer) => void): ReadByWs | null {
  const readByWs = socket.listeners("data").find(({ name }) => name === "socketOnData");
  if (!readByWs) return null;
  socket.on("data", onData);
  socket.off("data", readByWs as ReadByWs);
  return readByWs as ReadByWs;
}

/** Whether ws wants nothing more of what comes. */
export function hearsNothing(webSocket: WebSocket): boolean {
  return hasEnded(receiverOf(webSocket));
}

/** Cuts a text to what fits into a close frame, at a character's end. */
export function toCloseReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_REASON_BYTES) return text;
  let end = MAX_REASON_BYTES;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString();
}
