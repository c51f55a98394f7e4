/**
 * Messages as WebSocket frames (RFC 6455, 5.2), as the server writes them: binary, whole, not masked. `ws` makes a header
 * for each socket and writes it beside the message; what a whole room is sent is framed once here, and each socket
 * takes the same bytes in one write. Pings, pongs and closes are still of `ws`, which writes each as a whole, so that
 * none comes into the middle of a message.
 */

import type { Socket } from "node:net";
import type { Frame } from "../engine/frame.ts";

/** The first byte of a binary message in one frame. */
export const WHOLE_BINARY_MESSAGE = 0x82;
/** A payload's length stands in the second byte up to here, else in two bytes more, else in eight. */
const MAX_LENGTH_IN_BYTE = 125;
const LENGTH_IN_TWO_BYTES = 126;
const LENGTH_IN_EIGHT_BYTES = 127;

/** A longer message is written beside its header: copying it would cost more than a second piece does. */
const MAX_COPIED_BYTES = 64 * 1024;

/** A broadcast has a frame or two, and a large one waits for its turns while others are sent. */
const MAX_SHARED = 4;

/** What all connections of a transport send. Keeps the last few small messages as frames, for whoever is sent them too. */
export class Framing {
  readonly #messages: (Uint8Array | null)[] = Array.from({ length: MAX_SHARED }, () => null);
  readonly #frames: (Buffer | null)[] = Array.from({ length: MAX_SHARED }, () => null);
  #oldest = 0;

  /** Writes messages in order, in one system call where the socket takes all. The bytes must not be changed any more. */
  write(socket: Socket, messages: readonly Frame[]): void {
    const [first] = messages;
    if (first === undefined) return;
    if (messages.length === 1 && isCopied(first)) {
      socket.write(this.#frameOf(first));
      return;
    }
    socket.cork();
    for (const message of messages) {
      if (isCopied(message)) socket.write(this.#frameOf(message));
      else {
        socket.write(header(message.length, 0));
        for (const part of partsOf(message)) socket.write(part);
      }
    }
    socket.uncork();
  }

  #frameOf(message: Uint8Array): Buffer {
    const known = this.#frames[this.#messages.indexOf(message)];
    if (known) return known;
    const frame = header(message.length, message.length);
    frame.set(message, frame.length - message.length);
    this.#messages[this.#oldest] = message;
    this.#frames[this.#oldest] = frame;
    this.#oldest = (this.#oldest + 1) % MAX_SHARED;
    return frame;
  }
}

function isCopied(message: Frame): message is Uint8Array {
  return message instanceof Uint8Array && message.length <= MAX_COPIED_BYTES;
}

function partsOf(message: Frame): readonly Uint8Array[] {
  return message instanceof Uint8Array ? [message] : [message.head, message.body];
}

/** A frame's header. @param room Bytes that follow it in the buffer. */
function header(length: number, room: number): Buffer {
  if (length <= MAX_LENGTH_IN_BYTE) {
    const bytes = Buffer.allocUnsafe(2 + room);
    bytes[0] = WHOLE_BINARY_MESSAGE;
    bytes[1] = length;
    return bytes;
  }
  if (length < 2 ** 16) {
    const bytes = Buffer.allocUnsafe(4 + room);
    bytes[0] = WHOLE_BINARY_MESSAGE;
    bytes[1] = LENGTH_IN_TWO_BYTES;
    bytes.writeUInt16BE(length, 2);
    return bytes;
  }
  const bytes = Buffer.allocUnsafe(10 + room);
  bytes[0] = WHOLE_BINARY_MESSAGE;
  bytes[1] = LENGTH_IN_EIGHT_BYTES;
  bytes.writeBigUInt64BE(BigInt(length), 2);
  return bytes;
}
