/** What of a damaged write can be kept, where it deleted or restored a document. */

import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Lineage } from "../../../server/src/engine/ports.ts";
import type { Operation } from "../../../server/src/storage/database.ts";
import { deletedKey, deletionKey } from "../../../server/src/storage/deleted-keys.ts";
import { encodeDeletion } from "../../../server/src/storage/deletions.ts";
import { encodeWriteBatch } from "../../../server/src/storage/leveldb/write-batch.ts";
import { encodeSnapshot } from "../../../server/src/storage/record.ts";
import { isSoundChange, salvage } from "../../../server/src/storage/salvage.ts";

const document = "notes" as DocumentName;
const { key, value } = encodeSnapshot(document, { seq: 7, time: 1, update: Uint8Array.of(0, 0) });
const moved: Operation = { type: "put", key: deletedKey(key, 2), value };
const deletion: Operation = {
  type: "put",
  ...encodeDeletion({
    document,
    number: 2,
    lineage: "0".repeat(32) as Lineage,
    deletedAt: 1,
    deletedBy: "ann",
    seq: 7,
    bytes: 40,
    stateVector: Uint8Array.of(0),
  }),
};
const damaged = (change: Extract<Operation, { type: "put" }>): Operation => ({
  ...change,
  value: change.value.with(-1, 0xff),
});

describe("a change that deletes a document", () => {
  test.each<[string, Operation, boolean]>([
    ["a record that is moved aside is sound by the key that it had", moved, true],
    ["one that is not as it was written is not", damaged(moved), false],
    [
      "one under the number of another deletion is the same record",
      { ...moved, key: deletedKey(key, 3) },
      true,
    ],
    ["one under another document's name is not", { ...moved, key: deletedKey(otherKey(), 2) }, false],
    ["the record of the deletion is sound by its own key", deletion, true],
    ["one that is not as it was written is not", damaged(deletion), false],
    ["one under another number is not", { ...deletion, key: deletionKey({ document, number: 3 }) }, false],
    ["that a record goes is as much as can be known", { type: "del", key: moved.key }, true],
    ["that the deletion goes, too", { type: "del", key: deletion.key }, true],
  ])("%s", (_, change, expected) => {
    expect(isSoundChange(change)).toBe(expected);
  });

  test("is kept as far as it is sound; that something went is not", () => {
    const gone: Operation = { type: "del", key };
    const batch = encodeWriteBatch(1, [gone, damaged(moved), deletion]);
    expect(salvage(batch)).toEqual({ kept: [deletion], lost: [gone, damaged(moved)] });
  });
});

function otherKey(): Uint8Array {
  return encodeSnapshot("other" as DocumentName, { seq: 7, time: 1, update: new Uint8Array(0) }).key;
}
