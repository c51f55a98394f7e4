import { describe, expect, test } from "vitest";
import { checkTable } from "../../../../server/src/storage/leveldb/table.ts";

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

/** A table as LevelDB 1.20 wrote it, with one data block that puts "b" under "a". */
const TABLE = bytesOf(
  [
    "00090161010100000000000062000000000100000000cb2dda4d",
    "08102040800001000600000000090000000b0081a4a9e8",
    "00220266696c7465722e6c6576656c64622e4275696c74696e426c6f6f6d46696c746572321a120000000001000000002b90ffd7",
    "0009026101010000000000000015000000000100000000364925bf",
    "312f651600000000000000000000000000000000000000000000000000000000000000000000000057fb808b247547db",
  ].join(""),
);
const smallest = bytesOf("61");
const DATA = 0;
const FILTER = 26;
const METAINDEX = 49;
const INDEX = 101;
const FOOTER = 128;

function damaged(at: number, length: number): Uint8Array {
  const bytes = TABLE.slice();
  for (let i = at; i < at + length; i++) bytes[i] = (bytes[i] as number) ^ 0x5a;
  return bytes;
}

test("a table that is as it was written stays as it is", () => {
  expect(TABLE).toHaveLength(176);
  expect(checkTable(TABLE, smallest)).toEqual({ flips: [], lost: [], repaired: null });
});

test("any flipped bit is put right, but for those that mean nothing", () => {
  for (let bit = 0; bit < TABLE.length * 8; bit++) {
    const at = bit >> 3;
    const { flips, lost, repaired } = checkTable(
      TABLE.with(at, (TABLE[at] as number) ^ (1 << (bit & 7))),
      smallest,
    );
    expect(lost).toEqual([]);
    // Between the places of the blocks and the magic number nothing is read.
    const isPadding = at >= FOOTER + 4 && at < FOOTER + 40;
    expect(repaired).toEqual(isPadding ? null : TABLE);
    expect(flips).toHaveLength(isPadding ? 0 : 1);
  }
});

describe("more than a bit", () => {
  test("of a data block leaves it empty, and says which keys it may have held", () => {
    const { flips, lost, repaired } = checkTable(damaged(DATA + 3, 4), smallest);
    expect(flips).toEqual([]);
    expect(lost).toEqual([{ offset: DATA, keys: { gte: smallest, lt: bytesOf("6100") } }]);
    expect(repaired?.subarray(0, 22)).toEqual(new Uint8Array(22));
    expect(checkTable(repaired as Uint8Array, smallest)).toEqual({ flips: [], lost: [], repaired: null });
  });

  test.each([
    ["the filter", FILTER],
    ["the list of filters", METAINDEX],
  ])("of %s loses nothing: LevelDB does without", (_, at) => {
    const { flips, lost, repaired } = checkTable(damaged(at + 2, 3), smallest);
    expect({ flips, lost }).toEqual({ flips: [], lost: [] });
    expect(repaired?.subarray(0, FILTER)).toEqual(TABLE.subarray(0, FILTER));
    expect(repaired?.subarray(INDEX)).toEqual(TABLE.subarray(INDEX));
    expect(checkTable(repaired as Uint8Array, smallest)).toEqual({ flips: [], lost: [], repaired: null });
  });

  test.each([
    ["the index", damaged(INDEX + 3, 4), "its index cannot be read"],
    ["the footer", damaged(FOOTER, 4), "its footer cannot be read"],
    ["the magic number", damaged(TABLE.length - 4, 4), "its footer cannot be read"],
    ["the end", TABLE.subarray(0, 100), "its footer cannot be read"],
    ["everything", new Uint8Array(0), "its footer cannot be read"],
  ])("of %s makes the table unreadable", (_, bytes, reason) => {
    expect(() => checkTable(bytes, smallest)).toThrow(reason);
  });
});
