import { inflateRawSync } from "node:zlib";
import { createServer, MemoryStorage, type Server, type ServerOptions } from "@joinery/server";
import { decodeServerFrame, forEachFrame, type RawFrame, type ServerFrame } from "@joinery/shared/protocol";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";
import * as Y from "yjs";
import { z } from "zod";
import { Y_WEBSOCKET } from "../../../server/src/protocols/y-websocket.ts";
import {
  clientFrames,
  HELLO,
  joined,
  NOTHING,
  openFrame,
  Typist,
  textOf,
} from "../../support/native-wire.ts";
import { SILENT } from "../../support/silent-logger.ts";
import { until, within } from "../../support/until.ts";
import { Socket } from "./socket.ts";

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const STEP_1 = Y_WEBSOCKET.ask(Y.encodeStateVector(new Y.Doc()));
/** Of y-websocket. */
const QUERY_PRESENCE = Uint8Array.of(3);

async function listening(options: ServerOptions = {}): Promise<{ server: Server; url: string }> {
  const server = createServer({ storage: new MemoryStorage(), logger: SILENT, ...options });
  endings.push(() => server.close());
  const { url } = await server.listen({ port: 0 });
  return { server, url: url.replace("http:", "ws:") };
}

async function connected(url: string, subprotocols: readonly string[]): Promise<Socket> {
  const socket = await Socket.open(url, { subprotocols });
  endings.push(() => socket.close());
  return socket;
}

function framesOf(message: Uint8Array): ServerFrame[] {
  const frames: ServerFrame[] = [];
  forEachFrame(message, (raw: RawFrame) => frames.push(decodeServerFrame(raw) as ServerFrame));
  return frames;
}

/** Reads until a frame of this type comes. */
async function next<T extends ServerFrame["type"]>(
  socket: Socket,
  type: T,
): Promise<ServerFrame & { type: T }> {
  for (;;) {
    const found = framesOf(await socket.next()).find((frame) => frame.type === type);
    if (found) return found as ServerFrame & { type: T };
  }
}

describe("the subprotocol", () => {
  test("joinery.v1 asks for the native dialect, at any path, whatever else is offered", async () => {
    const { url } = await listening();
    for (const [path, offered] of [
      ["", ["joinery.v1"]],
      ["/", ["something", "joinery.v1"]],
      ["/some/path?x=1", ["joinery.v2", "joinery.v1"]],
    ] as const) {
      const socket = await connected(`${url}${path}`, offered);
      expect(socket.subprotocol).toBe("joinery.v1");
      socket.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
      expect(await next(socket, "opened")).toMatchObject({ seq: 0, permission: "write" });
    }
  });

  test("of another version of it is agreed on and then refused, naming both", async () => {
    const { url } = await listening();
    const socket = await connected(url, ["joinery.v7"]);
    expect(socket.subprotocol).toBe("joinery.v7");
    expect(await next(socket, "failed")).toMatchObject({ code: "VERSION_UNSUPPORTED", retry: "never" });
    const { code, reason } = await within("the close", socket.closed);
    expect(code).toBe(4426);
    for (const name of ["joinery.v7", "joinery.v1"]) expect(reason).toContain(name);
  });

  test("of something else, or none, leaves it to a client's first message what it speaks", async () => {
    const { url } = await listening();
    for (const offered of [[], ["something", "else"]]) {
      const socket = await connected(`${url}/notes`, offered);
      expect(socket.subprotocol).toBe(offered[0] ?? "");
      socket.send(QUERY_PRESENCE);
      expect(await socket.next()).toEqual(STEP_1);
    }
  });
});

describe("a native connection", () => {
  test("shares a document with a y-websocket one", async () => {
    const { url } = await listening();
    const [native, other] = [await connected(url, ["joinery.v1"]), await connected(`${url}/notes`, [])];
    native.send(joined([HELLO, clientFrames.select(1), openFrame("notes", { stateVector: NOTHING })]));
    await next(native, "caughtUp");
    other.send(QUERY_PRESENCE);
    expect(await other.next()).toEqual(STEP_1);
    other.send(Y_WEBSOCKET.update(new Typist(7).type("hello")));
    const { update } = await next(native, "batch");
    expect(textOf(update)).toBe("hello");
  });

  test("that breaks the protocol is told why before it is closed", async () => {
    const { url } = await listening();
    const socket = await connected(url, ["joinery.v1"]);
    socket.send(joined([HELLO, clientFrames.select(9), clientFrames.sync(NOTHING)]));
    expect(await next(socket, "failed")).toMatchObject({ code: "MALFORMED_FRAME" });
    expect(await within("the close", socket.closed)).toMatchObject({ code: 4422 });
  });

  test("is told to go away, and when to come back, before the server stops", async () => {
    const { server, url } = await listening();
    const socket = await connected(url, ["joinery.v1"]);
    socket.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
    await next(socket, "opened");
    void server.close();
    const { afterMs, withinMs } = await next(socket, "goaway");
    expect(afterMs).toBeGreaterThan(0);
    expect(withinMs).toBeGreaterThan(0);
    expect(await within("the close", socket.closed)).toMatchObject({ code: 1012 });
  });

  test("is sent something at least as often as hello says", async () => {
    const { url } = await listening({ heartbeat: { intervalMs: 20, timeoutMs: 10_000 } });
    const socket = await connected(url, ["joinery.v1"]);
    socket.send(HELLO);
    expect(await next(socket, "hello")).toMatchObject({ keepAliveMs: 20 });
    await next(socket, "ping");
  });

  test("gets a large document compressed, in fragments", async () => {
    const { url } = await listening({ limits: { maxFragmentBytes: 1024 } });
    const writer = await connected(url, ["joinery.v1"]);
    writer.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
    await next(writer, "opened");
    const typist = new Typist(7);
    // Digits of a kind, so that deflate finds something but not all.
    const text = Array.from({ length: 5000 }, (_, i) => ((i * i * 7919) % 10_007).toString(36)).join(" ");
    writer.send(clientFrames.update(1, typist.type(text)));
    await next(writer, "ack");
    const reader = await connected(url, ["joinery.v1"]);
    reader.send(joined([HELLO, clientFrames.select(1), openFrame("notes", { stateVector: NOTHING })]));
    const parts: Uint8Array[] = [];
    for (let total = 1; parts.reduce((sum, { length }) => sum + length, 0) < total; ) {
      for (const frame of framesOf(await reader.next())) {
        if (frame.type !== "fragment") continue;
        parts.push(frame.bytes);
        total = frame.total;
      }
    }
    const [catchUp] = framesOf(joined(parts));
    expect(catchUp).toMatchObject({ type: "catchUp", isDeflated: true });
    const { update } = catchUp as ServerFrame & { type: "catchUp" };
    expect(textOf(new Uint8Array(inflateRawSync(update)))).toBe(text);
    expect(update.length).toBeLessThan(text.length);
  });
});

describe("a server", () => {
  test("is connected to in its own process without a socket", async () => {
    const { server } = await listening();
    const messages: Uint8Array[] = [];
    const closed: number[] = [];
    const socket = server.connect("ws://here/", "joinery.v1", {
      opened: () => undefined,
      message: (bytes) => messages.push(bytes),
      closed: (code) => closed.push(code),
    });
    socket.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
    await until("the document to be open", () =>
      messages.flatMap(framesOf).some(({ type }) => type === "opened"),
    );
    await server.close();
    await until("the close", () => closed.length > 0);
    expect(messages.flatMap(framesOf)).toContainEqual(expect.objectContaining({ type: "goaway" }));
    expect(closed).toEqual([1012]);
  });

  test("is connected to without listening, and not any more once it is closed", async () => {
    const server = createServer({ storage: new MemoryStorage() });
    for (const expected of ["opened", "closed 1012"]) {
      const seen: string[] = [];
      const socket = server.connect("ws://here/", "joinery.v1", {
        opened: () => undefined,
        message: (bytes) => seen.push(...framesOf(bytes).map(({ type }) => type)),
        closed: (code) => seen.push(`closed ${code}`),
      });
      socket.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
      await until(expected, () => seen.includes(expected));
      await server.close();
    }
  });

  test("lets the application decide on signals, typed by the schema", async () => {
    const { server, url } = await listening();
    const seen: unknown[] = [];
    server.signal("wave", {
      schema: z.object({ at: z.number() }),
      handle: (payload, { document, user, session, send }) => {
        expectTypeOf(payload).toEqualTypeOf<{ at: number }>();
        seen.push(payload.at, document, user, session > 0);
        send("thanks", { for: payload.at });
        return false;
      },
    });
    const socket = await connected(url, ["joinery.v1"]);
    socket.send(joined([HELLO, clientFrames.select(1), openFrame("notes")]));
    const payload = new TextEncoder().encode('{"at":5}');
    socket.send(clientFrames.signal({ kind: "all" }, "wave", payload));
    const signal = await next(socket, "signal");
    expect(signal).toMatchObject({ user: "", session: 0, name: "thanks" });
    expect(new TextDecoder().decode(signal.payload)).toBe('{"for":5}');
    expect(seen).toEqual([5, "notes", "", true]);
  });
});
