import { readFileSync } from "node:fs";
import { crc32c, type DocumentName } from "@joinery/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Branch, BranchId, Lineage, LogEntry } from "../../../server/src/engine/ports.ts";
import { encodeDeletion } from "../../../server/src/storage/deletions.ts";
import { decodeKey, type RecordPlace } from "../../../server/src/storage/keys.ts";
import {
  decodeBirth,
  decodeBranches,
  decodeLogEntry,
  decodeSnapshot,
  encodeBirth,
  encodeBranches,
  encodeLogEntry,
  encodeSnapshot,
  type StoredRecord,
} from "../../../server/src/storage/record.ts";

const notes = "notes" as DocumentName;
const birth = { lineage: "00112233445566778899aabbccddeeff" as Lineage, bornAt: 1_700_000_000_000 };
const snapshot = { seq: 7, time: 1_700_000_000_000, update: Uint8Array.of(0, 0) };
const entry: LogEntry = {
  seq: 8,
  time: 1_700_000_000_000,
  parts: [
    { author: "ann", update: Uint8Array.of(1, 2) },
    { author: "", update: Uint8Array.of(3) },
  ],
};

const branches: readonly Branch[] = [
  { seq: 1, id: "0011223344556677" as BranchId },
  { seq: 8, id: "8899aabbccddeeff" as BranchId },
];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const place = ({ key }: StoredRecord) => decodeKey(key) as RecordPlace;

/** Decodes a record as the kind that its key says. */
function decode(record: StoredRecord) {
  const at = place(record);
  const decoders = {
    birth: decodeBirth,
    snapshot: decodeSnapshot,
    log: decodeLogEntry,
    branches: decodeBranches,
  };
  return decoders[at.kind](at, record);
}

const arbitraryEntry = fc.record({
  seq: fc.integer({ min: 1 }),
  time: fc.double({ min: 0, noNaN: true }),
  parts: fc.array(
    fc.record({
      author: fc.string({ unit: "grapheme" }).map((text) => text.toWellFormed()),
      update: fc.uint8Array(),
    }),
  ),
});
const arbitraryRecord = fc.oneof(
  arbitraryEntry.map((any) => encodeLogEntry(notes, any)),
  fc.uint8Array().map((update) => encodeSnapshot(notes, { ...snapshot, update })),
  fc.constant(encodeBirth(notes, birth)),
  fc.constant(encodeBranches(notes, branches)),
);

describe("bytes", () => {
  test.each([
    [
      "a birth: type 11, payload length 24, checksum, 16 bytes of lineage, time as a double",
      encodeBirth(notes, birth),
      "11 00000018 3b1d87bd 00112233445566778899aabbccddeeff 4278bcfe56800000",
    ],
    [
      "a snapshot: type 12, payload length 10, checksum, time, the update",
      encodeSnapshot(notes, snapshot),
      "12 0000000a 782fe3f3 4278bcfe56800000 0000",
    ],
    [
      "a log entry: type 13, payload length 19, checksum, time, 2 parts, each author and update with their lengths",
      encodeLogEntry(notes, entry),
      "13 00000013 215a8efb 4278bcfe56800000 02 03616e6e 020102 00 0103",
    ],
    [
      "branches: type 15, payload length 32, checksum, of each the first seq and 8 bytes of id",
      encodeBranches(notes, branches),
      "15 00000020 b79bd358 0000000000000001 0011223344556677 0000000000000008 8899aabbccddeeff",
    ],
  ])("%s", (_, record, expected) => {
    expect(hex(record.value)).toBe(expected.replaceAll(" ", ""));
  });

  test("the checksum covers the key, the five bytes before it and the payload", () => {
    const { key, value } = encodeLogEntry(notes, entry);
    const covered = Buffer.concat([key, value.subarray(0, 5), value.subarray(9)]);
    expect(hex(value.subarray(5, 9))).toBe(crc32c(covered).toString(16).padStart(8, "0"));
  });

  test("the examples in docs/formats.md are what the code writes", () => {
    const text = readFileSync(new URL("../../../docs/formats.md", import.meta.url), "utf8");
    const examples = [...text.matchAll(/^(key|value) +((?:[0-9a-f]{2,} *)+)/gm)].map(
      ([, what, bytes]) => `${what} ${bytes?.replaceAll(" ", "")}`,
    );
    const written = [
      encodeBirth(notes, birth),
      encodeLogEntry(notes, entry),
      encodeSnapshot(notes, snapshot),
      encodeBranches(notes, branches),
      encodeDeletion({
        document: notes,
        number: 1,
        deletedAt: 1_700_000_000_000,
        lineage: birth.lineage,
        seq: 8,
        bytes: 245,
        deletedBy: "ann",
        stateVector: Uint8Array.of(1, 7, 3),
      }),
    ];
    expect(examples).toEqual(written.flatMap(({ key, value }) => [`key ${hex(key)}`, `value ${hex(value)}`]));
  });
});

describe("round trips", () => {
  test("a birth", () => expect(decode(encodeBirth(notes, birth))).toEqual(birth));
  test("branches", () => expect(decode(encodeBranches(notes, branches))).toEqual(branches));
  test("a snapshot", () => expect(decode(encodeSnapshot(notes, snapshot))).toEqual(snapshot));

  test("any log entry", () => {
    fc.assert(
      fc.property(arbitraryEntry, (any) => {
        expect(decode(encodeLogEntry(notes, any))).toEqual(any);
      }),
    );
  });

  test("updates come back as plain byte arrays, also from a Buffer", () => {
    const { key, value } = encodeLogEntry(notes, entry);
    const read = decodeLogEntry(place({ key, value }), { key, value: Buffer.from(value) });
    for (const { update } of read.parts) expect(Object.getPrototypeOf(update)).toBe(Uint8Array.prototype);
  });

  test("a lineage that is not 32 lower-case hex digits is refused", () => {
    expect(() => encodeBirth(notes, { ...birth, lineage: "abc" as Lineage })).toThrow(RangeError);
  });
});

describe("damage", () => {
  const damaged = (seq: number, reason: string) =>
    expect.objectContaining({
      code: "DOCUMENT_DAMAGED",
      message: expect.stringMatching(new RegExp(`^document "notes" is damaged at seq ${seq}: .*${reason}`)),
    });

  test("any flipped bit of a value is noticed", () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), ({ key, value }, n) => {
        const flipped = value.slice();
        const bit = n % (value.length * 8);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(() => decode({ key, value: flipped })).toThrow(damaged(place({ key, value }).seq, ""));
      }),
      { numRuns: 1000 },
    );
  });

  test("any cut and any addition is noticed", () => {
    fc.assert(
      fc.property(arbitraryRecord, fc.nat(), fc.uint8Array({ minLength: 1 }), ({ key, value }, n, more) => {
        expect(() => decode({ key, value: value.slice(0, n % value.length) })).toThrow(
          damaged(place({ key, value }).seq, ""),
        );
        expect(() => decode({ key, value: Uint8Array.of(...value, ...more) })).toThrow(
          damaged(place({ key, value }).seq, ""),
        );
      }),
    );
  });

  test.each([
    ["another seq", encodeLogEntry(notes, { ...entry, seq: 9 }).key, 9],
    ["another document", encodeLogEntry("other" as DocumentName, entry).key, 8],
  ])("a record under the key of %s is noticed", (_, key, seq) => {
    const record = { key, value: encodeLogEntry(notes, entry).value };
    expect(() => decode(record)).toThrow(
      expect.objectContaining({
        code: "DOCUMENT_DAMAGED",
        message: expect.stringContaining(`at seq ${seq}: the checksum`),
      }),
    );
  });

  test("a record of another kind is noticed", () => {
    const record = { key: encodeLogEntry(notes, entry).key, value: encodeSnapshot(notes, snapshot).value };
    expect(() => decode(record)).toThrow(damaged(8, "the record is of type 18, not 19"));
  });

  test.each([0, 2, 15])("F100 a record of format %d is not read as one of format 1", (format) => {
    const { key, value } = encodeLogEntry(notes, entry);
    value[0] = (format << 4) | 3;
    const checksum = crc32c(value.subarray(9), crc32c(value.subarray(0, 5), crc32c(key)));
    new DataView(value.buffer, value.byteOffset).setUint32(5, checksum);
    expect(() => decode({ key, value })).toThrow(
      damaged(8, `the record is of format ${format}, this version reads format 1`),
    );
  });

  test.each([
    [
      "a log entry with more parts than bytes",
      "13",
      entry.seq,
      "4278bcfe56800000 ff01",
      "its payload does not decode",
    ],
    [
      "a log entry with bytes left over",
      "13",
      entry.seq,
      "4278bcfe56800000 00 00",
      "its payload does not decode",
    ],
    [
      "branches with bytes left over",
      "15",
      0,
      "0000000000000001 0011223344556677 00",
      "its payload has 17 bytes",
    ],
    [
      "branches in no order",
      "15",
      0,
      "0000000000000002 0011223344556677 0000000000000002 8899aabbccddeeff",
      "its branches are in no order",
    ],
    ["a log entry without time", "13", entry.seq, "4278", "its payload ends too early"],
  ])("%s is noticed even where its checksum is right", (_, type, seq, payload, reason) => {
    const body = Buffer.from(payload.replaceAll(" ", ""), "hex");
    const { key } = seq === 0 ? encodeBranches(notes, []) : encodeLogEntry(notes, { ...entry, seq });
    const start = Buffer.concat([Buffer.from(type, "hex"), Buffer.of(0, 0, 0, body.length)]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(body, crc32c(start, crc32c(key))));
    expect(() => decode({ key, value: Buffer.concat([start, checksum, body]) })).toThrow(
      damaged(seq, reason),
    );
  });
});
