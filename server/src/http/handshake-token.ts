/**
 * What a client showed with its request for a WebSocket, and how it is kept out of the log. A program sets a header. A
 * page cannot: it offers the token as a subprotocol, beside the one that it wants (a browser fails a connection that
 * offered some and was granted none). Providers that can do neither put it into the URL, which others write down: for
 * those there are tickets.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { TOKEN_SUBPROTOCOL_PREFIX } from "@joinery/shared/protocol";

const HIDDEN = "***";
/** The whole of these is a secret. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "set-cookie",
]);
const SUBPROTOCOLS = "sec-websocket-protocol";

/**
 * The token of a request. The header goes before the subprotocol, and that before the URL: where there are several, what
 * a proxy or a page added on purpose counts, not what was in a link.
 *
 * @returns `null` for nothing; never empty.
 */
export function handshakeToken({ headers, url = "/" }: IncomingMessage): string | null {
  return bearerToken(headers) ?? subprotocolToken(headers) ?? urlToken(url);
}

/** What `Authorization: Bearer` says (RFC 6750, section 2.1). @returns `null` for nothing, or another scheme. */
export function bearerToken({ authorization = "" }: IncomingHttpHeaders): string | null {
  return /^Bearer +(\S+) *$/i.exec(authorization)?.[1] ?? null;
}

/**
 * An address with the values of its parameter `token` replaced, for whoever writes it down.
 *
 * @param url Absolute or not; all else of it stays as it is.
 */
export function withoutTokens(url: string): string {
  const start = url.indexOf("?") + 1;
  if (start === 0) return url;
  const end = url.indexOf("#", start);
  const query = end < 0 ? url.slice(start) : url.slice(start, end);
  const hidden = query.split("&").map(withoutToken).join("&");
  return url.slice(0, start) + hidden + (end < 0 ? "" : url.slice(end));
}

/** Headers, with names in lower case, without what is secret in them, for whoever writes them down. */
export function headersWithoutTokens(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const entries = Object.entries(headers).map(([name, value]) => [name, withoutSecrets(name, value)]);
  return Object.fromEntries(entries);
}

function withoutSecrets(name: string, value: string | string[] | undefined): string | string[] | undefined {
  if (value === undefined) return undefined;
  if (SECRET_HEADERS.has(name)) return HIDDEN;
  if (name === SUBPROTOCOLS) return namesIn(String(value)).map(withoutSubprotocolToken).join(", ");
  // A page whose own address has the token, and proxies that tell the address before they changed it.
  return typeof value === "string" ? withoutTokens(value) : value.map(withoutTokens);
}

function withoutSubprotocolToken(name: string): string {
  return name.startsWith(TOKEN_SUBPROTOCOL_PREFIX) ? TOKEN_SUBPROTOCOL_PREFIX + HIDDEN : name;
}

/** One `name=value` of a query. The name may be percent-encoded, and is read as `urlToken` reads it. */
function withoutToken(parameter: string): string {
  const [name = ""] = new URLSearchParams(parameter).keys();
  return name.toLowerCase() === "token" && parameter.includes("=")
    ? `${parameter.slice(0, parameter.indexOf("="))}=${HIDDEN}`
    : parameter;
}

function subprotocolToken(headers: IncomingHttpHeaders): string | null {
  const offered = namesIn(headers[SUBPROTOCOLS] ?? "");
  const named = offered.find((name) => name.startsWith(TOKEN_SUBPROTOCOL_PREFIX));
  return named?.slice(TOKEN_SUBPROTOCOL_PREFIX.length) || null;
}

function urlToken(url: string): string | null {
  const query = url.indexOf("?");
  return query < 0 ? null : new URLSearchParams(url.slice(query + 1)).get("token") || null;
}

function namesIn(list: string): string[] {
  return list.split(",").map((name) => name.trim());
}
