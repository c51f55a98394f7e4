import { WHOLE_BINARY_MESSAGE } from "./framing.ts";

const MASKED = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_IN_TWO_BYTES = 126;
const LENGTH_IN_EIGHT_BYTES = 127;
const MASK_BYTES = 4;
const MIN_HEADER_BYTES = 2 + MASK_BYTES;

/** Whom messages are for. */
export interface MessageReceiver {
  /** Whether what comes next is the beginning of a message, of at most so many bytes; 0 where it is not. */
  readonly maxNextBytes: number;
  /** The bytes are a view. */
  receiveMessage(message: Uint8Array): void;
}

/**
 * Reads messages that came as a whole, as most do: binary, in one frame, masked, and all of it there. `ws`, which reads all
 * else, passes each on through two streams and an event.
 *
 * @param bytes What came. The messages in it are unmasked in place.
 * @returns How many of the bytes were read; the rest is for `ws`.
 * Source: RFC 6455, 5.2 and 5.3.
 */
export function readWholeMessages(bytes: Uint8Array, receiver: MessageReceiver): number {
  let at = 0;
  while (at + MIN_HEADER_BYTES <= bytes.length && bytes[at] === WHOLE_BINARY_MESSAGE) {
    const second = bytes[at + 1] as number;
    let length = second & LENGTH_BITS;
    let start = at + MIN_HEADER_BYTES;
    if (length === LENGTH_IN_TWO_BYTES) {
      length = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
      start += 2;
    } else if (length === LENGTH_IN_EIGHT_BYTES) break;
    const end = start + length;
    if ((second & MASKED) === 0 || end > bytes.length) break;
    const maxBytes = receiver.maxNextBytes;
    // One without bytes is no longer than 0, and no message either in the midst of another.
    if (maxBytes === 0 || length > maxBytes) break;
    const message = new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
    for (let i = 0; i < length; i++) {
      // reason: the mask is before the message, and both are within the bytes.
      message[i] = (message[i] as number) ^ (bytes[start - MASK_BYTES + (i & 3)] as number);
    }
    at = end;
    receiver.receiveMessage(message);
  }
  return at;
}
