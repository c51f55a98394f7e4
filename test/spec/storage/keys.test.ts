import type { DocumentName } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  decodeDeletedKey,
  deletedKey,
  deletedOfRange,
  deletedPart,
  deletedRange,
  deletionKey,
  deletionsOfRange,
  deletionsRange,
  documentOfKey,
  keyBeforeDeletion,
  partBeforeDeletion,
} from "../../../server/src/storage/deleted-keys.ts";
import {
  compareBytes,
  decodeKey,
  difference,
  documentRange,
  encodeKey,
  encodeLossKey,
  intersection,
  type KeyRange,
  logRange,
  lossRange,
  prefixRange,
  type RecordPlace,
  rangeOfKey,
  snapshotRange,
} from "../../../server/src/storage/keys.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const utf8 = (text: string) => new TextEncoder().encode(text);
const named = (name: string) => name as DocumentName;
const isIn = (key: Uint8Array, { gte, lt }: KeyRange) =>
  compareBytes(key, gte) >= 0 && compareBytes(key, lt) < 0;

const names = fc.string({
  unit: fc.constantFrom("a", "b", "\0", "\x01", "\x02", "é", "\u{ff}", "\uffff", "😀", "/"),
});
const anyName = fc
  .oneof(
    names,
    fc.string({ unit: "binary" }).filter((name) => name.isWellFormed()),
  )
  .map(named);
const seqs = fc.oneof(fc.nat(300), fc.maxSafeNat());
const places: fc.Arbitrary<RecordPlace> = fc.record({
  document: anyName,
  kind: fc.constantFrom("birth", "snapshot", "log"),
  seq: seqs,
});

describe("bytes", () => {
  test.each<[string, RecordPlace, string]>([
    [
      "a log entry: name, 00 01, kind 03, seq in 8 bytes",
      { document: named("ab"), kind: "log", seq: 258 },
      "6162 0001 03 0000000000000102",
    ],
    [
      "a birth: kind 01, seq 0",
      { document: named("ab"), kind: "birth", seq: 0 },
      "6162 0001 01 0000000000000000",
    ],
    [
      "a snapshot: kind 02",
      { document: named("é"), kind: "snapshot", seq: 1 },
      "c3a9 0001 02 0000000000000001",
    ],
    [
      "a NUL in a name becomes 00 ff",
      { document: named("a\0b"), kind: "log", seq: 1 },
      "6100ff62 0001 03 0000000000000001",
    ],
    [
      "the largest seq is 2^53 - 1",
      { document: named("a"), kind: "log", seq: 2 ** 53 - 1 },
      "61 0001 03 001fffffffffffff",
    ],
  ])("%s", (_, place, expected) => {
    const key = encodeKey(place);
    expect(hex(key)).toBe(expected.replaceAll(" ", ""));
    expect(decodeKey(key)).toEqual(place);
  });

  test.each([
    ["too short", "0001 03 00000000000001"],
    ["no end of name", "6161 0003 03 0000000000000001"],
    ["a lone NUL in the name", "610062 0001 03 0000000000000001"],
    ["a name that is not UTF-8", "ff 0001 03 0000000000000001"],
    ["a kind that there is not", "61 0001 04 0000000000000001"],
    ["kind 0", "61 0001 00 0000000000000001"],
    ["a seq above 2^53 - 1", "61 0001 03 0020000000000000"],
  ])("a key with %s is none of ours", (_, bytes) => {
    expect(decodeKey(Buffer.from(bytes.replaceAll(" ", ""), "hex"))).toBeNull();
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN])("seq %d is refused", (seq) => {
    expect(() => encodeKey({ document: named("a"), kind: "log", seq })).toThrow(RangeError);
  });

  test.each(["\ud83d", "a\ude00b"])("half of a surrogate pair is refused", (name) => {
    expect(() => encodeKey({ document: named(name), kind: "log", seq: 1 })).toThrow(
      expect.objectContaining({ code: "INVALID_NAME" }),
    );
    expect(() => prefixRange(name)).toThrow(expect.objectContaining({ code: "INVALID_NAME" }));
  });
});

describe("properties", () => {
  test("a key decodes to what it was made of", () => {
    fc.assert(
      fc.property(places, (place) => {
        expect(decodeKey(encodeKey(place))).toEqual(place);
      }),
    );
  });

  test("keys sort by the name's UTF-8, then kind, then seq", () => {
    const kinds = ["birth", "snapshot", "log"];
    fc.assert(
      fc.property(places, places, (a, b) => {
        const expected =
          compareBytes(utf8(a.document), utf8(b.document)) ||
          kinds.indexOf(a.kind) - kinds.indexOf(b.kind) ||
          a.seq - b.seq;
        expect(Math.sign(compareBytes(encodeKey(a), encodeKey(b)))).toBe(Math.sign(expected));
      }),
      { numRuns: 1000 },
    );
  });

  test("no key is the beginning of another", () => {
    fc.assert(
      fc.property(places, places, (a, b) => {
        fc.pre(a.document !== b.document || a.kind !== b.kind || a.seq !== b.seq);
        expect(hex(encodeKey(b)).startsWith(hex(encodeKey(a)))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test("a document's range has its records and no other's", () => {
    fc.assert(
      fc.property(places, anyName, (place, document) => {
        expect(isIn(encodeKey(place), documentRange(document))).toBe(place.document === document);
      }),
      { numRuns: 1000 },
    );
  });

  test("a prefix's range has the documents whose names start with it and no other", () => {
    fc.assert(
      fc.property(places, names, (place, prefix) => {
        expect(isIn(encodeKey(place), prefixRange(prefix))).toBe(place.document.startsWith(prefix));
      }),
      { numRuns: 1000 },
    );
  });

  test("a range of the log, or of snapshots, has those seqs and nothing else", () => {
    fc.assert(
      fc.property(places, seqs, seqs, ({ document, kind, seq }, first, end) => {
        const key = encodeKey({ document, kind, seq });
        expect(isIn(key, logRange(document, first))).toBe(kind === "log" && seq >= first);
        expect(isIn(key, logRange(document, first, end))).toBe(kind === "log" && seq >= first && seq < end);
        expect(isIn(key, snapshotRange(document, end))).toBe(kind === "snapshot" && seq < end);
        expect(isIn(key, snapshotRange(document))).toBe(kind === "snapshot");
      }),
      { numRuns: 1000 },
    );
  });
});

describe("ranges", () => {
  const key = fc.uint8Array({ maxLength: 4 });
  const range = fc
    .tuple(key, key)
    .map(([a, b]) => (compareBytes(a, b) < 0 ? { gte: a, lt: b } : { gte: b, lt: a }));

  test("what two have in common is in both, and the difference in one only", () => {
    fc.assert(
      fc.property(range, range, key, (a, b, probe) => {
        const common = intersection(a, b);
        expect(common !== null && isIn(probe, common)).toBe(isIn(probe, a) && isIn(probe, b));
        const rest = difference(a, b).filter((part) => isIn(probe, part));
        expect(rest).toHaveLength(isIn(probe, a) && !isIn(probe, b) ? 1 : 0);
      }),
      { numRuns: 1000 },
    );
  });

  test("the range of a key has that key alone", () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(isIn(b, rangeOfKey(a))).toBe(compareBytes(a, b) === 0);
      }),
    );
  });

  test("notes of losses are in their own range, outside of all documents", () => {
    fc.assert(
      fc.property(range, names, anyName, (lost, prefix, document) => {
        const note = encodeLossKey(lost);
        expect(isIn(note, lossRange())).toBe(true);
        expect(isIn(note, prefixRange(prefix))).toBe(false);
        expect(isIn(note, documentRange(document))).toBe(false);
      }),
    );
  });
});

describe("the keys of what was deleted", () => {
  const numbers = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.maxSafeNat());

  test("have the key that the record had, and the number of the deletion", () => {
    const key = encodeKey({ document: named("ab"), kind: "log", seq: 258 });
    const deleted = "ff03 6162 0001 0000000000000003 03 0000000000000102".replaceAll(" ", "");
    expect(hex(deletedKey(key, 3))).toBe(deleted);
    const own = "ff02 6162 0001 0000000000000003".replaceAll(" ", "");
    expect(hex(deletionKey({ document: named("ab"), number: 3 }))).toBe(own);
  });

  test("are taken apart, are in their ranges and in no document's, and are no key of a record", () => {
    fc.assert(
      fc.property(places, numbers, anyName, (place, number, other) => {
        const { document } = place;
        const key = encodeKey(place);
        const deleted = deletedKey(key, number);
        expect(decodeDeletedKey(deleted)).toEqual({ document, number, record: place });
        expect(hex(keyBeforeDeletion(deleted))).toBe(hex(key));
        expect(decodeDeletedKey(deletionKey({ document, number }))).toEqual({
          document,
          number,
          record: null,
        });
        expect([decodeKey(deleted), decodeDeletedKey(key)]).toEqual([null, null]);
        expect(documentOfKey(deleted)).toBe(document);
        expect(documentOfKey(key)).toBe(document);
        const own = deletionKey({ document, number });
        for (const range of [deletedRange({ document, number }), deletedOfRange(document)])
          expect(isIn(deleted, range)).toBe(true);
        for (const range of [deletionsOfRange(document), deletionsRange("")])
          expect([isIn(own, range), isIn(deleted, range)]).toEqual([true, false]);
        for (const range of [prefixRange(""), lossRange()])
          expect([isIn(own, range), isIn(deleted, range)]).toEqual([false, false]);
        expect(isIn(deleted, deletedRange({ document, number: number <= 1 ? 2 : number - 1 }))).toBe(false);
        if (other !== document) {
          expect(isIn(deleted, deletedOfRange(other))).toBe(false);
          expect(isIn(own, deletionsOfRange(other))).toBe(false);
        }
        expect(isIn(own, deletionsRange(other))).toBe(document.startsWith(other));
      }),
    );
  });

  test("sort by name, then number", () => {
    const inOrder = [
      ["a", 1],
      ["a", 2],
      ["a", 256],
      ["a\0", 1],
      ["aa", 1],
    ] as const;
    const own = inOrder.map(([text, number]) => deletionKey({ document: named(text), number }));
    const records = inOrder.map(([text, number]) =>
      deletedKey(encodeKey({ document: named(text), kind: "log", seq: 300 - number }), number),
    );
    const sorted = [...own, ...records];
    expect(sorted.toSorted(compareBytes)).toEqual(sorted);
  });

  test("ranges of a document's records come back as they went", () => {
    fc.assert(
      fc.property(anyName, numbers, seqs, seqs, (document, number, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b) + 1];
        fc.pre(Number.isSafeInteger(to));
        for (const keys of [documentRange(document), logRange(document, from, to)]) {
          const moved = deletedPart(keys, { document, number });
          expect(intersection(moved, deletedRange({ document, number }))).toEqual(moved);
          expect(partBeforeDeletion(moved, { document, number })).toEqual(keys);
        }
      }),
    );
  });
});
