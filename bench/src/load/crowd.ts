import * as prng from "lib0/prng";
import * as Y from "yjs";
import { DRAIN_TIMEOUT_MS, JOIN_TIMEOUT_MS } from "../config.ts";
import type { Wire } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { Client } from "./client.ts";
import { Connection } from "./connection.ts";
import { inGroups } from "./in-groups.ts";
import { Ledger } from "./ledger.ts";
import { Overwriter } from "./overwriter.ts";

export interface CrowdLoad {
  readonly writers: number;
  readonly readers: number;
  readonly valueBytes: number;
  /** How far the slowest of those who read may be behind before the writers wait for it. */
  readonly maxBytesInFlight: number;
}

type Onlooker = Client<{ readonly id: number }>;

/**
 * Writers that go as fast as the server and all who read, some readers, and one client that may be told not to
 * read: nobody waits for that one.
 */
export class Crowd {
  readonly edits = new Ledger();
  readonly presence = new Ledger();
  readonly slowOne: Onlooker;
  readonly #dialect: () => Wire;
  readonly #maxEditsInFlight: number;
  readonly #writers: readonly Overwriter[];
  /** Those who read: the writers, in the same order, and the readers. */
  readonly #live: readonly Onlooker[];
  readonly #wires: readonly Wire[];

  /** @param dialect Makes an end of the protocol, for the one document. */
  constructor(dialect: () => Wire, load: CrowdLoad, random: prng.PRNG) {
    this.#dialect = dialect;
    this.#maxEditsInFlight = load.maxBytesInFlight / load.valueBytes;
    const nextId = () => prng.uint32(random, 1, 2 ** 32 - 1);
    this.#writers = Array.from(
      { length: load.writers },
      () => new Overwriter(nextId(), load.valueBytes, random),
    );
    const readers = Array.from({ length: load.readers }, () => ({ id: nextId() }));
    const member = (actor: { readonly id: number }, wire: Wire, keepsUpdates: boolean) =>
      new Client(actor, wire, this, { sampled: false, keepsUpdates });
    this.#wires = this.#writers.map(() => dialect());
    this.#live = [...this.#writers, ...readers].map((actor, i) =>
      member(actor, this.#wires[i] ?? dialect(), false),
    );
    this.slowOne = member({ id: nextId() }, dialect(), true);
  }

  async join(port: number): Promise<void> {
    const all = [...this.#live, this.slowOne];
    await inGroups(all, (client) => client.join(port));
  }

  /** Makes that many edits, and resolves when all who read have them: with the seconds that it took. */
  async play(edits: number): Promise<number> {
    const startMs = performance.now();
    const goal = this.edits.total + edits;
    while (this.edits.total < goal) {
      while (this.edits.total < goal && this.#missing() < this.#maxEditsInFlight) {
        const next = this.edits.total % this.#writers.length;
        const update = (this.#writers[next] as Overwriter).overwrite();
        (this.#live[next] as Onlooker).send("edit", (this.#wires[next] as Wire).update(update));
      }
      await new Promise((resolve) => setImmediate(resolve));
      this.#assertWell();
    }
    await this.#settled(() => this.#missing());
    return (performance.now() - startMs) / 1000;
  }

  /** Resolves when the client that may not read has everything too. */
  async slowOneSettled(): Promise<void> {
    await this.#settled(() => this.slowOne.edits.missing);
  }

  /** From now on those who read time every edit, into the list that this returns. */
  sampleLatencies(): number[] {
    const latenciesMs: number[] = [];
    for (const { edits } of this.#live) edits.latenciesMs = latenciesMs;
    return latenciesMs;
  }

  /** Frames and bytes that the server has sent to those who read. */
  received(): { readonly frames: number; readonly bytes: number } {
    const total = { frames: 0, bytes: 0 };
    for (const { connection } of this.#live) {
      total.frames += connection.frames;
      total.bytes += connection.bytes;
    }
    return total;
  }

  /**
   * Compares what was written last with what the client that did not read was sent, and with what somebody who
   * joins now is given; both as Yjs reads them.
   *
   * @throws Error saying which of them differs.
   */
  async verify(port: number): Promise<void> {
    const slow = new Y.Doc();
    for (const update of this.slowOne.updates) Y.applyUpdate(slow, update);
    if (!this.#isWhole(slow)) throw new Error("the client that did not read has not what was written");
    const newcomer = new Y.Doc();
    const connection = await Connection.open(port, this.#dialect(), (incoming) => {
      if (incoming.kind === "catch-up" || incoming.kind === "update")
        Y.applyUpdate(newcomer, incoming.update);
    });
    try {
      await waitUntil(
        () => {
          connection.assertWell();
          return this.#isWhole(newcomer);
        },
        JOIN_TIMEOUT_MS,
        () => "a newcomer has not what was written",
      );
    } finally {
      connection.close();
    }
  }

  close(): void {
    for (const client of [...this.#live, this.slowOne]) client.close();
  }

  #isWhole(doc: Y.Doc): boolean {
    return this.#writers.every((writer) => writer.isLastIn(doc));
  }

  /** Edits that the slowest of those who read has not got. */
  #missing(): number {
    return Math.max(...this.#live.map(({ edits }) => edits.missing));
  }

  async #settled(missing: () => number): Promise<void> {
    await waitUntil(
      () => {
        this.#assertWell();
        return missing() === 0;
      },
      DRAIN_TIMEOUT_MS,
      () => `${missing()} deliveries are still missing`,
    );
  }

  #assertWell(): void {
    for (const client of [...this.#live, this.slowOne]) client.assertWell();
  }
}
