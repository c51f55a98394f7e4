import { JoineryError, toJoineryError } from "@joinery/shared";
import type { CompactionOptions, Journal } from "./journal.ts";
import type { Clock, Log } from "./ports.ts";
import type { Replicas } from "./replicas.ts";

/**
 * Folds logs into snapshots, one document after the other: each takes CPU in proportion to its document. Writers
 * do not wait; what they append meanwhile stays in the log.
 */
export class Compactions {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #replicas: Replicas;
  readonly #options: CompactionOptions;
  /** Those that wait for their turn; a journal stands in it once. */
  readonly #queue = new Set<Journal>();
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

  /** The journal's room ended. */
  cancel(journal: Journal): void {
    this.#queue.delete(journal);
  }

  /** Starts no more; one that is under way finishes. */
  stop(): void {
    this.#isStopped = true;
    this.#queue.clear();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (const journal of this.#queue) {
      this.#queue.delete(journal);
      await this.#compact(journal);
    }
    this.#isRunning = false;
  }

  /** Never rejects: a log that could not be folded stays as it is, and is tried again when it has doubled. */
  async #compact(journal: Journal): Promise<void> {
    const { document, seq } = journal;
    const startMs = this.#clock.monotonicMs();
    try {
      const snapshot = this.#replicas.use(journal).snapshot();
      if (!snapshot) {
        throw new JoineryError("INTERNAL", "the snapshot differs from the document that it was made of");
      }
      // What goes on is what was read back from the bytes that go to disk.
      this.#replicas.replace(journal, snapshot.replica);
      await journal.compact({ seq, time: this.#clock.now(), update: snapshot.update });
      const ms = this.#clock.monotonicMs() - startMs;
      this.#log.report({ type: "compacted", document, seq, bytes: snapshot.update.length, ms });
    } catch (thrown) {
      journal.postponeCompaction();
      this.#log.report({ type: "compaction-failed", document, error: toJoineryError(thrown) });
    }
  }
}
