import { inspectUpdate, JoineryError } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import {
  block,
  bytesOf,
  deletion,
  gc,
  item,
  longVarUint,
  type Part,
  padded,
  raw,
  skip,
  text,
  textAfter,
  update,
} from "./raw-update.ts";
import { documentOf, SAMPLES } from "./sample-documents.ts";

function refusalOf(bytes: Uint8Array): unknown {
  try {
    return inspectUpdate(bytes);
  } catch (error) {
    return error;
  }
}

function expectRefusal(bytes: Uint8Array, reason: RegExp): void {
  const refusal = refusalOf(bytes);
  expect(refusal).toBeInstanceOf(JoineryError);
  expect(refusal).toMatchObject({ code: "MALFORMED_UPDATE", message: expect.stringMatching(reason) });
  expect(refusal).toMatchObject({ message: expect.stringMatching(/^update: .+ at byte \d+$/) });
}

const one = (...structs: Part[]): Uint8Array => update([block(9, 0, ...structs)]);
const any = (...value: number[]): Uint8Array => one(item(8, 1, raw(...value)));
const deletes = (...range: [Part, Part]): Uint8Array => update([], [deletion(9, range)]);
const nestedJson = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
const nestedAny = (depth: number): Part => raw(...Array.from({ length: depth }, () => [117, 1]).flat(), 126);
const subdocument = (...options: Part[]): Uint8Array =>
  one(item(9, "guid", raw(118), options.length, options));

/** The integer as lib0 would write it, if it could. */
const signed = (value: bigint): Uint8Array => bytesOf(raw(Number(value & 0x3fn) | 0x80), value >> 6n);

type Refusal = [what: string, bytes: Uint8Array, reason: RegExp];

const TABLES: Readonly<Record<string, Refusal[]>> = {
  "ends and counts": [
    ["no bytes at all", raw(), /ends too early/],
    ["a byte left over", bytesOf(0, 0, 0), /1 bytes left over/],
    ["an update left over", bytesOf(one(text("a")), one(text("a"))), /bytes left over/],
    ["more clients than there are bytes", bytesOf(33_000_000, 0), /count 33000000 is more/],
    ["more structs than there are bytes", bytesOf(1, 33_000_000, 9, 0, 0), /count 33000000 is more/],
    ["one struct more than there is", bytesOf(1, 2, 9, 0, gc(1), 0), /no length|ends too early/],
    ["one struct less than there is", bytesOf(1, 1, 9, 0, gc(1), gc(1), 0), /./],
    ["more deleting clients than there are bytes", bytesOf(0, 1_000_000), /count 1000000 is more/],
    ["more delete ranges than there are bytes", bytesOf(0, 1, 9, 1_000_000, 0, 1), /count 1000000 is more/],
    ["more values than there are bytes", one(item(8, 1_000_000)), /count 1000000 is more/],
    ["more JSON values than there are bytes", one(item(2, 1_000_000)), /count 1000000 is more/],
    ["a text longer than the update", one([4, 1, "root", 1_000_000, raw(97)]), /ends too early/],
    ["bytes longer than the update", one(item(3, 1_000_000, raw(1))), /ends too early/],
    ["a type's name longer than the update", one([4, 1, 1_000_000, raw(97)]), /ends too early/],
  ],
  "structs without a length": [
    ["collected", one(gc(0)), /no length/],
    ["skipped", one(skip(0)), /no length/],
    ["deleted", one(item(1, 0)), /no length/],
    ["JSON", one(item(2, 0)), /no length/],
    ["text", one(text("")), /no length/],
    ["any values", one(item(8, 0)), /no length/],
  ],
  "clocks, lengths and ids": [
    ["a collected length of 2^54", one(gc(2n ** 54n)), /integer is too l/],
    ["a collected length of 2^60", one(gc(2n ** 60n)), /integer is too l/],
    ["a collected length of 2^48 + 1", one(gc(2n ** 48n + 1n)), /clock is too large/],
    ["a skipped length of 2^53 - 1", one(skip(2 ** 53 - 1)), /clock is too large/],
    ["a deleted length of 2^53", one(item(1, 2n ** 53n)), /integer is too l/],
    ["a clock of 2^53 - 1", update([block(9, 2 ** 53 - 1, gc(1))]), /clock is too large/],
    ["a clock of 2^53", update([block(9, 2n ** 53n, gc(1))]), /integer is too l/],
    ["a clock and a length that overflow together", update([block(9, 2 ** 48, gc(1))]), /clock is too large/],
    ["a struct that overflows after others", one(gc(2 ** 47), gc(2 ** 47), gc(1)), /clock is too large/],
    ["a client id of 33 bits", update([block(2 ** 32, 0, gc(1))]), /client id/],
    ["a client id of 53 bits", update([block(2 ** 53 - 1, 0, gc(1))]), /client id/],
    ["a client id of 33 bits in an origin", one(textAfter(2 ** 32, 0, "a")), /client id/],
    ["a client id of 33 bits in a delete set", update([], [deletion(2 ** 32, [0, 1])]), /client id/],
    ["a clock of 16 bytes", update([[1, 9, longVarUint(16, 1), gc(1)]]), /integer is too l/],
    ["a length of 16 bytes that says 0", one(gc(longVarUint(16, 0))), /integer is too l/],
    ["a count of 16 bytes", bytesOf(longVarUint(16, 1), 0), /integer is too l/],
    ["an origin beyond all clocks", one(textAfter(3, 2 ** 48, "a")), /clock is too large/],
  ],
  "integers in more bytes than they need": [
    ["a number of clients", bytesOf(padded(1), block(9, 0, gc(1)), 0), /more bytes than it needs at byte 2/],
    ["a number of structs", update([[padded(1), 9, 0, gc(1)]]), /more bytes than it needs at byte 3/],
    ["a client id", update([[1, padded(9), 0, gc(1)]]), /more bytes than it needs/],
    ["a client id of five bytes", update([[1, padded(2 ** 31), 0, gc(1)]]), /more bytes than it needs/],
    ["a clock of 0", update([[1, 9, padded(0), gc(1)]]), /more bytes than it needs/],
    ["a clock of 0 in eight bytes", update([[1, 9, longVarUint(8, 0), gc(1)]]), /more bytes than it needs/],
    ["a clock of 2^28", update([[1, 9, padded(2 ** 28), gc(1)]]), /more bytes than it needs/],
    ["a collected length", one(gc(padded(1))), /more bytes than it needs/],
    ["a skipped length", one(text("a"), skip(padded(300))), /more bytes than it needs/],
    ["a deleted length", one(item(1, padded(1))), /more bytes than it needs/],
    ["an origin's client", one(textAfter(padded(3), 0, "a")), /more bytes than it needs/],
    ["an origin's clock", one(textAfter(3, padded(0), "a")), /more bytes than it needs/],
    ["a parent's kind", one([4, padded(1), "root", "a"]), /more bytes than it needs/],
    ["a type's number", one(item(7, padded(2))), /more bytes than it needs/],
    ["a text's length", one([4, 1, "root", padded(1), raw(97)]), /more bytes than it needs/],
    ["an integer among any values", any(125, 0x81, 0x00), /more bytes than it needs/],
    ["a negative one", any(125, 0xc1, 0x80, 0x00), /more bytes than it needs/],
    ["a number of deleting clients", bytesOf(0, padded(0)), /more bytes than it needs/],
    ["a range's clock", deletes(padded(0), 1), /more bytes than it needs/],
    ["a range's length", deletes(0, padded(1)), /more bytes than it needs/],
  ],
  "who stands where": [
    ["a client without structs", update([[0, 9, 0, raw(0, 0)]]), /client has no structs/],
    ["a client twice", update([block(9, 0, text("a")), block(9, 1, textAfter(9, 0, "b"))]), /client/],
    ["clients in ascending order", update([block(8, 0, gc(1)), block(9, 0, gc(1))]), /client/],
    ["an item behind itself", one(textAfter(9, 0, "a")), /refers to itself/],
    ["an item before itself", one([raw(0x44), 9, 0, "a"]), /refers to itself/],
    ["an item in itself", one([4, 0, 9, 0, "a"]), /refers to itself/],
    ["an item behind a later one of its own", one(textAfter(9, 1, "a"), text("b")), /comes after it/],
    ["an item behind the middle of itself", one(text("a"), textAfter(9, 2, "bcd")), /comes after it/],
    ["a parent of an unknown kind", one([4, 2, "root", "a"]), /parent kind 2/],
    ["a gap with the flags of an item", one(text("a"), [raw(0x8a), 5]), /has flags/],
    ["a gap with a key", one(text("a"), [raw(0x2a), 5]), /has flags/],
    ["something collected with the flags of an item", one([raw(0x80), 5]), /has flags/],
    ["something collected with a key", one([raw(0x20), 5]), /has flags/],
  ],
  contents: [
    ...Array.from({ length: 21 }, (_, i): Refusal => {
      return [`of kind ${i + 11}`, one(item(i + 11, 1)), new RegExp(`content ${i + 11} is unknown`)];
    }),
    ["a type of kind 7", one(item(7, 7)), /type 7 is unknown/],
    ["a type of kind 255", one(item(7, 255)), /type 255 is unknown/],
  ],
  "JSON and any values": [
    ["an embed that is not JSON", one(item(5, "{")), /JSON/],
    ["an embed that is empty", one(item(5, "")), /JSON/],
    ["an embed that is undefined", one(item(5, "undefined")), /JSON/],
    ["a format whose value is not JSON", one(item(6, "bold", "True")), /JSON/],
    ["a list of JSON with one that is not", one(item(2, 2, "1", "nope")), /JSON/],
    ...[65, 5_000, 100_000].map((depth): Refusal => {
      return [`an embed nested ${depth} deep`, one(item(5, nestedJson(depth))), /nested too deep/];
    }),
    ["a format nested 65 deep", one(item(6, "bold", nestedJson(65))), /nested too deep/],
    ["a JSON value nested 65 deep", one(item(2, 1, nestedJson(65))), /nested too deep/],
    ...[65, 8_000].map((depth): Refusal => {
      return [`a value nested ${depth} deep`, one(item(8, 1, nestedAny(depth))), /nested more than 64/];
    }),
    ["a value of an unknown kind", any(115), /value 115 is unknown/],
    ["a value of kind 0", any(0), /value 0 is unknown/],
    ["a float that is cut off", any(123, 1, 2, 3), /ends too early/],
    ["an integer of 16 bytes", any(125, ...longVarUint(16, 1)), /integer is too long/],
    ["an integer of 2^53", any(125, ...signed(2n ** 53n)), /integer is too large/],
    ["an integer of 2^54", any(125, ...signed(2n ** 54n)), /integer is too large/],
    ["a JSON number that is not one", one(item(5, "01")), /JSON/],
    ["an object that lies about its size", any(118, 100, 0), /count 100 is more/],
    ["an array that lies about its size", any(117, 100, 126), /count 100 is more/],
  ],
  "text that is not UTF-8": [
    ["a text", one([4, 1, "root", 1, raw(0xff)]), /not UTF-8/],
    ["a text with half a surrogate pair", one([4, 1, "root", 3, raw(0xed, 0xa0, 0x80)]), /not UTF-8/],
    ["a text with an overlong slash", one([4, 1, "root", 2, raw(0xc0, 0xaf)]), /not UTF-8/],
    ["a text above U+10FFFF", one([4, 1, "root", 4, raw(0xf4, 0x90, 0x80, 0x80)]), /not UTF-8/],
    ["a text that ends within a character", one([4, 1, "root", 2, raw(0xe2, 0x82)]), /not UTF-8/],
    ["a root's name", one([4, 1, 1, raw(0x80), "a"]), /not UTF-8/],
    ["a map's key", one([0x24, 1, "root", 1, raw(0x80), "a"]), /not UTF-8/],
    ["a format's key", one(item(6, 1, raw(0x80), "null")), /not UTF-8/],
    ["an element's name", one(item(7, 3, 1, raw(0x80))), /not UTF-8/],
    ["an embed's JSON", one(item(5, 3, raw(0x22, 0xff, 0x22))), /JSON/],
    ["a value", any(119, 1, 0xff), /not UTF-8/],
    ["a value's key", any(118, 1, 1, 0xff, 126), /not UTF-8/],
  ],
  subdocuments: [
    ["options that are null", one(item(9, "guid", raw(126))), /options of a subdocument/],
    ["options that are an array", one(item(9, "guid", raw(117, 0))), /options of a subdocument/],
    ["options with a guid that is null", subdocument(["guid", raw(126)]), /subdocument/],
    ["options that are nothing", one(item(9, "guid")), /count .* is more|options|ends too early/],
    ["options with a filter", subdocument(["gcFilter", raw(126)]), /subdocument have a gcFilter/],
    ["options nested 65 deep", subdocument(["meta", nestedAny(64)]), /nested more than 64/],
    ["options with a guid that cannot be text", subdocument(["guid", raw(118, 0)]), /subdocument/],
  ],
  "delete sets": [
    ["a range without a length", deletes(0, 0), /no length/],
    ["a length of 2^48 + 1", deletes(0, 2n ** 48n + 1n), /clock is too large/],
    ["a clock and a length that overflow together", deletes(2 ** 48 - 1, 2), /clock is too large/],
    ["a length of 2^60", deletes(0, 2n ** 60n), /integer is too l/],
    ["a range of 16 bytes", deletes(longVarUint(16, 0), 1), /integer is too l/],
    ["a second range that is wrong", update([], [deletion(9, [0, 1], [1, 0])]), /no length/],
  ],
};

for (const [subject, table] of Object.entries(TABLES)) {
  describe(subject, () => {
    test.each(table)("%s: refused", (_, bytes, reason) => expectRefusal(bytes, reason));
  });
}

describe("an update that was cut off", () => {
  test.each(SAMPLES)("$name: refused at every byte", ({ updates }) => {
    for (const whole of [...updates, Y.encodeStateAsUpdate(documentOf(updates))]) {
      for (let length = 0; length < whole.length; length++) expectRefusal(whole.subarray(0, length), /./);
    }
  });
});

describe("the message", () => {
  test("names the byte where the trouble is", () => {
    expect(() => inspectUpdate(bytesOf(1, 1, 9, 0, gc(0), 0))).toThrow(
      "update: struct has no length at byte 6",
    );
    expect(() => inspectUpdate(one(text("a")).subarray(0, 7))).toThrow("ends too early at byte 7");
  });

  test("does not repeat what the update contains", () => {
    const refusal = refusalOf(one(item(5, "a secret that is not JSON")));
    expect(String(refusal)).not.toContain("secret");
  });
});
