import type { Logger } from "@joinery/server";
import pino from "pino";
import pretty from "pino-pretty";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const STANDARD_ERROR = 2;

/** Logs to standard error: for people on a terminal, as one JSON object a line elsewhere. */
export function createLogger(level: LogLevel): Logger {
  if (!process.stderr.isTTY) return pino({ level }, pino.destination(STANDARD_ERROR));
  const stream = pretty({
    destination: STANDARD_ERROR,
    sync: true,
    ignore: "pid,hostname,event",
    translateTime: "SYS:HH:MM:ss",
    singleLine: true,
  });
  return pino({ level }, stream);
}
