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
  lengthPrefixed,
  parseDocumentName,
  publicMessageOf,
} from "@joinery/shared";
import { encodeUtf8 } from "lib0/string";
import type { Dialect } from "../engine/ports.ts";
import type { Session } from "../engine/session.ts";
import { type DialectDriver, type DriverContext, type DriverFactory, openSession } from "./driver.ts";

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
  opened: () => null,
  update: (update: Uint8Array) => lengthPrefixed([SYNC, UPDATE], update),
  // The provider calls itself synced at the first step 2, so that is what the last piece is sent as.
  catchUp: (update: Uint8Array, isLast: boolean) => lengthPrefixed([SYNC, isLast ? STEP_2 : UPDATE], update),
  caughtUp: () => null,
  ask: (stateVector: Uint8Array) => lengthPrefixed([SYNC, STEP_1], stateVector),
  ack: () => null,
  presence: (update: Uint8Array) => lengthPrefixed([AWARENESS], update),
  durable: () => null,
  signal: () => null,
  seed: () => null,
  permission: () => null,
  refused: (error: JoineryError) =>
    READ_ONLY.has(error.code)
      ? lengthPrefixed([AUTH, PERMISSION_DENIED], encodeUtf8(publicMessageOf(error)))
      : null,
  notice: () => null,
} satisfies Dialect;

/** An awareness update with no entries: the provider gives a connection up that was silent for 30 s. */
const KEEP_ALIVE = lengthPrefixed([AWARENESS], Uint8Array.of(0));

/** Serves one y-websocket connection. @param maxNameBytes Longest document name in bytes. */
export function yWebsocketDriver(maxNameBytes: number): DriverFactory {
  return (context) => new YWebsocketDriver(context, maxNameBytes);
}

class YWebsocketDriver implements DialectDriver {
  readonly #context: DriverContext;
  readonly #session: Session;

  constructor(context: DriverContext, maxNameBytes: number) {
    this.#context = context;
    this.#session = openSession(context, {
      document: parseDocumentName(decodePath(context.path), maxNameBytes),
      dialect: Y_WEBSOCKET,
      outbox: context.outbox,
      author: context.principal.author,
      permission: context.principal.permission,
    });
  }

  receive(message: Uint8Array): void {
    const reader = new ByteReader(message, "frame", "MALFORMED_FRAME");
    const kind = reader.varUint();
    switch (kind) {
      case SYNC:
        this.#receiveSync(reader);
        break;
      case AWARENESS:
        this.#session.presence(reader.lastBytes());
        break;
      case QUERY_AWARENESS:
        reader.end();
        this.#session.queryPresence();
        break;
      default:
        reader.fail(`frame of kind ${kind} is unknown`);
    }
  }

  drained(): void {
    this.#session.drained();
  }

  keepAlive(): void {
    this.#context.outbox.send([KEEP_ALIVE]);
  }

  goAway(): void {
    // Its clients are told by the close code alone.
  }

  failing(): void {
    // As above.
  }

  closed(): void {
    this.#session.left();
    this.#context.documents?.close();
  }

  #receiveSync(reader: ByteReader): void {
    const step = reader.varUint();
    switch (step) {
      case STEP_1:
        this.#session.sync(reader.lastBytes());
        break;
      case STEP_2:
        this.#session.answer(reader.lastBytes());
        break;
      case UPDATE:
        this.#session.update(reader.lastBytes());
        break;
      default:
        reader.fail(`sync step ${step} is unknown`);
    }
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
