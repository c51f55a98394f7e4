import {
  ERROR_DETAILS,
  ERRORS,
  type ErrorCode,
  type ErrorRow,
  type Retry,
  retryAfterClose,
} from "@joinery/shared";

/** What a closed connection means for the client, and for the person in front of it. */
export interface CloseExplanation {
  readonly retry: Retry;
  /** One or two sentences for people. Plain text: it may hold the server's own words, so never set it as HTML. */
  readonly message: string;
}

/**
 * Says what to do after a connection closed, and why in words for people.
 *
 * @param code WebSocket close code, 1000-4999.
 * @param reason The close frame's reason; empty when the server gave none, or when the connection just broke.
 */
export function explainClose(code: number, reason: string): CloseExplanation {
  const retry = retryAfterClose(code);
  const why = reason.trim() === "" ? meaningOf(code, retry) : asSentence(reason);
  const isBroken = code === ERRORS.CONNECTION_LOST.closeCode || (retry === "backoff" && why === undefined);
  if (isBroken) return { retry, message: "The connection to the server was lost." };
  return { retry, message: `${PREAMBLE[retry]} ${why ?? NO_REASON}` };
}

const NO_REASON = "It gave no reason.";

const PREAMBLE: Record<Retry, string> = {
  never: "The server refused this connection.",
  "after-auth": "The server asks you to sign in again.",
  backoff: "The server closed the connection for now.",
};

/** The table's sentence for a close code, unless several errors share the code: then it would be a guess. */
function meaningOf(code: number, retry: Retry): string | undefined {
  const rows = Object.entries(ERRORS) as [ErrorCode, ErrorRow][];
  const [row, ...others] = rows.filter(([, row]) => row.closeCode === code && row.retry === retry);
  return row && others.length === 0 ? ERROR_DETAILS[row[0]].meaning : undefined;
}

function asSentence(reason: string): string {
  const text = reason.trim();
  const [first = ""] = text; // The first code point: a reason may start with any character.
  const capitalised = first.toUpperCase() + text.slice(first.length);
  return /[.!?]$/.test(text) ? capitalised : `${capitalised}.`;
}
