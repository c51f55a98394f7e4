import { ERRORS, type ErrorRow, type Retry, retryAfterClose, toJoineryError } from "@joinery/shared";

/** Why something is over, or is not: a code of the table of errors, and what it means for whoever comes back. */
export interface Failure {
  /** Of a newer server it may be one that this client does not know. */
  readonly code: string;
  readonly retry: Retry;
  /** One or two sentences for people. Plain text: it may hold the server's own words, so never set it as HTML. */
  readonly message: string;
}

/** What a connection's close code says, when the server did not say more in a frame. */
export function failureOfClose(closeCode: number, reason: string): Failure {
  const rows: [string, ErrorRow][] = Object.entries(ERRORS);
  const [code] = rows.find(([, row]) => row.closeCode === closeCode) ?? ["CONNECTION_LOST"];
  return {
    code,
    retry: retryAfterClose(closeCode),
    message: reason || "There is no connection to the server.",
  };
}

/** @param retry What to do about it, when the error itself does not say. */
export function failureOf(thrown: unknown, retry?: Retry): Failure {
  const error = toJoineryError(thrown);
  return { code: error.code, retry: retry ?? error.row.retry, message: error.message };
}

/** What is waited for will not come: the document was refused, or closed. */
export class RefusedError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "RefusedError";
    this.failure = failure;
  }
}
