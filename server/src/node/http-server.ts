/**
 * The server's own HTTP server, which is open to whoever connects: every wait and every size of it has a limit. One
 * request at a time; that is all that a page and a WebSocket need. A body is for the HTTP API, which bounds it, and for
 * plugins, which read it or do not: it has the time that the whole request has.
 */

import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { addressKey } from "../address-key.ts";
import type { Api } from "../http/api/api.ts";
import { STREAMING } from "../http/api/send.ts";
import { type RequestHandler, respondText } from "../http/page.ts";
import { hasBody } from "../http/request-body.ts";
import { destroyItself, HalfOpenConnections } from "../transports/half-open.ts";
import type { LimitHits } from "../transports/limit-hits.ts";

/** Takes over the socket of a request that asks for another protocol. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** How often Node looks for requests that took too long; its own default would make 10 s into 40. */
const MAX_CHECKING_INTERVAL_MS = 1_000;
/** How long a connection may wait for its next request. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** How long a connection may take to read why it is closed: it may not have read what it was sent before. */
const LAST_WORD_TIMEOUT_MS = 5_000;

export interface HttpServerOptions {
  readonly limits: Limits;
  readonly hits: LimitHits;
  readonly handle: RequestHandler;
  readonly upgrade: UpgradeHandler;
}

/** Makes the server; it does not listen yet. */
export function createLimitedHttpServer({ limits, hits, handle, upgrade }: HttpServerOptions): HttpServer {
  const halfOpen = new HalfOpenConnections({ limits, hits });
  const busy = new WeakSet<Duplex>();
  const headersTimeout = Math.min(limits.headersTimeoutMs, limits.requestTimeoutMs);
  const spare = (socket: Socket, response: ServerResponse): void => {
    halfOpen.remove(socket);
    response.once("close", () => {
      if (!socket.destroyed) halfOpen.add(socket, addressKey(socket.remoteAddress ?? ""));
    });
  };
  const hasTooManyHeaders = ({ rawHeaders }: IncomingMessage): boolean => {
    if (rawHeaders.length / 2 <= limits.maxHeaders) return false;
    hits.count("maxHeaders");
    return true;
  };
  /** Whether a request may be answered. */
  const begins = ({ socket }: IncomingMessage, response: ServerResponse): boolean => {
    // Requests that do not wait for the answer before them: no browser sends any, and each would open a file.
    if (busy.has(socket)) {
      socket.destroy();
      return false;
    }
    busy.add(socket);
    // Only now: of who asks nothing Node sees to it, and each of thousands of idle WebSockets would keep the timer.
    socket.setTimeout(limits.requestTimeoutMs);
    response.once("close", () => busy.delete(socket));
    response.once(STREAMING, () => spare(socket, response));
    return true;
  };

  const server = createServer(
    {
      headersTimeout,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: Math.min(MAX_CHECKING_INTERVAL_MS, Math.ceil(headersTimeout / 4)),
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      maxHeaderSize: limits.maxHeaderBytes,
    },
    (request, response) => {
      if (!begins(request, response)) return;
      if (hasTooManyHeaders(request)) refuse(response, 431);
      else handle(request, response);
    },
  );
  // Node would drop what is beyond without a word, be it the Origin. Their size bounds them until they are counted.
  server.maxHeadersCount = 0;

  const closed = function (this: Socket): void {
    halfOpen.remove(this);
  };
  server.on("connection", (socket) => {
    halfOpen.add(socket, addressKey(socket.remoteAddress ?? ""));
    socket.on("close", closed);
  });
  // Node would answer these by itself, however many of its answers nobody takes.
  server.on("checkExpectation", (request, response) => {
    if (begins(request, response)) refuse(response, 417);
  });
  server.on("upgrade", (request, socket, head) => {
    // Its frames would go between the pieces of the answer before it.
    if (busy.has(socket)) {
      socket.destroy();
      return;
    }
    halfOpen.remove(socket);
    socket.off("close", closed);
    // Until a WebSocket listens: a client that resets now must not be an unhandled error.
    socket.on("error", destroyItself);
    if (hasTooManyHeaders(request)) respondRaw(socket, 431);
    else upgrade(request, socket, head);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    // It was cut, and counted, for another reason.
    if (socket.destroyed) return;
    const isBusy = busy.has(socket);
    const [status, limit] = clientErrorOf(error.code, isBusy);
    if (limit !== null) hits.count(limit);
    // An answer that has begun cannot become another one.
    if (isBusy || !socket.writable) socket.destroy();
    else respondRaw(socket, status);
  });
  server.on("timeout", (socket) => {
    hits.count("requestTimeoutMs");
    socket.destroy();
  });
  return server;
}

/** Answers with a status alone, and closes. For sockets of which HTTP has let go. */
export function respondRaw(socket: Duplex, status: number): void {
  socket.write(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
  // reason: HTTP gives no other.
  const own = socket as Socket;
  own.setTimeout(LAST_WORD_TIMEOUT_MS, () => own.destroy());
  own.destroySoon();
}

/** For who comes while the server stops, by a connection that is open or a new one. */
export function respondDraining(response: ServerResponse): void {
  refuse(response, 503);
}

/** Refuses requests with a body before anything of it is read. */
export function withoutBody(handle: RequestHandler): RequestHandler {
  return (request, response) => {
    if (hasBody(request)) refuse(response, 413);
    else handle(request, response);
  };
}

/** Gives the API what is its own, bodies too, before anybody else sees it. */
export function apiFirst(api: Api, others: RequestHandler): RequestHandler {
  return (request, response) => {
    if (api.isOwn(request)) api.handle(request, response);
    else others(request, response);
  };
}

function clientErrorOf(code: string | undefined, isBusy: boolean): readonly [number, LimitName | null] {
  if (code === "HPE_HEADER_OVERFLOW") return [431, "maxHeaderBytes"];
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return [408, isBusy ? "requestTimeoutMs" : "headersTimeoutMs"];
  return [400, null];
}

function refuse(response: ServerResponse, status: number): void {
  // What follows is not read, so it cannot be told from a next request.
  response.setHeader("Connection", "close");
  respondText(response, status, `${STATUS_CODES[status]}\n`);
}

/** @throws JoineryError ADDRESS_UNAVAILABLE (never retry), saying why. */
export function startListening(httpServer: HttpServer, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    httpServer.once("error", (error: NodeJS.ErrnoException) => {
      const reason = error.code === "EADDRINUSE" ? "the port is in use" : error.message;
      reject(
        new JoineryError("ADDRESS_UNAVAILABLE", `cannot listen on ${host}:${port}: ${reason}`, {
          cause: error,
        }),
      );
    });
    httpServer.listen({ host: host.replace(/^\[|\]$/g, ""), port }, () => {
      resolve(httpServer.address() as AddressInfo);
    });
  });
}
