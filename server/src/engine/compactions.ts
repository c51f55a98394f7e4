import { toJoineryError } from "@joinery/shared";
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
  /** Those that wait for their turn; a journal stands in it once. */
  readonly #queue = new Set<Journal>();
  /** The one whose log is being folded, for as long as somebody wants it. */
  #folding: Journal | null = null;
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
    if (this.#isStopped || !journal.isCompactionDue(this.#options)) return;
    this.#queue.add(journal);
    if (!this.#isRunning) void this.#run();
  }

  /** The journal's room ended: from now on the document's log may be another room's. */
  cancel(journal: Journal): void {
    this.#queue.delete(journal);
    if (this.#folding === journal) this.#folding = null;
  }

  /** Starts no more. A snapshot that is being written is finished, one that is not made yet is let go. */
  stop(): void {
    this.#isStopped = true;
    this.#queue.clear();
    this.#folding = null;
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const journal of this.#queue) {
      this.#queue.delete(journal);
      // It may have been due because its log was just being folded.
      if (journal.isCompactionDue(this.#options)) await this.#compact(journal);
    }
    this.#isRunning = false;
  }

  /** Never rejects: a log that could not be folded stays as it is, and is tried again when it has doubled. */
  async #compact(journal: Journal): Promise<void> {
    const { document, seq } = journal;
    const startMs = this.#clock.monotonicMs();
    this.#folding = journal;
    try {
      const update = await this.#replicas.fold(document, journal.wholeUpdates());
      if (this.#folding !== journal) return;
      await journal.compact({ seq, time: this.#clock.now(), update });
      const ms = this.#clock.monotonicMs() - startMs;
      this.#log.report({ type: "compacted", document, seq, bytes: update.length, ms });
    } catch (thrown) {
      // Who closed the replicas wants nothing of them.
      if (this.#folding !== journal) return;
      journal.postponeCompaction();
      this.#log.report({ type: "compaction-failed", document, error: toJoineryError(thrown) });
    } finally {
      this.#folding = null;
    }
  }
}
