import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createServer, MemoryStorage, type ServerOptions } from "@joinery/server";
import { afterEach, describe, expect, test } from "vitest";
import { SILENT } from "../../support/silent-logger.ts";
import { get, Socket } from "./socket.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** An application's HTTP server with a Joinery server attached. */
async function attached(options: ServerOptions = {}): Promise<string> {
  const httpServer = createHttpServer();
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  endings.push(() => new Promise((resolve) => httpServer.close(resolve)));
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT, ...options });
  endings.push(() => server.close());
  server.attach(httpServer, { path: "/sync" });
  return `ws://127.0.0.1:${(httpServer.address() as AddressInfo).port}/sync/notes`;
}

async function listening(options: ServerOptions = {}): Promise<string> {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT, ...options });
  endings.push(() => server.close());
  const { port } = await server.listen({ port: 0 });
  return `ws://127.0.0.1:${port}/notes`;
}

async function expectServed(url: string, headers: Record<string, string>): Promise<void> {
  const socket = await Socket.open(url, { headers });
  // As y-websocket asks who is here: its first message tells which dialect it is.
  socket.send(Uint8Array.of(3));
  expect((await socket.next())[0]).toBe(0);
  await socket.close();
}

async function expectRefused(url: string, headers: Record<string, string>): Promise<void> {
  const socket = await Socket.open(url, { headers });
  const { code, reason } = await socket.closed;
  expect([code, reason]).toEqual([4403, expect.stringContaining("pages of other sites may not connect")]);
}

describe("a server that is attached", () => {
  test("serves pages of the HTTP server that it is attached to, by the name that they know it under", async () => {
    const url = await attached();
    await expectServed(url, { Origin: "https://app.example.com", Host: "app.example.com" });
    await expectServed(url, { Origin: "http://app.example.com:3000", Host: "app.example.com:3000" });
    await expectServed(url, {});
  });

  test.each(["https://evil.example", "http://localhost:5173", "null", "file://", "https://app.example.com/"])(
    "closes pages of other sites with 4403: %s",
    async (origin) => {
      await expectRefused(await attached(), { Origin: origin, Host: "app.example.com" });
    },
  );

  test("serves pages of the origins that it was given", async () => {
    const origins = ["http://localhost:5173", "null"];
    const url = await attached({ origins });
    for (const Origin of origins) await expectServed(url, { Origin, Host: "app.example.com" });
    await expectRefused(url, { Origin: "http://localhost:5174", Host: "app.example.com" });
  });

  test("serves all pages where it was told to", async () => {
    const url = await attached({ origins: "*" });
    await expectServed(url, { Origin: "https://evil.example", Host: "app.example.com" });
  });
});

describe("a server that listens", () => {
  test("serves pages of the origins that it was given, under its own name alone", async () => {
    const url = await listening({ origins: ["https://app.example.com"] });
    await expectServed(url, { Origin: "https://app.example.com" });
    await expectServed(url, { Origin: "http://localhost:5173" });
    await expectRefused(url, { Origin: "https://evil.example" });
    await expectRefused(url, { Origin: "https://app.example.com", Host: "app.example.com" });
    await expectRefused(url, { Host: "app.example.com" });
  });

  test("gives its page to nobody whom it would not let connect", async () => {
    const url = (await listening({ origins: ["https://app.example.com"] })).replace("ws:", "http:");
    const status = async (headers: Record<string, string>) => (await get(url, { headers })).status;
    expect(await status({})).toBe(200);
    expect(await status({ Origin: "https://app.example.com" })).toBe(200);
    expect(await status({ Origin: "https://evil.example" })).toBe(403);
    expect(await status({ Host: "evil.example" })).toBe(403);
  });
});
