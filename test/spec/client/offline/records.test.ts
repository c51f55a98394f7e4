import { readFileSync } from "node:fs";
import { crc32c, sealRecord } from "@joinery/shared";
import fc from "fast-check";
import * as encoding from "lib0/encoding";
import { describe, expect, test } from "vitest";
import {
  decodeDocument,
  decodePlace,
  documentRange,
  encodeKey,
  inSection,
  newWriterId,
  type RecordPlace,
  sectionRange,
} from "../../../../client/src/offline/keys.ts";
import {
  decodeRecord,
  decodeUnsavedEntry,
  digestOf,
  encodeRecord,
  encodeUnsavedEntry,
  isUnsound,
  type RecordContent,
  type StoredRecord,
} from "../../../../client/src/offline/record.ts";

const LINEAGE = "00112233445566778899aabbccddeeff";
const WRITER = "018bcfe56800a1b2c3d4e5f6";
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const isBelow = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) < 0;

const writers = fc.stringMatching(/^[0-9a-f]{24}$/);
const kinds = fc.constantFrom("snapshot", "remote", "local", "saved", "revision");
const places: fc.Arbitrary<RecordPlace> = fc.record({
  writer: writers,
  number: fc.nat({ max: 2 ** 32 - 1 }),
  kind: kinds,
});
const names = fc
  .string({ unit: "binary", minLength: 1 })
  .filter((name) => name.isWellFormed() && !name.includes("\0"));

describe("keys", () => {
  test("a key gives back what it is of", () => {
    fc.assert(
      fc.property(names, places, fc.constantFrom("records", "unsaved", "aside"), (name, place, section) => {
        const key = encodeKey(section, name, place);
        expect(decodePlace(key)).toEqual(place);
        expect(decodeDocument(key)).toBe(name);
        const { gte, lt } = documentRange(section, name);
        expect(isBelow(key, gte) || !isBelow(key, lt)).toBe(false);
        const all = sectionRange(section);
        expect(isBelow(key, all.gte) || !isBelow(key, all.lt)).toBe(false);
        expect(inSection(section, encodeKey("records", name, place))).toEqual(key);
      }),
    );
  });

  test("no document's keys are in another one's range", () => {
    fc.assert(
      fc.property(names, names, places, (name, other, place) => {
        fc.pre(name !== other);
        const key = encodeKey("records", other, place);
        const { gte, lt } = documentRange("records", name);
        expect(isBelow(key, gte) || !isBelow(key, lt)).toBe(true);
      }),
    );
  });

  test.each([
    ["nothing", ""],
    ["too short", "01 61 00 0102"],
    ["a kind that is none", `01 61 00 ${WRITER} 00000001 09`],
    ["no end of the name", `01 61 61 ${WRITER} 00000001 01`],
  ])("%s is no key", (_, bytes) => {
    expect(decodePlace(Buffer.from(bytes.replaceAll(" ", ""), "hex"))).toBeNull();
  });

  test("a name that is not UTF-8 is none", () => {
    expect(decodeDocument(Uint8Array.of(1, 0xff, 0))).toBeNull();
    expect(decodeDocument(Uint8Array.of(1, 0))).toBeNull();
  });
});

describe("writers", () => {
  test("an id is the time and 48 random bits", () => {
    expect(newWriterId(1_700_000_000_000, () => 0.5, null)).toBe("018bcfe56800800000000000");
    expect(newWriterId(0, () => 0, null)).toBe("0".repeat(24));
  });

  test("a new one sorts after a given one, whatever the clock says", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.nat(),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (now, before, random) => {
          const first = newWriterId(before, () => random, null);
          expect(newWriterId(now, () => 0, first) > first).toBe(true);
        },
      ),
    );
  });
});

const key = encodeKey("records", "notes", { writer: WRITER, number: 1, kind: "remote" });
const branch = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(hex);
const updates = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 });
const point = fc.record({ seq: fc.nat({ max: 2 ** 52 }), branch });
const contents: fc.Arbitrary<RecordContent> = fc.oneof(
  fc.record({
    kind: fc.constantFrom("snapshot", "remote", "local", "saved"),
    lineage: fc.constantFrom(LINEAGE, null),
    confirmed: fc.array(point, { maxLength: 3 }),
    updates,
  }),
  fc.record({
    kind: fc.constant("revision" as const),
    lineage: fc.constantFrom(LINEAGE, null),
    point: fc.option(point),
    digest: fc.nat({ max: 2 ** 32 - 1 }),
    covers: fc.array(fc.tuple(writers, fc.nat({ max: 2 ** 32 - 1 }))).map((pairs) => new Map(pairs)),
  }),
);

describe("values", () => {
  test("a record gives back its content, also from a Buffer", () => {
    fc.assert(
      fc.property(contents, (content) => {
        const { value } = encodeRecord(key, content);
        expect(decodeRecord({ key, value }, content.kind)).toEqual(content);
        const read = decodeRecord({ key, value: Buffer.from(value) }, content.kind);
        if ("updates" in read)
          for (const one of read.updates) expect(Object.getPrototypeOf(one)).toBe(Uint8Array.prototype);
      }),
    );
  });

  test("any flipped bit, of the value or of its key, is noticed", () => {
    fc.assert(
      fc.property(contents, fc.nat(), (content, n) => {
        const record = encodeRecord(key, content);
        const both = Buffer.concat([record.key, record.value]);
        const bit = n % (both.length * 8);
        both[bit >> 3] = (both[bit >> 3] as number) ^ (1 << (bit & 7));
        const flipped = { key: both.subarray(0, key.length), value: both.subarray(key.length) };
        expect(decodeRecord(flipped, content.kind)).toMatchObject({ kind: "damaged" });
      }),
    );
  });

  test("a record that was cut off or continued is noticed", () => {
    const { value } = encodeRecord(key, {
      kind: "remote",
      lineage: LINEAGE,
      confirmed: [],
      updates: [Uint8Array.of(1, 2)],
    });
    for (let length = 0; length < value.length; length++) {
      expect(isUnsound(decodeRecord({ key, value: value.subarray(0, length) }, "remote"))).toBe(true);
    }
    expect(isUnsound(decodeRecord({ key, value: Uint8Array.of(...value, 0) }, "remote"))).toBe(true);
  });

  test.each([
    ["another kind", "13", `${"00".repeat(16)}`, /type 19/],
    ["another version's", "22", "", /format 2/],
    ["an update longer than the rest", "12", `${"00".repeat(16)}05ff`, /does not decode/],
    ["half a lineage", "12", "0011", /does not decode/],
  ])("a record with a right checksum is not taken for what it is not: %s", (_, type, payload, reason) => {
    const body = Buffer.from(payload, "hex");
    const start = Buffer.concat([Buffer.from(type, "hex"), Buffer.of(0, 0, 0, body.length)]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32BE(crc32c(body, crc32c(start, crc32c(key))));
    const read = decodeRecord({ key, value: Buffer.concat([start, checksum, body]) }, "remote");
    expect(read).toMatchObject({ reason: expect.stringMatching(reason) });
  });

  test("a digest depends on which keys there are, and not on their order", () => {
    const [a, b, c] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    expect(digestOf([a, b, c])).toBe(digestOf([c, a], digestOf([b])));
    expect(digestOf([a, b])).not.toBe(digestOf([a, c]));
    expect(digestOf([])).toBe(0);
  });
});

test("a revision without a branch, as an early version wrote it, is none", () => {
  const at = encodeKey("records", "notes", { writer: WRITER, number: 1, kind: "revision" });
  const record = sealRecord(at, 0x15, (encoder) => {
    encoding.writeUint8Array(encoder, Buffer.from(LINEAGE, "hex"));
    encoding.writeVarUint(encoder, 8);
    encoding.writeVarUint(encoder, 77);
  });
  const read = {
    kind: "revision",
    lineage: LINEAGE,
    point: null,
    digest: 77,
    covers: new Map(),
  };
  expect(decodeRecord(record, "revision")).toEqual(read);
});

test("the examples in docs/formats.md are what the code writes", () => {
  const text = readFileSync(new URL("../../../../docs/formats.md", import.meta.url), "utf8");
  const examples = [...text.matchAll(/^(at|is) +((?:[0-9a-f]{2,} *)+)$/gm)].map(
    ([, what, bytes]) => `${what} ${bytes?.replaceAll(" ", "")}`,
  );
  const at = (number: number, kind: RecordPlace["kind"]) =>
    encodeKey("records", "notes", { writer: WRITER, number, kind });
  const [snapshotKey, localKey] = [at(0, "snapshot"), at(1, "local")];
  const snapshot = encodeRecord(snapshotKey, {
    kind: "snapshot",
    lineage: LINEAGE,
    confirmed: [],
    updates: [Uint8Array.of(0, 0)],
  });
  const local = encodeRecord(localKey, {
    kind: "local",
    lineage: null,
    confirmed: [],
    updates: [Uint8Array.of(1, 2), Uint8Array.of(3)],
  });
  const unsaved = encodeUnsavedEntry(inSection("unsaved", localKey), { count: 2, bytes: 3 });
  const revision = encodeRecord(at(2, "revision"), {
    kind: "revision",
    lineage: LINEAGE,
    point: { seq: 7, branch: "8899aabbccddeeff" },
    digest: digestOf([snapshotKey, localKey]),
    covers: new Map([["018bcfe5644c010203040506", 5]]),
  });
  const written: StoredRecord[] = [snapshot, local, unsaved, revision];
  expect(examples).toEqual(written.flatMap(({ key, value }) => [`at ${hex(key)}`, `is ${hex(value)}`]));
  expect(decodeUnsavedEntry(unsaved)).toEqual({ count: 2, bytes: 3 });
});
