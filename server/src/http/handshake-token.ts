/**
 * What a client showed with its request for a WebSocket; `redaction.ts` keeps it out of the log. A program sets a header. A
 * page cannot: it offers the token as a subprotocol, beside the one that it wants (a browser fails a connection that
 * offered some and was granted none). Providers that can do neither put it into the URL, which others write down: for
 * those there are tickets.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { TOKEN_SUBPROTOCOL_PREFIX } from "@joinery/shared/protocol";

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
