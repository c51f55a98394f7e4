/**
 * The dialect of the `y-websocket` provider: one connection for each document, whose name is the URL's path. A
 * message is one frame: a kind, then
 *
 *   0 sync       0 step 1: state vector │ 1 step 2: update │ 2 update
 *   1 awareness  awareness update
 *   2 auth       0 denied: reason       (server to client only)
 *   3 query      nothing                (asks for awareness)
 *
 * Source: the y-protocols package's PROTOCOL.md, sync.js, awareness.js and auth.js.
 */

import {
  ByteReader,
  type ErrorCode,
  JoineryError,
  type LimitName,
  type Limits,
  lengthPrefix,
  lengthPrefixed,
  parseDocumentName,
  publicMessageOf,
} from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { Clock, Dialect, Outbox } from "../engine/ports.ts";
import type { Permission } from "../engine/rights.ts";
import type { Session } from "../engine/session.ts";
import { Backlog } from "./backlog.ts";
import { type DialectDriver, type DriverContext, type DriverFactory, openSession } from "./driver.ts";
import { Entrance } from "./entrance.ts";
import { withVerifiedUsers } from "./verified-users.ts";

const SYNC = 0;
const AWARENESS = 1;
const AUTH = 2;
const QUERY_AWARENESS = 3;

const STEP_1 = 0;
const STEP_2 = 1;
const UPDATE = 2;

const PERMISSION_DENIED = 0;

/** Who may not write may still read. */
const READ_ONLY: ReadonlySet<ErrorCode> = new Set(["PERMISSION_DENIED", "DOCUMENT_DAMAGED", "DOCUMENT_FULL"]);

/** What the engine says, as frames. It has few words, and none for "saved". */
export const Y_WEBSOCKET = {
  name: "y-websocket",
  skipsOwn: true,
  opened: () => null,
  update: (update: Uint8Array) => lengthPrefixed([SYNC, UPDATE], update),
  // The provider calls itself synced at the first step 2, so that is what the last piece is sent as.
  catchUp: (update: Uint8Array, isLast: boolean) => lengthPrefixed([SYNC, isLast ? STEP_2 : UPDATE], update),
  catchUpHead: (bytes: number, isLast: boolean) => lengthPrefix([SYNC, isLast ? STEP_2 : UPDATE], bytes),
  caughtUp: () => null,
  ask: (stateVector: Uint8Array) => lengthPrefixed([SYNC, STEP_1], stateVector),
  ack: () => null,
  presence: (update: Uint8Array) => lengthPrefixed([AWARENESS], update),
  durable: () => null,
  signal: () => null,
  seed: () => null,
  // For people; it has no word for being allowed to write again.
  permission: (permission: Permission, reason: string) =>
    permission === "read" ? lengthPrefixed([AUTH, PERMISSION_DENIED], encodeUtf8(reason)) : null,
  refused: (error: JoineryError) =>
    READ_ONLY.has(error.code)
      ? lengthPrefixed([AUTH, PERMISSION_DENIED], encodeUtf8(publicMessageOf(error)))
      : null,
  notice: () => null,
} satisfies Dialect;

const Y_WEBSOCKET_WITH_USERS: Dialect = {
  ...Y_WEBSOCKET,
  presence: (update, users) => lengthPrefixed([AWARENESS], withVerifiedUsers(update, users)),
};

/** An awareness update with no entries: the provider gives a connection up that was silent for 30 s. */
const KEEP_ALIVE = lengthPrefixed([AWARENESS], Uint8Array.of(0));

export interface YWebsocketDriverOptions {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly onLimit: (limit: LimitName) => void;
  /**
   * Whether presence says whom the server takes its sender for: in dialects without a word for that, by the property
   * `verifiedUser` of the state. Default: no.
   */
  readonly showsUsers?: boolean;
}

/** Serves y-websocket connections. What a client shows came with its request. */
export function yWebsocketDriver(options: YWebsocketDriverOptions): DriverFactory {
  return (context) => new YWebsocketDriver(context, options);
}

const ASKS_FOR_NOTHING = (): void => undefined;

class YWebsocketDriver implements DialectDriver {
  readonly #outbox: Outbox;
  /** Until the client is in and nothing waits any more. */
  #entrance: Entrance<Uint8Array> | null;
  #session: Session | null = null;

  constructor(context: DriverContext, options: YWebsocketDriverOptions) {
    const { clock, limits, showsUsers = false } = options;
    const { admissions, outbox, request } = context;
    const backlog = new Backlog(outbox, "maxUnadmittedBytes", options);
    const document = parseDocumentName(decodePath(context.path), limits.maxNameBytes);
    const dialect = showsUsers ? Y_WEBSOCKET_WITH_USERS : Y_WEBSOCKET;
    this.#outbox = outbox;
    this.#entrance = new Entrance({
      admissions,
      clock,
      limits,
      onWaiting: (bytes) => backlog.changed(bytes),
      admit: (admission) => {
        this.#session = openSession(context, { document, dialect, outbox }, admission);
      },
      refuse: (error) => outbox.close(error),
      handle: (message) => this.#receive(message),
      fail: (error) => outbox.close(error),
    });
    this.#entrance.ask({
      connection: request,
      document,
      dialect: Y_WEBSOCKET.name,
      token: request.token,
      agent: null,
      requestToken: ASKS_FOR_NOTHING,
    });
  }

  receive(message: Uint8Array): void {
    const entrance = this.#entrance;
    if (entrance?.isWaiting) {
      // What waits must not keep a larger buffer in memory that it is a view into.
      const own = new Uint8Array(message);
      entrance.give(own, own.length);
      return;
    }
    this.#entrance = null;
    this.#receive(message);
  }

  #receive(message: Uint8Array): void {
    if (this.#session === null) return;
    const session = this.#session;
    const reader = new ByteReader(message, "frame", "MALFORMED_FRAME");
    const kind = reader.varUint();
    switch (kind) {
      case SYNC:
        receiveSync(session, reader);
        break;
      case AWARENESS:
        session.presence(reader.lastBytes());
        break;
      case QUERY_AWARENESS:
        reader.end();
        session.queryPresence();
        break;
      default:
        reader.fail(`frame of kind ${kind} is unknown`);
    }
  }

  drained(): void {
    this.#session?.drained();
  }

  keepAlive(): void {
    this.#outbox.send([KEEP_ALIVE]);
  }

  goAway(): void {
    // Its clients are told by the close code alone.
  }

  failing(): void {
    // As above.
  }

  closed(): void {
    this.#entrance?.close();
    this.#session?.left();
  }
}

function receiveSync(session: Session, reader: ByteReader): void {
  const step = reader.varUint();
  switch (step) {
    case STEP_1:
      session.sync(reader.lastBytes());
      break;
    case STEP_2:
      session.answer(reader.lastBytes());
      break;
    case UPDATE:
      session.update(reader.lastBytes());
      break;
    default:
      reader.fail(`sync step ${step} is unknown`);
  }
}

/**
 * The document that a path names. It is decoded once, so that `a%2Fb` and `a/b` are one document, as browsers
 * treat them.
 *
 * @throws JoineryError INVALID_NAME (never retry).
 */
function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch (cause) {
    throw new JoineryError("INVALID_NAME", "document name is not percent-encoded UTF-8", { cause });
  }
}
