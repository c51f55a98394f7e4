import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import {
  documentRange,
  encodeKey,
  encodeLossKey,
  type KeyRange,
  rangeOfKey,
} from "../../../server/src/storage/keys.ts";
import {
  decodeLoss,
  encodeLoss,
  forgetLosses,
  type Loss,
  lossesAfter,
  missingAfter,
} from "../../../server/src/storage/losses.ts";

const notes = "notes" as DocumentName;
const other = "other" as DocumentName;

const logKey = (seq: number, document = notes) => encodeKey({ document, kind: "log", seq });
const lossOf = (keys: KeyRange): Loss => ({
  keys,
  time: 1_700_000_000_000,
  reason: "level/000005.log was damaged",
});

test("a note of a loss says which keys, when and how", () => {
  const loss = lossOf(rangeOfKey(logKey(7)));
  const record = encodeLoss(loss);
  expect(decodeLoss(record)).toEqual(loss);
  expect(record.value[0]).toBe(0x14);
  expect(decodeLoss({ ...record, value: record.value.with(-1, 0) })).toBeNull();
  expect(decodeLoss({ ...record, key: encodeLossKey(rangeOfKey(logKey(8))) })).toBeNull();
});

describe("what may be missing of a document", () => {
  const damage = (seq: number) => ({
    code: "DOCUMENT_DAMAGED",
    message: expect.stringContaining(
      `document "notes" is damaged at seq ${seq}: the record may be lost: level/`,
    ),
  });

  test.each<[string, KeyRange, number, number]>([
    ["the entry after the last one", rangeOfKey(logKey(7)), 6, 7],
    ["an entry further on", rangeOfKey(logKey(9)), 6, 9],
    ["the entries of a range that begins before", { gte: logKey(3), lt: logKey(9) }, 6, 7],
    [
      "all entries, where whole documents may be",
      { gte: logKey(5, "a" as DocumentName), lt: logKey(1, other) },
      0,
      1,
    ],
  ])("is %s", (_, keys, lastSeq, seq) => {
    expect(missingAfter([lossOf(keys)], notes, lastSeq)).toMatchObject(damage(seq));
  });

  test.each<[string, KeyRange]>([
    ["an entry that is there, or replaced", rangeOfKey(logKey(6))],
    [
      "a snapshot: the log goes back to the one before",
      rangeOfKey(encodeKey({ document: notes, kind: "snapshot", seq: 9 })),
    ],
    ["another document's", documentRange(other)],
  ])("is not %s", (_, keys) => {
    expect(missingAfter([lossOf(keys)], notes, 6)).toBeNull();
  });

  test("is the first of several", () => {
    const losses = [9, 7, 8].map((seq) => lossOf(rangeOfKey(logKey(seq))));
    expect(missingAfter(losses, notes, 6)).toMatchObject(damage(7));
  });
});

test("a document that was deleted has lost nothing, and its neighbours what they had", () => {
  const [before, after] = ["notebook", "opera"].map((name) => logKey(1, name as DocumentName)) as [
    Uint8Array,
    Uint8Array,
  ];
  const wide = lossOf({ gte: before, lt: after });
  const narrow = lossOf(rangeOfKey(logKey(7)));
  const elsewhere = lossOf(rangeOfKey(logKey(7, other)));
  const { gte, lt } = documentRange(notes);
  expect(forgetLosses([wide, narrow, elsewhere], [documentRange(notes)])).toEqual([
    { type: "del", key: encodeLossKey(wide.keys) },
    { type: "put", ...encodeLoss({ ...wide, keys: { gte: before, lt: gte } }) },
    { type: "put", ...encodeLoss({ ...wide, keys: { gte: lt, lt: after } }) },
    { type: "del", key: encodeLossKey(narrow.keys) },
  ]);
});

test("what is known to be lost after a write is what a look into the database would say", () => {
  const [first, second] = [lossOf(rangeOfKey(logKey(7))), lossOf({ gte: logKey(9), lt: logKey(2, other) })];
  const known = [first, second];
  const birth = { type: "del", key: encodeKey({ document: notes, kind: "birth", seq: 0 }) } as const;
  expect(lossesAfter(known, [birth])).toBe(known);
  const left = { gte: documentRange(notes).lt, lt: logKey(2, other) };
  expect(lossesAfter(known, forgetLosses(known, [documentRange(notes)]))).toEqual([lossOf(left)]);
  expect(lossesAfter(known, forgetLosses(known, [documentRange(other)]))).toEqual([
    first,
    lossOf({ gte: logKey(9), lt: documentRange(other).gte }),
  ]);
});
