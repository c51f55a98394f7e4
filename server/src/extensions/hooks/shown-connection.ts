import { TOKEN_SUBPROTOCOL_PREFIX } from "@joinery/shared/protocol";
import type { ConnectionRequest } from "../../protocols/admission.ts";
import type { HookConnection } from "./hooks.ts";

const HIDDEN = "***";

/** A connection as hooks see it: tokens, which they are given apart, do not end in a log by accident. */
export function shownConnection({ id, address, url, headers }: ConnectionRequest): HookConnection {
  const shown = Object.entries(headers).map(([name, value]) => [name, shownHeader(name, value)]);
  return { id, address, url: withoutToken(url), headers: Object.fromEntries(shown) };
}

function shownHeader(name: string, value: HookConnection["headers"][string]): typeof value {
  if (value === undefined || name === "cookie") return value;
  if (name === "authorization") return HIDDEN;
  if (name === "sec-websocket-protocol") return hideProtocols(String(value));
  // Pages and proxies tell the address that they came from.
  return typeof value === "string" ? withoutToken(value) : value.map(withoutToken);
}

/** Names may be percent-encoded; all else stays as the client wrote it. */
function withoutToken(url: string): string {
  const query = url.indexOf("?") + 1;
  if (query === 0) return url;
  const parameters = url.slice(query).split("&").map(hideValue);
  return url.slice(0, query) + parameters.join("&");
}

function hideValue(parameter: string): string {
  const equals = parameter.indexOf("=");
  const [name = ""] = new URLSearchParams(parameter).keys();
  return equals < 0 || name.toLowerCase() !== "token" ? parameter : `${parameter.slice(0, equals)}=${HIDDEN}`;
}

function hideProtocols(offered: string): string {
  const protocols = offered.split(",").map((protocol) => {
    const name = protocol.trim();
    return name.startsWith(TOKEN_SUBPROTOCOL_PREFIX) ? TOKEN_SUBPROTOCOL_PREFIX + HIDDEN : name;
  });
  return protocols.join(", ");
}
