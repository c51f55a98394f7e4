import { createServer, MemoryStorage, type Server } from "@joinery/server";
import type { Limits } from "@joinery/shared";
import { decodeServerFrame, forEachFrame, type ServerFrame } from "@joinery/shared/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { clientFrames, HELLO, joined, NOTHING, openFrame } from "../../support/native-wire.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { until, within } from "../../support/until.ts";
import { Socket } from "./socket.ts";

const QUERY_PRESENCE = Uint8Array.of(3);

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function listening(limits: Partial<Limits>): Promise<{ server: Server; url: string }> {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT, limits });
  endings.push(() => server.close());
  const { url } = await server.listen({ port: 0 });
  return { server, url: url.replace("http:", "ws:") };
}

async function greeted(url: string): Promise<Socket> {
  const socket = await Socket.open(url, { subprotocols: ["joinery.v1"] });
  endings.push(() => socket.close());
  socket.send(HELLO);
  return socket;
}

/** A provider of y-websocket, which speaks first. */
async function provider(url: string): Promise<Socket> {
  const socket = await Socket.open(url);
  endings.push(() => socket.close());
  socket.send(QUERY_PRESENCE);
  return socket;
}

/** Opens a document and reads until it is open, or refused. */
async function open(socket: Socket, channel: number, document: string): Promise<ServerFrame> {
  socket.send(joined([clientFrames.select(channel), openFrame(document, { stateVector: NOTHING })]));
  for (;;) {
    const frames: ServerFrame[] = [];
    forEachFrame(await socket.next(), (raw) => frames.push(decodeServerFrame(raw) as ServerFrame));
    const answer = frames.find(({ type }) => type === "opened" || type === "close");
    if (answer) return answer;
  }
}

describe("all connections of one address together", () => {
  test("have so many documents open, whatever they speak; one more is refused, to come back", async () => {
    const { server, url } = await listening({ maxAddressDocuments: 3 });
    const [ann, ben] = [await greeted(url), await greeted(url)];
    expect(await open(ann, 1, "a")).toMatchObject({ type: "opened" });
    expect(await open(ben, 1, "b")).toMatchObject({ type: "opened" });
    const other = await provider(`${url}/c`);
    await other.next();
    expect(await open(ben, 2, "d")).toMatchObject({
      type: "close",
      code: "TOO_MANY_DOCUMENTS",
      retry: "backoff",
      message: expect.stringContaining("3 documents"),
    });
    // A document that somebody has open already counts as well.
    const late = await provider(`${url}/a`);
    expect(await within("the close", late.closed)).toMatchObject({ code: 4529 });
    expect(server.counts()).toMatchObject({ rooms: 3, sessions: 3 });
    expect(server.counts().limitHits.maxAddressDocuments).toBe(2);
  });

  test("have room again when one closes a document, or goes", async () => {
    const { server, url } = await listening({ maxAddressDocuments: 2 });
    const [ann, ben] = [await greeted(url), await greeted(url)];
    await open(ann, 1, "a");
    await open(ben, 1, "b");
    ann.send(clientFrames.close());
    expect(await open(ann, 2, "c")).toMatchObject({ type: "opened" });
    expect(await open(ann, 3, "d")).toMatchObject({ type: "close", code: "TOO_MANY_DOCUMENTS" });
    await ben.close();
    await until("the other to be gone", () => server.counts().sessions === 1);
    expect(await open(ann, 4, "d")).toMatchObject({ type: "opened" });
    const late = await provider(`${url}/e`);
    expect(await within("the close", late.closed)).toMatchObject({ code: 4529 });
  });

  test("keep no place for what was never opened", async () => {
    const { url } = await listening({ maxAddressDocuments: 1, maxRooms: 1 });
    const ann = await greeted(url);
    for (let channel = 1; channel < 5; channel++) {
      expect(await open(ann, channel, "not\u0000allowed")).toMatchObject({ code: "INVALID_NAME" });
    }
    expect(await open(ann, 5, "a")).toMatchObject({ type: "opened" });
  });
});
