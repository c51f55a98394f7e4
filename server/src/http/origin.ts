/**
 * Whose pages may connect. A browser lets any page open a WebSocket to any server, with the cookies that it has for
 * it, and says in `Origin` whose page it is; the server has to look.
 */

import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";

/** Whether a request may be served, as far as where it comes from goes. */
export type RequestRule = (request: IncomingMessage) => boolean;

/**
 * Allows what is no browser, which sends no `Origin`; pages of the host that the request was made to; and those of
 * the origins given.
 *
 * @param origins As browsers write them, such as `https://app.example.com`; `*` allows all pages.
 */
export function allowOrigins(origins: readonly string[]): RequestRule {
  const allowed = new Set(origins);
  return (request) => {
    const origin = originOf(request);
    return origin === undefined || allowed.has("*") || allowed.has(origin) || isSameOrigin(origin, request);
  };
}

/** The page's origin as the browser wrote it; `undefined` where there is none. */
export function originOf({ headers }: IncomingMessage): string | undefined {
  // WebSocket's version 8, which ws speaks too, had a header of its own.
  const origin = headers.origin ?? headers["sec-websocket-origin"];
  return origin === undefined ? undefined : String(origin);
}

/**
 * Whether a text is an origin as browsers write them: scheme and host, and the port unless it is the scheme's usual
 * one, in lower case and with nothing behind it. Or `null`, which pages without an origin of their own send.
 */
export function isOrigin(text: string): boolean {
  if (text === "null") return true;
  // A URL may have a star; who writes one means something else.
  if (isWebOrigin(text)) return !text.includes("*");
  // Pages of applications have schemes of their own: app://, capacitor://, file://, chrome-extension://
  return /^(?!https?:)[a-z][a-z0-9+.-]*:\/\/[^\s/?#@,*]*$/.test(text);
}

/** Whether it is an origin of http or https, which are compared by what they mean. */
export function isWebOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

function isSameOrigin(origin: string, request: IncomingMessage): boolean {
  const { host } = request.headers;
  if (host === undefined || !isWebOrigin(origin)) return false;
  const { protocol } = new URL(origin);
  // Without TLS there may still be a proxy in front that has it, so that both schemes can be right.
  const isEncrypted = (request.socket as Partial<TLSSocket>).encrypted === true;
  if (isEncrypted && protocol !== "https:") return false;
  const requested = `${protocol}//${host}`;
  return URL.canParse(requested) && new URL(requested).origin === origin;
}
