/**
 * Keeps others away from a server that has no authentication. That it listens on the loopback only does not help
 * against pages: a browser on this machine carries out what any page asks of 127.0.0.1, and a name that an attacker
 * makes point there (DNS rebinding) even looks like the page's own server.
 */

import { isWebOrigin, originOf, type RequestRule } from "./origin.ts";
import { type RequestHandler, respondText } from "./page.ts";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** Whether a host name or address, without a port, is this machine's own. */
export function isLoopbackHost(host: string): boolean {
  return LOOPBACK.test(host);
}

/**
 * Allows requests that were made to this machine under its own name, by a page that it serves itself, whatever the
 * port, or by whom the other rule allows.
 */
export function allowLocal(isAllowed: RequestRule): RequestRule {
  return (request) => {
    const { host = "" } = request.headers;
    if (!isLoopbackUrl(`http://${host}`)) return false;
    const origin = originOf(request);
    return isAllowed(request) || (origin !== undefined && isWebOrigin(origin) && isLoopbackUrl(origin));
  };
}

/** Answers 403 where the rule says no. */
export function onlyWhere(isAllowed: RequestRule, handle: RequestHandler): RequestHandler {
  return (request, response) => {
    if (isAllowed(request)) {
      handle(request, response);
      return;
    }
    respondText(response, 403, "This server answers under its loopback address only.\n");
  };
}

function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname);
}
