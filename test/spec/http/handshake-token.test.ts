import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { createServer, MemoryStorage } from "@joinery/server";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  handshakeToken,
  headersWithoutTokens,
  withoutTokens,
} from "../../../server/src/http/handshake-token.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { RawSocket, upgradeRequest } from "../node/raw-socket.ts";
import { Socket } from "../node/socket.ts";

const token = (headers: IncomingHttpHeaders, url = "/notes") =>
  handshakeToken({ headers, url } as IncomingMessage);

describe("a token comes with the handshake", () => {
  test.each<[string, IncomingHttpHeaders, string, string]>([
    ["in the header", { authorization: "Bearer abc.d-e_f" }, "/notes", "abc.d-e_f"],
    ["in the header, however its scheme is written", { authorization: "bearer  abc== " }, "/notes", "abc=="],
    ["as a subprotocol", { "sec-websocket-protocol": "y-websocket, joinery-token.a.b.c" }, "/notes", "a.b.c"],
    ["as a subprotocol, first or alone", { "sec-websocket-protocol": "joinery-token.t" }, "/notes", "t"],
    [
      "with any character that a subprotocol has",
      { "sec-websocket-protocol": "joinery-token.!#$%&'*+-.^_`|~0" },
      "/",
      "!#$%&'*+-.^_`|~0",
    ],
    ["in the URL", {}, "/notes?x=1&token=a%2Fb", "a/b"],
    ["in the URL, once", {}, "/notes?token=a&token=b", "a"],
  ])("%s", (_, headers, url, expected) => {
    expect(token(headers, url)).toBe(expected);
  });

  test("in several places: the header goes before the subprotocol, and that before the URL", () => {
    const authorization = "Bearer one";
    const subprotocols = { "sec-websocket-protocol": "joinery.v1, joinery-token.two, joinery-token.four" };
    expect(token({ authorization, ...subprotocols }, "/notes?token=three")).toBe("one");
    expect(token(subprotocols, "/notes?token=three")).toBe("two");
    expect(token({ authorization: "Basic one" }, "/notes?token=three")).toBe("three");
  });

  test.each<[string, IncomingHttpHeaders, string]>([
    ["nothing", {}, "/notes"],
    ["another scheme", { authorization: "Basic YTpi" }, "/notes"],
    ["a scheme alone", { authorization: "Bearer " }, "/notes"],
    ["two words", { authorization: "Bearer a b" }, "/notes"],
    ["an empty subprotocol", { "sec-websocket-protocol": "joinery-token." }, "/notes"],
    ["a version of the dialect", { "sec-websocket-protocol": "joinery.token, xjoinery-token.a" }, "/notes"],
    ["a cookie", { cookie: "token=a" }, "/notes"],
    ["an empty parameter", {}, "/notes?token="],
    ["other parameters", {}, "/notes?tokens=a&xtoken=b&Token=c"],
    ["a fragment of the path", {}, "/token=a"],
  ])("or does not: %s", (_, headers, url) => {
    expect(token(headers, url)).toBeNull();
  });
});

describe("whoever writes it down", () => {
  test.each([
    ["/notes?token=secret", "/notes?token=***"],
    ["/notes?a=1&token=secret&b=2", "/notes?a=1&token=***&b=2"],
    ["/notes?token=secret&token=secret", "/notes?token=***&token=***"],
    ["/notes?%74oken=secret", "/notes?%74oken=***"],
    ["/notes?tok%65n=secret&x", "/notes?tok%65n=***&x"],
    ["/notes?TOKEN=secret", "/notes?TOKEN=***"],
    ["/notes?token=a=secret", "/notes?token=***"],
    ["/notes?a?token=b&token=secret?", "/notes?a?token=b&token=***"],
    ["wss://a.example/notes?token=secret#x", "wss://a.example/notes?token=***#x"],
    ["/notes?token=%E0%A4%A", "/notes?token=***"],
    ["/notes?token", "/notes?token"],
    ["/notes?tokens=a&%zz=b", "/notes?tokens=a&%zz=b"],
    ["/token=a", "/token=a"],
    ["", ""],
  ])("an address has no token in it: %s", (url, expected) => {
    expect(withoutTokens(url)).toBe(expected);
    // What is hidden is just what is read.
    if (token({}, url) !== null) expect(expected).toContain("***");
  });

  test("headers have none in them, and all else", () => {
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
    expect(headersWithoutTokens(headers as unknown as IncomingHttpHeaders)).toEqual({
      host: "a.example",
      authorization: "***",
      "proxy-authorization": "***",
      cookie: "***",
      "sec-websocket-protocol": "joinery.v1, joinery-token.***",
      referer: "https://a.example/notes?token=***",
      "x-original-url": ["/notes?token=***", "/"],
    });
    expect(headers.authorization).toBe("Bearer secret");
  });
});

describe("a token that is offered as a subprotocol is never agreed on", () => {
  async function listening(): Promise<number> {
    const server = createServer({ storage: new MemoryStorage(), logger: SILENT });
    onTestFinished(async () => {
      await server.close();
    });
    return (await server.listen({ port: 0 })).port;
  }

  test("the other one is", async () => {
    const port = await listening();
    for (const subprotocols of [
      ["y-websocket", "joinery-token.secret"],
      ["joinery-token.secret", "y-websocket"],
    ]) {
      const socket = await Socket.open(`ws://127.0.0.1:${port}/notes`, { subprotocols });
      expect(socket.subprotocol).toBe("y-websocket");
      await socket.close();
    }
  });

  test("alone it is answered with none", async () => {
    const raw = await RawSocket.open(await listening());
    onTestFinished(() => raw.destroy());
    raw.write(upgradeRequest("/notes", { "Sec-WebSocket-Protocol": "joinery-token.secret" }));
    const head = await raw.head();
    expect(head).toContain("101 Switching Protocols");
    expect(head.toLowerCase()).not.toContain("sec-websocket-protocol");
  });
});
