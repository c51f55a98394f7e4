import type { JoineryError } from "@joinery/shared";
import type { Author, Outbox } from "../engine/ports.ts";
import type { OpenRequest, Rooms } from "../engine/rooms.ts";
import type { Permission, Session } from "../engine/session.ts";

/** Who a connection is, and what it may do. Without authentication: nobody in particular, who may write. */
export interface Principal {
  readonly author: Author;
  readonly permission: Permission;
}

export const ANONYMOUS: Principal = { author: "", permission: "write" };

/** How many documents may be open from where a connection comes. */
export interface DocumentQuota {
  /** One more is being opened. @throws JoineryError TOO_MANY_DOCUMENTS (backoff); it does not count then. */
  open(): void;
  /** One of them is closed. */
  close(): void;
}

/** What a dialect is given to serve one connection. */
export interface DriverContext {
  readonly rooms: Rooms;
  readonly outbox: Outbox;
  readonly principal: Principal;
  /** The request's path after the first slash, still percent-encoded, without the query. */
  readonly path: string;
  /** The WebSocket subprotocol that was agreed on; absent for none. */
  readonly subprotocol?: string;
  /** Absent where nobody counts. */
  readonly documents?: DocumentQuota;
}

/** Opens a document for a connection. Whoever does calls `documents.close` when the session has ended. */
export function openSession({ rooms, documents }: DriverContext, request: OpenRequest): Session {
  documents?.open();
  try {
    return rooms.open(request);
  } catch (error) {
    documents?.close();
    throw error;
  }
}

/**
 * One connection's side of a dialect: takes the messages that its transport received and calls the engine. A
 * method that throws a JoineryError asks the transport to close the connection with it.
 */
export interface DialectDriver {
  /** One whole message. The bytes are the driver's: the transport does not use them again. */
  receive(message: Uint8Array): void;
  /** Whether a part of the last message was left for a later turn, because it takes long. Default: never. */
  readonly hasRest?: boolean;
  /** Goes on with that; called until there is no rest, before the next message is handed over. */
  goOn?(): void;
  /** The transport has sent all that was waiting. */
  drained(): void;
  /** Called now and then: says something, so that a client that watches for silence stays. */
  keepAlive(): void;
  /** The server is about to stop: the client is to come back after so many milliseconds and a random part of more. */
  goAway(afterMs: number, withinMs: number): void;
  /** The connection is about to be closed for this reason: the last that can be said. */
  failing(error: JoineryError): void;
  /** The connection is gone. */
  closed(): void;
}

/** Starts a dialect on a new connection. */
export type DriverFactory = (context: DriverContext) => DialectDriver;
