import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Writable } from "node:stream";
import { afterEach, describe, expect, test } from "vitest";
import * as ws from "ws";
import { FrameInParts } from "../../../server/src/engine/frame.ts";
import { Framing } from "../../../server/src/transports/framing.ts";
import { until } from "../../support/until.ts";

// reason: `ws` exports it, and its types do not know.
const { Receiver } = ws as unknown as {
  Receiver: new (options: { binaryType: string; maxPayload: number }) => Writable;
};

const endings: (() => unknown)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) end();
});

/** A server's socket, and what `ws` reads at the other end. */
async function line() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  endings.push(() => {
    client.destroy();
    server.close();
  });
  await until("the connection", () => sockets.length > 0);
  const received: { readonly message: Buffer; readonly isBinary: boolean }[] = [];
  const receiver = new Receiver({ binaryType: "nodebuffer", maxPayload: 2 ** 24 });
  receiver.on("message", (message: Buffer, isBinary: boolean) => received.push({ message, isBinary }));
  client.pipe(receiver);
  return { socket: sockets[0] as Socket, received };
}

const bytes = (length: number, fill = length): Uint8Array => new Uint8Array(length).fill(fill & 0xff);

describe("a message", () => {
  const lengths = [0, 1, 125, 126, 65_535, 65_536, 65_537, 3_000_000];

  test("is what ws reads as one binary message, however long", async () => {
    const { socket, received } = await line();
    const framing = new Framing();
    for (const length of lengths) framing.write(socket, [bytes(length)]);
    await until("all messages", () => received.length === lengths.length);
    received.forEach(({ message, isBinary }, i) => {
      expect(isBinary).toBe(true);
      expect(message.equals(bytes(lengths[i] as number))).toBe(true);
    });
  });

  test("comes in its order among several, large ones too", async () => {
    const { socket, received } = await line();
    new Framing().write(
      socket,
      lengths.map((length) => bytes(length)),
    );
    await until("all messages", () => received.length === lengths.length);
    expect(received.map(({ message }) => message.length)).toEqual(lengths);
  });
});

test("a message in parts is what ws reads as one, and none of it is copied", async () => {
  const { socket, received } = await line();
  const written: unknown[] = [];
  const write = socket.write.bind(socket);
  socket.write = (chunk: Uint8Array) => written.push(chunk) > 0 && write(chunk);
  const body = bytes(300_000, 7);
  new Framing().write(socket, [bytes(3), new FrameInParts(bytes(6), body), bytes(5)]);
  await until("all messages", () => received.length === 3);
  expect(received.map(({ message }) => message.length)).toEqual([3, 300_006, 5]);
  expect(received[1]?.message.equals(Buffer.concat([bytes(6), body]))).toBe(true);
  expect(written).toContain(body);
});

test("the sockets of a room are given the same bytes, also when others are sent something in between", async () => {
  const framing = new Framing();
  const written: Uint8Array[] = [];
  const socket = { write: (chunk: Uint8Array) => written.push(chunk) } as unknown as Socket;
  const shared = bytes(100);
  framing.write(socket, [shared]);
  framing.write(socket, [bytes(20, 1)]);
  framing.write(socket, [bytes(20, 2)]);
  framing.write(socket, [shared]);
  expect(written[3]).toBe(written[0]);
  // What nobody is sent any more is let go of.
  for (let i = 0; i < 4; i++) framing.write(socket, [bytes(20, i)]);
  framing.write(socket, [shared]);
  expect(written[8]).not.toBe(written[0]);
  expect(written[8]).toEqual(written[0]);
});
