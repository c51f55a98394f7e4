import { expect, test } from "vitest";
import { decompressSnappy } from "../../../../server/src/storage/leveldb/snappy.ts";

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const ascii = (text: string) => new TextEncoder().encode(text);

// Made by hand from Snappy's format description.
test.each([
  ["nothing", "00", ""],
  ["a literal", "05 10 68656c6c6f", "hello"],
  ["a literal with its length in a byte of its own", `46 f045 ${"61".repeat(70)}`, "a".repeat(70)],
  ["a literal with its length in two bytes", `ac02 f42b01 ${"62".repeat(300)}`, "b".repeat(300)],
  ["a copy with one byte of distance", "0a 08 616263 0d03", "abcabcabca"],
  ["a copy with two bytes of distance", "09 08 616263 160300", "abcabcabc"],
  ["a copy with four bytes of distance", "09 08 616263 1703000000", "abcabcabc"],
])("%s", (_, compressed, expected) => {
  expect(decompressSnappy(bytesOf(compressed))).toEqual(ascii(expected));
});

test.each([
  ["a literal that is cut off", "05 10 68656c", "ends too early"],
  ["a literal beyond the length", "02 10 68656c6c6f", "literal is longer than the block"],
  ["a copy from before the beginning", "0a 08 616263 0d04", "copy reaches beyond the block"],
  ["a copy from nowhere", "0a 08 616263 0d00", "copy reaches beyond the block"],
  ["a copy beyond the length", "04 08 616263 0d03", "copy reaches beyond the block"],
  ["less than the length", "0a 08 616263", "block is shorter than its length"],
  ["a length that no bytes could have", "ffffffff0f 08 616263", "length is more than the bytes can hold"],
])("%s is refused", (_, compressed, reason) => {
  expect(() => decompressSnappy(bytesOf(compressed))).toThrow(reason);
});
