import { decodeStateVector, encodeStateVector, JoineryError } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { bytesOf, longVarUint, type Part, padded } from "./raw-update.ts";
import { documentOf, SAMPLES } from "./sample-documents.ts";

const clocks = fc.uniqueArray(
  fc.tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 2 ** 48 })),
  { selector: ([client]) => client },
);

describe("a state vector", () => {
  test.each(SAMPLES)("of $name is read as Yjs reads it", ({ updates }) => {
    const bytes = Y.encodeStateVector(documentOf(updates));
    expect(decodeStateVector(bytes)).toEqual(Y.decodeStateVector(bytes));
  });

  test("is written so that Yjs reads the same, and read back", () => {
    fc.assert(
      fc.property(clocks, (entries) => {
        const vector = new Map(entries);
        const bytes = encodeStateVector(vector);
        expect(Y.decodeStateVector(bytes)).toEqual(vector);
        expect(decodeStateVector(bytes)).toEqual(vector);
      }),
    );
  });

  test("of nothing is one byte", () => {
    expect(encodeStateVector(new Map())).toEqual(Uint8Array.of(0));
    expect(decodeStateVector(Uint8Array.of(0)).size).toBe(0);
  });

  test("is written in the order of the map", () => {
    expect(
      encodeStateVector(
        new Map([
          [3, 1],
          [200, 300],
        ]),
      ),
    ).toEqual(Uint8Array.of(2, 3, 1, 0xc8, 0x01, 0xac, 0x02));
  });
});

describe("the clients of a state vector", () => {
  const vector = (clients: number): Uint8Array =>
    encodeStateVector(new Map(Array.from({ length: clients }, (_, client) => [client, 1])));
  const tooMany = (most: number) =>
    expect.objectContaining({
      code: "UPDATE_TOO_LARGE",
      message: expect.stringContaining(`state vector: has more than ${most} clients`),
    });

  test("may be as many as the limit says, and no more", () => {
    expect(decodeStateVector(vector(3), 3).size).toBe(3);
    expect(() => decodeStateVector(vector(4), 3)).toThrow(tooMany(3));
  });

  test("may be a hundred thousand by default", () => {
    expect(decodeStateVector(vector(100_000)).size).toBe(100_000);
    expect(() => decodeStateVector(vector(100_001))).toThrow(tooMany(100_000));
  });
});

describe("a state vector is refused", () => {
  const table: [string, Part[], RegExp][] = [
    ["when it is empty", [], /ends too early at byte 0/],
    ["when it counts more clients than there are bytes", [1_000_000, 1, 1], /count 1000000 is more/],
    ["when a clock is missing", [1, 200], /ends too early/],
    ["with bytes left over", [1, 1, 1, 0], /1 bytes left over/],
    ["with a client id of 33 bits", [1, 2 ** 32, 1], /client id/],
    ["with a clock of 2^53", [1, 1, 2n ** 53n], /integer is too l/],
    ["with a clock of 2^48 + 1", [1, 1, 2 ** 48 + 1], /clock is too large/],
    ["with a client twice", [2, 1, 1, 1, 1], /client comes twice/],
    ["with a client twice, apart", [3, 1, 1, 2, 1, 1, 2], /client comes twice/],
    ["with a clock in more bytes than it needs", [1, 1, padded(1)], /more bytes than it needs/],
    ["with a clock of 16 bytes", [1, 1, longVarUint(16, 0)], /integer is too l/],
  ];

  test.each(table)("%s", (_, parts, reason) => {
    expect(() => decodeStateVector(bytesOf(...parts))).toThrow(JoineryError);
    expect(() => decodeStateVector(bytesOf(...parts))).toThrow(
      expect.objectContaining({ code: "MALFORMED_UPDATE", message: expect.stringMatching(reason) }),
    );
  });

  test("when it is cut off, at every byte", () => {
    const whole = encodeStateVector(
      new Map([
        [1, 1],
        [2 ** 32 - 1, 2 ** 40],
        [300, 5],
      ]),
    );
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeStateVector(whole.subarray(0, length))).toThrow(/^state vector: .+ at byte \d+$/);
    }
  });
});
