/**
 * Keeps pages of other sites away from a server that has no authentication. That it listens on the loopback only
 * does not help against those: a browser on this machine carries out what any page asks of 127.0.0.1, and a name
 * that an attacker makes point there (DNS rebinding) even looks like the page's own server.
 */

import type { IncomingMessage } from "node:http";
import { type RequestHandler, respondText } from "./page.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** Whether a host name or address, without a port, is this machine's own. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Whether a request was made to this machine under its own name, by a page that it serves itself or by something
 * that is no browser, which sends no Origin.
 */
export function isLocalRequest(request: IncomingMessage): boolean {
  const { host = "", origin } = request.headers;
  return isLoopbackUrl(`http://${host}`) && (origin === undefined || isLoopbackUrl(origin));
}

/** Answers 403 where {@link isLocalRequest} says no. */
export function localOnly(handle: RequestHandler): RequestHandler {
  return (request, response) => {
    if (isLocalRequest(request)) {
      handle(request, response);
      return;
    }
    respondText(response, 403, "This server answers under its loopback address only.\n");
  };
}

function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname);
}
