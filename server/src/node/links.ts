/** How clients come to the engine: by WebSockets, whoever's HTTP server these come by, and in the same process. */

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { CAPABILITIES } from "@joinery/shared/protocol";
import type { Rooms } from "../engine/rooms.ts";
import { clientAddress } from "../http/address.ts";
import { correlationOf } from "../http/correlation.ts";
import { handshakeToken } from "../http/handshake-token.ts";
import { originOf, type RequestRule } from "../http/origin.ts";
import type { Watching } from "../metrics/watching.ts";
import type { Admissions } from "../protocols/admission.ts";
import { bySubprotocol, chooseSubprotocol } from "../protocols/by-subprotocol.ts";
import type { DriverFactory } from "../protocols/driver.ts";
import { Connections, type HeartbeatOptions } from "../transports/connections.ts";
import type { LimitHits } from "../transports/limit-hits.ts";
import { type Connect, Loopback } from "../transports/loopback.ts";
import { WebSocketTransport } from "../transports/websocket.ts";
import { pathOf } from "./attached-servers.ts";
import { SYSTEM_CLOCK } from "./clock.ts";
import type { ServerEvent } from "./log.ts";
import type { ResolvedOptions } from "./options.ts";

/** A restart takes about a second; then they come one after the other. */
const GO_AWAY = { afterMs: 1_000, withinMs: 4_000 };

export interface LinksOptions {
  readonly rooms: Rooms;
  readonly admissions: Admissions;
  readonly limits: Limits;
  readonly hits: LimitHits;
  readonly heartbeat: HeartbeatOptions;
  readonly trustProxy: ResolvedOptions["trustProxy"];
  /** Whether clients are told who others are: where somebody is asked who they are. */
  readonly showsUsers: boolean;
  readonly onDialect: Watching["onDialect"];
  readonly onLimit: (limit: LimitName) => void;
  readonly report: (event: ServerEvent) => void;
}

/** A request for a WebSocket. */
export interface Handshake {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The part of its path before the document's name; ends with a slash. */
  readonly prefix: string;
  /** Whether its page may connect. */
  readonly isAllowed: RequestRule;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #connections: Connections;
  readonly #transport: WebSocketTransport;
  readonly #start: DriverFactory;
  readonly #loopback: Loopback;

  constructor(options: LinksOptions) {
    const { rooms, admissions, limits, hits, heartbeat, showsUsers, onLimit, report } = options;
    this.#options = options;
    this.#connections = new Connections({
      clock: SYSTEM_CLOCK,
      heartbeat,
      maxConnections: limits.maxConnections,
    });
    this.#transport = new WebSocketTransport({
      clock: SYSTEM_CLOCK,
      hits,
      rooms,
      connections: this.#connections,
      limits,
      chooseSubprotocol,
      report,
    });
    this.#start = bySubprotocol(
      {
        clock: SYSTEM_CLOCK,
        limits,
        agent: "joinery",
        keepAliveMs: heartbeat.intervalMs,
        capabilities: CAPABILITIES.deflate,
        showsUsers,
        onLimit,
      },
      options.onDialect,
    );
    this.#loopback = new Loopback({ clock: SYSTEM_CLOCK, rooms, limits, admissions, start: this.#start });
  }

  get connect(): Connect {
    return this.#loopback.connect;
  }

  /** Connections by WebSocket. */
  get count(): number {
    return this.#connections.count;
  }

  /** Connections in the same process. */
  get loopbackCount(): number {
    return this.#loopback.open.size;
  }

  /** Requests over HTTP are numbered with them. */
  nextId(): number {
    return this.#connections.nextId();
  }

  accept({ request, socket, head, prefix, isAllowed }: Handshake): void {
    const { trustProxy, admissions } = this.#options;
    this.#transport.accept(request, socket, head, {
      path: pathOf(request).slice(prefix.length),
      address: clientAddress(request, trustProxy),
      token: handshakeToken(request),
      correlation: correlationOf(request, trustProxy),
      admissions,
      start: isAllowed(request) ? this.#start : () => refuseOrigin(originOf(request)),
    });
  }

  /** The server is about to stop: tells everybody when to come back. */
  goAway(): void {
    const { afterMs, withinMs } = GO_AWAY;
    this.#transport.goAway(afterMs, withinMs);
    for (const connection of this.#loopback.open) connection.goAway(afterMs, withinMs);
  }

  /** Closes every connection with the error; resolves when all are gone. */
  async close(error: JoineryError): Promise<void> {
    await this.#transport.close(error);
    this.#loopback.close(error);
  }
}

/** Stands in for a dialect where a page of another site tries to connect. */
function refuseOrigin(origin = "a browser under another name of the host"): never {
  throw new JoineryError(
    "PERMISSION_DENIED",
    `pages of other sites may not connect; the option "origins" says whose may: this is ${origin}`,
  );
}
