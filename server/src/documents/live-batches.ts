/**
 * The batches of one document's log, as those who follow it are told of them: read from what is on disk in pages of a
 * bounded size, and encoded once for all who are at the same place. The last ones stay, for who is a little behind.
 */

import { type DocumentName, toJoineryError } from "@joinery/shared";
import type { Lineage, LogEntry } from "../engine/ports.ts";
import { summarizeUpdate, type UpdateSummary } from "../inspect/log-entries.ts";
import type { DocumentSource } from "../inspect/source.ts";
import type { LiveEvent } from "./live-api.ts";
import type { ReadWorker } from "./reading.ts";

/** Of updates that are read at once; more where one batch has more. */
const MAX_PAGE_BYTES = 16 * 1024;
/** Of encoded events that are kept for who is a little behind. */
const MAX_KEPT_BYTES = 64 * 1024;
/** What is larger is looked at elsewhere: a megabyte takes 40 ms. */
const SMALL_BYTES = 64 * 1024;

export interface BatchesOptions {
  readonly document: DocumentName;
  readonly lineage: string;
  /** Whether what was written is told, too. */
  readonly hasUpdates: boolean;
  readonly log: Pick<DocumentSource, "log">;
  readonly worker: Pick<ReadWorker, "summarize">;
  readonly branchAt: (seq: number) => string;
  readonly encode: (event: LiveEvent) => Uint8Array;
}

/** What follows a place in the log. */
export interface Page {
  /** Encoded, at least one. */
  readonly events: readonly Uint8Array[];
  /** The last batch that they tell of. */
  readonly seq: number;
}

interface Told {
  readonly seq: number;
  readonly event: Uint8Array;
}

export class Batches {
  readonly #options: BatchesOptions;
  /** One after the other, without a hole. */
  readonly #kept: Told[] = [];
  #keptBytes = 0;
  /** The last one that is too large for that: the same bytes for who asks while somebody is still being sent it. */
  #large: { readonly seq: number; readonly event: WeakRef<Uint8Array> } | null = null;
  /** Pages that are being read, by the place that they follow. */
  readonly #reading = new Map<number, Promise<Page>>();

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /**
   * What comes after a batch.
   *
   * @param until The last batch that is on disk; after `seq`.
   * Rejects with DOCUMENT_DAMAGED, STORAGE_UNAVAILABLE (backoff).
   */
  async after(seq: number, until: number): Promise<Page> {
    const kept = this.#keptAfter(seq);
    if (kept !== null) return kept;
    const known = this.#reading.get(seq);
    if (known !== undefined) return await known;
    const page = this.#read(seq, until).finally(() => this.#reading.delete(seq));
    this.#reading.set(seq, page);
    return await page;
  }

  #keptAfter(seq: number): Page | null {
    const large = this.#large?.seq === seq + 1 ? this.#large.event.deref() : undefined;
    if (large !== undefined) return { events: [large], seq: seq + 1 };
    const at = seq + 1 - (this.#kept[0]?.seq ?? Number.POSITIVE_INFINITY);
    const told = at >= 0 ? this.#kept.slice(at) : [];
    const last = told.at(-1);
    return last ? { events: told.map(({ event }) => event), seq: last.seq } : null;
  }

  async #read(seq: number, until: number): Promise<Page> {
    const { document, log, encode } = this.#options;
    // What is read may be more than is known to be durable.
    const read = (await log.log(document, seq, MAX_PAGE_BYTES)).filter((entry) => entry.seq <= until);
    const told: Told[] = [];
    for (const entry of read) {
      const summaries = await this.#summaries(entry);
      told.push({ seq: entry.seq, event: encode(this.#batch(entry, summaries)) });
    }
    this.#keep(told);
    const events = told.map(({ event }) => event);
    // They are on disk, and not in the log: a snapshot stands for them.
    const foldedTo = (told[0]?.seq ?? until + 1) - 1;
    if (foldedTo > seq) events.unshift(encode(this.#gap(seq + 1, foldedTo)));
    return { events, seq: told.at(-1)?.seq ?? until };
  }

  async #summaries({ parts }: LogEntry): Promise<readonly UpdateSummary[]> {
    const updates = parts.map(({ update }) => update);
    if (updates.reduce((sum, { length }) => sum + length, 0) <= SMALL_BYTES)
      return updates.map(summarizeUpdate);
    const { worker, document } = this.#options;
    try {
      return await worker.summarize(document, updates);
    } catch (thrown) {
      // That it was written is worth more than what is in it.
      const { message: problem } = toJoineryError(thrown);
      return updates.map(() => ({ clients: [], structs: 0, inserted: 0, deleted: 0, problem }));
    }
  }

  #batch(entry: LogEntry, summaries: readonly UpdateSummary[]): LiveEvent {
    const { hasUpdates } = this.#options;
    return { type: "batch", revision: this.#revisionAt(entry.seq), entry, summaries, hasUpdates };
  }

  #gap(from: number, to: number): LiveEvent {
    return { type: "gap", revision: this.#revisionAt(to), from, to };
  }

  #revisionAt(seq: number) {
    const { lineage, branchAt } = this.#options;
    return { lineage: lineage as Lineage, branch: branchAt(seq), seq };
  }

  /** Keeps what is newer than what is kept, and of all the last ones. */
  #keep(told: readonly Told[]): void {
    for (const one of told) {
      const last = this.#kept.at(-1)?.seq;
      if (last !== undefined && one.seq <= last) continue;
      const isLarge = one.event.length > MAX_KEPT_BYTES;
      if (isLarge) this.#large = { seq: one.seq, event: new WeakRef(one.event) };
      if (isLarge || one.seq - 1 !== last) this.#forget(this.#kept.length);
      if (isLarge) continue;
      this.#kept.push(one);
      this.#keptBytes += one.event.length;
      while (this.#keptBytes > MAX_KEPT_BYTES) this.#forget(1);
    }
  }

  /** Lets go of the first ones. */
  #forget(count: number): void {
    for (const { event } of this.#kept.splice(0, count)) this.#keptBytes -= event.length;
  }
}
