/** What the API answers when it does not do what was asked: a problem document (RFC 9457), made from the table of errors. */

import { STATUS_CODES } from "node:http";
import { ERROR_DETAILS, JoineryError, publicMessageOf } from "@joinery/shared";

/** A restart takes about a second. */
const RETRY_AFTER_SECONDS = 2;

/** What HTTP itself has words for, and the table of errors has none. */
export class HttpFailure extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, headers: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.name = "HttpFailure";
    this.status = status;
    this.headers = headers;
  }
}

/** A failure of the table of errors, with more to say in its headers. */
export class Refusal extends JoineryError {
  readonly headers: Readonly<Record<string, string>>;

  constructor(cause: JoineryError, headers: Readonly<Record<string, string>>) {
    super(cause.code, cause.message, { cause });
    this.headers = headers;
  }
}

export class NotFound extends HttpFailure {
  constructor(detail = "There is nothing at this address.") {
    super(404, detail);
  }
}

/** An answer before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `null` for no content. */
  readonly body: object | null;
}

/**
 * @param isShown Whether the client showed a token.
 * @param correlation Under which name the log has the request.
 */
export function problemOf(
  failure: JoineryError | HttpFailure,
  { isShown, correlation }: { readonly isShown: boolean; readonly correlation: string },
): Answer {
  const type = { "Content-Type": "application/problem+json" };
  if (failure instanceof HttpFailure) {
    const { status, message: detail } = failure;
    const body = { type: "about:blank", title: STATUS_CODES[status], status, detail, retry: "never" };
    return { status, headers: { ...type, ...failure.headers }, body: { ...body, correlation } };
  }
  const { code, limit, row } = failure;
  const { httpStatus: status, meaning: title } = ERROR_DETAILS[code];
  const body = {
    type: `urn:joinery:error:${code}`,
    title,
    status,
    detail: publicMessageOf(failure),
    code,
    retry: row.retry,
    ...(limit !== null && { limit }),
    correlation,
  };
  const own = failure instanceof Refusal ? failure.headers : {};
  return { status, headers: { ...type, ...headersOf(status, isShown), ...own }, body };
}

function headersOf(status: number, isShown: boolean): Readonly<Record<string, string>> {
  // RFC 6750, section 3: who showed nothing is not told that something was wrong with it.
  if (status === 401) return { "WWW-Authenticate": isShown ? 'Bearer error="invalid_token"' : "Bearer" };
  return status === 429 || status === 503 ? { "Retry-After": String(RETRY_AFTER_SECONDS) } : {};
}
