import { expect, test } from "vitest";
import { readLog } from "../../../../server/src/storage/leveldb/log-format.ts";
import { readManifest } from "../../../../server/src/storage/leveldb/manifest.ts";

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));

const COMPARATOR = "01 1a 6c6576656c64622e4279746577697365436f6d70617261746f72";
const INTERNAL = "0101000000000000";

test("what LevelDB wrote when it put a log of one change into its first table", () => {
  const file = bytesOf(
    "56f9b8f81c0001011a6c6576656c64622e4279746577697365436f6d70617261746f72ac58bd272100010206090003070401070005b0010961010100000000000009610101000000000000",
  );
  const edits = readLog(file).records.map(({ payload }) => payload);
  expect(readManifest(edits)).toEqual({
    logNumber: 6,
    lastSequence: 1,
    sequenceAtLog: 1,
    tables: [{ number: 5, bytes: 176, smallest: bytesOf("61"), largest: bytesOf("61") }],
  });
});

test("later edits change what earlier ones said", () => {
  const edits = [
    `${COMPARATOR} 02 03 03 05 04 09`,
    `07 00 04 20 09 61 ${INTERNAL} 09 62 ${INTERNAL} 05 01 09 61 ${INTERNAL}`,
    // A table that moves to the next level is deleted and new at once.
    `06 00 04 07 01 04 20 09 61 ${INTERNAL} 09 62 ${INTERNAL} 07 01 06 21 09 63 ${INTERNAL} 09 64 ${INTERNAL}`,
    "02 07 04 14",
    "06 01 04 04 1e",
  ];
  expect(readManifest(edits.map(bytesOf))).toEqual({
    logNumber: 7,
    lastSequence: 30,
    sequenceAtLog: 20,
    tables: [{ number: 6, bytes: 33, smallest: bytesOf("63"), largest: bytesOf("64") }],
  });
});

test.each([
  ["a kind of edit that there is not", "02 03 03 05 04 09 08 01", "edit of kind 8"],
  ["an edit that ends too early", "02 03 03 05 04", "ends too early"],
  ["a key without LevelDB's own bytes", "07 00 04 20 01 61", "key is too short"],
  ["no number of a log", "03 05 04 09", "it is not complete"],
  ["nothing at all", "", "it is not complete"],
])("%s is refused", (_, edit, reason) => {
  expect(() => readManifest([bytesOf(edit)])).toThrow(reason);
});
