import type { AccessEvent } from "../access/events.ts";
import type { KeysEvent } from "../access/jwt/remote-keys.ts";
import type { DocumentEvent } from "../documents/document-event.ts";
import type { EngineEvent } from "../engine/ports.ts";
import type { PluginEvent } from "../extensions/plugin.ts";
import type { HttpEvent } from "../http/http-event.ts";
import { printable } from "../inspect/tree-printable.ts";
import type { StorageEvent } from "../storage/level.ts";
import type { ConnectionEvent } from "../transports/connection-events.ts";

/** Where structured log lines go. A `pino` logger is one. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = keyof Logger;

export type ServerEvent =
  | AccessEvent
  | DocumentEvent
  | KeysEvent
  | EngineEvent
  | ConnectionEvent
  | HttpEvent
  | StorageEvent
  | PluginEvent;

/** What each event is to a person: how loud, and in which words. Total by type: a new event needs a row. */
const EVENTS: { readonly [type in ServerEvent["type"]]: readonly [LogLevel, string] } = {
  connected: ["debug", "connection opened"],
  disconnected: ["debug", "connection closed"],
  "connection-refused": ["warn", "connection refused"],
  "connection-slowed": ["info", "connection sends too much and is read more slowly"],
  "connection-dead": ["info", "connection gave no sign of life and was cut"],
  "room-loaded": ["debug", "document loaded"],
  "room-evicted": ["debug", "document left memory"],
  "document-damaged": ["error", "document is damaged; what is sound of it is served read-only"],
  "document-deleted": ["info", "document deleted; it can be restored for a while"],
  "deletions-purged": ["info", "documents that were deleted long ago were erased"],
  "purge-failed": ["warn", "documents that were deleted long ago could not be erased; tried again later"],
  "document-restored": ["info", "document restored"],
  "load-failed": ["error", "document could not be loaded; what is on disk was left as it is"],
  "commit-failed": ["warn", "batch could not be stored; its clients were told to come back with it"],
  "room-failed": ["error", "document gave up after a mistake; its clients were told to come back"],
  compacted: ["debug", "log folded into a snapshot"],
  "compaction-failed": ["error", "log could not be folded; it stays as it is"],
  "input-refused": ["warn", "input refused"],
  "action-denied": ["warn", "action denied"],
  "id-spoofed": ["warn", "presence or edits under somebody else's client id"],
  "held-aside": [
    "debug",
    "update builds upon something missing, or is under a client id with an owner; it was held aside",
  ],
  "rehearsal-failed": ["warn", "document takes too long to build; an update was taken without trying it"],
  "held-dropped": ["info", "update was held aside for too long and let go"],
  "signal-failed": ["error", "application could not handle a signal"],
  "access-refused": ["warn", "document was not opened to somebody"],
  "access-ended": ["info", "session ended: what it may do has changed"],
  "access-changed": ["info", "what a session may do has changed"],
  "access-revoked": ["info", "what was shown was revoked"],
  "recheck-failed": ["warn", "what a session may do could not be decided anew"],
  "keys-fetched": ["debug", "public keys of tokens were fetched"],
  "keys-unavailable": ["warn", "public keys of tokens could not be fetched"],
  banned: ["info", "somebody was banned"],
  unbanned: ["info", "a ban was lifted"],
  "http-denied": ["warn", "request to the HTTP API denied"],
  // Louder is for what no client can cause at will.
  "http-failed": ["warn", "request to the HTTP API failed by a mistake of the server"],
  // Clients can cause these at will, by tokens that a hook does not expect.
  "hook-failed": ["warn", "the application's hook failed"],
  "hook-timed-out": ["warn", "the application's hook took too long and was given up"],
  "hook-slow": ["info", "the application's hook is slow"],
  "limit-hit": ["info", "limit reached"],
  "session-lagging": ["info", "client reads too slowly; it will catch up when its socket drains"],
  "session-too-slow": ["warn", "client did not read and was sent away"],
  "storage-unavailable": ["error", "storage failed; nothing is accepted until it is back"],
  "storage-recovered": ["warn", "storage is back"],
  "storage-damaged": [
    "error",
    "a file of the database was not as it was written; it is kept aside as it was found",
  ],
};

/** A name or path may have kilobytes; what says which it was fits into this. */
const MAX_TEXT_LENGTH = 256;

/** How loud an event is. */
export function levelOf(event: ServerEvent): LogLevel {
  return EVENTS[event.type][0];
}

/**
 * Writes an event as one structured line. Errors are reduced to code and message: causes may hold bytes.
 *
 * @param unlogged Events of this type before it that were not written; said where there are any.
 */
export function logEvent(logger: Logger, event: ServerEvent, unlogged = 0): void {
  const [level, message] = EVENTS[event.type];
  const { type, ...fields } = event;
  const error = "error" in event && event.error !== null && { error: describe(event.error) };
  const printed = Object.entries({ ...fields, ...error }).map(([name, value]) => [name, shown(value)]);
  const missing = unlogged > 0 && { unlogged };
  logger[level]({ event: type, ...Object.fromEntries(printed), ...missing }, message);
}

function describe(error: Error & { code?: string }): object {
  return { code: error.code, message: shown(error.message) };
}

/** Clients choose some of the texts: those are cut, and say their control characters instead of having them. */
function shown(value: unknown): unknown {
  if (typeof value !== "string") return value;
  return printable(value.length > MAX_TEXT_LENGTH ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value);
}
