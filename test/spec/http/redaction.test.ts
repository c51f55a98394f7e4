/** Tokens are not written down. */

import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import { handshakeToken } from "../../../server/src/http/handshake-token.ts";
import { headersWithoutTokens, withoutTokens } from "../../../server/src/redaction.ts";

describe("N8 whoever writes down a request", () => {
  test.each([
    ["/notes?token=secret", "/notes?token=***"],
    ["/notes?a=1&token=secret&b=2", "/notes?a=1&token=***&b=2"],
    ["/notes?token=secret&token=secret", "/notes?token=***&token=***"],
    ["/notes?%74oken=secret", "/notes?%74oken=***"],
    ["/notes?tok%65n=secret&x", "/notes?tok%65n=***&x"],
    ["/notes?TOKEN=secret", "/notes?TOKEN=***"],
    ["/notes?token=a=secret", "/notes?token=***"],
    ["/notes?a?token=b&token=secret?", "/notes?a?token=b&token=***"],
    ["wss://a.example/notes?token=secret#x", "wss://a.example/notes?token=***"],
    ["/?a#b&token=secret", "/?a#b&token=***"],
    ["/#b?token=secret", "/#b?token=***"],
    ["/notes?token=%E0%A4%A", "/notes?token=***"],
    ["/notes?token", "/notes?token"],
    ["/notes?tokens=a&%zz=b", "/notes?tokens=a&%zz=b"],
    ["/token=a", "/token=a"],
    ["", ""],
  ])("an address has no token in it: %s", (url, expected) => {
    expect(withoutTokens(url)).toBe(expected);
    // What is hidden is just what is read.
    const token = handshakeToken({ headers: {}, url } as IncomingMessage);
    if (token !== null) expect(expected).toContain("***");
  });

  test("headers have none in them, and all else, cookies too", () => {
    const headers = {
      host: "a.example",
      authorization: "Bearer secret",
      "proxy-authorization": "Basic secret",
      cookie: "session=secret",
      "sec-websocket-protocol": "joinery.v1,joinery-token.secret",
      referer: "https://a.example/notes?token=secret",
      "x-original-url": ["/notes?token=secret", "/"],
      "x-forwarded-for": undefined,
    };
    expect(headersWithoutTokens(headers)).toEqual({
      host: "a.example",
      authorization: "***",
      "proxy-authorization": "***",
      cookie: "session=secret",
      "sec-websocket-protocol": "joinery.v1, joinery-token.***",
      referer: "https://a.example/notes?token=***",
      "x-original-url": ["/notes?token=***", "/"],
    });
    expect(headers.authorization).toBe("Bearer secret");
  });
});
