import { ByteReader } from "./byte-reader.ts";
import { JoineryError } from "./errors.ts";
import type { LimitName } from "./limits.ts";
import { utf8Width } from "./utf8.ts";

/** Reads updates and state vectors. */
export class UpdateReader extends ByteReader {
  /** Refuses what is well formed, but more than a limit allows. @param limit Name of the limit. */
  exceeds(limit: LimitName, reason: string): never {
    const message = `${this.what}: ${reason} at byte ${this.position}`;
    throw new JoineryError("UPDATE_TOO_LARGE", message, { limit });
  }

  /** Skips a signed integer: its sign in bit 6 of the first byte, else as {@link varUint}. */
  skipVarInt(): void {
    let next = this.byte();
    if (next < 0x80) return;
    let value = next & 0x3f;
    for (let factor = 2 ** 6; next >= 0x80; factor *= 0x80) {
      if (factor > Number.MAX_SAFE_INTEGER) this.fail("integer is too long");
      next = this.byte();
      value += (next & 0x7f) * factor;
      if (value > Number.MAX_SAFE_INTEGER) this.fail("integer is too large");
    }
    this.refuseZero(next);
  }

  /** Skips a length and that many bytes of UTF-8. Returns the string's length in UTF-16 units. */
  skipVarString(): number {
    return this.skipUtf8(this.varUint());
  }

  /** As {@link skipVarString}, when the length was read. */
  skipUtf8(length: number): number {
    const end = this.position + length;
    if (length > this.remaining) this.fail("ends too early");
    const bytes = this.bytes;
    let units = 0;
    let i = this.position;
    while (i < end) {
      const first = bytes[i] as number;
      if (first < 0x80) {
        i++;
        units++;
        continue;
      }
      const width = utf8Width(bytes, i, end);
      if (width === 0) {
        this.position = i;
        this.fail("string is not UTF-8");
      }
      i += width;
      units += width === 4 ? 2 : 1;
    }
    this.position = end;
    return units;
  }
}
