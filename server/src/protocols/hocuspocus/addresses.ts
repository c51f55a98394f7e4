/** Addresses of a connection's documents, and messages to them. */

import { type DocumentName, JoineryError, lengthPrefixed, parseDocumentName } from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";

/** Between a document's name and what tells providers of one name apart. No name has it. */
const SEPARATOR = "\0";

/** Providers make it of about eleven letters and digits. */
const MAX_SESSION_ID_BYTES = 64;

/** The longest that is answered, in bytes: what is longer is no address. */
export const MAX_ADDRESS_BYTES = 4096;

/** Whether there can be a document of it as far as its length goes; `maxNameBytes` is that of a document's name. */
export function isAddressTooLong(address: string, maxNameBytes: number): boolean {
  const longest = maxNameBytes + SEPARATOR.length + MAX_SESSION_ID_BYTES;
  return address.length > longest || encodeUtf8(address).length > longest;
}

/** What tells a session apart from others of the document; `null` where the address is the document's name alone. */
export function sessionOf(address: string): string | null {
  const end = address.indexOf(SEPARATOR);
  return end < 0 ? null : address.slice(end + 1);
}

/**
 * The document that an address is of: all of it, or what comes before a zero character.
 *
 * @throws JoineryError INVALID_NAME (never retry).
 */
export function documentOf(address: string, maxNameBytes: number): DocumentName {
  const end = address.indexOf(SEPARATOR);
  if (end < 0) return parseDocumentName(address, maxNameBytes);
  if (encodeUtf8(address.slice(end + 1)).length > MAX_SESSION_ID_BYTES) {
    throw new JoineryError("INVALID_NAME", `session id is longer than ${MAX_SESSION_ID_BYTES} bytes`);
  }
  return parseDocumentName(address.slice(0, end), maxNameBytes);
}

/** An address as messages begin with it. */
export function encodeAddress(address: string): Uint8Array {
  return lengthPrefixed([], encodeUtf8(address));
}

export function joined(prefix: Uint8Array, rest: Uint8Array): Uint8Array {
  const whole = new Uint8Array(prefix.length + rest.length);
  whole.set(prefix);
  whole.set(rest, prefix.length);
  return whole;
}

/**
 * Puts an address before frames that many sessions are sent. Most of a room have one address, its document's name: for
 * those that come after the first, the bytes are the same.
 */
export class AddressedFrames {
  readonly #last = new WeakMap<Uint8Array, { readonly address: string; readonly message: Uint8Array }>();

  to(address: string, frame: Uint8Array): Uint8Array {
    const last = this.#last.get(frame);
    if (last?.address === address) return last.message;
    const message = joined(encodeAddress(address), frame);
    this.#last.set(frame, { address, message });
    return message;
  }
}
