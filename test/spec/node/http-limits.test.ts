import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import type { Limits } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import { respondRaw } from "../../../server/src/node/http-server.ts";
import { until } from "../../support/until.ts";
import { RawSocket, upgradeRequest } from "./raw-socket.ts";
import { get } from "./socket.ts";

const GET = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listening(
  limits: Partial<Limits>,
  options: ServerOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = createServer({ storage: new MemoryStorage(), limits, ...options });
  endings.push(() => server.close());
  const { port } = await server.listen({ port: 0 });
  return { server, port };
}

async function open(port: number): Promise<RawSocket> {
  const raw = await RawSocket.open(port);
  endings.push(() => raw.destroy());
  return raw;
}

async function upgraded(port: number): Promise<RawSocket> {
  const raw = await RawSocket.upgraded(port, "/notes");
  endings.push(() => raw.destroy());
  return raw;
}

/** The server still answers. */
async function expectAlive(port: number): Promise<void> {
  expect((await get(`http://127.0.0.1:${port}/`)).status).toBe(200);
}

describe("F85 somebody who is slow to ask", () => {
  test("is told 408 when the headers do not end, whatever trickles in", async () => {
    const { server, port } = await listening({ headersTimeoutMs: 200 });
    const raw = await open(port);
    raw.write(GET);
    const drip = setDrip(() => raw.write("X-Drip: a\r\n"));
    expect(await raw.head()).toContain("408 Request Timeout");
    drip.stop();
    await raw.closed();
    expect(server.counts().limitHits.headersTimeoutMs).toBe(1);
    await expectAlive(port);
  });

  test("is cut when nothing comes at all", async () => {
    const { port } = await listening({ headersTimeoutMs: 200 });
    const raw = await open(port);
    await raw.closed();
  });

  test("is cut when it asks for a WebSocket and does not end", async () => {
    const { server, port } = await listening({ headersTimeoutMs: 200 });
    const raw = await open(port);
    raw.write(upgradeRequest("/notes").slice(0, -2));
    await raw.closed();
    expect(server.counts().connections).toBe(0);
  });

  test("is cut when it does not take the answer", async () => {
    const folder = await mkdtemp(join(tmpdir(), "joinery-page-"));
    endings.push(() => rm(folder, { recursive: true }));
    // More than the sockets of both ends hold together.
    await writeFile(join(folder, "index.html"), Buffer.alloc(24 * 1024 * 1024));
    const { server, port } = await listening({ requestTimeoutMs: 200 }, { page: folder });
    const raw = await open(port);
    raw.socket.pause();
    raw.write(`${GET}\r\n`);
    await until("the limit to be reached", () => server.counts().limitHits.requestTimeoutMs === 1);
    raw.socket.resume();
    await raw.closed();
  });

  test("is cut when it does not take answers that Node gives by itself", async () => {
    const { port } = await listening({ requestTimeoutMs: 200 });
    const raw = await open(port);
    raw.socket.pause();
    // More of them than the sockets of both ends hold together.
    raw.write(`${GET}Expect: a-miracle\r\n\r\n`.repeat(200_000));
    await until("the connection to be closed", () => raw.isClosed);
    await expectAlive(port);
  });

  test("is not confused with a WebSocket, which may be silent for longer", async () => {
    const { server, port } = await listening({ headersTimeoutMs: 100, requestTimeoutMs: 100 });
    const raw = await upgraded(port);
    const slow = await open(port);
    await slow.closed();
    expect([raw.isClosed, server.counts().connections]).toEqual([false, 1]);
  });
});

describe("headers", () => {
  test("over their size are answered with 431", async () => {
    const { server, port } = await listening({ maxHeaderBytes: 2_048 });
    const raw = await open(port);
    raw.write(`${GET}X-Long: ${"x".repeat(2_048)}\r\n\r\n`);
    expect(await raw.head()).toContain("431 Request Header Fields Too Large");
    await raw.closed();
    expect(server.counts().limitHits.maxHeaderBytes).toBe(1);
    await expectAlive(port);
  });

  test("over their size do not become a WebSocket", async () => {
    const { server, port } = await listening({ maxHeaderBytes: 2_048 });
    const raw = await open(port);
    raw.write(upgradeRequest("/notes", { Cookie: "x".repeat(2_048) }));
    expect(await raw.head()).toContain("431");
    expect(server.counts().connections).toBe(0);
  });

  test.each([
    ["of a page", GET],
    ["of a WebSocket", upgradeRequest("/notes").slice(0, -2)],
  ])("over their number are answered with 431: %s", async (_, request) => {
    const { server, port } = await listening({ maxHeaders: 20 });
    const raw = await open(port);
    raw.write(`${request}${"a:b\r\n".repeat(20)}\r\n`);
    expect(await raw.head()).toContain("431 Request Header Fields Too Large");
    await raw.closed();
    expect(server.counts()).toMatchObject({ connections: 0, limitHits: { maxHeaders: 1 } });
  });

  test("F86 two thousand of them are refused by default, and as many as may be are not", async () => {
    const { server, port } = await listening({});
    const flood = await open(port);
    flood.write(`${GET}${"a:b\r\n".repeat(2_000)}\r\n`);
    expect(await flood.head()).toContain("431");
    const raw = await open(port);
    raw.write(`${GET}${"a:b\r\n".repeat(99)}\r\n`);
    expect(await raw.head()).toContain("200 OK");
    expect(server.counts().limitHits).toMatchObject({ maxHeaderBytes: 0, maxHeaders: 1 });
  });

  test("cannot hide an Origin behind many others", async () => {
    const { server, port } = await listening({});
    const raw = await open(port);
    const request = upgradeRequest("/notes").slice(0, -2);
    raw.write(`${request}${"a:b\r\n".repeat(300)}Origin: https://evil.example\r\n\r\n`);
    expect(await raw.head()).toContain("431");
    expect(server.counts().connections).toBe(0);
  });

  test("with an expectation that nobody meets are answered with 417", async () => {
    const { port } = await listening({});
    const raw = await open(port);
    raw.write(`${GET}Expect: a-miracle\r\n\r\n`);
    const head = await raw.head();
    expect(head).toContain("417 Expectation Failed");
    expect(head).toContain("Connection: close");
    await raw.closed();
  });

  test("that are no HTTP are answered with 400", async () => {
    const { port } = await listening({});
    const raw = await open(port);
    raw.write("hello\r\n\r\n");
    expect(await raw.head()).toContain("400 Bad Request");
    await raw.closed();
  });
});

describe("requests", () => {
  test("with a body are refused before it comes", async () => {
    const { port } = await listening({});
    for (const header of ["Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
      const raw = await open(port);
      raw.write(`${GET}${header}\r\n\r\n`);
      expect(await raw.head()).toContain("413 Payload Too Large");
      await raw.closed();
    }
  });

  test("that do not wait for the answer before them cut their connection", async () => {
    const { port } = await listening({});
    const raw = await open(port);
    raw.write(`${GET}\r\n`.repeat(1_000));
    await raw.closed();
    await expectAlive(port);
  });

  test("that are refused have so long to take the answer", () => {
    // It is not connected: nothing that is written to it goes away.
    const unread = new Socket();
    respondRaw(unread, 503);
    expect(unread.destroyed).toBe(false);
    unread.emit("timeout");
    expect(unread.destroyed).toBe(true);
  });

  test("for a WebSocket do not get one before the answer before them has gone", async () => {
    const onRequest = () => new Promise<void>(() => undefined);
    const { server, port } = await listening({}, { extensions: [{ onRequest }] });
    const raw = await open(port);
    raw.write(`${GET}\r\n${upgradeRequest("/notes")}`);
    expect(await raw.rest()).toBe("");
    expect(server.counts().connections).toBe(0);
  });

  test("that wait for it may follow on the same connection", async () => {
    const { port } = await listening({});
    const raw = await open(port);
    for (let i = 0; i < 3; i++) {
      raw.write(`${GET}\r\n`);
      expect(await raw.head()).toContain("200 OK");
      await until("the end of the page", () => raw.takes("started without one.\n\r\n0\r\n\r\n"));
    }
  });
});

describe("connections that are no WebSockets yet", () => {
  test("are bounded: the oldest is cut, and a WebSocket is not one of them", async () => {
    const { server, port } = await listening({ maxAddressHalfOpenConnections: 2 });
    const document = await upgraded(port);
    const waiting = [await open(port), await open(port), await open(port), await open(port)];
    await waiting[0]?.closed();
    await waiting[1]?.closed();
    expect([document, ...waiting.slice(2)].map(({ isClosed }) => isClosed)).toEqual([false, false, false]);
    expect(server.counts().limitHits.maxAddressHalfOpenConnections).toBe(2);
  });
});

/** Writes now and then, as somebody does who wants to keep a connection open for nothing. */
function setDrip(write: () => void): { stop: () => void } {
  let isOver = false;
  void until("the drip to be stopped", () => {
    if (!isOver) write();
    return isOver;
  });
  return {
    stop: () => {
      isOver = true;
    },
  };
}
