import { crc32c, findFlippedBit } from "@joinery/shared";
import fc from "fast-check";
import { expect, test } from "vitest";

const ascii = (text: string) => new TextEncoder().encode(text);

// The vectors of RFC 3720, appendix B.4, and the check value of the CRC catalogue.
test.each([
  ["nothing", new Uint8Array(0), 0x00000000],
  ["the digits 1 to 9", ascii("123456789"), 0xe3069283],
  ["32 bytes of zeros", new Uint8Array(32), 0x8a9136aa],
  ["32 bytes of ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ["32 ascending bytes", Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ["32 descending bytes", Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
])("the checksum of %s is the published one", (_, bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});

test("bytes in two pieces have the checksum of the whole", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (first, second) => {
      expect(crc32c(second, crc32c(first))).toBe(crc32c(Uint8Array.of(...first, ...second)));
    }),
  );
});

test("a flipped bit always changes the checksum", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, n) => {
      const flipped = bytes.slice();
      const bit = n % (bytes.length * 8);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(crc32c(flipped)).not.toBe(crc32c(bytes));
    }),
  );
});

test("the bit that was flipped is found, wherever it is", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 5000 }), fc.nat(), (bytes, n) => {
      const bit = n % (bytes.length * 8);
      const flipped = bytes.with(bit >> 3, (bytes[bit >> 3] as number) ^ (1 << (bit & 7)));
      expect(findFlippedBit(flipped, crc32c(bytes))).toBe(bit);
    }),
  );
});

test("no bit is to blame where nothing is wrong, or more than one bit", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 5000 }), fc.nat(), fc.nat(), (bytes, n, m) => {
      expect(findFlippedBit(bytes, crc32c(bytes))).toBeNull();
      const [a, b] = [n % (bytes.length * 8), m % (bytes.length * 8)];
      fc.pre(a !== b);
      const damaged = bytes.slice();
      for (const bit of [a, b]) damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(findFlippedBit(damaged, crc32c(bytes))).toBeNull();
    }),
  );
});
