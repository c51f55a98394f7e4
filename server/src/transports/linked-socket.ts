/**
 * How a WebSocket, and the socket below it, tell their connection what happens. There are thousands of idle ones, and
 * tables of listeners for each, with functions of its own, would be a good part of what they take.
 */

import type { Socket } from "node:net";
import { WebSocket } from "ws";
import { type MessageReceiver, readWholeMessages } from "./whole-messages.ts";
import { divertData, hearsNothing, type ReadByWs } from "./ws.ts";

/** Who is told. Messages that ws has read come as an event of its own. */
export interface SocketListener extends MessageReceiver {
  /** What ws says. @returns Whether nobody else need hear it. */
  hear(event: string | symbol, args: readonly unknown[]): boolean;
  /** So many bytes came, and all that they held was told. */
  bytesCame(bytes: number): void;
  /** The socket has room again. */
  hasDrained(): void;
}

export class LinkedWebSocket extends WebSocket {
  listener: SocketListener | null = null;

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const isHeard = this.listener?.hear(event, args) === true;
    // Who waits for the end of it listens.
    return isHeard && event !== "close" ? true : super.emit(event, ...args);
  }
}

const LINK = Symbol("WebSocket");

interface LinkedSocket extends Socket {
  [LINK]?: LinkedWebSocket;
}

/** The same for all. */
let readByWs: ReadByWs | null = null;

/** From now on what comes is told. */
export function link(socket: Socket, webSocket: LinkedWebSocket, listener: SocketListener): void {
  const linked: LinkedSocket = socket;
  linked[LINK] = webSocket;
  webSocket.listener = listener;
  const diverted = divertData(socket, onDivertedData);
  if (diverted !== null) readByWs = diverted;
  // After ws, which listens since before, has emitted what the bytes hold.
  else socket.on("data", onData);
  socket.on("drain", onDrain);
}

function onDivertedData(this: LinkedSocket, bytes: Buffer): void {
  const webSocket = this[LINK];
  const listener = webSocket?.listener;
  if (!webSocket || !listener) return;
  const read = readWholeMessages(bytes, listener);
  const rest = read === 0 ? bytes : bytes.subarray(read);
  if (rest.length > 0 && !hearsNothing(webSocket)) readByWs?.call(this, rest);
  listener.bytesCame(bytes.length);
}

function onData(this: LinkedSocket, bytes: Buffer): void {
  this[LINK]?.listener?.bytesCame(bytes.length);
}

function onDrain(this: LinkedSocket): void {
  this[LINK]?.listener?.hasDrained();
}
