import { setTimeout as delay } from "node:timers/promises";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import { afterEach, describe, expect, test } from "vitest";
import { type ClientOptions, WebSocket } from "ws";
import * as Y from "yjs";
import { Y_WEBSOCKET } from "../../server/src/protocols/y-websocket.ts";
import { Peer } from "../support/peer.ts";
import { until, within } from "../support/until.ts";

const MIB = 1024 * 1024;
/** More than the sockets of both ends hold together. */
const DOCUMENT_BYTES = 24 * MIB;

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** A server that is quick to give clients up, with a document that takes a while to send. */
async function stage(options: ServerOptions): Promise<{ server: Server; url: string; writer: Peer }> {
  const limits = { maxMessageBytes: 64 * MIB, stalledTimeoutMs: 500 };
  const server = createServer({ storage: new MemoryStorage(), limits, ...options });
  endings.push(() => server.close());
  const { url } = await server.listen({ port: 0 });
  const wsUrl = url.replace("http:", "ws:");
  const writer = new Peer(wsUrl, "notes");
  endings.push(() => writer.leave());
  await writer.synced();
  writer.text.insert(0, "x".repeat(DOCUMENT_BYTES));
  await until(
    "the document to be stored",
    () => server.counts().uncommittedBytes === 0 && server.counts().rooms === 1,
  );
  return { server, url: `${wsUrl}/notes`, writer };
}

/** A raw client that asks for everything and reads as fast as it is told to. */
async function newcomer(
  url: string,
  options: ClientOptions = {},
): Promise<{ webSocket: WebSocket; received: () => number; closed: () => number }> {
  const webSocket = new WebSocket(url, { maxPayload: 0, ...options });
  let bytes = 0;
  let closeCode = 0;
  webSocket.on("message", (data: Buffer) => {
    bytes += data.length;
  });
  webSocket.on("close", (code) => {
    closeCode = code;
  });
  endings.push(() => webSocket.terminate());
  await within(
    "the client to connect",
    new Promise<void>((resolve) => webSocket.once("open", () => resolve())),
  );
  return { webSocket, received: () => bytes, closed: () => closeCode };
}

describe("a client on a slow line", () => {
  test("gets a large document, though it takes several times the stall timeout", async () => {
    const { url, writer } = await stage({});
    const { webSocket, received, closed } = await newcomer(url);
    webSocket.send(Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc())));
    const startMs = performance.now();
    // Reads in gulps: a pause well below the timeout, then a moment of reading.
    while (received() < DOCUMENT_BYTES && closed() === 0 && performance.now() - startMs < 60_000) {
      webSocket.pause();
      await delay(100);
      webSocket.resume();
      await delay(1);
    }
    // It is still part of the document, not about to be sent away.
    const before = received();
    writer.text.insert(0, "and on it goes ");
    await until("the next edit, or the end", () => received() > before || closed() !== 0);
    expect(closed()).toBe(0);
    expect(before).toBeGreaterThan(DOCUMENT_BYTES);
    expect(performance.now() - startMs).toBeGreaterThan(500);
  });

  test("is sent away when it reads nothing at all, and keeps nobody waiting", async () => {
    const { server, url, writer } = await stage({});
    const { webSocket } = await newcomer(url);
    webSocket.send(Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc())));
    webSocket.pause();
    await until("the client to be cut", () => server.counts().connections === 1);
    writer.text.insert(0, "still here ");
    await until("the edit to be stored", () => server.counts().uncommittedBytes === 0);
  });

  test("may take longer than the heartbeat allows for silence to send a large edit", async () => {
    const heartbeat = { intervalMs: 200, timeoutMs: 300 };
    const { server, url, writer } = await stage({ heartbeat });
    // It answers no ping: a pong may not come between the pieces of a message that is sent as one frame.
    const { webSocket, closed } = await newcomer(url, { autoPong: false });
    const doc = new Y.Doc();
    doc.getText("other").insert(0, "y".repeat(2 * MIB));
    const frame = Y_WEBSOCKET.update(Y.encodeStateAsUpdate(doc));
    const pieces = 40;
    // One message, sent over two seconds.
    for (let i = 0; i < pieces; i++) {
      const [from, to] = [i, i + 1].map((n) => Math.floor((frame.length * n) / pieces));
      webSocket.send(frame.subarray(from, to), { fin: i === pieces - 1, binary: true });
      await delay(50);
    }
    await until("the edit to arrive", () => writer.doc.getText("other").length === 2 * MIB);
    expect(closed()).toBe(0);
    expect(server.counts().connections).toBe(2);
  });
});
