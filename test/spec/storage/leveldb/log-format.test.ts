import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeLog, readLog } from "../../../../server/src/storage/leveldb/log-format.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
const payload = (length: number, first = 1) => Uint8Array.from({ length }, (_, i) => (first + i * 7) & 0xff);
const read = (bytes: Uint8Array) => readLog(bytes).records.map((record) => hex(record.payload));

const flipped = (bytes: Uint8Array, bit: number) =>
  bytes.with(bit >> 3, (bytes[bit >> 3] as number) ^ (1 << (bit & 7)));

// Some fill a block to the last byte, or leave less than a header's room in it.
const lengths = fc.oneof(fc.nat(60), fc.constantFrom(32_761, 32_760, 32_755, 32_754, 32_753, 40_000, 70_000));
const someLengths = fc.array(lengths, { minLength: 1, maxLength: 5 });
const payloadsOf = (some: readonly number[]) => some.map((length, i) => payload(length, i));

describe("bytes", () => {
  // As LevelDB 1.20 wrote it: a batch with sequence number 1 that puts "b" under "a".
  const BATCH = "0100000000000000 01000000 01 01 61 01 62";

  test("a record: masked checksum, length 17, type FULL, and what it holds", () => {
    expect(hex(encodeLog([bytesOf(BATCH)]))).toBe(`d31c3ec7110001${BATCH.replaceAll(" ", "")}`);
  });

  test("a record that goes on in the next block is a FIRST and a LAST", () => {
    const bytes = encodeLog([payload(32_768)]);
    expect([bytes[6], bytes[32_768 + 6]]).toEqual([2, 4]);
    expect(bytes).toHaveLength(32_768 + 2 * 7);
  });

  test("where a header has no room the rest of the block is zeros", () => {
    const bytes = encodeLog([payload(32_768 - 7 - 6), payload(3)]);
    expect(hex(bytes.subarray(32_762, 32_768))).toBe("000000000000");
    expect(bytes[32_768 + 6]).toBe(1);
  });
});

describe("reading", () => {
  test("gives back what was written", () => {
    fc.assert(
      fc.property(someLengths, (some) => {
        const written = payloadsOf(some);
        const { records, unreadable, torn } = readLog(encodeLog(written));
        expect(records.map((record) => hex(record.payload))).toEqual(written.map(hex));
        expect(records.every(({ isRepaired }) => !isRepaired)).toBe(true);
        expect({ unreadable, torn }).toEqual({ unreadable: [], torn: null });
      }),
    );
  });

  test("of a file that was cut off gives the records before that, and what is there of the next", () => {
    fc.assert(
      fc.property(someLengths, fc.nat(), (some, n) => {
        const written = payloadsOf(some);
        const bytes = encodeLog(written);
        const cut = bytes.subarray(0, n % bytes.length);
        const { records, unreadable, torn } = readLog(cut);
        const whole = written.findIndex((_, i) => encodeLog(written.slice(0, i + 1)).length > cut.length);
        expect(records.map((record) => hex(record.payload))).toEqual(written.slice(0, whole).map(hex));
        expect(unreadable).toEqual([]);
        if (torn !== null) {
          const next = written[whole] as Uint8Array;
          expect(hex(next).startsWith(hex(torn.remains)) || torn.remains.every((byte) => byte === 0)).toBe(
            true,
          );
        } else expect(cut.length).toBe(encodeLog(written.slice(0, whole)).length);
      }),
    );
  });

  test("puts any one flipped bit right", () => {
    fc.assert(
      fc.property(someLengths, fc.nat(), (some, n) => {
        const written = payloadsOf(some);
        const bytes = encodeLog(written);
        const damaged = flipped(bytes, n % (bytes.length * 8));
        const { records, unreadable, torn } = readLog(damaged);
        expect(records.map((record) => hex(record.payload))).toEqual(written.map(hex));
        expect({ unreadable, torn }).toEqual({ unreadable: [], torn: null });
        // What is between a block's last record and its end belongs to nothing.
        const isPadding = !records.some(({ isRepaired }) => isRepaired);
        if (isPadding) expect(bytes[(n % (bytes.length * 8)) >> 3]).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test("goes on behind what it cannot read, and says between which records that is", () => {
    const written = [payload(50, 1), payload(60, 2), payload(70, 3)];
    const bytes = encodeLog(written);
    const start = 7 + 50;
    for (const at of [start, start + 4, start + 7, start + 30]) {
      const damaged = bytes.slice();
      for (let i = at; i < at + 20; i++) damaged[i] = (damaged[i] as number) ^ 0xa5;
      const { records, unreadable, torn } = readLog(damaged);
      expect(records.map((record) => hex(record.payload))).toEqual(
        [written[0], written[2]].map((one) => hex(one as Uint8Array)),
      );
      expect(unreadable).toMatchObject([{ offset: start, recordsBefore: 1 }]);
      expect(unreadable[0]?.remains).toHaveLength(60);
      expect(torn).toBeNull();
    }
  });

  test("loses no more than a record when a whole block of it is gone", () => {
    const written = [payload(50), payload(100_000), payload(60)];
    const bytes = encodeLog(written);
    for (const block of [0, 1, 2]) {
      const damaged = bytes.slice().fill(0, block * 32_768, (block + 1) * 32_768);
      const left = block === 0 ? [60] : [50, 60];
      expect(readLog(damaged).records.map((record) => record.payload.length)).toEqual(left);
      expect(readLog(damaged).unreadable).toHaveLength(1);
    }
  });

  test("does not take for a record what another one holds", () => {
    const inner = encodeLog([payload(40)]);
    const damaged = encodeLog([inner, payload(60)]);
    for (const at of [8, 9, 10]) damaged[at] = (damaged[at] as number) ^ 0x11;
    expect(read(damaged)).toEqual([hex(payload(60))]);
  });

  test("tells a last record that is damaged from one that is not all there", () => {
    const bytes = encodeLog([payload(50), payload(60)]);
    const damaged = bytes.slice();
    for (const at of [-3, -9]) damaged[bytes.length + at] = 0xee;
    expect(readLog(damaged)).toMatchObject({ torn: null, unreadable: [{ offset: 57, recordsBefore: 1 }] });
    expect(readLog(bytes.subarray(0, -1))).toMatchObject({ torn: { offset: 57 }, unreadable: [] });
  });

  test("takes space that was never written for the end", () => {
    const bytes = encodeLog([payload(50)]);
    const longer = new Uint8Array(4096);
    longer.set(bytes);
    const { records, unreadable, torn } = readLog(longer);
    expect(records).toHaveLength(1);
    expect(unreadable).toEqual([]);
    expect(torn).toMatchObject({ offset: bytes.length });
  });

  test("an empty file has no records", () => {
    expect(readLog(new Uint8Array(0))).toEqual({ records: [], unreadable: [], torn: null });
  });
});
