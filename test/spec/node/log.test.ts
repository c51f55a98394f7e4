import { JoineryError } from "@joinery/shared";
import { expect, test } from "vitest";
import { type Logger, logEvent } from "../../../server/src/node/log.ts";

const NAME = { connection: 7, correlation: "a" };

function logged(event: Parameters<typeof logEvent>[1]): Record<string, unknown> {
  const lines: Record<string, unknown>[] = [];
  const take = (fields: object) => lines.push({ ...fields });
  const logger: Logger = { debug: take, info: take, warn: take, error: take };
  logEvent(logger, event);
  return lines[0] as Record<string, unknown>;
}

test("a path that a client chose cannot write to the terminal, nor turn the line around", () => {
  const path = "a\u001b[2J\r\n\u009b31m\u202ecod.exe\u2028\ud800";
  expect(logged({ type: "connected", ...NAME, path, address: "" }).path).toBe(
    "a\\u001b[2J\\u000d\\u000a\\u009b31m\\u202ecod.exe\\u2028\\ud800",
  );
});

test("a text is cut after 256 characters, in errors too", () => {
  const long = "x".repeat(8_000);
  expect(logged({ type: "connected", ...NAME, path: long, address: "" }).path).toBe(`${"x".repeat(256)}…`);
  const error = new JoineryError("INVALID_NAME", `${long}\u0007`);
  expect(logged({ type: "connection-refused", ...NAME, address: "", error }).error).toEqual({
    code: "INVALID_NAME",
    message: `${"x".repeat(256)}…`,
  });
});

test("what is printable stays as it is, in every script", () => {
  const path = 'Übung/日本語/🙂 "quoted" \\ back';
  expect(logged({ type: "connected", ...NAME, path, address: "::1" })).toEqual({
    event: "connected",
    ...NAME,
    path,
    address: "::1",
  });
});

test("what the application's functions do is told with the function, the document, and the error if there is one", () => {
  const event = { hook: "change", document: "notes", ms: 5 } as const;
  expect(logged({ ...event, type: "hook-failed", error: new Error("no database") })).toEqual({
    event: "hook-failed",
    hook: "change",
    document: "notes",
    ms: 5,
    error: { message: "no database" },
  });
  expect(logged({ ...event, type: "hook-slow", error: null })).toMatchObject({
    event: "hook-slow",
    error: null,
  });
});
