import type { Outbox } from "../engine/ports.ts";

/** Bytes of a connection that wait for something: above a bound it is not read. */
export class Backlog {
  readonly #outbox: Pick<Outbox, "pauseInput" | "resumeInput">;
  readonly #maxBytes: number;
  readonly #onFull: () => void;
  #bytes = 0;
  #isFull = false;

  constructor(outbox: Pick<Outbox, "pauseInput" | "resumeInput">, maxBytes: number, onFull: () => void) {
    this.#outbox = outbox;
    this.#maxBytes = maxBytes;
    this.#onFull = onFull;
  }

  /** So many bytes more wait (positive), or wait no more (negative). */
  changed(bytes: number): void {
    this.#bytes += bytes;
    const isFull = this.#bytes > this.#maxBytes;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    if (!isFull) this.#outbox.resumeInput();
    else {
      this.#onFull();
      this.#outbox.pauseInput();
    }
  }
}
