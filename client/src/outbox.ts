/**
 * The local edits of a document that are not known to be durable on the server. There is no other queue: what is not
 * acknowledged is the queue. Each edit is in one of three places, in the order in which it was made:
 *
 *   sent: goes under a number of this session; the server may have said at which `seq` of its log it is
 *   waiting: not sent in this session; merged when it is
 *
 * and leaves when the log is durable up to its `seq`. When a session ends, all of it waits again: a server that
 * crashed may have lost what it acknowledged, and Yjs takes nothing twice.
 */

import { MERGED_AT_ONCE } from "./limits.ts";
import { takeUpTo } from "./log-position.ts";
import { mergeUpdates } from "./merge.ts";

interface Chunk {
  readonly update: Uint8Array;
  /** How many edits are merged in it. */
  readonly edits: number;
  /** How many times it was merged. */
  readonly level: number;
}

/** What an ANSWER covers besides local edits: so many remote updates that may be lost, or the whole document. */
export interface Covers {
  readonly carried?: number;
  readonly everything?: true;
}

interface Sent extends Covers {
  readonly number: number;
  readonly chunks: readonly Chunk[];
  /** Where it is in the log; infinite before the server said so. */
  seq: number;
}

/** What has become durable. */
export interface Saved {
  readonly edits: number;
  readonly carried: number;
  readonly everything: boolean;
}

export class Outbox {
  #waiting: Chunk[] = [];
  #sent: Sent[] = [];
  /** What was the first answer of the last session, and did not get through whole. */
  #interrupted: Sent | null = null;
  #lastNumber = 0;

  /** Local edits that are not known to be durable, and their bytes. Cost: linear in pieces. */
  get unsaved(): { readonly count: number; readonly bytes: number } {
    const chunks = this.#all();
    return { count: editsIn(chunks), bytes: chunks.reduce((sum, { update }) => sum + update.length, 0) };
  }

  /** All that is unsaved. */
  get updates(): readonly Uint8Array[] {
    return this.#all().map(({ update }) => update);
  }

  add(update: Uint8Array): void {
    this.#waiting.push({ update, edits: 1, level: 0 });
    this.#fold();
  }

  /** Edits of an earlier run, made before all that were added. */
  restore(updates: readonly Uint8Array[]): void {
    const later = this.#waiting;
    this.#waiting = [];
    for (const update of updates) this.add(update);
    this.#waiting.push(...later);
  }

  /** A new session begins. @param keepsFirst Whether the first answer of the last one may go on where it was cut off. */
  restart(keepsFirst: boolean): void {
    if (!keepsFirst) this.abandonInterrupted();
    else if (!this.#interrupted && this.#sent[0]?.number === 1)
      this.#interrupted = this.#sent.shift() ?? null;
    this.#waiting = [...this.#sent.flatMap(({ chunks }) => chunks), ...this.#waiting];
    this.#sent = [];
    this.#lastNumber = 0;
  }

  /** The interrupted answer goes on as the first of this session; of the document another one follows. */
  resumeInterrupted(): void {
    if (!this.#interrupted) return;
    const { chunks, carried = 0 } = this.#interrupted;
    this.#lastNumber = 1;
    this.#sent.push({ number: 1, chunks, carried, seq: Number.POSITIVE_INFINITY });
    this.#interrupted = null;
  }

  abandonInterrupted(): void {
    if (this.#interrupted) this.#waiting = [...this.#interrupted.chunks, ...this.#waiting];
    this.#interrupted = null;
  }

  /** Takes all that waits as one UPDATE; `null` when nothing does. Cost: merges it. */
  take(): { number: number; update: Uint8Array } | null {
    const [first] = this.#waiting;
    if (!first) return null;
    const chunk = merged(this.#waiting, first.level);
    this.#waiting = [chunk];
    return { number: this.cover({}), update: chunk.update };
  }

  /** What waits leaves with an answer. @returns The answer's number. */
  cover(covers: Covers): number {
    const number = ++this.#lastNumber;
    this.#sent.push({ number, chunks: this.#waiting, seq: Number.POSITIVE_INFINITY, ...covers });
    this.#waiting = [];
    return number;
  }

  /** The number of an answer in which nothing is. */
  skip(): number {
    return ++this.#lastNumber;
  }

  /** What waits, for an answer that covers it. */
  get waiting(): readonly Uint8Array[] {
    return this.#waiting.map(({ update }) => update);
  }

  /** The server has all up to this number in its log, at `seq` or before. */
  acknowledged(number: number, seq: number): void {
    for (const sent of this.#sent) {
      if (sent.number > number) break;
      sent.seq = Math.min(sent.seq, seq);
    }
  }

  /** The server's log is durable up to `seq`. @returns What left the outbox. */
  durable(seq: number): Saved {
    const saved = takeUpTo(seq, this.#sent);
    return {
      edits: editsIn(saved.flatMap(({ chunks }) => chunks)),
      carried: saved.reduce((most, { carried = 0 }) => Math.max(most, carried), 0),
      everything: saved.some(({ everything }) => everything),
    };
  }

  #all(): readonly Chunk[] {
    const sent = this.#sent.flatMap(({ chunks }) => chunks);
    return [...(this.#interrupted?.chunks ?? []), ...sent, ...this.#waiting];
  }

  #fold(): void {
    const waiting = this.#waiting;
    for (;;) {
      const level = waiting.at(-1)?.level;
      const start = waiting.length - MERGED_AT_ONCE;
      // Levels never rise from the oldest to the newest, so those between are of this level too.
      if (level === undefined || waiting[start]?.level !== level) return;
      waiting.push(merged(waiting.splice(start), level + 1));
    }
  }
}

function merged(chunks: readonly Chunk[], level: number): Chunk {
  return { update: mergeUpdates(chunks.map(({ update }) => update)), edits: editsIn(chunks), level };
}

function editsIn(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { edits }) => sum + edits, 0);
}
