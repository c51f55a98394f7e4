/** One WebSocket: its dialect's outbox on one side, a `ws` socket on the other. */

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import {
  JoineryError,
  type LimitName,
  type Limits,
  limitNamed,
  publicMessageOf,
  toJoineryError,
} from "@joinery/shared";
import { addressKey } from "../address-key.ts";
import type { Frame } from "../engine/frame.ts";
import type { Clock, Outbox, Timer } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import type { Admissions, ConnectionRequest } from "../protocols/admission.ts";
import type { DialectDriver, DriverFactory } from "../protocols/driver.ts";
import type { Addresses, Visit } from "./addresses.ts";
import { Budget, type BudgetTerms } from "./budget.ts";
import type { ConnectionEvent, ConnectionName } from "./connection-events.ts";
import type { Connection, Connections } from "./connections.ts";
import type { Framing } from "./framing.ts";
import { type GateActions, InputGate } from "./input-gate.ts";
import type { LimitHits } from "./limit-hits.ts";
import { type LinkedWebSocket, link, type SocketListener } from "./linked-socket.ts";
import { Pings } from "./pings.ts";
import type { Sender, UnfinishedMessages } from "./unfinished-messages.ts";
import { exceededLimit, fromWsError, isWithinMessage, maxNextMessageBytes, toCloseReason } from "./ws.ts";

/** What all connections of a transport share. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly rooms: Rooms;
  readonly connections: Connections;
  readonly addresses: Addresses;
  readonly unfinished: UnfinishedMessages;
  readonly limits: Limits;
  /** Of each connection. */
  readonly connectionBudget: BudgetTerms;
  readonly hits: LimitHits;
  readonly framing: Framing;
  readonly report: (event: ConnectionEvent) => void;
  /** The connection's socket is closed. */
  readonly closed: (connection: WebSocketConnection) => void;
}

/** What is kept of a request that nobody looks at. */
const NOTHING_SAID: Pick<ConnectionRequest, "url" | "headers"> = { url: "", headers: {} };

/** Who may use a connection, and what it is to speak. */
export interface Serve {
  /** The document's part of the request's path, still percent-encoded. */
  readonly path: string;
  /** The client's address, which need not be the socket's. */
  readonly address: string;
  /** What the client showed with its request; `null` for nothing. */
  readonly token: string | null;
  /** What the connection is called in the log. Default: a random UUID. */
  readonly correlation?: string;
  readonly admissions: Admissions;
  readonly start: DriverFactory;
}

export class WebSocketConnection implements Connection, Outbox, Sender, SocketListener {
  readonly id: number;
  readonly #context: ConnectionContext;
  readonly #webSocket: LinkedWebSocket;
  readonly #socket: Socket;
  #request: ConnectionRequest;
  readonly #gate: InputGate<WebSocketConnection>;
  readonly #pings: Pings;
  #driver: DialectDriver | null = null;
  #visit: Visit | null = null;
  #isClosing = false;
  /** Whether the bytes that just arrived ended a message. */
  #hasMessageEnded = false;
  #firstMessage: Timer | null = null;
  /** Limits for which it was. Most never are. */
  #slowedBy: Set<LimitName> | null = null;
  #probe: Timer | null = null;

  static readonly #gateActions: GateActions<WebSocketConnection> = {
    onLimit: (connection, limit) => connection.#slowed(limit),
    deliver: (connection, message) => connection.#drive((driver) => driver.receive(message)),
    hasRest: (connection) => connection.#driver?.hasRest === true,
    goOn: (connection) => connection.#drive((driver) => driver.goOn?.()),
    read: (connection, isReading) => connection.#read(isReading),
  };

  constructor(context: ConnectionContext, webSocket: LinkedWebSocket, request: IncomingMessage) {
    const { clock } = context;
    this.id = context.connections.nextId();
    this.#context = context;
    this.#webSocket = webSocket;
    this.#socket = request.socket;
    this.#request = {
      id: randomUUID(),
      number: this.id,
      address: request.socket.remoteAddress ?? "",
      url: request.url ?? "",
      headers: request.headers,
      token: null,
    };
    this.#pings = new Pings(webSocket);
    this.#gate = new InputGate<WebSocketConnection>({
      clock,
      owner: this,
      actions: WebSocketConnection.#gateActions,
      budget: new Budget(context.connectionBudget),
    });
  }

  /** @returns Whether it was let in; if not, it is closing. */
  start(serve: Serve): boolean {
    const { rooms, connections, addresses, hits, report } = this.#context;
    const { address, token, correlation = this.#request.id } = serve;
    this.#request = { ...this.#request, id: correlation, address, token };
    if (serve.admissions.ignoresRequests) this.#request = { ...this.#request, ...NOTHING_SAID };
    link(this.#socket, this.#webSocket, this);
    try {
      connections.add(this);
      this.#visit = addresses.enter(addressKey(address));
      const { budget, documents } = this.#visit;
      this.#gate.share(budget);
      const { admissions, path } = serve;
      const { protocol: subprotocol } = this.#webSocket;
      const request = this.#request;
      this.#driver = serve.start({ rooms, outbox: this, admissions, request, path, subprotocol, documents });
    } catch (thrown) {
      const error = toJoineryError(thrown);
      // The connection store is asked before, the document store after the address.
      if (error.code === "SERVER_FULL") hits.count(this.#visit === null ? "maxConnections" : "maxRooms");
      this.#leave();
      this.fail(error);
      return false;
    }
    report({ type: "connected", ...this.#name, path: serve.path, address });
    this.#expectFirstMessage();
    return true;
  }

  hear(event: string | symbol, [first, second]: readonly unknown[]): boolean {
    // reason: that is what ws emits these with.
    switch (event) {
      case "message":
        this.#receive(first as Buffer, second as boolean);
        return true;
      case "ping":
        this.#gate.control();
        this.#pings.answer(first as Buffer);
        return true;
      case "pong":
        this.#gate.control();
        return true;
      case "error":
        // ws has closed the connection, with the right code.
        this.#broke(first as Error);
        return true;
      case "close":
        this.#closed(first as number);
        return true;
      default:
        return false;
    }
  }

  #closed(closeCode: number): void {
    this.#firstMessage?.cancel();
    this.#probe?.cancel();
    this.#context.unfinished.end(this);
    this.#gate.end(() => this.#gone(closeCode));
    this.#context.closed(this);
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
    this.sendParts(frames);
  }

  sendParts(frames: readonly Frame[]): void {
    if (this.#isOpen) this.#context.framing.write(this.#socket, frames);
  }

  pauseInput(): void {
    this.#gate.hold();
  }

  resumeInput(): void {
    this.#gate.release();
  }

  probe(timeoutMs: number, onSilent: () => void): void {
    if (this.#probe !== null || !this.#isOpen) return;
    const { receivedBytes } = this;
    this.ping();
    this.#probe = this.#context.clock.setTimer(timeoutMs, () => {
      this.#probe = null;
      if (this.receivedBytes !== receivedBytes) return;
      // What is not read cannot be heard.
      if (this.isPaused) this.probe(timeoutMs, onSilent);
      else onSilent();
    });
  }

  close(error: JoineryError): void {
    if (this.#isClosing) return;
    this.#driver?.failing(error);
    this.#isClosing = true;
    this.#gate.discard();
    const { closeCode } = error.row;
    // 1006 says that there is nobody to send it to.
    if (closeCode === 1006) this.#webSocket.terminate();
    else this.#webSocket.close(closeCode, toCloseReason(publicMessageOf(error)));
  }

  closeAndWait(error: JoineryError): Promise<void> {
    return new Promise((resolve) => {
      const { readyState, CLOSED } = this.#webSocket;
      if (readyState !== CLOSED) this.#webSocket.once("close", () => resolve());
      this.close(error);
      if (readyState === CLOSED) resolve();
    });
  }

  // What the connection store does.

  get receivedBytes(): number {
    return this.#socket.bytesRead;
  }

  get isPaused(): boolean {
    return this.#gate.isClosed;
  }

  ping(): void {
    this.#pings.ping();
  }

  keepAlive(): void {
    // Whatever waits will be a sign of life when it is read.
    if (this.bufferedBytes === 0) this.#driver?.keepAlive();
  }

  /** The server is about to stop. */
  goAway(afterMs: number, withinMs: number): void {
    if (!this.#isClosing) this.#driver?.goAway(afterMs, withinMs);
  }

  terminate(): void {
    this.#context.report({ type: "connection-dead", ...this.#name });
    this.cut();
  }

  /** Ends the link without a word. */
  cut(): void {
    this.#isClosing = true;
    this.#gate.discard();
    this.#webSocket.terminate();
  }

  // What the socket does.

  get maxNextBytes(): number {
    return maxNextMessageBytes(this.#webSocket);
  }

  receiveMessage(message: Uint8Array): void {
    this.#messageCame();
    this.#gate.message(message);
  }

  bytesCame(bytes: number): void {
    this.#gate.bytes(bytes);
    const { unfinished } = this.#context;
    if (this.#hasMessageEnded) unfinished.end(this);
    this.#hasMessageEnded = false;
    if (this.#isOpen && isWithinMessage(this.#webSocket)) unfinished.grow(this, bytes);
  }

  hasDrained(): void {
    this.#drive((driver) => driver.drained());
  }

  #messageCame(): void {
    this.#hasMessageEnded = true;
    this.#firstMessage?.cancel();
    this.#firstMessage = null;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    this.#messageCame();
    if (!isBinary) this.fail(new JoineryError("MALFORMED_FRAME", "text frames are not part of this dialect"));
    // Not the Buffer: its `slice` shares memory where that of a Uint8Array copies.
    else this.#gate.message(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }

  #expectFirstMessage(): void {
    const { clock, limits, hits, unfinished } = this.#context;
    this.#firstMessage = clock.setTimer(limits.firstMessageTimeoutMs, () => {
      // It may have sent one that was not read yet, or be in the middle of a long one, which has a deadline of its own.
      if (this.#gate.isHeld || unfinished.has(this)) {
        this.#expectFirstMessage();
        return;
      }
      hits.count("firstMessageTimeoutMs");
      this.fail(new JoineryError("TOO_SLOW", `sent no message within ${limits.firstMessageTimeoutMs} ms`));
    });
  }

  #read(isReading: boolean): void {
    if (isReading) this.#webSocket.resume();
    else {
      this.#context.unfinished.excuse(this);
      this.#webSocket.pause();
    }
  }

  /** Calls the dialect. What it throws ends this connection and nothing else. */
  #drive(input: (driver: DialectDriver) => void): void {
    if (this.#driver === null || this.#isClosing) return;
    try {
      input(this.#driver);
    } catch (thrown) {
      const error = toJoineryError(thrown);
      // What a dialect throws is of the document store, as in `start`.
      if (error.code === "SERVER_FULL" && error.limit === null) this.#context.hits.count("maxRooms");
      this.fail(error);
    }
  }

  /** The socket is closed, and what came by it was dealt with. */
  #gone(closeCode: number): void {
    this.#leave();
    if (this.#driver === null) return;
    this.#driver.closed();
    this.#context.report({ type: "disconnected", ...this.#name, closeCode });
  }

  #leave(): void {
    this.#context.connections.remove(this);
    this.#visit?.leave();
  }

  fail(thrown: unknown): void {
    if (this.#isClosing) return;
    const error = toJoineryError(thrown);
    const limit = limitNamed(error.limit);
    if (limit !== null) this.#context.hits.count(limit);
    this.#refused(error);
    this.close(error);
  }

  #slowed(limit: LimitName): void {
    this.#context.hits.count(limit);
    if (this.#slowedBy?.has(limit)) return;
    this.#slowedBy ??= new Set();
    this.#slowedBy.add(limit);
    const { address } = this.#request;
    this.#context.report({ type: "connection-slowed", ...this.#name, address, limit });
  }

  #refused(error: JoineryError): void {
    const { address } = this.#request;
    this.#context.report({ type: "connection-refused", ...this.#name, address, error });
  }

  #broke(error: Error): void {
    const limit = exceededLimit(error);
    if (limit !== null) this.#context.hits.count(limit);
    this.#refused(fromWsError(error));
  }

  get #name(): ConnectionName {
    return { connection: this.id, correlation: this.#request.id };
  }

  get #isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }
}
