import { type JoineryError, type LimitName, limitNamed, toJoineryError } from "@joinery/shared";
import type { Outbox } from "../engine/ports.ts";
import type { OpenRequest, Rooms } from "../engine/rooms.ts";
import type { Leaver, Session } from "../engine/session.ts";
import { type Admission, type Admissions, type ConnectionRequest, openingAs } from "./admission.ts";

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
  readonly admissions: Admissions;
  readonly request: ConnectionRequest;
  /** The request's path after the first slash, still percent-encoded, without the query. */
  readonly path: string;
  /** The WebSocket subprotocol that was agreed on; absent for none. */
  readonly subprotocol?: string;
  /** Absent where nobody counts. */
  readonly documents?: DocumentQuota;
}

/** What a dialect knows of a session that it opens; the rest is of the admission and the connection. */
export type SessionRequest = Omit<OpenRequest, "author" | "rights" | "guest" | "peer" | "leaver">;

/**
 * Opens a document for a connection that was let in; it counts until its session has ended.
 *
 * @param onLimit Told what was reached, where a refusal ends the document alone: of a connection's end others know.
 * @throws JoineryError TOO_MANY_DOCUMENTS (backoff), as `Rooms.open`, and as `Admission.enter`.
 */
export function openSession(
  { rooms, documents, request: from }: DriverContext,
  request: SessionRequest,
  admission: Admission,
  onLimit: (limit: LimitName) => void = () => undefined,
): Session {
  let isCounted = false;
  const open = (leaver: Leaver) => {
    const peer = { connection: from.number, correlation: from.id };
    const both = documents ? new CountedLeaver(documents, leaver) : leaver;
    return rooms.open({ ...request, ...openingAs(admission), peer, leaver: both });
  };
  try {
    documents?.open();
    isCounted = true;
    return admission.enter ? admission.enter(open) : open(NOBODY_ASKS);
  } catch (thrown) {
    if (isCounted) documents?.close();
    const limit = limitNamed(toJoineryError(thrown).limit);
    if (limit !== null) onLimit(limit);
    throw thrown;
  }
}

const NOBODY_ASKS: Leaver = { left: () => undefined };

/** Closes the document where it counts, too. A class, and no closure: nothing of how a session was opened may stay with it. */
class CountedLeaver implements Leaver {
  readonly #documents: DocumentQuota;
  readonly #leaver: Leaver;

  constructor(documents: DocumentQuota, leaver: Leaver) {
    this.#documents = documents;
    this.#leaver = leaver;
  }

  left(): void {
    this.#documents.close();
    this.#leaver.left();
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
