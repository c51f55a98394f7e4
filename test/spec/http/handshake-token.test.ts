import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { createServer, MemoryStorage } from "@joinery/server";
import { describe, expect, onTestFinished, test } from "vitest";
import { handshakeToken } from "../../../server/src/http/handshake-token.ts";
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
