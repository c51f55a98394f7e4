import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Incoming, Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { Connection } from "./connection.ts";

/** Somebody who types what is given, one update after the other. */
export class Typist {
  /** Whether the server says what is in the log, and on disk. */
  readonly acknowledges: boolean;
  readonly #wire: Wire;
  readonly #updates: readonly Uint8Array[];
  #connection: Connection | null = null;
  #hasJoined = false;
  #sent = 0;
  #received = 0;
  #durable = 0;

  constructor(wire: Wire, updates: readonly Uint8Array[]) {
    this.#wire = wire;
    this.#updates = updates;
    this.acknowledges = wire.subprotocol !== undefined;
  }

  async join(port: number): Promise<void> {
    const connection = await Connection.open(port, this.#wire, (incoming) => this.#receive(incoming));
    this.#connection = connection;
    await waitUntil(
      () => {
        connection.assertWell();
        return this.#hasJoined;
      },
      JOIN_TIMEOUT_MS,
      () => "a typist who connected was not given the document",
    );
  }

  get connection(): Connection {
    if (this.#connection === null) throw new Error("the typist has not joined");
    return this.#connection;
  }

  get hasMore(): boolean {
    return this.#sent < this.#updates.length;
  }

  /** Whether the last edit is not known to be in the log, of a server that says so. */
  get isWaiting(): boolean {
    return this.acknowledges && this.#received < this.#sent;
  }

  /** Whether all is known to be on disk, of a server that says so. */
  get isDone(): boolean {
    return !this.acknowledges || this.#durable === this.#sent;
  }

  type(): void {
    this.connection.assertWell();
    this.connection.send(this.#wire.update(this.#updates[this.#sent++] as Uint8Array));
  }

  close(): void {
    this.#connection?.close();
  }

  #receive(incoming: Incoming): void {
    if (incoming.kind === "joined") this.#hasJoined = true;
    else if (incoming.kind === "received") this.#received = incoming.upTo;
    else if (incoming.kind === "durable") this.#durable = incoming.upTo;
  }
}
