import type { LimitName, Limits } from "@joinery/shared";
import type { Outbox } from "../engine/ports.ts";

/** What backlogs of all connections have in common. */
export interface BacklogTerms {
  readonly limits: Limits;
  readonly onLimit: (limit: LimitName) => void;
}

/** Bytes of a connection that wait for something: above a bound it is not read. */
export class Backlog {
  readonly #outbox: Pick<Outbox, "pauseInput" | "resumeInput">;
  readonly #terms: BacklogTerms;
  readonly #limit: LimitName;
  #bytes = 0;
  #isFull = false;

  /** @param limit How many bytes may wait. */
  constructor(outbox: Pick<Outbox, "pauseInput" | "resumeInput">, limit: LimitName, terms: BacklogTerms) {
    this.#outbox = outbox;
    this.#limit = limit;
    this.#terms = terms;
  }

  /** So many bytes more wait (positive), or wait no more (negative). */
  changed(bytes: number): void {
    this.#bytes += bytes;
    const isFull = this.#bytes > this.#terms.limits[this.#limit];
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    if (!isFull) this.#outbox.resumeInput();
    else {
      this.#terms.onLimit(this.#limit);
      this.#outbox.pauseInput();
    }
  }
}
