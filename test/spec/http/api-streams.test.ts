/** Answers that come piece by piece, on routes that are there for these tests alone. */

import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { JoineryError } from "@joinery/shared";
import { describe, expect, onTestFinished, test } from "vitest";
import { events, lines, reply, stream } from "../../../server/src/http/api/answers.ts";
import { type Call, type Route, route } from "../../../server/src/http/api/route.ts";
import { schema, wholeNumber } from "../../../server/src/http/api/schema.ts";
import { encodeEvent } from "../../../server/src/http/api/server-sent-events.ts";
import { until, within } from "../../support/until.ts";
import { type ApiStage, type ApiStageOptions, openApi, openRaw } from "./api-stage.ts";

const COMMON = { method: "GET", group: "Server", action: "read", on: "document" } as const;
const PIECE = Buffer.alloc(16_384, "x");

/** What happened to a stream. */
interface Told {
  pieces: number;
  returned: number;
  closed: number;
  signal: AbortSignal | null;
}

const nothing = (): Told => ({ pieces: 0, returned: 0, closed: 0, signal: null });

async function* pieces(told: Told, count: number, failAt = -1): AsyncGenerator<Uint8Array> {
  try {
    for (let i = 0; i < count; i++) {
      if (i === failAt) throw new TypeError("/srv/joinery/pieces.js:7: x is not a function");
      told.pieces++;
      yield PIECE;
    }
  } finally {
    told.returned++;
  }
}

function bytesRoute(told: Told, make: (call: Call) => AsyncIterable<Uint8Array>): Route {
  return route({
    ...COMMON,
    path: "/documents/:document/bytes",
    summary: "Streams bytes",
    answers: stream("application/octet-stream"),
    errors: ["DOCUMENT_NOT_FOUND"],
    run: (call) => {
      told.signal = call.signal;
      return reply(make(call), { onClose: () => told.closed++ });
    },
  });
}

/** Follows something that never happens, but for what there is at first. */
function eventsRoute(told: Told, first: readonly Uint8Array[] = []): Route {
  const follow = async function* (signal: AbortSignal): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      told.returned++;
    }
  };
  return route({
    ...COMMON,
    path: "/documents/:document/events",
    summary: "Follows it",
    answers: events({ batch: schema("BatchEvent", { seq: wholeNumber(0, 10) }) }),
    run: ({ signal }) => {
      told.signal = signal;
      return reply(follow(signal), { onClose: () => told.closed++ });
    },
  });
}

const open = (routes: readonly Route[], options: ApiStageOptions = {}) => openApi({ routes, ...options });

/** A client that reads when it is told to. */
async function follow(
  { port }: Pick<ApiStage, "port">,
  path: string,
  method = "GET",
): Promise<{ answer: IncomingMessage; leave: () => void }> {
  const request = httpRequest({
    port,
    host: "127.0.0.1",
    agent: false,
    method,
    path: `/api/v1/documents/a/${path}`,
    headers: { Authorization: "Bearer reader" },
  });
  onTestFinished(() => void request.destroy());
  // Its connection may be cut at any moment.
  request.on("error", () => undefined);
  request.end();
  const [answer] = (await within("an answer", once(request, "response"))) as [IncomingMessage];
  answer.on("error", () => undefined);
  return { answer, leave: () => request.destroy() };
}

describe("a stream", () => {
  test("comes whole, in its order, and is over then", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, 20))]);
    const { status, bytes, headers } = await stage.ask({ path: "/documents/a/bytes", token: "reader" });
    expect([status, bytes.length]).toEqual([200, 20 * PIECE.length]);
    expect(headers).toMatchObject({ "transfer-encoding": "chunked", "cache-control": "no-store" });
    await until("it to be over", () => told.closed === 1);
    expect(told).toMatchObject({ pieces: 20, returned: 1 });
  });

  test("may have nothing in it", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, 0))]);
    const { status, bytes } = await stage.ask({ path: "/documents/a/bytes", token: "reader" });
    expect([status, bytes.length]).toEqual([200, 0]);
  });

  test("of objects has one a line", async () => {
    const line = schema("Line", { seq: wholeNumber(0, 10) });
    const stage = await open([
      route({
        ...COMMON,
        path: "/lines",
        summary: "Streams objects",
        answers: lines(line),
        run: async function* () {
          yield { seq: 1 };
          yield { seq: 2 };
        },
      }),
    ]);
    const { text, headers } = await stage.ask({ path: "/lines", token: "manager" });
    expect([text, headers["content-type"]]).toEqual(['{"seq":1}\n{"seq":2}\n', "application/x-ndjson"]);
  });

  test("is made no faster than it is read, and no further when its client goes", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, Number.POSITIVE_INFINITY))]);
    const { answer, leave } = await follow(stage, "bytes");
    answer.pause();
    let before = -1;
    await until("it to wait for the client", async () => {
      const isSame = told.pieces === before;
      before = told.pieces;
      await stage.ask({ path: "/nothing" });
      return isSame;
    });
    expect(told.pieces * PIECE.length).toBeLessThan(64 * 1024 * 1024);
    expect(told).toMatchObject({ returned: 0, closed: 0 });
    leave();
    await until("it to be let go", () => told.returned === 1 && told.closed === 1);
    expect(told.signal?.reason).toMatchObject({ code: "CONNECTION_LOST" });
    expect(stage.events).toEqual([]);
  });

  test("that fails before its first piece is refused as anything else", async () => {
    const told = nothing();
    const failing = async function* (): AsyncGenerator<Uint8Array> {
      if (told.pieces === 0) throw new JoineryError("DOCUMENT_NOT_FOUND", "there is no such document");
      yield PIECE;
    };
    const stage = await open([bytesRoute(told, failing)]);
    const { body } = await stage.ask({ path: "/documents/a/bytes", token: "reader" });
    expect(body).toMatchObject({ status: 404, code: "DOCUMENT_NOT_FOUND" });
    await until("it to be over", () => told.closed === 1);
  });

  test("that fails in the middle is broken off: it does not look like all, and the mistake is reported", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, 9, 5))]);
    const { answer } = await follow(stage, "bytes");
    answer.resume();
    await within("the answer to end", new Promise((resolve) => answer.once("close", resolve)));
    expect([answer.statusCode, answer.complete]).toEqual([200, false]);
    await until("it to be over", () => told.closed === 1);
    expect(stage.events).toMatchObject([
      { type: "http-failed", error: { message: expect.stringContaining("/srv/joinery") } },
    ]);
  });

  test("is not begun for HEAD, and over then", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, 9, 0))]);
    const { status, headers } = await stage.ask({
      method: "HEAD",
      path: "/documents/a/bytes",
      token: "reader",
    });
    expect([status, headers["content-type"]]).toEqual([200, "application/octet-stream"]);
    await until("it to be over", () => told.closed === 1);
    expect(told.pieces).toBe(0);
  });

  test("of which nothing is read for too long is cut", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, Number.POSITIVE_INFINITY))], {
      limits: { requestTimeoutMs: 100 },
    });
    const { answer } = await follow(stage, "bytes");
    answer.pause();
    await until("it to be let go", () => told.returned === 1 && told.closed === 1);
    expect(stage.hits.counts().requestTimeoutMs).toBe(1);
  });

  test("is cut then behind an application's own server too, which waits for ever", async () => {
    const told = nothing();
    const { api } = await open([bytesRoute(told, () => pieces(told, Number.POSITIVE_INFINITY))], {
      limits: { requestTimeoutMs: 100 },
    });
    const server = createServer((request, response) => api.handle(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { answer } = await follow({ port: (server.address() as AddressInfo).port }, "bytes");
    answer.pause();
    await until("it to be let go", () => told.returned === 1 && told.closed === 1);
  });

  test("that has begun when the server stops is broken off", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, Number.POSITIVE_INFINITY))]);
    const { answer } = await follow(stage, "bytes");
    stage.api.stop();
    answer.resume();
    await within("the answer to end", new Promise((resolve) => answer.once("close", resolve)));
    expect(answer.complete).toBe(false);
    expect(told.signal?.reason).toMatchObject({ code: "SERVER_DRAINING" });
  });

  test("leaves the connection for the next request", async () => {
    const told = nothing();
    const stage = await open([bytesRoute(told, () => pieces(told, 1))]);
    const raw = await openRaw(stage);
    for (let i = 0; i < 3; i++) {
      raw.write("GET /api/v1/documents/a/bytes HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer reader\r\n\r\n");
      expect(await raw.head()).toContain("200 OK");
      await until("its end", () => raw.takes("\r\n0\r\n\r\n"));
    }
  });
});

describe("what is followed", () => {
  test("begins at once, is named to proxies, and goes on until the client goes", async () => {
    const told = nothing();
    const stage = await open([eventsRoute(told)]);
    const { answer, leave } = await follow(stage, "events");
    expect(answer.headers).toMatchObject({
      "content-type": "text/event-stream",
      "x-accel-buffering": "no",
      "cache-control": "no-store",
    });
    leave();
    await until("it to be let go", () => told.returned === 1 && told.closed === 1);
    expect(stage.events).toEqual([]);
  });

  test("is heard of every quarter of a minute, as long as it is read", async () => {
    const told = nothing();
    const stage = await open([eventsRoute(told)]);
    const { answer, leave } = await follow(stage, "events");
    let came = "";
    answer.setEncoding("utf8").on("data", (text: string) => {
      came += text;
    });
    await until("a sign at its begin", () => came === ":\n\n");
    for (let i = 1; i <= 3; i++) {
      stage.clock.advance(15_000);
      await until("a sign of life", () => came === ":\n\n".repeat(i + 1));
    }
    leave();
    await until("it to be let go", () => told.closed === 1);
    expect(stage.clock.pendingTimers).toBe(0);
  });

  test("ends as it should when the server stops, with all that happened", async () => {
    const told = nothing();
    const first = [1, 2].map((seq) => encodeEvent({ id: `l.b.${seq}`, event: "batch", data: { seq } }));
    const stage = await open([eventsRoute(told, first)]);
    const asked = stage.ask({ path: "/documents/a/events", token: "reader" });
    await until("it to be followed", () => told.signal !== null);
    await until("all to be sent", async () => (await stage.ask({ path: "/nothing" })).status === 404);
    stage.api.stop();
    const { text } = await asked;
    expect(text).toBe(
      ':\n\nid: l.b.1\nevent: batch\ndata: {"seq":1}\n\nid: l.b.2\nevent: batch\ndata: {"seq":2}\n\n',
    );
    expect(told.signal?.reason).toMatchObject({ code: "SERVER_DRAINING" });
  });

  test("is bounded, of all and of an address, and makes room when it ends", async () => {
    const told = nothing();
    for (const limit of ["maxApiStreams", "maxAddressApiStreams"] as const) {
      const stage = await open([eventsRoute(told)], { limits: { [limit]: 2 } });
      const path = "/documents/a/events";
      const [first] = [await follow(stage, "events"), await follow(stage, "events")];
      const refused = await stage.ask({ path, token: "reader" });
      expect(refused.body).toMatchObject({ limit, retry: "backoff" });
      expect(stage.hits.counts()[limit]).toBe(1);
      const closed = told.closed;
      first?.leave();
      await until("room", () => told.closed > closed);
      expect((await follow(stage, "events")).answer.statusCode).toBe(200);
    }
  });

  test("is not cut as a connection that does not say what it wants, until it ends", async () => {
    const told = nothing();
    const stage = await open([eventsRoute(told)], { limits: { maxHalfOpenConnections: 2 } });
    const { answer } = await follow(stage, "events");
    const raws = [await openRaw(stage), await openRaw(stage), await openRaw(stage)];
    await until("the oldest other to be cut", () => raws[0]?.isClosed === true);
    expect([answer.closed, told.closed]).toEqual([false, 0]);
  });
});
