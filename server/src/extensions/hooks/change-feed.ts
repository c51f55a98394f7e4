import type { DocumentName } from "@joinery/shared";
import type { AppendedBatch } from "../../engine/flushes.ts";
import { mergeUpdates } from "../../engine/merge.ts";
import type { ObservedRoom } from "../../engine/observer.ts";
import type { HookCalls } from "./calls.ts";
import type { DocumentChange, Hooks } from "./hooks.ts";

/** Batches that one call is to tell. */
interface Waiting {
  readonly lineage: string;
  readonly firstSeq: number;
  seq: number;
  time: number;
  readonly updates: Uint8Array[];
  readonly authors: Set<string>;
}

export interface ChangeFeedOptions {
  readonly hooks: Pick<Hooks, "change">;
  readonly calls: HookCalls;
  /** Calls that may wait for those before them, a document. */
  readonly maxWaiting: number;
  /** So many wait that those that come are put together. */
  readonly onLimit: () => void;
}

/** Tells the application what was written, document by document: in order, one call after the other. */
export class ChangeFeed {
  readonly #options: ChangeFeedOptions;
  /** Of rooms: what is not on disk yet. */
  readonly #undurable = new WeakMap<ObservedRoom, Waiting[]>();
  /** What waits to be told, and, as the first, what is being told. It may be of a room that has ended. */
  readonly #queues = new Map<DocumentName, Waiting[]>();
  #idle: PromiseWithResolvers<void> | null = null;

  constructor(options: ChangeFeedOptions) {
    this.#options = options;
  }

  appended(room: ObservedRoom, { seq, time, update, parts }: AppendedBatch): void {
    const authors = new Set(parts.map(({ author }) => author));
    const batch = { lineage: room.lineage, firstSeq: seq, seq, time, updates: [update], authors };
    const batches = this.#undurable.get(room);
    if (batches) batches.push(batch);
    else this.#undurable.set(room, [batch]);
  }

  durable(room: ObservedRoom, seq: number): void {
    const batches = this.#undurable.get(room) ?? [];
    const queue = this.#queues.get(room.document) ?? [];
    const isBusy = queue.length > 0;
    while (batches[0] && batches[0].seq <= seq) this.#enqueue(queue, batches.shift() as Waiting);
    if (isBusy || queue.length === 0) return;
    this.#queues.set(room.document, queue);
    void this.#run(room.document, queue);
  }

  /** Resolves when everything was told. */
  async whenIdle(): Promise<void> {
    if (this.#queues.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #enqueue(queue: Waiting[], batch: Waiting): void {
    const last = queue.at(-1);
    // The first is being told already.
    if (queue.length <= this.#options.maxWaiting || last?.lineage !== batch.lineage) {
      queue.push(batch);
      return;
    }
    this.#options.onLimit();
    last.seq = batch.seq;
    last.time = batch.time;
    last.updates.push(...batch.updates);
    for (const author of batch.authors) last.authors.add(author);
  }

  async #run(document: DocumentName, queue: Waiting[]): Promise<void> {
    for (let next = queue[0]; next; next = queue[0]) {
      const waiting = next;
      await this.#options.calls.tell("change", document, () => {
        return this.#options.hooks.change?.(toChange(document, waiting));
      });
      queue.shift();
    }
    this.#queues.delete(document);
    if (this.#queues.size > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }
}

function toChange(document: DocumentName, waiting: Waiting): DocumentChange {
  const { lineage, firstSeq, seq, time, updates, authors } = waiting;
  return { document, lineage, firstSeq, seq, time, update: mergeUpdates(updates), authors: [...authors] };
}
