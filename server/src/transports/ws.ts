/** What has to be known of the `ws` package beyond its types. */

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

/** Whether a frame, or a message of several frames, has begun and not ended. ws has no public word for it. */
export function isWithinMessage(webSocket: WebSocket): boolean {
  const { _receiver: receiver } = webSocket as unknown as {
    _receiver: { readonly _bufferedBytes: number; readonly _state: number; readonly _fragmented: number };
  };
  return receiver._bufferedBytes > 0 || receiver._state !== 0 || receiver._fragmented !== 0;
}

/** Cuts a text to what fits into a close frame, at a character's end. */
export function toCloseReason(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MAX_REASON_BYTES) return text;
  let end = MAX_REASON_BYTES;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString();
}
