/** What went wrong between here and a server, as errors of the one table: of the server's own words, or of none. */

import { ERROR_DETAILS, ERRORS, type ErrorCode, JoineryError } from "@joinery/shared";

/** Of what a server, or what is between here and there, says in an error. */
const MAX_DETAIL_LENGTH = 2000;

/** An answer that is none: its status, and what was in it. */
export interface Refusal {
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  /** Its beginning. */
  readonly text: string;
  /** Whether a token was shown. */
  readonly hadToken: boolean;
}

/** Makes an error of a problem document (RFC 9457), or of what came in its place. */
export function errorOfRefusal(refusal: Refusal): JoineryError {
  const problem = problemIn(refusal);
  if (problem === null) return errorOfStranger(refusal);
  const { code, detail, correlation, limit } = problem;
  if (!isCode(code)) return errorOfUnknown(refusal, problem);
  const isLogged = ERROR_DETAILS[code].isInternal === true && correlation !== "";
  const message = [detail || ERROR_DETAILS[code].meaning];
  if (isLogged) message.push(` (the log of the server has it under ${correlation})`);
  if (code === "UNAUTHENTICATED") message.push(hintOfToken(refusal));
  return new JoineryError(code, message.join(""), limit === "" ? {} : { limit });
}

function hintOfToken({ url, hadToken }: Refusal): string {
  return hadToken
    ? ` (the server ${url} does not take this token)`
    : `; the server ${url} wants a token: give one in JOINERY_TOKEN or with --token-file`;
}

interface ProblemDocument {
  readonly code: string;
  readonly detail: string;
  readonly retry: string;
  readonly correlation: string;
  readonly limit: string;
}

function problemIn({ contentType, text }: Refusal): ProblemDocument | null {
  if (!/^application\/(problem\+)?json\b/i.test(contentType)) return null;
  const body = parsed(text);
  if (typeof body !== "object" || body === null) return null;
  const field = (name: string) => {
    const value: unknown = (body as Record<string, unknown>)[name];
    return typeof value === "string" ? value.slice(0, MAX_DETAIL_LENGTH) : "";
  };
  return {
    code: field("code"),
    detail: field("detail") || field("title"),
    retry: field("retry"),
    correlation: field("correlation"),
    limit: field("limit"),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** Of HTTP itself, or of a version that has more codes than this one. */
function errorOfUnknown({ url, status }: Refusal, { code, detail, retry }: ProblemDocument): JoineryError {
  const what = [code, detail].filter((part) => part !== "").join(": ");
  const message = `the server ${url} answered ${status}${what === "" ? "" : `: ${what}`}`;
  if (code === "" && (status === 404 || status === 405)) {
    return new JoineryError("VERSION_UNSUPPORTED", `${message} It may be older than this command.`);
  }
  return new JoineryError(retry === "backoff" ? "CONNECTION_LOST" : codeOfStatus(status), message);
}

/** Something else than a Joinery server: a proxy in front of it, or a web site. */
function errorOfStranger({ url, status, contentType }: Refusal): JoineryError {
  const what = contentType === "" ? "" : ` with ${contentType.split(";")[0]}`;
  const who = status >= 500 ? "what is in front of the server" : "what listens at";
  const message =
    status >= 500
      ? `${who} ${url} answered ${status}${what}: the server may be down`
      : `${who} ${url} answered ${status}${what}, which is no answer of a Joinery server`;
  return new JoineryError(codeOfStatus(status), message);
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return "UNAUTHENTICATED";
  if (status === 403) return "PERMISSION_DENIED";
  if (status === 429) return "TOO_MANY_CONNECTIONS";
  return status >= 500 ? "CONNECTION_LOST" : "INVALID_OPTION";
}

/** A redirect is not followed: the token would go along, maybe to somebody else. */
export function errorOfRedirect(url: string, status: number, location: string | null): JoineryError {
  const target = location === null ? null : URL.parse(location, url);
  const where = target === null ? "elsewhere" : `to ${target.origin + target.pathname}`;
  return new JoineryError(
    "INVALID_OPTION",
    `${url} answered ${status} and sends ${where}: redirects are not followed, so that no token gets into other hands; give the address of the server itself`,
  );
}

/** What people know these by. */
const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  UND_ERR_SOCKET: "the connection broke",
  ENOTFOUND: "there is no host of that name",
  EAI_AGAIN: "the name of the host could not be looked up",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "it does not answer",
  UND_ERR_CONNECT_TIMEOUT: "it does not answer",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS; maybe its address begins with http://",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "it does not speak TLS; maybe its address begins with http://",
};

/** Makes an error of what `fetch` threw before there was an answer. */
export function errorOfNoAnswer(url: string, thrown: unknown): JoineryError {
  return lost(`cannot reach the server ${url}: ${reasonOf(thrown)}`, thrown);
}

/** Makes an error of what was thrown while an answer was read. */
export function errorOfBrokenAnswer(url: string, thrown: unknown): JoineryError {
  return lost(`the answer of the server ${url} broke off: ${reasonOf(thrown)}`, thrown);
}

export function lost(message: string, cause?: unknown): JoineryError {
  return new JoineryError("CONNECTION_LOST", message, { cause });
}

/** Something else than what was asked for. */
export function errorOfContent(url: string, what: string): JoineryError {
  return new JoineryError(
    "INVALID_OPTION",
    `${url} is no Joinery server that this command understands: ${what}`,
  );
}

function reasonOf(thrown: unknown): string {
  const error = innermost(thrown);
  const { code = "" } = error as { readonly code?: string };
  if (error.name === "HTTPParserError") return "it does not speak HTTP";
  return CAUSES[code] ?? (error.message || code || "no reason is known");
}

/** `fetch failed` says nothing; what it was is its cause, or one of several. */
function innermost(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return innermost(thrown.errors[0]);
  return thrown.cause instanceof Error ? innermost(thrown.cause) : thrown;
}
