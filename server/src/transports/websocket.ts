/**
 * WebSocket connections on `ws`: takes an HTTP upgrade, moves messages between the socket and a dialect, and
 * reports backpressure. A request that cannot be served is accepted first and then closed, because a browser
 * shows a page the close code and reason of a WebSocket, but nothing of a failed handshake.
 */

import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { JoineryError, type Limits, toJoineryError } from "@joinery/shared";
import { type WebSocket, WebSocketServer } from "ws";
import type { Outbox } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import type { DialectDriver, DriverFactory, Principal } from "../protocols/driver.ts";
import type { Connection, Connections } from "./connections.ts";

/** What happened to a connection that a person may want to know. */
export type ConnectionEvent =
  | {
      readonly type: "connected";
      readonly connection: number;
      readonly path: string;
      readonly address: string;
    }
  | { readonly type: "disconnected"; readonly connection: number; readonly closeCode: number }
  | { readonly type: "connection-refused"; readonly connection: number; readonly error: JoineryError }
  | { readonly type: "connection-dead"; readonly connection: number };

export interface WebSocketTransportOptions {
  readonly rooms: Rooms;
  readonly connections: Connections;
  readonly limits: Limits;
  readonly report: (event: ConnectionEvent) => void;
}

/** A close reason may have 123 bytes. */
const MAX_REASON_BYTES = 123;
/** How long a client may take to answer a close before its socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

export class WebSocketTransport {
  readonly #options: WebSocketTransportOptions;
  readonly #server: WebSocketServer;
  readonly #open = new Set<WebSocketConnection>();

  constructor(options: WebSocketTransportOptions) {
    this.#options = options;
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      // Updates are small and dense already: compression costs 300 KB a connection and gains little.
      perMessageDeflate: false,
      maxPayload: options.limits.maxMessageBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#server = new WebSocketServer(serverOptions);
  }

  /**
   * Turns an HTTP upgrade request into a connection that speaks the given dialect.
   *
   * @param path The document's part of the request's path, still percent-encoded.
   */
  accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    serve: { path: string; principal: Principal; start: DriverFactory },
  ): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new WebSocketConnection(this.#options, webSocket, request.socket);
      this.#open.add(connection);
      webSocket.once("close", () => this.#open.delete(connection));
      connection.start(request, serve);
    });
  }

  /** Closes every connection with the error, and resolves when all are gone. */
  async close(error: JoineryError): Promise<void> {
    const gone = [...this.#open].map((connection) => connection.closeAndWait(error));
    await Promise.all(gone);
  }
}

class WebSocketConnection implements Connection, Outbox {
  readonly id: number;
  readonly #options: WebSocketTransportOptions;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  #driver: DialectDriver | null = null;
  #pauses = 0;

  constructor(options: WebSocketTransportOptions, webSocket: WebSocket, socket: Socket) {
    this.id = options.connections.nextId();
    this.#options = options;
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  start(request: IncomingMessage, serve: { path: string; principal: Principal; start: DriverFactory }): void {
    const { rooms, connections, report } = this.#options;
    const webSocket = this.#webSocket;
    // ws has closed the connection, with the right code, when it emits an error.
    webSocket.on("error", (error) => this.#refused(fromWsError(error)));
    try {
      connections.add(this);
      this.#driver = serve.start({ rooms, outbox: this, principal: serve.principal, path: serve.path });
    } catch (error) {
      connections.remove(this);
      this.#fail(error);
      return;
    }
    report({
      type: "connected",
      connection: this.id,
      path: serve.path,
      address: request.socket.remoteAddress ?? "",
    });
    webSocket.on("message", (data, isBinary) => this.#receive(data as Buffer, isBinary));
    webSocket.once("close", (closeCode) => this.#gone(closeCode));
    this.#socket.on("drain", () => this.#drive((driver) => driver.drained()));
  }

  // What the engine does.

  get bufferedBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  get remainingBytes(): number {
    // `bufferedAmount` falls only when a whole write is done, which for a large document may take minutes. Node's
    // own socket timeout looks at the same number.
    const { _handle } = this.#socket as { _handle?: { writeQueueSize?: number } | null };
    return this.bufferedBytes + (_handle?.writeQueueSize ?? 0);
  }

  send(frames: readonly Uint8Array[]): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    // Corked, the frames of one tick leave in one system call.
    this.#socket.cork();
    for (const frame of frames) this.#webSocket.send(frame, BINARY);
    this.#socket.uncork();
  }

  pauseInput(): void {
    if (this.#pauses++ === 0) this.#webSocket.pause();
  }

  resumeInput(): void {
    if (--this.#pauses === 0) this.#webSocket.resume();
  }

  close(error: JoineryError): void {
    // The closing handshake has to be read.
    if (this.#pauses > 0) this.#webSocket.resume();
    this.#webSocket.close(error.row.closeCode, shorten(error.publicMessage));
  }

  closeAndWait(error: JoineryError): Promise<void> {
    return new Promise((resolve) => {
      if (this.#webSocket.readyState === this.#webSocket.CLOSED) return resolve();
      this.#webSocket.once("close", () => resolve());
      this.close(error);
    });
  }

  // What the connection store does.

  get receivedBytes(): number {
    return this.#socket.bytesRead;
  }

  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  keepAlive(): void {
    this.#driver?.keepAlive();
  }

  terminate(): void {
    this.#options.report({ type: "connection-dead", connection: this.id });
    this.#webSocket.terminate();
  }

  // What the socket does.

  #receive(data: Buffer, isBinary: boolean): void {
    this.#drive((driver) => {
      if (!isBinary) throw new JoineryError("MALFORMED_FRAME", "text frames are not part of this dialect");
      // Not the Buffer: its `slice` shares memory where that of a Uint8Array copies.
      driver.receive(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    });
  }

  /** Calls the dialect. What it throws ends this connection and nothing else. */
  #drive(input: (driver: DialectDriver) => void): void {
    if (this.#driver === null || this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    try {
      input(this.#driver);
    } catch (error) {
      this.#fail(error);
    }
  }

  #gone(closeCode: number): void {
    this.#options.connections.remove(this);
    this.#driver?.closed();
    this.#options.report({ type: "disconnected", connection: this.id, closeCode });
  }

  #fail(thrown: unknown): void {
    const error = toJoineryError(thrown);
    this.#refused(error);
    this.close(error);
  }

  #refused(error: JoineryError): void {
    this.#options.report({ type: "connection-refused", connection: this.id, error });
  }
}

const BINARY = { binary: true };

/** ws names its errors by a code; those without one come from the socket, which broke. */
function fromWsError(error: Error & { code?: string }): JoineryError {
  if (error.code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
    return new JoineryError("MESSAGE_TOO_LARGE", "message is over the limit", { cause: error });
  }
  const isProtocol = error.code?.startsWith("WS_ERR_") ?? false;
  return new JoineryError(isProtocol ? "MALFORMED_FRAME" : "CONNECTION_LOST", error.message, {
    cause: error,
  });
}

/** Cuts a message to what fits into a close frame, at a character's end. */
function shorten(message: string): string {
  const bytes = Buffer.from(message);
  if (bytes.length <= MAX_REASON_BYTES) return message;
  let end = MAX_REASON_BYTES;
  while (((bytes[end] as number) & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end).toString();
}
