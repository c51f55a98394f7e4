import type { JoineryError } from "@joinery/shared";
import type { Outbox } from "../engine/ports.ts";
import type { Rooms } from "../engine/rooms.ts";
import type { Admissions, ConnectionRequest } from "./admission.ts";

/** What a dialect is given to serve one connection. */
export interface DriverContext {
  readonly rooms: Rooms;
  readonly outbox: Outbox;
  readonly admissions: Admissions;
  readonly request: ConnectionRequest;
  /** The request's path after the first slash, still percent-encoded, without the query. */
  readonly path: string;
  /** The WebSocket subprotocol that was agreed on; absent for none. */
  readonly subprotocol?: string;
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
