import type { EngineEvent } from "../engine/ports.ts";
import type { StorageEvent } from "../storage/level.ts";
import type { ConnectionEvent } from "../transports/websocket.ts";

/** Where structured log lines go. A `pino` logger is one. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

type LogLevel = keyof Logger;

type ServerEvent = EngineEvent | ConnectionEvent | StorageEvent;

/** What each event is to a person: how loud, and in which words. Total by type: a new event needs a row. */
const EVENTS: { readonly [type in ServerEvent["type"]]: readonly [LogLevel, string] } = {
  connected: ["debug", "connection opened"],
  disconnected: ["debug", "connection closed"],
  "connection-refused": ["warn", "connection refused"],
  "connection-dead": ["info", "connection gave no sign of life and was cut"],
  "room-loaded": ["debug", "document loaded"],
  "room-evicted": ["debug", "document left memory"],
  "load-failed": ["error", "document could not be loaded; what is on disk was left as it is"],
  "commit-failed": ["error", "batch could not be stored; its clients were told to come back with it"],
  "room-failed": ["error", "document gave up after a mistake; its clients were told to come back"],
  compacted: ["debug", "log folded into a snapshot"],
  "compaction-failed": ["error", "log could not be folded; it stays as it is"],
  "input-refused": ["warn", "input refused"],
  gap: ["debug", "update builds upon something missing; its sender was asked for the rest"],
  "session-lagging": ["info", "client reads too slowly; it will catch up when its socket drains"],
  "session-too-slow": ["warn", "client did not read and was sent away"],
  "storage-unavailable": ["error", "storage failed; nothing is accepted until it is back"],
  "storage-recovered": ["warn", "storage is back"],
};

/** Writes an event as one structured line. Errors are reduced to code and message: causes may hold bytes. */
export function logEvent(logger: Logger, event: ServerEvent): void {
  const [level, message] = EVENTS[event.type];
  const { type, ...fields } = event;
  logger[level](
    { event: type, ...fields, ...("error" in event && { error: describe(event.error) }) },
    message,
  );
}

function describe(error: Error & { code?: string }): object {
  return { code: error.code, message: error.message };
}
