import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import type { AddressInfo, Socket as NetSocket } from "node:net";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import { type LimitName, type Limits, parseDocumentName } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import * as Y from "yjs";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { until } from "../../support/until.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  type FrameOptions,
  frame,
  PING,
  PONG,
  RawSocket,
  TEXT,
} from "./raw-socket.ts";

const KIB = 1024;
/** Asks what it misses, as every client does first. */
const QUESTION = Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc()));

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

interface Stage {
  readonly server: Server;
  readonly port: number;
  readonly storage: MemoryStorage;
  /** The server's ends of all connections. */
  readonly sockets: NetSocket[];
  connect(headers?: Record<string, string>): Promise<RawSocket>;
  hits(limit: LimitName): number;
}

async function stage(limits: Partial<Limits> = {}, options: ServerOptions = {}): Promise<Stage> {
  const storage = new MemoryStorage();
  const server = createServer({ storage, limits, logger: SILENT, ...options });
  const sockets: NetSocket[] = [];
  const httpServer: HttpServer = createHttpServer();
  httpServer.on("connection", (socket) => sockets.push(socket));
  server.attach(httpServer);
  await server.ready();
  await new Promise<void>((resolve) => httpServer.listen(0, "127.0.0.1", resolve));
  const { port } = httpServer.address() as AddressInfo;
  endings.push(async () => {
    await server.close();
    await new Promise((resolve) => httpServer.close(resolve));
  });
  const connect = async (headers?: Record<string, string>): Promise<RawSocket> => {
    const raw = await RawSocket.upgraded(port, "/notes", headers);
    endings.push(() => raw.destroy());
    return raw;
  };
  const hits = (limit: LimitName) => server.counts().limitHits[limit];
  return { server, port, storage, sockets, connect, hits };
}

/** Sends the question and waits for its answer: the connection is served. */
async function expectServed(raw: RawSocket): Promise<void> {
  raw.write(frame(QUESTION));
  for (;;) {
    const payload = await raw.nextOf(BINARY);
    if (payload[0] === 0 && payload[1] === 1) return;
  }
}

async function storedText(storage: MemoryStorage): Promise<string> {
  const stored = await storage.load(parseDocumentName("notes"));
  const doc = new Y.Doc();
  if (stored?.snapshot) Y.applyUpdate(doc, stored.snapshot.update);
  for (const { parts } of stored?.tail ?? []) for (const { update } of parts) Y.applyUpdate(doc, update);
  return doc.getText("text").toString();
}

/** That many characters, each an edit of its own, as frames. */
function typing(count: number): Buffer[] {
  const doc = new Y.Doc();
  const frames: Buffer[] = [];
  doc.on("update", (update: Uint8Array) => frames.push(frame(Y_WEBSOCKET.update(update))));
  for (let i = 0; i < count; i++) doc.getText("text").insert(i, "x");
  return frames;
}

describe("a frame that is wrong closes its sender, and nobody else notices", () => {
  const bytes = (...values: number[]) => Uint8Array.from(values);
  const reason = (code: number, ...rest: number[]) => bytes(code >> 8, code & 0xff, ...rest);
  const WRONG: [what: string, payload: Uint8Array, options: FrameOptions, closeCode: number][] = [
    ["text", Buffer.from("hello"), { opcode: TEXT }, 4422],
    ["text that is no UTF-8", bytes(0xff), { opcode: TEXT }, 1007],
    ["without a mask", QUESTION, { isMasked: false }, 1002],
    ["compressed, which was not agreed upon", QUESTION, { reserved: 4 }, 1002],
    ["with the second reserved bit", QUESTION, { reserved: 2 }, 1002],
    ["with the third reserved bit", QUESTION, { reserved: 1 }, 1002],
    ["that continues nothing", QUESTION, { opcode: CONTINUATION }, 1002],
    ["a ping in pieces", bytes(), { opcode: PING, fin: false }, 1002],
    ["a ping of 126 bytes", new Uint8Array(126), { opcode: PING }, 1002],
    ["a close with half a code", bytes(3), { opcode: CLOSE }, 1002],
    ["a close whose reason is no UTF-8", reason(1000, 0xff), { opcode: CLOSE }, 1007],
    ["of 4 GiB", bytes(), { length: 0xffff_ffff }, 1009],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
      (opcode) =>
        [`of the kind ${opcode}`, bytes(), { opcode }, 1002] as [string, Uint8Array, object, number],
    ),
    ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
      (code) =>
        [`a close with ${code}`, reason(code), { opcode: CLOSE }, 1002] as [
          string,
          Uint8Array,
          object,
          number,
        ],
    ),
  ];

  test.each(WRONG)("%s", async (_, payload, options, closeCode) => {
    const { server, connect } = await stage();
    const [ann, eve] = [await connect(), await connect()];
    eve.write(frame(payload, options));
    expect(await eve.closeCode()).toBe(closeCode);
    await expectServed(ann);
    eve.destroy();
    await until("the sender to be gone", () => server.counts().connections === 1);
  });

  test("another message in the middle of one", async () => {
    const { connect } = await stage();
    const eve = await connect();
    eve.write(Buffer.concat([frame(QUESTION, { fin: false }), frame(QUESTION)]));
    expect(await eve.closeCode()).toBe(1002);
  });

  test("a length that no number can say", async () => {
    const { connect } = await stage();
    const eve = await connect();
    eve.write(Buffer.from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]));
    expect(await eve.closeCode()).toBe(1009);
  });
});

describe("a message", () => {
  const LIMITS = { maxMessageBytes: 4 * KIB };

  test.each([
    ["at the limit is looked at", 4 * KIB, 4422, 0],
    ["below the limit is looked at", 4 * KIB - 1, 4422, 0],
    ["over the limit is not", 4 * KIB + 1, 1009, 1],
  ])("%s", async (_, length, closeCode, hits) => {
    const stage_ = await stage(LIMITS);
    for (const pieces of [1, 2]) {
      const eve = await stage_.connect();
      // It is no frame of the dialect, which is noticed once it is there.
      const message = new Uint8Array(length).fill(9);
      const half = pieces === 1 ? length : Math.floor(length / 2);
      eve.write(frame(message.subarray(0, half), { fin: pieces === 1 }));
      if (pieces === 2) eve.write(frame(message.subarray(half), { opcode: CONTINUATION }));
      expect(await eve.closeCode(), `${pieces}`).toBe(closeCode);
    }
    expect(stage_.hits("maxMessageBytes")).toBe(2 * hits);
  });

  test("over the limit is refused by its header, before it comes", async () => {
    const { connect, hits } = await stage(LIMITS);
    const eve = await connect();
    eve.write(frame(new Uint8Array(0), { length: 4 * KIB + 1 }));
    expect(await eve.closeCode()).toBe(1009);
    expect(hits("maxMessageBytes")).toBe(1);
  });

  test("may come in as many frames as the limit says, and no more", async () => {
    const { connect, hits } = await stage({ maxMessageFragments: 8 });
    const send = (raw: RawSocket, frames: number) => {
      raw.write(frame(QUESTION, { fin: false }));
      for (let i = 2; i < frames; i++)
        raw.write(frame(Uint8Array.of(), { opcode: CONTINUATION, fin: false }));
      raw.write(frame(Uint8Array.of(), { opcode: CONTINUATION }));
    };
    const ann = await connect();
    send(ann, 8);
    await expectServed(ann);
    const eve = await connect();
    send(eve, 9);
    expect(await eve.closeCode()).toBe(1008);
    expect(hits("maxMessageFragments")).toBe(1);
  });

  test("of sixteen thousand frames is refused by default", async () => {
    const { connect, hits } = await stage();
    const eve = await connect();
    eve.write(frame(Uint8Array.of(0), { fin: false }));
    const piece = frame(Uint8Array.of(0), { opcode: CONTINUATION, fin: false });
    eve.write(Buffer.concat(Array.from({ length: 16_000 }, () => piece)));
    expect(await eve.closeCode()).toBe(1008);
    expect(hits("maxMessageFragments")).toBe(1);
  });

  test("may come in as many pieces of the network as the limit says, and no more", async () => {
    const { connect, sockets, hits } = await stage({ maxMessageChunks: 10 });
    const eve = await connect();
    const whole = frame(new Uint8Array(100));
    const socket = sockets[0] as NetSocket;
    for (let i = 0; i < 20 && hits("maxMessageChunks") === 0; i++) {
      const before = socket.bytesRead;
      eve.write(whole.subarray(i, i + 1));
      await until("the byte to arrive", () => socket.bytesRead > before || hits("maxMessageChunks") > 0);
    }
    expect(await eve.closeCode()).toBe(1008);
    expect(hits("maxMessageChunks")).toBe(1);
  });
});

describe("a message that does not end", () => {
  const LIMITS = { messageTimeoutMs: 100 };
  /** Answers pings while it does not end its message, as an honest client may between frames. */
  const BEGINNINGS: [what: string, bytes: Uint8Array][] = [
    ["after half a header", Uint8Array.of(0x82)],
    ["after its header", frame(new Uint8Array(0), { length: 100 })],
    ["after a part of its frame", frame(new Uint8Array(50), { length: 100 })],
    ["after its first frame", frame(QUESTION, { fin: false })],
    [
      "and came together with one that does",
      Buffer.concat([frame(QUESTION), frame(QUESTION, { fin: false })]),
    ],
  ];

  test.each(BEGINNINGS)("closes its connection: %s", async (_, beginning) => {
    const { server, connect, hits } = await stage(LIMITS);
    const eve = await connect();
    eve.write(beginning);
    expect(await eve.closeCode()).toBe(4508);
    expect(hits("messageTimeoutMs")).toBe(1);
    eve.destroy();
    await until("it to be gone", () => server.counts().connections === 0);
  });

  test("is no better for bytes that trickle in, nor for pings between its frames", async () => {
    const { connect, sockets, hits } = await stage(LIMITS);
    const eve = await connect();
    eve.write(frame(QUESTION, { fin: false }));
    const socket = sockets[0] as NetSocket;
    let before = 0;
    await until("the limit to be reached", () => {
      if (socket.bytesRead > before) {
        before = socket.bytesRead;
        eve.write(frame(Uint8Array.of(0), { opcode: CONTINUATION, fin: false }));
        eve.write(frame(Uint8Array.of(), { opcode: PING }));
      }
      return hits("messageTimeoutMs") === 1;
    });
    expect(await eve.closeCode()).toBe(4508);
  });

  test("does not hurt one that ends, nor a connection that is silent between messages", async () => {
    const { connect, hits } = await stage(LIMITS);
    const [ann, eve] = [await connect(), await connect()];
    for (const end of [1, 3, 9]) {
      const whole = frame(QUESTION);
      ann.write(whole.subarray(0, end));
      ann.write(whole.subarray(end));
    }
    eve.write(frame(QUESTION, { fin: false }));
    // By then at least as much time has passed for Ann.
    expect(await eve.closeCode()).toBe(4508);
    await expectServed(ann);
    expect(hits("messageTimeoutMs")).toBe(1);
  });

  test("goes when all together hold too much: the one that began first", async () => {
    const { connect, sockets, hits } = await stage({ maxUnfinishedBytes: 64 * KIB });
    const [ann, bob] = [await connect(), await connect()];
    const half = frame(new Uint8Array(40 * KIB), { length: 80 * KIB });
    ann.write(half);
    await until("the first one to arrive", () => (sockets[0] as NetSocket).bytesRead > 40 * KIB);
    bob.write(half);
    expect(await ann.closeCode()).toBe(4508);
    expect(hits("maxUnfinishedBytes")).toBe(1);
    bob.write(new Uint8Array(40 * KIB));
    // It was heard to its end.
    expect(await bob.closeCode()).toBe(4422);
  });
});

describe("pings", () => {
  test("are answered, each with its data, when they come one by one", async () => {
    const { connect } = await stage();
    const ann = await connect();
    for (const data of ["a", "b"]) {
      ann.write(frame(Buffer.from(data), { opcode: PING }));
      expect((await ann.nextOf(PONG)).toString()).toBe(data);
    }
  });

  test("without end fill no buffer of somebody who does not read, and cut nobody", async () => {
    const { server, connect, sockets } = await stage({
      maxMessagesPerSecond: 10_000_000,
      maxAddressMessagesPerSecond: 10_000_000,
    });
    const eve = await connect();
    await expectServed(eve);
    eve.socket.pause();
    const socket = sockets[0] as NetSocket;
    // More than the sockets of both ends hold together.
    const total = 240_000;
    const batch = Buffer.concat(
      Array.from({ length: 1_000 }, () => frame(new Uint8Array(125), { opcode: PING })),
    );
    let most = 0;
    for (let sent = 0; sent < total; sent += 1_000) {
      eve.write(batch);
      await eve.flushed();
      most = Math.max(most, socket.writableLength);
    }
    eve.write(frame(Buffer.from("last"), { opcode: PING }));
    const read = () => socket.bytesRead > total * 131;
    await until("all pings to arrive", () => {
      most = Math.max(most, socket.writableLength);
      return read();
    });
    expect(most).toBeLessThan(1_000);
    eve.socket.resume();
    let pongs = 0;
    while ((await eve.nextOf(PONG)).toString() !== "last") pongs++;
    expect(pongs).toBeLessThan(total);
    await expectServed(eve);
    expect(server.counts().connections).toBe(1);
  });

  test("of the server do not pile up before somebody who does not read", async () => {
    const { connect, sockets } = await stage(
      { maxBufferedBytes: 1024 * 1024 * KIB },
      { heartbeat: { intervalMs: 10, timeoutMs: 600_000 } },
    );
    const eve = await connect();
    eve.socket.pause();
    const socket = sockets[0] as NetSocket;
    const doc = new Y.Doc();
    doc.getText("text").insert(0, "x".repeat(12 * KIB * KIB));
    eve.write(frame(Y_WEBSOCKET.update(Y.encodeStateAsUpdate(doc))));
    eve.write(frame(QUESTION));
    await until("the buffer to fill", () => socket.writableLength > 0);
    const ann = await connect();
    const before = socket.writableLength;
    for (let beats = 0; beats < 20; beats++) await ann.nextOf(PING);
    // One of them, and no more.
    expect(socket.writableLength - before).toBeLessThan(10);
  });
});

describe("a connection that says nothing", () => {
  test("is closed, to come back, and one that said something stays", async () => {
    const { connect, hits } = await stage({ firstMessageTimeoutMs: 100 });
    const [ann, eve] = [await connect(), await connect()];
    await expectServed(ann);
    eve.write(frame(Uint8Array.of(), { opcode: PING }));
    expect(await eve.closeCode()).toBe(4508);
    expect(hits("firstMessageTimeoutMs")).toBe(1);
    await expectServed(ann);
  });
});

describe("an address", () => {
  test("has so many connections; one more is closed, to come back", async () => {
    const { server, connect, hits } = await stage({ maxAddressConnections: 2 });
    const [ann] = [await connect(), await connect()];
    const eve = await connect();
    const reason = await eve.nextOf(CLOSE);
    expect(reason.readUInt16BE(0)).toBe(4529);
    expect(reason.subarray(2).toString()).toBe("127.0.0.1 has 2 connections, the limit of one address");
    expect(hits("maxAddressConnections")).toBe(1);
    ann.destroy();
    await until("one to be gone", () => server.counts().connections === 1);
    await expectServed(await connect());
  });

  test("opens so many a second", async () => {
    const { connect, hits } = await stage({ maxAddressConnectionsPerSecond: 1, maxBurstMs: 2_000 });
    for (let i = 0; i < 2; i++) await expectServed(await connect());
    expect(await (await connect()).closeCode()).toBe(4529);
    expect(hits("maxAddressConnectionsPerSecond")).toBe(1);
  });

  test("is the proxy's, unless that is trusted to say whose it is", async () => {
    const limits = { maxAddressConnections: 1 };
    const headers = (address: string) => ({ "X-Forwarded-For": `203.0.113.1, ${address}` });
    const plain = await stage(limits);
    await plain.connect(headers("192.0.2.1"));
    expect(await (await plain.connect(headers("192.0.2.2"))).closeCode()).toBe(4529);
    const trusting = await stage(limits, { trustProxy: 1 });
    await expectServed(await trusting.connect(headers("192.0.2.1")));
    await expectServed(await trusting.connect(headers("192.0.2.2")));
    expect(await (await trusting.connect(headers("192.0.2.2"))).closeCode()).toBe(4529);
    // Two of one /64.
    await expectServed(await trusting.connect(headers("2001:db8::1")));
    expect(await (await trusting.connect(headers("2001:db8::2"))).closeCode()).toBe(4529);
  });

  test("does not keep sockets open by being refused", async () => {
    const { server, connect, sockets } = await stage({ maxConnections: 1 });
    await expectServed(await connect());
    for (let i = 0; i < 20; i++) expect(await (await connect()).closeCode()).toBe(1013);
    expect(server.counts()).toMatchObject({ connections: 1, limitHits: { maxConnections: 20 } });
    // They do not answer the close, and are cut all the same.
    await until("them to be gone", () => sockets.filter(({ destroyed }) => !destroyed).length === 1);
  });
});

describe("who sends more than its budget", () => {
  const SLOW = { maxMessagesPerSecond: 200, maxBurstMs: 100 };

  test("is read more slowly, and nothing of it is lost", async () => {
    const { storage, connect, hits, server } = await stage(SLOW);
    const eve = await connect();
    await expectServed(eve);
    eve.write(Buffer.concat(typing(300)));
    await until("the limit to be reached", () => hits("maxMessagesPerSecond") > 0);
    await expectServed(eve);
    expect(server.counts().connections).toBe(1);
    await until("all of it to be stored", async () => (await storedText(storage)).length === 300);
  });

  test("may leave: what it had sent is dealt with all the same", async () => {
    const { storage, connect, hits, server } = await stage(SLOW);
    const eve = await connect();
    await expectServed(eve);
    eve.write(Buffer.concat([...typing(300), frame(Uint8Array.of(3, 232), { opcode: CLOSE })]));
    await until("the limit to be reached", () => hits("maxMessagesPerSecond") > 0);
    await until("it to be gone", () => server.counts().connections === 0);
    await until("all of it to be stored", async () => (await storedText(storage)).length === 300);
  });

  test("is named in the log, once for each limit", async () => {
    const told: object[] = [];
    const info = (fields: object) => void told.push(fields);
    const { connect, hits } = await stage(SLOW, { logger: { ...SILENT, info } });
    const eve = await connect();
    await expectServed(eve);
    const often = () => hits("maxMessagesPerSecond");
    for (let i = 0; i < 2; i++) {
      const before = often();
      eve.write(Buffer.concat(typing(300)));
      await until("the limit to be reached", () => often() > before);
      await expectServed(eve);
    }
    expect(told.filter((fields) => "limit" in fields && fields.limit === "maxMessagesPerSecond")).toEqual([
      {
        event: "connection-slowed",
        connection: 1,
        correlation: expect.stringMatching(/^[0-9a-f-]{36}$/),
        address: "127.0.0.1",
        limit: "maxMessagesPerSecond",
      },
    ]);
  });

  test("does not slow others of its document", async () => {
    const { connect, hits } = await stage(SLOW);
    const [ann, eve] = [await connect(), await connect()];
    await expectServed(ann);
    await expectServed(eve);
    eve.write(Buffer.concat(typing(2_000)));
    await until("the limit to be reached", () => hits("maxMessagesPerSecond") > 0);
    const before = hits("maxMessagesPerSecond");
    await expectServed(ann);
    await expectServed(ann);
    // It was answered within one of the pauses that the other one is made to take.
    expect(hits("maxMessagesPerSecond")).toBeLessThanOrEqual(before + 1);
  });

  test("is given up like anybody when it is dead", async () => {
    const heartbeat = { intervalMs: 20, timeoutMs: 40 };
    const { connect, hits, server } = await stage(
      { maxMessagesPerSecond: 2_000, maxBurstMs: 10 },
      { heartbeat },
    );
    // It answers no ping, as if it were gone.
    const eve = await connect();
    eve.write(Buffer.concat(typing(200)));
    await until("the limit to be reached", () => hits("maxMessagesPerSecond") > 0);
    await until("it to be cut", () => server.counts().connections === 0);
  });

  test("is told when the server closes it, though it is not being read", async () => {
    const { connect, hits, server } = await stage({ maxMessagesPerSecond: 10, maxBurstMs: 100 });
    const eve = await connect();
    eve.write(Buffer.concat(typing(500)));
    await until("the limit to be reached", () => hits("maxMessagesPerSecond") > 0);
    const closing = server.close();
    expect(await eve.closeCode()).toBe(1012);
    eve.destroy();
    await closing;
  });
});

test("who does not read is counted too: what the engine bounds is told with the rest", async () => {
  const { connect, hits } = await stage({ stalledTimeoutMs: 100 });
  const eve = await connect();
  eve.socket.pause();
  const doc = new Y.Doc();
  doc.getText("text").insert(0, "x".repeat(12 * KIB * KIB));
  eve.write(frame(Y_WEBSOCKET.update(Y.encodeStateAsUpdate(doc))));
  eve.write(frame(QUESTION));
  await until("it to lag", () => hits("maxBufferedBytes") === 1);
  await until("it to be sent away", () => hits("stalledTimeoutMs") === 1);
});
