import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo, Socket as NetSocket } from "node:net";
import { DEFAULT_LIMITS, JoineryError, type Limits } from "@joinery/shared";
import { afterEach, describe, expect, test } from "vitest";
import type { Outbox } from "../../../server/src/engine/ports.ts";
import type { Rooms } from "../../../server/src/engine/rooms.ts";
import { ANONYMOUS, admitAs, type ConnectionRequest } from "../../../server/src/protocols/admission.ts";
import type { DriverFactory } from "../../../server/src/protocols/driver.ts";
import type { ConnectionEvent } from "../../../server/src/transports/connection-events.ts";
import { Connections, DEFAULT_HEARTBEAT } from "../../../server/src/transports/connections.ts";
import { LimitHits } from "../../../server/src/transports/limit-hits.ts";
import { WebSocketTransport } from "../../../server/src/transports/websocket.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { until } from "../../support/until.ts";
import { CLOSE, CONTINUATION, frame, PING, PONG, RawSocket } from "../node/raw-socket.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

interface Served {
  readonly outbox: Outbox;
  readonly request: ConnectionRequest;
  readonly received: string[];
  isGone: boolean;
}

/** A transport whose dialect takes down what it is given, and pauses when it is told, on a clock of the test's own. */
async function stage(changes: Partial<Limits> = {}, refuse?: () => never, correlation?: string) {
  const clock = new FakeClock();
  const hits = new LimitHits();
  const limits = { ...DEFAULT_LIMITS, ...changes };
  const { maxConnections } = limits;
  const connections = new Connections({ clock, heartbeat: DEFAULT_HEARTBEAT, maxConnections });
  const events: ConnectionEvent[] = [];
  const served: Served[] = [];
  const start: DriverFactory = ({ outbox, request }) => {
    refuse?.();
    const it: Served = { outbox, request, received: [], isGone: false };
    served.push(it);
    return {
      receive: (message) => {
        const text = new TextDecoder().decode(message);
        it.received.push(text);
        if (text === "pause") outbox.pauseInput();
      },
      drained: () => undefined,
      keepAlive: () => outbox.send([Uint8Array.of(0)]),
      goAway: () => undefined,
      failing: () => undefined,
      closed: () => {
        it.isGone = true;
      },
    };
  };
  // The driver of this test opens no room.
  const rooms = null as unknown as Rooms;
  const report = (event: ConnectionEvent) => events.push(event);
  const transport = new WebSocketTransport({ clock, rooms, connections, limits, hits, report });
  const sockets: NetSocket[] = [];
  const httpServer = createHttpServer();
  httpServer.on("connection", (socket) => sockets.push(socket));
  httpServer.on("upgrade", (request, socket, head) => {
    transport.accept(request, socket, head, {
      path: "notes",
      address: "a",
      token: "shown",
      ...(correlation !== undefined && { correlation }),
      admissions: admitAs(ANONYMOUS),
      start,
    });
  });
  httpServer.listen(0, "127.0.0.1");
  await once(httpServer, "listening");
  const { port } = httpServer.address() as AddressInfo;
  endings.push(() => {
    for (const socket of sockets) socket.destroy();
    httpServer.close();
  });
  const connect = async (): Promise<RawSocket> => {
    const raw = await RawSocket.upgraded(port, "/notes");
    endings.push(() => raw.destroy());
    return raw;
  };
  return { clock, hits, connections, events, served, sockets, transport, connect };
}

/** The only connection that was served. */
function only(served: readonly Served[]): Served {
  expect(served.length).toBe(1);
  return served[0] as Served;
}

describe("a connection that is asked for a sign of life", () => {
  test("is silent when nothing comes within the time, and is asked once meanwhile", async () => {
    const { clock, served, connect } = await stage();
    const ann = await connect();
    const { outbox } = only(served);
    let silences = 0;
    outbox.probe(5_000, () => silences++);
    outbox.probe(5_000, () => silences++);
    await ann.nextOf(PING);
    clock.advance(4_999);
    expect(silences).toBe(0);
    clock.advance(1);
    expect(silences).toBe(1);
  });

  test("is not silent when it answers", async () => {
    const { clock, served, sockets, connect } = await stage();
    const ann = await connect();
    const { outbox } = only(served);
    const [socket] = sockets as [NetSocket];
    const before = socket.bytesRead;
    let silences = 0;
    outbox.probe(5_000, () => silences++);
    ann.write(frame(await ann.nextOf(PING), { opcode: PONG }));
    await until("the answer to arrive", () => socket.bytesRead > before);
    clock.advance(5_000);
    expect(silences).toBe(0);
    // It may be asked anew.
    outbox.probe(5_000, () => silences++);
    clock.advance(5_000);
    expect(silences).toBe(1);
  });

  test("cannot be heard while it is not read, and is asked again", async () => {
    const { clock, served, connect } = await stage();
    await connect();
    const { outbox } = only(served);
    let silences = 0;
    outbox.pauseInput();
    outbox.probe(5_000, () => silences++);
    clock.advance(20_000);
    expect(silences).toBe(0);
    outbox.resumeInput();
    clock.advance(5_000);
    expect(silences).toBe(1);
  });

  test("is asked no more when it is gone", async () => {
    const { clock, served, connect } = await stage();
    const ann = await connect();
    const it = only(served);
    it.outbox.probe(5_000, () => expect.unreachable());
    ann.destroy();
    await until("it to be gone", () => it.isGone);
    clock.advance(60_000);
    it.outbox.probe(5_000, () => expect.unreachable());
    clock.advance(60_000);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("a connection that says nothing", () => {
  const LIMITS = { firstMessageTimeoutMs: 1_000, messageTimeoutMs: 30_000 };

  test("is closed when its time is over, to come back", async () => {
    const { clock, hits, connect } = await stage(LIMITS);
    const ann = await connect();
    clock.advance(999);
    expect(hits.counts().firstMessageTimeoutMs).toBe(0);
    clock.advance(1);
    expect(await ann.closeCode()).toBe(4508);
    expect(hits.counts().firstMessageTimeoutMs).toBe(1);
  });

  test("has its time from when it is read: that the document loads is not its fault", async () => {
    const { clock, hits, served, connect } = await stage(LIMITS);
    const ann = await connect();
    const { outbox } = only(served);
    outbox.pauseInput();
    clock.advance(60_000);
    outbox.resumeInput();
    clock.advance(999);
    expect(hits.counts().firstMessageTimeoutMs).toBe(0);
    clock.advance(1);
    expect(await ann.closeCode()).toBe(4508);
  });

  test("may be in the middle of a long message, which has a time of its own", async () => {
    const { clock, hits, sockets, served, connect } = await stage(LIMITS);
    const ann = await connect();
    const message = frame(new Uint8Array(100));
    const [socket] = sockets as [NetSocket];
    const before = socket.bytesRead;
    ann.write(message.subarray(0, 50));
    await until("it to begin", () => socket.bytesRead > before);
    clock.advance(10_000);
    expect(hits.counts().firstMessageTimeoutMs).toBe(0);
    ann.write(message.subarray(50));
    await until("its end", () => only(served).received.length === 1);
    clock.advance(100_000);
    expect(hits.counts().messageTimeoutMs).toBe(0);
  });
});

describe("a message that does not end", () => {
  test("is not to blame for the time in which it was not read", async () => {
    const { clock, hits, served, sockets, connect } = await stage();
    const ann = await connect();
    const { outbox } = only(served);
    const [socket] = sockets as [NetSocket];
    const before = socket.bytesRead;
    ann.write(frame(new Uint8Array(50), { length: 100 }));
    await until("it to begin", () => socket.bytesRead > before);
    outbox.pauseInput();
    outbox.resumeInput();
    clock.advance(DEFAULT_LIMITS.messageTimeoutMs);
    expect(hits.counts().messageTimeoutMs).toBe(0);
    clock.advance(DEFAULT_LIMITS.messageTimeoutMs);
    expect(hits.counts().messageTimeoutMs).toBe(1);
    expect(await ann.closeCode()).toBe(4508);
  });
});

describe("a connection's budget", () => {
  const LIMITS = { maxMessagesPerSecond: 10, maxBytesPerSecond: 1_024, maxBurstMs: 1_000 };
  const ping = (bytes: number) => frame(new Uint8Array(bytes), { opcode: PING });

  test.each([
    ["messages", "maxMessagesPerSecond", 11, frame(Buffer.from("a"))],
    ["pings", "maxMessagesPerSecond", 11, ping(0)],
    ["answers to pings that nobody sent", "maxMessagesPerSecond", 11, frame(Buffer.of(), { opcode: PONG })],
    ["bytes, be they of pings", "maxBytesPerSecond", 9, ping(110)],
  ] as const)("counts %s", async (_, limit, count, bytes) => {
    const { hits, sockets, connect } = await stage(LIMITS);
    const ann = await connect();
    const [socket] = sockets as [NetSocket];
    const before = socket.bytesRead;
    for (let i = 0; i < count - 1; i++) ann.write(bytes);
    await until("all but one to be read", () => socket.bytesRead === before + (count - 1) * bytes.length);
    expect(hits.counts()[limit]).toBe(0);
    ann.write(bytes);
    await until("the limit to be reached", () => hits.counts()[limit] === 1);
  });
});

test("the connections of one address share a budget", async () => {
  const { hits, connect } = await stage({ maxAddressMessagesPerSecond: 10, maxBurstMs: 1_000 });
  const message = frame(Buffer.from("a"));
  for (let i = 0; i < 2; i++) {
    const raw = await connect();
    raw.write(Buffer.concat(Array.from({ length: 6 }, () => message)));
  }
  await until("the limit to be reached", () => hits.counts().maxAddressMessagesPerSecond === 1);
  expect(hits.counts().maxMessagesPerSecond).toBe(0);
});

describe("a connection that is closed", () => {
  test("with the code of a lost connection is cut: nobody is there to be told", async () => {
    const { served, connect, connections } = await stage();
    const ann = await connect();
    only(served).outbox.close(new JoineryError("CONNECTION_LOST", "gave no sign of life"));
    await expect(ann.next()).rejects.toThrow("closed instead of");
    await until("it to be gone", () => connections.count === 0);
  });

  test("is told why, once, and drops what it had sent and was not read", async () => {
    const { served, connect, connections } = await stage();
    const ann = await connect();
    const it = only(served);
    it.outbox.pauseInput();
    ann.write(frame(Buffer.from("late")));
    it.outbox.close(new JoineryError("SERVER_DRAINING", "come back"));
    it.outbox.close(new JoineryError("INTERNAL", "again"));
    const reason = await ann.nextOf(CLOSE);
    expect([reason.readUInt16BE(0), reason.subarray(2).toString()]).toEqual([1012, "come back"]);
    ann.write(frame(reason, { opcode: CLOSE }));
    await ann.closed();
    await until("it to be gone", () => connections.count === 0);
    expect(it.received).toEqual([]);
  });
});

describe("a connection that leaves", () => {
  test("is there until what it sent is dealt with, in its order", async () => {
    const { clock, served, events, sockets, connect, connections } = await stage();
    const ann = await connect();
    const it = only(served);
    ann.write(
      Buffer.concat([
        frame(Buffer.from("a")),
        frame(Buffer.from("pause")),
        frame(Buffer.from("b")),
        frame(Buffer.from("c")),
        frame(Uint8Array.of(3, 232), { opcode: CLOSE }),
      ]),
    );
    const { received } = it;
    await until("the server's end to be closed", () => sockets[0]?.closed === true);
    expect([received, it.isGone, connections.count]).toEqual([["a", "pause"], false, 1]);
    it.outbox.resumeInput();
    clock.turn();
    expect([received, it.isGone, connections.count]).toEqual([["a", "pause", "b", "c"], true, 0]);
    expect(events.at(-1)).toMatchObject({ type: "disconnected", closeCode: 1000 });
  });
});

describe("what is told of a connection", () => {
  test("names it as its sessions do, and where it comes from; what it showed is nowhere", async () => {
    const { served, events, connect } = await stage();
    const ann = await connect();
    const { request } = only(served);
    expect(request).toMatchObject({ number: 1, address: "a", token: "shown" });
    expect(request.id).toMatch(/^[0-9a-f-]{36}$/);
    ann.write(frame(Uint8Array.of(3, 232), { opcode: CLOSE }));
    await until("it to be gone", () => events.length === 2);
    const name = { connection: 1, correlation: request.id };
    expect(events).toEqual([
      { type: "connected", ...name, path: "notes", address: "a" },
      { type: "disconnected", ...name, closeCode: 1000 },
    ]);
  });

  test("has the name that a proxy gave it, where one is given, also when it is refused", async () => {
    const refuse = () => {
      throw new JoineryError("INVALID_NAME", "no such name");
    };
    const { events, connect } = await stage({}, refuse, "proxy-7");
    await connect();
    expect(events).toMatchObject([
      { type: "connection-refused", connection: 1, correlation: "proxy-7", address: "a" },
    ]);
  });
});

describe("a connection that is refused", () => {
  test("and does not answer is one of so many at most: the first of them is cut", async () => {
    const { hits, sockets, connect, connections, events } = await stage({ maxRefusedConnections: 2 }, () => {
      throw new JoineryError("INVALID_NAME", "no such name");
    });
    for (let i = 0; i < 2; i++) await connect();
    expect(hits.counts().maxRefusedConnections).toBe(0);
    await connect();
    expect(sockets[0]?.destroyed).toBe(true);
    expect(hits.counts().maxRefusedConnections).toBe(1);
    expect(connections.count).toBe(0);
    expect(events.every(({ type }) => type === "connection-refused")).toBe(true);
  });

  test("because the server has as many documents as it may is counted as that", async () => {
    const { hits, connect } = await stage({}, () => {
      throw new JoineryError("SERVER_FULL", "the server has 5 documents open");
    });
    expect(await (await connect()).closeCode()).toBe(1013);
    expect(hits.counts()).toMatchObject({ maxRooms: 1, maxConnections: 0 });
  });
});

describe("a connection that takes nothing", () => {
  test("is not told that the server is there before it took what waits", async () => {
    const { clock, served, sockets, connect } = await stage();
    const ann = await connect();
    const { outbox } = only(served);
    const [socket] = sockets as [NetSocket];
    ann.write(frame(Buffer.from("a")));
    await until("the first message", () => only(served).received.length === 1);
    ann.socket.pause();
    outbox.send([new Uint8Array(24 * 1024 * 1024)]);
    expect(outbox.bufferedBytes).toBeGreaterThan(0);
    const waiting = socket.writableLength;
    // It is heard now and then, so that it is not given up.
    for (let beat = 0; beat < 100; beat++) {
      const before = socket.bytesRead;
      ann.write(frame(Buffer.from("b")));
      await until("it to be heard", () => socket.bytesRead > before);
      clock.advance(DEFAULT_HEARTBEAT.intervalMs);
    }
    // A ping of two bytes, and nothing else.
    expect(socket.writableLength - waiting).toBeLessThan(10);
  });
});

describe("what comes", () => {
  const binary = (text: string) => frame(Buffer.from(text));
  const inParts = [
    frame(Buffer.from("in "), { fin: false }),
    frame(Buffer.from("parts"), { opcode: CONTINUATION }),
  ];

  test("is heard in order, whatever it is and in whatever pieces it comes", async () => {
    const { served, connect } = await stage();
    const ann = await connect();
    const { received } = only(served);
    const all = Buffer.concat([binary("first"), ...inParts, binary("then"), binary("last")]);
    ann.write(all);
    const expected = ["first", "in parts", "then", "last"];
    await until("all of it", () => received.length === 4);
    expect(received).toEqual(expected);
    for (let cut = 1; cut < all.length; cut += 5) {
      received.length = 0;
      ann.write(all.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      ann.write(all.subarray(cut));
      await until("all of it", () => received.length === 4);
      expect(received).toEqual(expected);
    }
  });

  test("is one message, though its second half looks like messages", async () => {
    const { served, sockets, connect } = await stage();
    const ann = await connect();
    const { received } = only(served);
    const [socket] = sockets as [NetSocket];
    const inner = Buffer.concat([binary(""), binary("inner")]);
    const outer = frame(Buffer.concat([Buffer.from("outer "), inner]));
    const before = socket.bytesRead;
    ann.write(outer.subarray(0, -inner.length));
    await until("the first half", () => socket.bytesRead === before + outer.length - inner.length);
    ann.write(inner);
    await until("the message", () => received.length > 0);
    expect(received).toEqual([new TextDecoder().decode(outer.subarray(6))]);
  });

  test("between the parts of a message is no message", async () => {
    const { served, connect } = await stage();
    const ann = await connect();
    ann.write(inParts[0] as Buffer);
    ann.write(binary("between"));
    expect((await ann.nextOf(CLOSE)).readUInt16BE()).toBe(1002);
    expect(only(served).received).toEqual([]);
  });

  test("after the client closed, or sent what is not allowed, is not heard", async () => {
    for (const end of [
      frame(Buffer.of(3, 232), { opcode: CLOSE }),
      frame(Buffer.of(1), { isMasked: false }),
    ]) {
      const { served, sockets, connect } = await stage();
      const ann = await connect();
      ann.write(Buffer.concat([binary("first"), end, binary("with it")]));
      // More than is read at once.
      for (let i = 0; i < 20; i++) ann.write(binary("later".repeat(5_000)));
      await ann.nextOf(CLOSE);
      ann.write(binary("after the answer"));
      await until("the end", () => served[0]?.isGone === true);
      expect(only(served).received).toEqual(["first"]);
      // It was read on: else nobody would have seen the client go.
      expect(sockets[0]?.isPaused()).toBe(false);
    }
  });
});
