import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Incoming, Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { Actor } from "./actor.ts";
import { Connection } from "./connection.ts";

/** Somebody who makes the next edit only when the last one is known to be on disk. */
export class DurableWriter {
  readonly actor: Actor;
  readonly #wire: Wire;
  #connection: Connection | null = null;
  #hasJoined = false;
  #sent = 0;
  #durable = 0;
  #sentAtMs = 0;
  #onDurable: (ms: number) => void = () => undefined;

  constructor(id: number, wire: Wire) {
    this.actor = new Actor(id);
    this.#wire = wire;
  }

  /** Edits that are on disk. */
  get durable(): number {
    return this.#durable;
  }

  get isDone(): boolean {
    return this.#durable === this.#sent;
  }

  /** Connects and waits for the document's state. */
  async join(port: number): Promise<void> {
    const connection = await Connection.open(port, this.#wire, (incoming) => this.#receive(incoming));
    this.#connection = connection;
    await waitUntil(
      () => {
        connection.assertWell();
        return this.#hasJoined;
      },
      JOIN_TIMEOUT_MS,
      () => "a writer that connected was not given the document",
    );
  }

  /** @param onDurable Told once, with the milliseconds from its sending until the edit was known to be on disk. */
  edit(onDurable: (ms: number) => void): void {
    const frame = this.#wire.update(this.actor.type());
    this.#onDurable = onDurable;
    this.#sent++;
    this.#sentAtMs = performance.now();
    this.connection.send(frame);
  }

  get connection(): Connection {
    if (this.#connection === null) throw new Error("the writer is not connected");
    return this.#connection;
  }

  close(): void {
    this.#connection?.close();
  }

  #receive(incoming: Incoming): void {
    if (incoming.kind === "joined") this.#hasJoined = true;
    if (incoming.kind !== "durable" || incoming.upTo === this.#durable) return;
    // Who waits for each has sent just one that is not: anything else says "on disk" of what was never sent.
    if (this.isDone || incoming.upTo !== this.#sent)
      throw new Error(`told that ${incoming.upTo} edits are on disk, of ${this.#sent}`);
    this.#durable = incoming.upTo;
    this.#onDurable(performance.now() - this.#sentAtMs);
  }
}
