import { decodeUtf8 } from "lib0/string";
import { type ErrorCode, JoineryError } from "./errors.ts";

const MAX_CLIENT_ID = 2 ** 32 - 1;

/**
 * Reads lib0's encoding from untrusted bytes. Every read is checked against the end of the buffer and against
 * the largest safe integer, and a refusal names what was being read and where: lib0's own decoder allocates by
 * counts it has not checked and lets integers run past 2^53.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  protected readonly what: string;
  readonly #code: ErrorCode;
  position = 0;

  /**
   * @param what What the bytes are, for the message of a refusal.
   * @param code What a refusal is.
   */
  constructor(bytes: Uint8Array, what: string, code: ErrorCode = "MALFORMED_UPDATE") {
    this.bytes = bytes;
    this.what = what;
    this.#code = code;
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  fail(reason: string): never {
    throw new JoineryError(this.#code, `${this.what}: ${reason} at byte ${this.position}`);
  }

  byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined) this.fail("ends too early");
    this.position++;
    return value;
  }

  /** An unsigned integer of 7 bits a byte, low bits first, at most 2^53 - 1, in no more bytes than it needs. */
  varUint(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#restOfVarUint(first & 0x7f);
  }

  #restOfVarUint(low: number): number {
    let value = low;
    // Apart from the loop below, because numbers beyond 32 bits would slow all others down.
    for (let shift = 7; shift < 28; shift += 7) {
      const next = this.byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) {
        this.refuseZero(next);
        return value;
      }
    }
    for (let factor = 2 ** 28; factor <= Number.MAX_SAFE_INTEGER; factor *= 0x80) {
      const next = this.byte();
      value += (next & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) this.fail("integer is too large");
      if (next < 0x80) {
        this.refuseZero(next);
        return value;
      }
    }
    return this.fail("integer is too long");
  }

  /** The last byte of several holds the highest bits: when they are 0, it was not needed. */
  protected refuseZero(lastByte: number): void {
    if (lastByte === 0) this.fail("integer has more bytes than it needs");
  }

  clientId(): number {
    const client = this.varUint();
    if (client > MAX_CLIENT_ID) this.fail("client id is not a 32-bit integer");
    return client;
  }

  /** A number of things that take at least `minBytes` each, so that a lie about it is caught before any loop. */
  count(minBytes: number): number {
    const count = this.varUint();
    if (count * minBytes > this.remaining) this.fail(`count ${count} is more than the bytes left hold`);
    return count;
  }

  skip(length: number): void {
    if (length > this.remaining) this.fail("ends too early");
    this.position += length;
  }

  /** A length and that many bytes, as a view into the buffer. */
  varBytes(): Uint8Array {
    return this.raw(this.varUint());
  }

  /** So many bytes, as a view into the buffer. */
  raw(length: number): Uint8Array {
    const start = this.position;
    this.skip(length);
    return this.bytes.subarray(start, this.position);
  }

  /** As {@link varBytes}, where nothing may follow. */
  lastBytes(): Uint8Array {
    const bytes = this.varBytes();
    this.end();
    return bytes;
  }

  /** A length and that many bytes of UTF-8. */
  varString(): string {
    const start = this.position;
    const bytes = this.varBytes();
    try {
      return decodeUtf8(bytes);
    } catch {
      this.position = start;
      this.fail("string is not UTF-8");
    }
  }

  end(): void {
    if (this.remaining !== 0) this.fail(`${this.remaining} bytes left over`);
  }
}

/** Whether two byte strings are the same. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
