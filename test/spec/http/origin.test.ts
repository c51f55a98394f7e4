import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { clientAddress } from "../../../server/src/http/address.ts";
import { allowLocal } from "../../../server/src/http/local.ts";
import { allowOrigins, isOrigin } from "../../../server/src/http/origin.ts";

function request(headers: Record<string, string>, socket: object = {}): IncomingMessage {
  return { headers, socket } as unknown as IncomingMessage;
}

const isAllowed = (headers: Record<string, string>, origins: readonly string[] = [], socket: object = {}) =>
  allowOrigins(origins)(request(headers, socket));

const TLS = { encrypted: true };

describe("F87 a page may connect", () => {
  test.each([
    ["to the host that it came from", "https://app.example.com", "app.example.com"],
    ["to it on another port than the usual", "http://app.example.com:3000", "app.example.com:3000"],
    ["where the request names the usual port and the page does not", "https://a.example", "a.example:443"],
    ["whatever the letters of the host", "http://app.example.com", "App.Example.COM"],
    ["to an address", "http://192.0.2.1:8080", "192.0.2.1:8080"],
    ["to an IPv6 address", "http://[2001:db8::1]:8080", "[2001:db8::1]:8080"],
  ])("%s", (_, origin, host) => {
    expect(isAllowed({ origin, host })).toBe(true);
  });

  test("when its origin is listed, as it is written", () => {
    const origins = ["https://app.example.com", "app://desktop", "null"];
    for (const origin of origins) expect(isAllowed({ origin, host: "sync.example.com" }, origins)).toBe(true);
    expect(isAllowed({ origin: "http://app.example.com", host: "sync.example.com" }, origins)).toBe(false);
    expect(isAllowed({ origin: "https://app.example.com:8443", host: "x" }, origins)).toBe(false);
  });

  test("whoever it is where all are listed", () => {
    expect(isAllowed({ origin: "https://evil.example", host: "app.example.com" }, ["*"])).toBe(true);
  });

  test("when it is none: programs send no Origin", () => {
    expect(isAllowed({ host: "app.example.com" })).toBe(true);
    expect(isAllowed({})).toBe(true);
  });

  test("by https where the server itself has TLS, and by nothing else", () => {
    const host = "app.example.com";
    expect(isAllowed({ origin: "https://app.example.com", host }, [], TLS)).toBe(true);
    expect(isAllowed({ origin: "http://app.example.com", host }, [], TLS)).toBe(false);
  });
});

describe("F87 a page may not connect", () => {
  test.each([
    ["from another host", "https://evil.example"],
    ["from a host that begins alike", "https://app.example.com.evil.example"],
    ["from a host that ends alike", "https://evil-app.example.com"],
    ["from a part of the host", "https://example.com"],
    ["from another port", "https://app.example.com:8443"],
    ["without an origin of its own", "null"],
    ["with an empty Origin", ""],
    ["with two origins", "https://app.example.com, https://app.example.com"],
    ["with a path", "https://app.example.com/"],
    ["with a user", "https://user@app.example.com"],
    ["with the usual port written out", "https://app.example.com:443"],
    ["in capitals", "HTTPS://APP.EXAMPLE.COM"],
    ["from a file", "file://"],
    ["with another scheme", "ws://app.example.com"],
    ["with something that is no URL", "app.example.com"],
    ["with something that is no URL", "https://"],
  ])("%s: %j", (_, origin) => {
    expect(isAllowed({ origin, host: "app.example.com" })).toBe(false);
  });

  test("to a request that names no host", () => {
    expect(isAllowed({ origin: "https://app.example.com" })).toBe(false);
    expect(isAllowed({ origin: "https://app.example.com", host: "" })).toBe(false);
    expect(isAllowed({ origin: "https://app.example.com", host: "a b" })).toBe(false);
  });

  test("by the older header either", () => {
    expect(isAllowed({ "sec-websocket-origin": "https://evil.example", host: "app.example.com" })).toBe(
      false,
    );
  });
});

describe("F87 a server of this machine alone", () => {
  const isLocal = (headers: Record<string, string>, origins: readonly string[] = []) =>
    allowLocal(allowOrigins(origins))(request(headers));

  test("serves pages of this machine, from every port", () => {
    for (const origin of ["http://localhost:5173", "http://127.0.0.1", "https://[::1]:8443"]) {
      expect(isLocal({ origin, host: "127.0.0.1:4321" }), origin).toBe(true);
    }
  });

  test("serves pages whose origin is listed", () => {
    const headers = { origin: "https://app.example.com", host: "127.0.0.1:4321" };
    expect(isLocal(headers)).toBe(false);
    expect(isLocal(headers, ["https://app.example.com"])).toBe(true);
    expect(isLocal(headers, ["*"])).toBe(true);
  });

  test("serves nobody under another name, whatever is listed: that name may be anybody's", () => {
    const headers = { origin: "http://evil.example:4321", host: "evil.example:4321" };
    expect(isLocal(headers)).toBe(false);
    expect(isLocal(headers, ["*"])).toBe(false);
    expect(isLocal({ host: "evil.example:4321" })).toBe(false);
    expect(isLocal({})).toBe(false);
  });

  test("refuses what only looks like this machine", () => {
    for (const origin of [
      "http://localhost.evil.example",
      "http://localhost/x",
      "null",
      "http://127.0.0.1.nip.io",
    ]) {
      expect(isLocal({ origin, host: "127.0.0.1:4321" }), origin).toBe(false);
    }
  });
});

describe("an option's origin", () => {
  test.each([
    "https://app.example.com",
    "http://localhost:5173",
    "https://[2001:db8::1]:8443",
    "null",
    "file://",
    "app://desktop",
    "capacitor://localhost",
    "chrome-extension://abcdefghijklmnop",
    "wss://app.example.com",
  ])("may be %j", (text) => {
    expect(isOrigin(text)).toBe(true);
  });

  test.each([
    "",
    "app.example.com",
    "https://app.example.com/",
    "https://app.example.com/path",
    "https://app.example.com:443",
    "https://App.example.com",
    "https://",
    "http:app.example.com",
    "https://*.example.com",
    "app://desktop/",
    "app://a b",
    "app://a,b",
    "app://*",
    " https://app.example.com",
  ])("may not be %j", (text) => {
    expect(isOrigin(text)).toBe(false);
  });
});

describe("the address of a client", () => {
  const address = (trusted: number, forwarded?: string) =>
    clientAddress(
      request(forwarded === undefined ? {} : { "x-forwarded-for": forwarded }, {
        remoteAddress: "127.0.0.1",
      }),
      trusted,
    );

  test("is the socket's, whatever a client writes, unless a proxy is trusted", () => {
    expect(address(0, "192.0.2.1")).toBe("127.0.0.1");
    expect(address(1)).toBe("127.0.0.1");
    expect(clientAddress(request({}), 0)).toBe("");
  });

  test.each([
    [1, "192.0.2.1", "192.0.2.1"],
    [1, "198.51.100.7, 192.0.2.1", "192.0.2.1"],
    [2, "203.0.113.9, 198.51.100.7, 192.0.2.1", "198.51.100.7"],
    [3, "198.51.100.7,192.0.2.1", "198.51.100.7"],
    [1, "2001:db8::1", "2001:db8::1"],
    [1, "[2001:db8::1]:4711", "2001:db8::1"],
    [1, "[2001:db8::1]", "2001:db8::1"],
    [1, " 192.0.2.1:4711 ", "192.0.2.1"],
  ])("is that many from the right: %i of %j", (trusted, forwarded, expected) => {
    expect(address(trusted, forwarded)).toBe(expected);
  });

  test.each(["", "unknown", "_hidden", "192.0.2.1, ", "192.0.2.999", "<script>"])(
    "is the socket's where the proxy wrote none: %j",
    (forwarded) => {
      expect(address(1, forwarded)).toBe("127.0.0.1");
    },
  );
});
