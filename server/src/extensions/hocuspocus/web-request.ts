import type { ConnectionRequest } from "../../protocols/admission.ts";

/** What hooks are told of how somebody came. */
export interface RequestFields {
  readonly requestHeaders: Headers;
  readonly requestParameters: URLSearchParams;
  readonly socketId: string;
}

const MADE = new WeakMap<ConnectionRequest, Request>();

/**
 * The request that opened a connection, as web standards have it. There it says nothing of the client's address: where
 * no proxy has named one, `x-real-ip` is the one that the server knows.
 */
export function webRequest(connection: ConnectionRequest): Request {
  let request = MADE.get(connection);
  if (!request) {
    const headers = headersOf(connection);
    request = new Request(addressOf(connection.url, headers.get("host")), { headers });
    MADE.set(connection, request);
  }
  return request;
}

export function parametersOf(request: Request): URLSearchParams {
  return new URL(request.url).searchParams;
}

/** Of nobody's request. */
export function noRequestFields(): RequestFields {
  return { requestHeaders: new Headers(), requestParameters: new URLSearchParams(), socketId: "" };
}

function headersOf({ headers, address }: ConnectionRequest): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // Those of HTTP/2 that are no headers.
    if (value === undefined || name.startsWith(":")) continue;
    for (const each of typeof value === "string" ? [value] : value) result.append(name, each);
  }
  if (address !== "" && !result.has("x-real-ip") && !result.has("x-forwarded-for")) {
    result.set("x-real-ip", address);
  }
  return result;
}

function addressOf(url: string, host: string | null): string {
  const path = url.startsWith("/") ? url : `/${url}`;
  // A path such as `//other` would name a host; and the host is whatever the client wrote.
  const address = URL.parse(`http://${host ?? "localhost"}${path}`) ?? new URL(`http://localhost${path}`);
  // No Request is made of an address that has them.
  address.username = "";
  address.password = "";
  return address.href;
}
