import type { DocumentName } from "@joinery/shared";
import { describe, expect, test } from "vitest";
import type { Operation } from "../../../server/src/storage/database.ts";
import { decodeKey, encodeKey, type RecordKind, rangeOfKey } from "../../../server/src/storage/keys.ts";
import { encodeLog } from "../../../server/src/storage/leveldb/log-format.ts";
import { encodeWriteBatch, readWriteBatch } from "../../../server/src/storage/leveldb/write-batch.ts";
import { checkLogs, type LogExpectations } from "../../../server/src/storage/log-check.ts";
import { decodeLoss } from "../../../server/src/storage/losses.ts";
import { encodeLogEntry } from "../../../server/src/storage/record.ts";

const FILE = "level/000005.log";
const ANN = "ann's" as DocumentName;
const BEN = "ben's" as DocumentName;

const keyOf = (document: DocumentName, kind: RecordKind, seq: number) => encodeKey({ document, kind, seq });

function entry(document: DocumentName, seq: number): Operation {
  const parts = [{ author: "", update: new Uint8Array(40).fill(seq) }];
  return { type: "put", ...encodeLogEntry(document, { seq, time: 1, parts }) };
}

const deletion = (document: DocumentName, seq: number): Operation => ({
  type: "del",
  key: keyOf(document, "log", seq),
});

/** A log of batches, numbered from 1 on. */
function logOf(...batches: readonly Operation[][]) {
  let sequence = 1;
  const payloads = batches.map((operations) => {
    const payload = encodeWriteBatch(sequence, operations);
    sequence += operations.length;
    return payload;
  });
  return {
    bytes: encodeLog(payloads),
    payloads,
    /** Where a batch begins. */
    offsetOf: (index: number) => encodeLog(payloads.slice(0, index)).length,
  };
}

function check(bytes: Uint8Array, expectations: Partial<LogExpectations> = {}) {
  const result = checkLogs([{ file: FILE, bytes }], {
    firstSequence: 1,
    lastSequence: 0,
    isClosed: false,
    lastAcknowledged: null,
    ...expectations,
  });
  const operations = (result.records.get(FILE) ?? []).flatMap((record) => readWriteBatch(record)?.operations);
  return { ...result, nextSequence: result.nextSequence, isChanged: result.changed.has(FILE), operations };
}

/** Turns over some bits. */
function damage(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return bytes.map((byte, i) => (i >= at && i < at + length ? byte ^ 0x35 : byte));
}

describe("a log that is as it was written", () => {
  const { bytes } = logOf([entry(ANN, 1), entry(BEN, 1)], [entry(ANN, 2)], [deletion(BEN, 1)]);

  test("stays as it is", () => {
    expect(check(bytes)).toMatchObject({ findings: [], isChanged: false, nextSequence: 5 });
    expect(check(bytes, { isClosed: true, lastSequence: 4 })).toMatchObject({ findings: [] });
  });

  test("is passed over in silence where a write was cut off", () => {
    for (let length = 0; length < bytes.length; length++)
      expect(check(bytes.subarray(0, length))).toMatchObject({ findings: [], isChanged: false });
  });

  test("may begin below what is known to be in tables", () => {
    expect(check(bytes, { firstSequence: 3, lastSequence: 4 })).toMatchObject({ findings: [] });
  });
});

describe("a record that cannot be read", () => {
  const { bytes, offsetOf } = logOf(
    [entry(ANN, 1)],
    [entry(ANN, 2), entry(BEN, 7), entry(ANN, 3)],
    [entry(ANN, 4)],
  );
  const start = offsetOf(1);
  // A physical record's header and a batch's, and a change as long as the two around it.
  const middle = start + 7 + 12 + (offsetOf(2) - start - 7 - 12) / 3;

  test("loses no change of which the own checksum is right, and no later record", () => {
    const { findings, operations, nextSequence } = check(damage(bytes, middle + 40, 4));
    expect(findings).toEqual([
      {
        file: FILE,
        offset: start,
        outcome: "lost",
        reason: "a record cannot be read; 2 of its changes could be kept",
        documents: [BEN],
      },
    ]);
    const keys = operations.map((operation) => decodeKey(operation?.key ?? new Uint8Array(0)));
    expect(keys.map((place) => place && `${place.document} ${place.seq}`)).toEqual([
      "ann's 1",
      "ann's 2",
      "ann's 3",
      null,
      "ann's 4",
    ]);
    expect(nextSequence).toBe(6);
  });

  test("leaves a note of what it lost in the place of that", () => {
    const { operations } = check(damage(bytes, middle + 40, 4));
    const note = operations[3];
    expect(note?.type === "put" && decodeLoss(note)).toMatchObject({
      keys: rangeOfKey(keyOf(BEN, "log", 7)),
      reason: `${FILE} was damaged at byte ${start}`,
    });
  });

  test("is whole again when only what LevelDB put around it is damaged", () => {
    const { findings, operations } = check(damage(bytes, start, 4));
    expect(findings).toMatchObject([{ outcome: "repaired", offset: start, documents: [] }]);
    expect(operations).toHaveLength(5);
  });

  test("goes on behind a change of which not even the length can be read", () => {
    const { findings, operations } = check(damage(bytes, middle, 24));
    expect(findings).toMatchObject([{ reason: "a record cannot be read; 2 of its changes could be kept" }]);
    expect(operations).toHaveLength(4);
  });

  test("is of no account where a later record changes the same keys", () => {
    const log = logOf([entry(ANN, 1), entry(ANN, 2)], [entry(BEN, 1)], [deletion(BEN, 1)]);
    const { findings, operations } = check(damage(log.bytes, log.offsetOf(1) + 60, 4));
    expect(findings).toMatchObject([{ outcome: "lost", documents: [] }]);
    expect(operations).toHaveLength(3);
  });

  test("is not trusted with deletions", () => {
    const log = logOf([entry(ANN, 1)], [deletion(ANN, 1), entry(BEN, 1)], [entry(BEN, 2)]);
    const { findings, operations } = check(damage(log.bytes, log.offsetOf(1) + 70, 4));
    expect(findings).toMatchObject([{ outcome: "lost", documents: [ANN, BEN] }]);
    expect(operations.filter((operation) => operation?.type === "del")).toEqual([]);
  });
});

describe("the first record of the first log", () => {
  const { bytes, payloads } = logOf([entry(ANN, 1), entry(BEN, 1)], [entry(ANN, 2)], [deletion(BEN, 1)]);

  test("may have a lower number than is known, also when it is damaged", () => {
    const { findings, operations } = check(damage(bytes, 0, 4), { firstSequence: 4, lastSequence: 4 });
    expect(findings).toMatchObject([{ outcome: "repaired" }]);
    expect(operations).toHaveLength(4);
  });

  test("gives what is kept of it numbers below those of the records after it", () => {
    const damaged = damage(bytes, 50, 4);
    const { findings, records } = check(damaged, { firstSequence: 4, lastSequence: 4 });
    expect(findings).toMatchObject([
      { outcome: "lost", reason: expect.stringContaining("1 of its changes") },
    ]);
    const sequences = records.get(FILE)?.map((record) => readWriteBatch(record)?.sequence);
    expect(sequences).toEqual([1, 3, 4]);
  });

  test("is not the only one that can be missing below that", () => {
    const [first, , last] = payloads as [Uint8Array, Uint8Array, Uint8Array];
    const { findings } = check(encodeLog([first, last]), { firstSequence: 4, lastSequence: 4 });
    expect(findings).toMatchObject([{ outcome: "lost", reason: "changes before it are missing: 1" }]);
  });
});

describe("the end of the last log", () => {
  const { bytes, offsetOf } = logOf([entry(ANN, 1)], [entry(ANN, 2), entry(BEN, 1)]);
  const damaged = damage(bytes, bytes.length - 20, 4);
  const torn = bytes.subarray(0, -20);

  test("may be a write that was cut off, so LevelDB is left to drop it; but it is told", () => {
    expect(check(damaged)).toMatchObject({
      findings: [{ outcome: "unsure", offset: offsetOf(1), documents: [ANN, BEN] }],
      isChanged: false,
    });
  });

  test("is told when it does not look like the beginning of a write", () => {
    const garbage = damage(torn, offsetOf(1) + 7, 8);
    expect(check(garbage)).toMatchObject({ findings: [{ outcome: "unsure" }], isChanged: false });
  });

  test.each([
    ["the database was closed in peace", { isClosed: true }],
    ["more had happened by then", { lastSequence: 3 }],
  ])("is damage when %s", (_, expectations) => {
    const reason = "a record cannot be read; 1 of its changes could be kept";
    const unreadable = check(damaged, expectations);
    expect(unreadable.findings).toMatchObject([{ outcome: "lost", documents: [BEN], reason }]);
    expect(unreadable.operations).toHaveLength(3); // One is the note.
    const missing = check(torn, expectations);
    expect(missing.findings).toMatchObject([{ outcome: "lost", documents: [], reason }]);
    expect(missing.operations).toHaveLength(2);
  });

  test("is the end of the last log in which anything was written", () => {
    const files = [
      { file: FILE, bytes: torn },
      { file: "level/000008.log", bytes: new Uint8Array(0) },
    ];
    const { findings } = checkLogs(files, {
      firstSequence: 1,
      lastSequence: 0,
      isClosed: false,
      lastAcknowledged: null,
    });
    expect(findings).toEqual([]);
  });

  test("is of no account behind what this process knows to be acknowledged last", () => {
    const lastAcknowledged = entry(ANN, 1);
    for (const end of [damaged, torn])
      expect(check(end, { lastAcknowledged, lastSequence: 3 })).toMatchObject({
        findings: [],
        isChanged: false,
      });
  });

  test("says how many changes are missing when it is gone", () => {
    const { findings } = check(bytes.subarray(0, offsetOf(1)), { lastSequence: 3 });
    expect(findings).toMatchObject([{ outcome: "lost", reason: "changes at its end are missing: 2" }]);
  });
});

describe("numbers that are missing", () => {
  const whole = logOf([entry(ANN, 1)], [entry(ANN, 2), entry(BEN, 1)], [entry(BEN, 2)]);

  test("in the middle are told", () => {
    const [first, , last] = whole.payloads;
    const { findings } = check(encodeLog([first as Uint8Array, last as Uint8Array]));
    expect(findings).toMatchObject([{ outcome: "lost", reason: "changes before it are missing: 2" }]);
  });

  test("at the beginning are told", () => {
    const { findings } = check(encodeLog(whole.payloads.slice(1)));
    expect(findings).toMatchObject([
      { outcome: "lost", offset: 0, reason: "changes before it are missing: 1" },
    ]);
  });

  test("between two logs are told, and a log that was left behind has no unfinished end", () => {
    const [first, second, last] = whole.payloads as [Uint8Array, Uint8Array, Uint8Array];
    const files = [
      { file: "level/000004.log", bytes: encodeLog([first, second]).subarray(0, -5) },
      { file: FILE, bytes: encodeLog([last]) },
    ];
    const { findings, changed } = checkLogs(files, {
      firstSequence: 1,
      lastSequence: 0,
      isClosed: false,
      lastAcknowledged: null,
    });
    expect(findings).toMatchObject([{ file: "level/000004.log", outcome: "lost" }]);
    expect([...changed]).toEqual(["level/000004.log"]);
  });
});
