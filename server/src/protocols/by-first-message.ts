/**
 * Which dialect a connection without a subprotocol of ours speaks: its first message tells, which every client sends
 * by itself.
 *
 *   0 …             y-websocket: a sync message. To Hocuspocus it would be the empty name, which no document has
 *   1 …             y-websocket, unless it is a whole message to a name of one byte and no awareness update
 *   one byte        y-websocket: 3 alone asks for presence. Hocuspocus has no such message with a name
 *   anything else   Hocuspocus: the length of a name
 *
 * An awareness update that is a message to a name, too, would have as many bytes as the name's character has for a
 * number, and a token that is written like entries of presence: no provider begins like that. A message that is neither
 * is left to either to refuse.
 */

import { ByteReader, decodeAwareness, JoineryError } from "@joinery/shared";
import type { DialectDriver, DriverContext, DriverFactory } from "./driver.ts";
import { readMessage } from "./hocuspocus/messages.ts";

export interface ByFirstMessage {
  readonly yWebsocket: DriverFactory;
  readonly hocuspocus: DriverFactory;
}

/** Serves each connection in the dialect that its first message is of. */
export function byFirstMessage(drivers: ByFirstMessage): DriverFactory {
  return (context) => new FirstMessageDriver(context, drivers);
}

const SYNC = 0;
const AWARENESS = 1;

/** The dialect of a connection whose first message this is. Total: any bytes are one or the other. */
export function dialectOf(message: Uint8Array): keyof ByFirstMessage {
  const [first] = message;
  if (message.length <= 1 || first === SYNC) return "yWebsocket";
  if (first !== AWARENESS) return "hocuspocus";
  return !decodes(message, readAwareness) && decodes(message, readShortName) ? "hocuspocus" : "yWebsocket";
}

function decodes(message: Uint8Array, read: (reader: ByteReader) => void): boolean {
  try {
    read(new ByteReader(message, "first message", "MALFORMED_FRAME"));
    return true;
  } catch (thrown) {
    if (thrown instanceof JoineryError) return false;
    throw thrown;
  }
}

/** A kind and an awareness update, however large. */
function readAwareness(reader: ByteReader): void {
  reader.skip(1);
  decodeAwareness(reader.lastBytes(), Number.POSITIVE_INFINITY);
}

/** A message of Hocuspocus to a name that is no control character. */
function readShortName(reader: ByteReader): void {
  if (reader.varString() < " ") reader.fail("no document has such a name");
  readMessage(reader);
}

class FirstMessageDriver implements DialectDriver {
  /** Until the first message. */
  #context: DriverContext | null;
  readonly #drivers: ByFirstMessage;
  #driver: DialectDriver | null = null;

  constructor(context: DriverContext, drivers: ByFirstMessage) {
    this.#context = context;
    this.#drivers = drivers;
  }

  receive(message: Uint8Array): void {
    if (this.#context !== null) {
      const context = this.#context;
      this.#context = null;
      this.#driver = this.#drivers[dialectOf(message)](context);
    }
    this.#driver?.receive(message);
  }

  get hasRest(): boolean {
    return this.#driver?.hasRest === true;
  }

  goOn(): void {
    this.#driver?.goOn?.();
  }

  drained(): void {
    this.#driver?.drained();
  }

  keepAlive(): void {
    this.#driver?.keepAlive();
  }

  goAway(afterMs: number, withinMs: number): void {
    this.#driver?.goAway(afterMs, withinMs);
  }

  failing(error: JoineryError): void {
    this.#driver?.failing(error);
  }

  closed(): void {
    this.#driver?.closed();
  }
}
