/**
 * Keeps others away from a server that has no authentication. That it listens on the loopback only does not help
 * against pages: a browser on this machine carries out what any page asks of 127.0.0.1, and a name that an attacker
 * makes point there (DNS rebinding) even looks like the page's own server.
 */

import { BlockList, isIP } from "node:net";
import { isWebOrigin, originOf, type RequestRule } from "./origin.ts";
import { type RequestHandler, respondText } from "./page.ts";

/** Of IPv4-mapped addresses too (`::ffff:127.0.0.1`). */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/** Which of the two it was says the server's configuration. */
const REFUSAL =
  "This server answers no pages of other sites; without authentication, under its loopback address only.\n";

/**
 * Whether nobody but this machine reaches a host name or address, without a port; an IPv6 address may be in brackets.
 * Of names only `localhost` is one: what others stand for is not known before they are looked up.
 */
export function isLoopbackHost(host: string): boolean {
  const address = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  // A zone names a network card, and the loopback's address needs none.
  if (isIP(address) === 0 || address.includes("%")) return host.toLowerCase() === "localhost";
  return LOOPBACK.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
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

/**
 * The rule of a server's own port. Where nobody is asked who he is, requests have to be made to this machine under its own
 * name; else by a page that is allowed, or by this machine's.
 */
export function allowAtHome(isAllowed: RequestRule, asksNobody: boolean): RequestRule {
  const isLocal = allowLocal(isAllowed);
  return asksNobody ? isLocal : (request) => isAllowed(request) || isLocal(request);
}

/** Answers 403 where the rule says no. */
export function onlyWhere(isAllowed: RequestRule, handle: RequestHandler): RequestHandler {
  return (request, response) => {
    if (isAllowed(request)) {
      handle(request, response);
      return;
    }
    respondText(response, 403, REFUSAL);
  };
}

function isLoopbackUrl(url: string): boolean {
  return URL.canParse(url) && isLoopbackHost(new URL(url).hostname);
}
