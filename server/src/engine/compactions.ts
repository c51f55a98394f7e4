import { JoineryError, toJoineryError } from "@joinery/shared";
import type { CompactionOptions, Journal } from "./journal.ts";
import type { Clock, Log, Replicas } from "./ports.ts";

/**
 * Folds logs into snapshots, one document after the other: each takes CPU in proportion to its document, elsewhere.
 * Writers do not wait; what they append meanwhile stays in the log.
 */
export class Compactions {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #replicas: Replicas;
  readonly #options: CompactionOptions;
  /** Those that wait for their turn, once each, and who wants it whether it is due or not. */
  readonly #queue = new Map<Journal, PromiseWithResolvers<void> | null>();
  /** The one whose log is being folded, for as long as somebody wants it. */
  #folding: Journal | null = null;
  /** Who waits for that. */
  #asked: PromiseWithResolvers<void> | null = null;
  #isRunning = false;
  #isStopped = false;

  constructor(options: { clock: Clock; log: Log; replicas: Replicas; options: CompactionOptions }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#replicas = options.replicas;
    this.#options = options.options;
  }

  /** Folds the journal's log when its turn comes, if that is due. */
  consider(journal: Journal): void {
    if (this.#isStopped || this.#queue.has(journal)) return;
    if (!journal.isCompactionDue(this.#options)) {
      if (journal.isCompactionNear(this.#options)) this.#replicas.prepare?.();
      return;
    }
    this.#queue.set(journal, null);
    if (!this.#isRunning) void this.#run();
  }

  /**
   * Folds the journal's log when its turn comes, be it due or not. Rejects with what went wrong; with SERVER_DRAINING
   * (backoff) where its room ends before.
   */
  fold(journal: Journal): Promise<void> {
    if (this.#isStopped) return Promise.reject(letGo());
    const asked = this.#queue.get(journal) ?? Promise.withResolvers<void>();
    this.#queue.set(journal, asked);
    if (!this.#isRunning) void this.#run();
    return asked.promise;
  }

  /** The journal's room ended: from now on the document's log may be another room's. */
  cancel(journal: Journal): void {
    this.#queue.get(journal)?.reject(letGo());
    this.#queue.delete(journal);
    if (this.#folding === journal) this.#letGo();
  }

  /** Starts no more. A snapshot that is being written is finished, one that is not made yet is let go. */
  stop(): void {
    this.#isStopped = true;
    for (const asked of this.#queue.values()) asked?.reject(letGo());
    this.#queue.clear();
    this.#letGo();
  }

  #letGo(): void {
    this.#folding = null;
    this.#asked?.reject(letGo());
    this.#asked = null;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const [journal, asked] of this.#queue) {
      this.#queue.delete(journal);
      // It may have been due, or asked for, while its log was being folded.
      const isWanted = asked === null ? journal.isCompactionDue(this.#options) : journal.hasTail;
      if (isWanted) await this.#compact(journal, asked);
      else asked?.resolve();
    }
    this.#isRunning = false;
  }

  /** Never rejects: a log that could not be folded stays as it is, and is tried again when it has doubled. */
  async #compact(journal: Journal, asked: PromiseWithResolvers<void> | null): Promise<void> {
    const { document, seq } = journal;
    const startMs = this.#clock.monotonicMs();
    this.#folding = journal;
    this.#asked = asked;
    try {
      const update = await this.#replicas.fold(document, journal.wholeUpdates());
      if (this.#folding !== journal) return;
      await journal.compact({ seq, time: this.#clock.now(), update });
      const ms = this.#clock.monotonicMs() - startMs;
      this.#log.report({ type: "compacted", document, seq, bytes: update.length, ms });
      asked?.resolve();
    } catch (thrown) {
      // Who closed the replicas wants nothing of them.
      if (this.#folding !== journal) return;
      journal.postponeCompaction();
      asked?.reject(thrown);
      this.#log.report({ type: "compaction-failed", document, error: toJoineryError(thrown) });
    } finally {
      this.#folding = null;
      this.#asked = null;
    }
  }
}

function letGo(): JoineryError {
  return new JoineryError("SERVER_DRAINING", "the document's room ended before its log was folded");
}
