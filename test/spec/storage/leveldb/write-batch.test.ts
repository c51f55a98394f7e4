import { describe, expect, test } from "vitest";
import type { Operation } from "../../../../server/src/storage/database.ts";
import {
  encodeWriteBatch,
  readChange,
  readWriteBatch,
} from "../../../../server/src/storage/leveldb/write-batch.ts";

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

// As LevelDB wrote it, and with a deletion after that.
const ONE_PUT = "0100000000000000 01000000 01 01 61 01 62";
const put: Operation = { type: "put", key: bytesOf("61"), value: bytesOf("62") };
const del: Operation = { type: "del", key: bytesOf("6162") };

test("a batch: sequence number, count, and each change with its lengths", () => {
  expect(encodeWriteBatch(1, [put])).toEqual(bytesOf(ONE_PUT));
  expect(encodeWriteBatch(258, [put, del])).toEqual(
    bytesOf("0201000000000000 02000000 01 01 61 01 62 00 02 6162"),
  );
  expect(readWriteBatch(bytesOf(ONE_PUT))).toEqual({
    sequence: 1,
    count: 1,
    operations: [put],
    shape: "whole",
  });
});

describe("the shape of a batch", () => {
  const whole = encodeWriteBatch(7, [put, del, { ...put, value: new Uint8Array(300).fill(1) }, put]);

  test("is whole, or cut off wherever it ends", () => {
    expect(readWriteBatch(whole)).toMatchObject({ sequence: 7, count: 4, shape: "whole" });
    for (let length = 12; length < whole.length; length++)
      expect(readWriteBatch(whole.subarray(0, length))).toMatchObject({ sequence: 7, shape: "cut off" });
    expect(readWriteBatch(whole.subarray(0, 11))).toBeNull();
  });

  test.each([
    ["a change of no kind", "0100000000000000 02000000 01 01 61 01 62 07 01 61"],
    ["more changes than it says", "0100000000000000 01000000 01 01 61 01 62 01 01 61 01 62"],
    ["bytes after the last change", "0100000000000000 01000000 01 01 61 01 62 05"],
    ["the beginning of a change too many", "0100000000000000 01000000 01 01 61 01 62 01"],
    ["a length that is none", "0100000000000000 02000000 01 01 61 01 62 01 ffffffffffffffffff 61"],
  ])("is malformed with %s", (_, text) => {
    expect(readWriteBatch(bytesOf(text))?.shape).toBe("malformed");
  });
});

test("one change can be read by itself, if there is one", () => {
  expect(readChange(bytesOf(ONE_PUT), 12)).toEqual({ operation: put, end: 17 });
  for (const at of [0, 13, 16, 17]) expect(readChange(bytesOf(ONE_PUT), at)?.operation).not.toEqual(put);
});
