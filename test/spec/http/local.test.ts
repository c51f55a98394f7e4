import { describe, expect, test } from "vitest";
import { isLoopbackHost } from "../../../server/src/http/local.ts";

describe("nobody else reaches a server", () => {
  test.each([
    "localhost",
    "LocalHost",
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "::1",
    "[::1]",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "[::FFFF:127.0.0.1]",
    "::ffff:7f00:1",
  ])("on %s", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });
});

describe("others may reach a server", () => {
  test.each([
    "",
    "0.0.0.0",
    "::",
    "[::]",
    "::ffff:0.0.0.0",
    "::ffff:192.0.2.1",
    "::127.0.0.1",
    "192.168.1.7",
    "10.0.0.1",
    "128.0.0.1",
    "126.255.255.255",
    "fe80::1",
    "::1%eth0",
    "2001:db8::1",
    "example.com",
    "localhost.",
    "localhost.example.com",
    "127.0.0.1.nip.io",
    "127.1",
    "127.0.0.256",
    "0",
    "2130706433",
    "0x7f.0.0.1",
    " 127.0.0.1",
    "127.0.0.1:80",
    "[::1",
    "*",
  ])("on %j", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});
