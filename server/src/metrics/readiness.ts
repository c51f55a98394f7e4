/** Whether the server can do what it is for: what `/readyz` says, and a metric. */

import type { DocumentName } from "@joinery/shared";
import type { Clock, Storage, StorageHealth } from "../engine/ports.ts";

/** What can be wrong, as it is told. */
export type FailedCheck = "draining" | "starting" | "storage" | "disk";

export interface ReadinessOptions {
  readonly storage: () => Pick<Storage, "health" | "load">;
  readonly clock: Clock;
}

/** A storage that does not answer within this time, in milliseconds, is not there. */
const ANSWER_WITHIN_MS = 2_000;
/** A storage that cannot say how it is is not tried more often than this, in milliseconds. */
const TRY_EVERY_MS = 1_000;
/** Whether there is such a document does not matter. */
const ANY_DOCUMENT = "joinery-readiness" as DocumentName;

export class Readiness {
  readonly #options: ReadinessOptions;
  #isOpen = false;
  #isDraining = false;
  /** Whether it could read since it could not write; of a storage that cannot say how it is. */
  #isWriting = true;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  /** One question at a time, whoever asks. */
  #asking: Promise<StorageHealth> | null = null;

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  opened(): void {
    this.#isOpen = true;
  }

  draining(): void {
    this.#isDraining = true;
  }

  /** A batch could not be stored. */
  storageFailed(): void {
    this.#isWriting = false;
    this.#triedAtMs = this.#options.clock.monotonicMs();
  }

  /** What is wrong; empty when all is well. Never rejects. */
  async failedChecks(): Promise<readonly FailedCheck[]> {
    const failed: FailedCheck[] = this.#isDraining ? ["draining"] : [];
    if (!this.#isOpen) return [...failed, "starting"];
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = null;
    });
    const health = await this.#asking;
    if (health === "unavailable") failed.push("storage");
    if (health === "full") failed.push("disk");
    return failed;
  }

  async #ask(): Promise<StorageHealth> {
    const late = Promise.withResolvers<StorageHealth>();
    const timer = this.#options.clock.setTimer(ANSWER_WITHIN_MS, () => late.resolve("unavailable"));
    const answered = this.#health().catch((): StorageHealth => "unavailable");
    const health = await Promise.race([answered, late.promise]);
    timer.cancel();
    return health;
  }

  /**
   * A storage that cannot say how it is, and failed to write, is believed again when it can read: nobody is sent here to
   * write before that.
   */
  async #health(): Promise<StorageHealth> {
    const { clock } = this.#options;
    const storage = this.#options.storage();
    if (storage.health) return await storage.health();
    if (this.#isWriting) return "sound";
    const now = clock.monotonicMs();
    if (now - this.#triedAtMs < TRY_EVERY_MS) return "unavailable";
    this.#triedAtMs = now;
    await storage.load(ANY_DOCUMENT);
    this.#isWriting = true;
    return "sound";
  }
}
