import { decodeAwareness, inspectUpdate } from "@joinery/shared";
import { JOIN_TIMEOUT_MS } from "../config.ts";
import type { Incoming, Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import type { Actor } from "./actor.ts";
import { Connection } from "./connection.ts";
import { type Ledger, Progress } from "./ledger.ts";

/** What the clients of a room have sent. */
export interface Ledgers {
  readonly edits: Ledger;
  readonly presence: Ledger;
}

/**
 * One simulated person. Every client reads every update's clock ranges, so that an edit that does not arrive
 * somewhere is found; presence is decoded by the sampled clients only, the others count its frames.
 */
export class Client<A extends { readonly id: number } = Actor> {
  readonly actor: A;
  readonly edits: Progress;
  readonly presence: Progress | null;
  /** All updates received, in order, where the run replays them afterwards. */
  readonly updates: Uint8Array[] = [];
  readonly #wire: Wire;
  readonly #ledgers: Ledgers;
  readonly #keepsUpdates: boolean;
  #connection: Connection | null = null;
  #joined = false;

  constructor(actor: A, wire: Wire, ledgers: Ledgers, options: { sampled: boolean; keepsUpdates: boolean }) {
    this.actor = actor;
    this.#wire = wire;
    this.#ledgers = ledgers;
    this.edits = new Progress(ledgers.edits, actor.id);
    this.presence = options.sampled ? new Progress(ledgers.presence, actor.id) : null;
    this.#keepsUpdates = options.keepsUpdates;
  }

  /** Connects and waits for the document's state. @param from As in {@link Connection.open}. */
  async join(port: number, from?: string): Promise<void> {
    this.#connection = await Connection.open(port, this.#wire, (incoming) => this.#receive(incoming), from);
    this.#joined = this.#wire.joinsUnasked === true;
    await waitUntil(
      () => {
        this.assertWell();
        return this.#joined;
      },
      JOIN_TIMEOUT_MS,
      () => "a client that connected was not given the document",
    );
  }

  /** Sends a frame that holds this client's next edit or presence. */
  send(kind: "edit" | "presence", frame: Uint8Array): void {
    const ledger = kind === "edit" ? this.#ledgers.edits : this.#ledgers.presence;
    ledger.send(this.actor.id, performance.now());
    this.connection.send(frame);
  }

  get connection(): Connection {
    if (this.#connection === null) throw new Error("the client has not joined");
    return this.#connection;
  }

  /** @throws Error when something that arrived was wrong, or the connection is closed. */
  assertWell(): void {
    this.#connection?.assertWell();
  }

  close(): void {
    this.#connection?.close();
  }

  #receive(incoming: Incoming): void {
    switch (incoming.kind) {
      case "joined":
        this.#joined = true;
        break;
      case "catch-up":
      case "update":
        this.#receiveUpdate(incoming.update);
        break;
      case "presence":
        this.#receivePresence(incoming.update);
        break;
      case "received":
      case "durable":
        break;
    }
  }

  #receiveUpdate(update: Uint8Array): void {
    const nowMs = performance.now();
    for (const { client, start, end } of inspectUpdate(update).structs) {
      this.edits.receive(client, start, end, nowMs);
    }
    if (this.#keepsUpdates) this.updates.push(Uint8Array.from(update));
  }

  #receivePresence(update: Uint8Array): void {
    if (this.presence === null) return;
    const nowMs = performance.now();
    for (const { clientId, clock } of decodeAwareness(update)) {
      // A state stands for all before it, and clocks start at 1.
      this.presence.receive(clientId, 0, clock, nowMs);
    }
  }
}
