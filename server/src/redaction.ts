/**
 * Keeps tokens out of what others write down: addresses and headers of requests. What is hidden is just what
 * `http/handshake-token.ts` reads, and where proxies and pages repeat it.
 */

import { TOKEN_SUBPROTOCOL_PREFIX } from "@joinery/shared/protocol";

const HIDDEN = "***";
/** The whole of these is a secret. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(["authorization", "proxy-authorization"]);

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * An address with the values of its parameter `token` replaced.
 *
 * @param url Absolute or not; all else of it stays as it is. All behind the first `?` is its query, also behind a `#`:
 * that is how a token is read from it.
 */
export function withoutTokens(url: string): string {
  const query = url.indexOf("?") + 1;
  return query === 0 ? url : url.slice(0, query) + url.slice(query).split("&").map(withoutToken).join("&");
}

/** Headers, with names in lower case, without tokens. Cookies are as they came: they are no tokens of ours. */
export function headersWithoutTokens(headers: Headers): Headers {
  const entries = Object.entries(headers).map(([name, value]) => [name, headerWithoutTokens(name, value)]);
  return Object.fromEntries(entries);
}

function headerWithoutTokens(name: string, value: Headers[string]): Headers[string] {
  if (value === undefined || name === "cookie") return value;
  if (SECRET_HEADERS.has(name)) return HIDDEN;
  if (name === "sec-websocket-protocol") return withoutSubprotocolTokens(String(value));
  // A page whose own address has the token, and proxies that tell the address before they changed it.
  return typeof value === "string" ? withoutTokens(value) : value.map(withoutTokens);
}

function withoutSubprotocolTokens(offered: string): string {
  const hide = (name: string) =>
    name.startsWith(TOKEN_SUBPROTOCOL_PREFIX) ? TOKEN_SUBPROTOCOL_PREFIX + HIDDEN : name;
  return offered
    .split(",")
    .map((name) => hide(name.trim()))
    .join(", ");
}

/** One `name=value` of a query. The name may be percent-encoded. */
function withoutToken(parameter: string): string {
  const [name = ""] = new URLSearchParams(parameter).keys();
  return name.toLowerCase() === "token" && parameter.includes("=")
    ? `${parameter.slice(0, parameter.indexOf("="))}=${HIDDEN}`
    : parameter;
}
