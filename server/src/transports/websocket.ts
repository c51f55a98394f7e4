/**
 * WebSocket connections on `ws`: takes an HTTP upgrade and moves messages between the socket and a dialect. A
 * request that cannot be served is accepted first and then closed, because a browser shows a page the close code and
 * reason of a WebSocket, but nothing of a failed handshake.
 */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { JoineryError, Limits } from "@joinery/shared";
import { type Server, WebSocketServer } from "ws";
import type { Clock } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import { Addresses } from "./addresses.ts";
import { BudgetTerms, CONNECTION_BUDGET } from "./budget.ts";
import type { ConnectionEvent } from "./connection-events.ts";
import type { Connections } from "./connections.ts";
import { Framing } from "./framing.ts";
import { destroyItself } from "./half-open.ts";
import type { LimitHits } from "./limit-hits.ts";
import { LinkedWebSocket } from "./linked-socket.ts";
import { UnfinishedMessages } from "./unfinished-messages.ts";
import { type ConnectionContext, type Serve, WebSocketConnection } from "./websocket-connection.ts";

export interface WebSocketTransportOptions {
  readonly clock: Clock;
  readonly rooms: Rooms;
  readonly connections: Connections;
  readonly limits: Limits;
  readonly hits: LimitHits;
  readonly report: (event: ConnectionEvent) => void;
  /** Which of the subprotocols that a client offers is agreed on; `null` for none. Default: the first one. */
  readonly chooseSubprotocol?: (offered: Iterable<string>) => string | null;
}

/** How long a client may take to answer a close before its socket is cut. */
const CLOSE_TIMEOUT_MS = 2_000;

export class WebSocketTransport {
  readonly #context: ConnectionContext;
  readonly #server: Server<typeof LinkedWebSocket>;
  readonly #open = new Set<WebSocketConnection>();
  /** The first one was refused first. */
  readonly #refused = new Set<WebSocketConnection>();

  constructor(options: WebSocketTransportOptions) {
    const { limits, chooseSubprotocol } = options;
    this.#context = {
      ...options,
      addresses: new Addresses(options),
      unfinished: new UnfinishedMessages(options),
      connectionBudget: new BudgetTerms(options.clock, limits, CONNECTION_BUDGET),
      framing: new Framing(),
      closed: (connection) => {
        this.#open.delete(connection);
        this.#refused.delete(connection);
      },
    };
    const serverOptions = {
      noServer: true,
      WebSocket: LinkedWebSocket,
      clientTracking: false,
      // Updates are small and dense already: compression costs 300 KB a connection and gains little.
      perMessageDeflate: false,
      maxPayload: limits.maxMessageBytes,
      maxFragments: limits.maxMessageFragments,
      maxBufferedChunks: limits.maxMessageChunks,
      // ws would cut who pings too fast without a word; the connection answers by itself and counts them.
      autoPong: false,
      closeTimeout: CLOSE_TIMEOUT_MS,
      ...(chooseSubprotocol && {
        handleProtocols: (offered: Set<string>) => chooseSubprotocol(offered) ?? false,
      }),
    };
    this.#server = new WebSocketServer(serverOptions);
  }

  /** Turns an HTTP upgrade request into a connection that speaks the given dialect. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, serve: Serve): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      // Now ws listens.
      socket.off("error", destroyItself);
      const connection = new WebSocketConnection(this.#context, webSocket, request);
      // Nothing that stays may be made here: it would keep the request in memory.
      this.#open.add(connection);
      if (!connection.start(serve)) this.#refuse(connection);
    });
  }

  #refuse(connection: WebSocketConnection): void {
    this.#refused.add(connection);
    const [first] = this.#refused;
    if (first === undefined || this.#refused.size <= this.#context.limits.maxRefusedConnections) return;
    this.#context.hits.count("maxRefusedConnections");
    this.#refused.delete(first);
    first.cut();
  }

  /** Tells every client to come back after so many milliseconds and a random part of more, where its dialect can. */
  goAway(afterMs: number, withinMs: number): void {
    for (const connection of this.#open) connection.goAway(afterMs, withinMs);
  }

  /** Closes every connection with the error, and resolves when all are gone. */
  async close(error: JoineryError): Promise<void> {
    const gone = [...this.#open].map((connection) => connection.closeAndWait(error));
    await Promise.all(gone);
  }
}
