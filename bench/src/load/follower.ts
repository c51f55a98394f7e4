import { inspectUpdate } from "@joinery/shared";
import { CONNECT_TOGETHER, DRAIN_TIMEOUT_MS, JOIN_TIMEOUT_MS } from "../config.ts";
import type { Multiplexed } from "../dialects/dialect.ts";
import { waitUntil } from "../wait.ts";
import { Connection, type Heard } from "./connection.ts";
import { type Ledger, Progress } from "./ledger.ts";

/** Nobody writes under this id. */
const NOBODY = -1;

/** One document of a follower. */
interface Followed {
  readonly edits: Progress;
  /** All that was received, in order. */
  readonly updates: Uint8Array[];
  isJoined: boolean;
}

/** One client that has many documents open on one connection, and reads. */
export class Follower {
  readonly #wire: Multiplexed;
  readonly #documents: readonly Followed[];
  #connection: Connection | null = null;

  /** @param ledgers What is sent to each of the documents, in their order. */
  constructor(wire: Multiplexed, ledgers: readonly Ledger[]) {
    this.#wire = wire;
    this.#documents = ledgers.map((ledger) => ({
      edits: new Progress(ledger, NOBODY),
      updates: [],
      isJoined: false,
    }));
  }

  /** Connects and opens the documents, so many at a time: servers bound how many may wait to be let in. */
  async join(port: number): Promise<void> {
    const connection = await Connection.openMany(port, this.#wire, (document, incoming) => {
      this.#receive(this.#documents[document] as Followed, incoming);
    });
    this.#connection = connection;
    for (const [i] of this.#documents.entries()) {
      for (const frame of this.#wire.open(i)) connection.send(frame);
      const isGroup = (i + 1) % CONNECT_TOGETHER === 0 || i + 1 === this.#documents.length;
      if (isGroup) await this.#joined(i + 1);
    }
  }

  async #joined(count: number): Promise<void> {
    const left = () => this.#documents.slice(0, count).filter(({ isJoined }) => !isJoined).length;
    await this.#until(left, JOIN_TIMEOUT_MS, "documents were not given");
  }

  /** Waits until every edit of every document is here. */
  async settled(): Promise<void> {
    const missing = () => this.#documents.reduce((sum, { edits }) => sum + edits.missing, 0);
    await this.#until(missing, DRAIN_TIMEOUT_MS, "edits are still missing");
  }

  /** From now on what is received is timed, into the list that this returns. */
  sampleLatencies(): readonly number[] {
    const latenciesMs: number[] = [];
    for (const { edits } of this.#documents) edits.latenciesMs = latenciesMs;
    return latenciesMs;
  }

  /** Frames and bytes that the server has sent so far. */
  received(): { readonly frames: number; readonly bytes: number } {
    if (this.#connection === null) throw new Error("the follower has not joined");
    const { frames, bytes } = this.#connection;
    return { frames, bytes };
  }

  /** What came of one document, by its index. */
  updatesOf(document: number): readonly Uint8Array[] {
    return (this.#documents[document] as Followed).updates;
  }

  close(): void {
    this.#connection?.close();
  }

  async #until(left: () => number, timeoutMs: number, what: string): Promise<void> {
    const isDone = () => {
      this.#connection?.assertWell();
      return left() === 0;
    };
    await waitUntil(isDone, timeoutMs, () => `${left()} ${what}`);
  }

  #receive(document: Followed, incoming: Heard): void {
    if (incoming.kind === "joined") document.isJoined = true;
    if (incoming.kind !== "update" && incoming.kind !== "catch-up") return;
    const nowMs = performance.now();
    for (const { client, start, end } of inspectUpdate(incoming.update).structs) {
      document.edits.receive(client, start, end, nowMs);
    }
    document.updates.push(Uint8Array.from(incoming.update));
  }
}
