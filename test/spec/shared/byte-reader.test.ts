import { ByteReader, equalBytes, JoineryError, UpdateReader } from "@joinery/shared";
import fc from "fast-check";
import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import { bytesOf, longVarUint, padded, raw } from "./raw-update.ts";

const reader = (bytes: Uint8Array): UpdateReader => new UpdateReader(bytes, "thing");
const written = (write: (encoder: encoding.Encoder) => void): Uint8Array => encoding.encode(write);

describe("an unsigned integer", () => {
  test("is read as lib0 writes it", () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 53 - 1 }), (value) => {
        const bytes = reader(written((encoder) => encoding.writeVarUint(encoder, value)));
        expect(bytes.varUint()).toBe(value);
        expect(bytes.remaining).toBe(0);
      }),
    );
  });

  test.each([
    ["0", raw(0), 0],
    ["127", raw(0x7f), 127],
    ["128", raw(0x80, 0x01), 128],
    ["2^53 - 1", bytesOf(2n ** 53n - 1n), 2 ** 53 - 1],
    ["2^28", bytesOf(2 ** 28), 2 ** 28],
    ["2^32 - 1", bytesOf(2 ** 32 - 1), 2 ** 32 - 1],
    ["2^49 in eight bytes", longVarUint(8, 1), 2 ** 49],
  ])("may be %s", (_, bytes, value) => {
    expect(reader(bytes).varUint()).toBe(value);
  });

  test.each([
    ["2^53", bytesOf(2n ** 53n), /integer is too large/],
    ["2^54", bytesOf(2n ** 54n), /integer is too large/],
    ["2^63", bytesOf(2n ** 63n), /integer is too long/],
    ["0 in nine bytes", longVarUint(9, 0), /integer is too long/],
    ["1 in sixteen bytes", longVarUint(16, 1), /integer is too long/],
    ["0 in two bytes", longVarUint(2, 0), /integer has more bytes than it needs at byte 2/],
    ["127 in two bytes", padded(127), /integer has more bytes than it needs/],
    ["2^28 in six bytes", padded(2 ** 28), /integer has more bytes than it needs/],
    ["0 in eight bytes", longVarUint(8, 0), /integer has more bytes than it needs/],
    ["what is cut off", raw(0xff, 0xff), /ends too early at byte 2/],
    ["what is cut off late", raw(0xff, 0xff, 0xff, 0xff, 0xff), /ends too early at byte 5/],
    ["nothing", raw(), /ends too early at byte 0/],
  ])("may not be %s", (_, bytes, reason) => {
    expect(() => reader(bytes).varUint()).toThrow(reason);
  });
});

describe("a signed integer", () => {
  test("is skipped as lib0 writes it", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const bytes = reader(written((encoder) => encoding.writeVarInt(encoder, value)));
        bytes.skipVarInt();
        expect(bytes.remaining).toBe(0);
      }),
    );
  });

  test.each([
    ["-0", raw(0x40)],
    ["2^53 - 1", raw(0xbf, ...bytesOf((2n ** 53n - 1n) >> 6n))],
    ["-(2^53 - 1)", raw(0xff, ...bytesOf((2n ** 53n - 1n) >> 6n))],
  ])("may be %s", (_, bytes) => {
    const from = reader(bytes);
    from.skipVarInt();
    from.end();
  });

  test.each([
    ["2^53", raw(0x80, ...bytesOf(2n ** 47n)), /integer is too large/],
    ["-(2^54)", raw(0xc0, ...bytesOf(2n ** 48n)), /integer is too large/],
    ["what is longer than eight bytes", longVarUint(9, 0), /integer is too long/],
    ["1 in two bytes", raw(0x81, 0x00), /integer has more bytes than it needs/],
    ["-1 in three bytes", raw(0xc1, 0x80, 0x00), /integer has more bytes than it needs/],
    ["what is cut off", raw(0xff, 0xff), /ends too early at byte 2/],
  ])("may not be %s", (_, bytes, reason) => {
    expect(() => reader(bytes).skipVarInt()).toThrow(reason);
  });
});

describe("a client id", () => {
  test("has at most 32 bits", () => {
    expect(reader(bytesOf(2 ** 32 - 1)).clientId()).toBe(2 ** 32 - 1);
    expect(() => reader(bytesOf(2 ** 32)).clientId()).toThrow(/client id is not a 32-bit integer/);
  });
});

describe("a count", () => {
  test("may be as large as the bytes that follow can hold", () => {
    expect(reader(raw(2, 0, 0, 0, 0)).count(2)).toBe(2);
    expect(() => reader(raw(3, 0, 0, 0, 0)).count(2)).toThrow(/count 3 is more than the bytes left hold/);
    expect(() => reader(bytesOf(2 ** 53 - 1)).count(2)).toThrow(/is more than the bytes left hold/);
  });
});

describe("bytes", () => {
  test("are a view, not a copy", () => {
    const bytes = raw(9, 2, 7, 8, 9);
    const from = reader(bytes);
    from.skip(1);
    const view = from.varBytes();
    expect(view).toEqual(raw(7, 8));
    expect(view.buffer).toBe(bytes.buffer);
    expect(from.position).toBe(4);
  });

  test("that must be the last may have nothing behind them", () => {
    expect(reader(raw(1, 7)).lastBytes()).toEqual(raw(7));
    expect(() => reader(raw(1, 7, 0, 0)).lastBytes()).toThrow(/2 bytes left over at byte 2/);
  });

  test("that are skipped must be there", () => {
    expect(() => reader(raw(1)).skip(2)).toThrow(/ends too early at byte 0/);
    expect(() => reader(raw(3, 1, 2)).varBytes()).toThrow(/ends too early at byte 1/);
  });
});

describe("a text", () => {
  test("has as many UTF-16 units as JavaScript says", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const from = reader(written((encoder) => encoding.writeVarString(encoder, text)));
        expect(from.skipVarString()).toBe(text.toWellFormed().length);
        from.end();
      }),
    );
  });

  test("is UTF-8 exactly when the platform's decoder says so", () => {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const byte = fc.oneof(
      fc.constantFrom(0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf),
      fc.constantFrom(0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff),
    );
    const isDecoded = (bytes: Uint8Array): number | null => {
      try {
        return decoder.decode(bytes).length;
      } catch {
        return null;
      }
    };
    const isRead = (bytes: Uint8Array): number | null => {
      try {
        return reader(bytesOf(bytes.length, bytes)).skipVarString();
      } catch (error) {
        expect(error).toMatchObject({ message: expect.stringMatching(/not UTF-8 at byte/) });
        return null;
      }
    };
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 6 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(isRead(bytes)).toBe(isDecoded(bytes));
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });

  test("must be there as a whole", () => {
    expect(() => reader(raw(3, 0x41, 0x42)).skipVarString()).toThrow(/ends too early at byte 1/);
  });

  test("does not borrow from what follows it", () => {
    expect(() => reader(raw(1, 0xc3, 0xa9)).skipVarString()).toThrow(/not UTF-8 at byte 1/);
  });
});

describe("a refusal", () => {
  test("says what was read, why not, and where, with the code that was asked for", () => {
    const from = new ByteReader(raw(1, 2), "frame", "MALFORMED_FRAME");
    from.byte();
    expect(() => from.end()).toThrow(JoineryError);
    expect(() => from.end()).toThrow(
      expect.objectContaining({ code: "MALFORMED_FRAME", message: "frame: 1 bytes left over at byte 1" }),
    );
  });
});

test("two byte strings are equal when all their bytes are", () => {
  expect(equalBytes(raw(), raw())).toBe(true);
  expect(equalBytes(raw(1, 2, 3), raw(1, 2, 3))).toBe(true);
  expect(equalBytes(raw(1, 2, 3), raw(1, 2, 4))).toBe(false);
  expect(equalBytes(raw(1, 2, 3), raw(1, 2))).toBe(false);
});
