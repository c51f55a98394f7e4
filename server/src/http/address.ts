import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

/**
 * The address of the client that made a request.
 *
 * @param trustedProxies How many proxies of ours a request passes. Each appends to `X-Forwarded-For` the address that
 * it was called from, so the client's is that many from the right; what is left of it anybody may have written.
 * 0: the header is not looked at.
 * @returns As the socket or the proxy gives it; empty for a Unix socket.
 */
export function clientAddress(request: IncomingMessage, trustedProxies: number): string {
  const { remoteAddress = "" } = request.socket;
  if (trustedProxies === 0) return remoteAddress;
  const forwarded = String(request.headers["x-forwarded-for"] ?? "").split(",");
  // A request that passed fewer proxies came to one of the inner ones, which wrote the first entry.
  const entry = (forwarded.at(-trustedProxies) ?? forwarded[0] ?? "").trim();
  const address = withoutPort(entry);
  return isIP(address) === 0 ? remoteAddress : address;
}

/** Some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/.exec(entry) ?? [];
  return bracketed ?? dotted ?? entry;
}
