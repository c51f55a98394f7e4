/** What came of a request, as an answer: its headers, whether the client has it already, and how it is sent. */

import { type Answers, isStream, Reply, type ReplyOptions } from "./answers.ts";
import type { Conditions } from "./conditions.ts";
import type { Exchange } from "./exchange.ts";
import { type StreamOptions, sendStream, sendWhole } from "./send.ts";

export interface ResultOptions {
  readonly answers: Answers;
  readonly conditions: Conditions;
}

/** Rejects, before anything is sent, with what a stream rejects with before its first piece. */
export async function sendResult(
  exchange: Exchange,
  { answers, conditions }: ResultOptions,
  result: unknown,
  options: Omit<StreamOptions, "kind">,
): Promise<void> {
  const { body, options: given } = result instanceof Reply ? result : new Reply(result, {});
  if (given.onClose) onceClosed(exchange, given.onClose);
  const headers = headersOf(given);
  const isKnown = given.etag !== undefined && conditions.isUnchanged(given.etag);
  if (isKnown || (result instanceof Reply && body === null)) {
    sendWhole(exchange, { status: 304, headers }, null);
    return;
  }
  const { status, mediaType, kind } = answers;
  const head = { status, headers: { ...(mediaType !== null && { "Content-Type": mediaType }), ...headers } };
  const content = answers.encode(body);
  if (!isStream(content)) sendWhole(exchange, head, content);
  else await sendStream(exchange, head, content, { ...options, kind: kind === "events" ? kind : "stream" });
}

function headersOf({ etag, headers }: ReplyOptions): Record<string, string> {
  return {
    ...(etag !== undefined && {
      ETag: `"${etag}"`,
      // It may be kept by who asked, and is asked for again each time.
      "Cache-Control": "private, no-cache",
      Vary: "Authorization",
    }),
    ...headers,
  };
}

function onceClosed({ outgoing }: Exchange, onClose: () => void): void {
  if (outgoing.destroyed) onClose();
  else outgoing.once("close", onClose);
}
