import type { Logger } from "@joinery/server";
import pino from "pino";
import pretty from "pino-pretty";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const STANDARD_ERROR = 2;
/** What waits for a disk that was full; lines that come then are left out. Some thousand lines. */
const MAX_UNWRITTEN_BYTES = 1_000_000;

/** Logs to standard error: for people on a terminal, as one JSON object a line elsewhere. */
export function createLogger(level: LogLevel): Logger {
  if (!process.stderr.isTTY) return pino({ level }, standardError());
  const stream = pretty({
    destination: STANDARD_ERROR,
    sync: true,
    ignore: "pid,hostname,event",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
  });
  return pino({ level }, stream);
}

/** A server whose log cannot be written goes on: there is nobody who could be told. */
function standardError(): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ dest: STANDARD_ERROR, sync: true, maxLength: MAX_UNWRITTEN_BYTES });
  destination.on("error", () => undefined);
  return destination;
}
