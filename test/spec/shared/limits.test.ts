import { DEFAULT_LIMITS, ERRORS, LIMITS, type LimitName, type LimitRow, limitMetric } from "@joinery/shared";
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
    const ending = {
      bytes: "Bytes",
      ms: "Ms",
      count: "",
      "bytes/s": "BytesPerSecond",
      "ms/s": "MsPerSecond",
    };
    const unit = row.unit === "count/s" ? "PerSecond" : ending[row.unit];
    expect(name).toMatch(new RegExp(`${unit}$`));
    if (row.unit !== "ms") expect(name).toMatch(/^(max|min)[A-Z]/);
    if (row.unit === "count") expect(name).not.toMatch(/(Bytes|Ms|PerSecond)$/);
    if (row.unit === "count/s") expect(name).not.toMatch(/(Bytes|Ms)PerSecond$/);
  });

  test("names the error that it says a client is told", () => {
    const codes: string[] = row.meaning.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? [];
    for (const code of codes) expect(Object.keys(ERRORS)).toContain(code);
    if (row.error === null) return;
    expect(Object.keys(ERRORS)).toContain(row.error);
  });

  test("has a name for the number of times that it was reached", () => {
    expect(limitMetric(name)).toBe(`joinery_limit_hits_total{limit="${name}"}`);
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

  test("fit together: a message of the largest size fits in pieces of a slow line and of a browser", () => {
    const { maxMessageBytes, maxMessageChunks, maxMessageFragments, maxUnfinishedBytes } = DEFAULT_LIMITS;
    // The smallest packet that every IPv4 network passes has 536 bytes; Chromium's frames have 131,000.
    expect(maxMessageChunks * 512).toBeGreaterThanOrEqual(maxMessageBytes);
    expect(maxMessageFragments * 131_000).toBeGreaterThanOrEqual(16 * maxMessageBytes);
    expect(maxUnfinishedBytes).toBeGreaterThanOrEqual(16 * maxMessageBytes);
  });

  test("slow nobody who is honest: what is saved up holds the largest messages, and an office at once", () => {
    const seconds = DEFAULT_LIMITS.maxBurstMs / 1000;
    expect(DEFAULT_LIMITS.maxBytesPerSecond * seconds).toBeGreaterThanOrEqual(
      4 * DEFAULT_LIMITS.maxMessageBytes,
    );
    expect(DEFAULT_LIMITS.maxAddressConnectionsPerSecond * seconds).toBeGreaterThanOrEqual(500);
    // The benchmark and whatever stands behind a proxy on the same machine come from one address.
    expect(DEFAULT_LIMITS.maxAddressConnections).toBeGreaterThanOrEqual(1500);
    expect(DEFAULT_LIMITS.maxAddressHalfOpenConnections).toBeGreaterThanOrEqual(1500);
  });

  test("leave others their part: an address has less than all, a connection less than its address", () => {
    expect(DEFAULT_LIMITS.maxAddressConnections).toBeLessThanOrEqual(DEFAULT_LIMITS.maxConnections / 2);
    expect(DEFAULT_LIMITS.maxAddressHalfOpenConnections).toBeLessThan(DEFAULT_LIMITS.maxHalfOpenConnections);
    expect(DEFAULT_LIMITS.maxAddressCpuMsPerSecond).toBeLessThan(1000);
    expect(DEFAULT_LIMITS.maxMessagesPerSecond).toBeLessThan(DEFAULT_LIMITS.maxAddressMessagesPerSecond);
    expect(DEFAULT_LIMITS.maxBytesPerSecond).toBeLessThan(DEFAULT_LIMITS.maxAddressBytesPerSecond);
    expect(DEFAULT_LIMITS.maxCpuMsPerSecond).toBeLessThan(DEFAULT_LIMITS.maxAddressCpuMsPerSecond);
  });

  test("fit together: headers come before the end of the request", () => {
    expect(DEFAULT_LIMITS.headersTimeoutMs).toBeLessThanOrEqual(DEFAULT_LIMITS.requestTimeoutMs);
  });
});
