const POLYNOMIAL = 0x82f63b78; // Castagnoli's, bit-reversed.

/** At `256 * k + byte`: what a byte does to the checksum when `k` zero bytes come after it. */
const TABLE = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  TABLE[byte] = remainder;
}
for (let i = 256; i < TABLE.length; i++) TABLE[i] = afterZeroByte(TABLE[i - 256] as number);

/**
 * Computes the CRC32C (Castagnoli) of bytes. Our own because zlib has only the IEEE polynomial, and because a
 * browser's offline store checks the same records.
 *
 * @param before CRC32C of what comes before these bytes, to go on from there.
 * @param start @param end Which of the bytes: a view of a few would cost more than they do. Default: all.
 * @returns An unsigned 32-bit integer.
 * Source: RFC 3720, appendix B.4; eight bytes at a time. Cost: about 0.7 ns a byte.
 */
export function crc32c(bytes: Uint8Array, before = 0, start = 0, end = bytes.length): number {
  let crc = ~before;
  let i = start;
  // reason: all indices below are in range by construction.
  for (const lastWhole = end - 7; i < lastWhole; i += 8) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (TABLE[1792 + (crc & 0xff)] as number) ^
      (TABLE[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (TABLE[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (TABLE[1024 + (crc >>> 24)] as number) ^
      (TABLE[768 + (bytes[i + 4] as number)] as number) ^
      (TABLE[512 + (bytes[i + 5] as number)] as number) ^
      (TABLE[256 + (bytes[i + 6] as number)] as number) ^
      (TABLE[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/**
 * Finds the one bit that has to be turned over for bytes to have a checksum. No two bits of less than 256 MiB give
 * the same answer, so there is at most one; bytes that differ in more than one bit seldom have any: one of 2^32
 * for each of their bits.
 *
 * @returns The bit's number, counted from the lowest bit of the first byte; `null` when there is none, or when the
 * bytes have that checksum as they are. Cost: about 13 ns a byte.
 */
export function findFlippedBit(bytes: Uint8Array, checksum: number): number | null {
  // A checksum is linear: what a flipped bit changes depends on nothing but how far from the end the bit is.
  const difference = crc32c(bytes) ^ checksum;
  const changes = Int32Array.from({ length: 8 }, (_, bit) => TABLE[1 << bit] as number);
  for (let at = bytes.length - 1; at >= 0; at--) {
    for (let bit = 0; bit < 8; bit++) {
      const change = changes[bit] as number;
      if (change === difference) return at * 8 + bit;
      changes[bit] = afterZeroByte(change);
    }
  }
  return null;
}

function afterZeroByte(crc: number): number {
  return (TABLE[crc & 0xff] as number) ^ (crc >>> 8);
}
