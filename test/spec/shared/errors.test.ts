import {
  ERROR_DETAILS,
  ERRORS,
  type ErrorCode,
  type ErrorRow,
  JoineryError,
  publicMessageOf,
  retryAfterClose,
  toJoineryError,
} from "@joinery/shared";
import { describe, expect, test } from "vitest";

const rows = Object.entries(ERRORS) as [ErrorCode, ErrorRow][];

describe.each(rows)("%s", (code, row) => {
  test("has a close code that a server may send, or that says a connection broke", () => {
    const isStandard = [1006, 1008, 1009, 1011, 1012, 1013].includes(row.closeCode);
    const isOurs = row.closeCode >= 4400 && row.closeCode <= 4599;
    expect(isStandard || isOurs).toBe(true);
    expect(row.closeCode === 1006).toBe(code === "CONNECTION_LOST");
  });

  test("is in the permanent band exactly when its own close code is not worth a plain retry", () => {
    if (row.closeCode < 4000) return;
    const isPermanent = row.closeCode >= 4400 && row.closeCode <= 4499;
    expect(isPermanent).toBe(row.retry !== "backoff");
    expect(retryAfterClose(row.closeCode)).toBe(row.retry);
  });

  test("is told to be worth a retry by its close code when it is", () => {
    if (row.retry === "backoff") expect(retryAfterClose(row.closeCode)).toBe("backoff");
    else expect(row.closeCode).not.toBe(1006);
  });

  test("has an HTTP status that agrees: 5xx where the fault is not the client's", () => {
    const { httpStatus } = ERROR_DETAILS[code];
    expect(httpStatus).toBeGreaterThanOrEqual(400);
    expect(httpStatus).toBeLessThan(600);
    // 409 and 429 are the client's to wait for.
    const isConflict = httpStatus === 409 || httpStatus === 429;
    if (row.retry === "backoff" && !isConflict) expect(httpStatus).toBeGreaterThanOrEqual(500);
    if (row.closeCode >= 4400 && row.closeCode <= 4499) expect(httpStatus).toBe(row.closeCode - 4000);
  });

  test("has a name in capitals and sentences that say what it means", () => {
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    expect(ERROR_DETAILS[code].meaning).toMatch(/^[A-Z].+\.$/);
  });
});

describe("what a client does after a close code", () => {
  test.each([
    [4399, "backoff"],
    [4400, "never"],
    [4401, "after-auth"],
    [4402, "never"],
    [4499, "never"],
    [4500, "backoff"],
    [1000, "backoff"],
    [1006, "backoff"],
    [1009, "never"],
    [1012, "backoff"],
    [4999, "backoff"],
  ] as const)("%i: %s", (closeCode, retry) => {
    expect(retryAfterClose(closeCode)).toBe(retry);
  });
});

describe("an error", () => {
  test("has its row of the table, and keeps its cause", () => {
    const cause = new Error("EIO");
    const error = new JoineryError("STORAGE_UNAVAILABLE", "cannot write", { cause });
    expect(error).toMatchObject({
      name: "JoineryError",
      code: "STORAGE_UNAVAILABLE",
      message: "cannot write",
      cause,
    });
    expect(error.row).toBe(ERRORS.STORAGE_UNAVAILABLE);
    expect(error).toBeInstanceOf(Error);
  });

  test("tells a peer its meaning where its message may say how the server is built", () => {
    const disk = new JoineryError("STORAGE_UNAVAILABLE", "cannot write /data/000003.log");
    expect(publicMessageOf(disk)).toBe(ERROR_DETAILS.STORAGE_UNAVAILABLE.meaning);
    expect(publicMessageOf(new JoineryError("TOO_SLOW", "read nothing"))).toBe("read nothing");
  });

  test("that has a code already stays itself", () => {
    const error = new JoineryError("TOO_SLOW", "read nothing");
    expect(toJoineryError(error)).toBe(error);
  });

  test.each([
    ["an Error", new TypeError("x is undefined"), "x is undefined"],
    ["a text", "boom", "boom"],
    ["undefined", undefined, "undefined"],
    ["null", null, "null"],
  ])("made of %s is INTERNAL, with what was thrown as its cause", (_, thrown, message) => {
    const error = toJoineryError(thrown);
    expect(error).toMatchObject({ code: "INTERNAL", message });
    expect(error.cause).toBe(thrown);
  });
});
