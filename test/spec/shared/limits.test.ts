import { DEFAULT_LIMITS, LIMITS, type LimitName, type LimitRow } from "@joinery/shared";
import { describe, expect, test } from "vitest";

const rows = Object.entries(LIMITS) as [LimitName, LimitRow][];

describe.each(rows)("%s", (name, row) => {
  test("has a default between the least and the most that it may be", () => {
    for (const value of [row.min, row.default, row.max]) expect(Number.isSafeInteger(value)).toBe(true);
    expect(row.min).toBeGreaterThanOrEqual(0);
    expect(row.default).toBeGreaterThanOrEqual(row.min);
    expect(row.default).toBeLessThanOrEqual(row.max);
    expect(DEFAULT_LIMITS[name]).toBe(row.default);
  });

  test("ends with its unit", () => {
    if (row.unit === "bytes") expect(name).toMatch(/^max.+Bytes$/);
    else if (row.unit === "ms") expect(name).toMatch(/Ms$/);
    else expect(name).toMatch(/^max.+s$/);
    if (row.unit === "count") expect(name).not.toMatch(/(Bytes|Ms)$/);
  });

  test("says what it bounds in sentences", () => {
    expect(row.meaning).toMatch(/^[A-Z].{20,}\.$/);
  });
});

describe("the defaults", () => {
  test("are one for each row, and cannot be changed", () => {
    expect(Object.keys(DEFAULT_LIMITS)).toEqual(Object.keys(LIMITS));
    expect(Object.isFrozen(DEFAULT_LIMITS)).toBe(true);
  });

  test("fit together: a message fits into what may wait for the storage", () => {
    expect(DEFAULT_LIMITS.maxMessageBytes).toBeLessThanOrEqual(DEFAULT_LIMITS.maxUncommittedBytes);
    expect(DEFAULT_LIMITS.maxBatchBytes).toBeLessThanOrEqual(DEFAULT_LIMITS.maxUncommittedBytes);
    expect(DEFAULT_LIMITS.maxPresenceBytes).toBeLessThanOrEqual(DEFAULT_LIMITS.maxMessageBytes);
  });
});
