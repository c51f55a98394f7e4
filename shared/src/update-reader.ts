import { ByteReader } from "./byte-reader.ts";
import { JoineryError } from "./errors.ts";
import type { LimitName } from "./limits.ts";

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
}
