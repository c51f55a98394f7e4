/**
 * Lets a client's inputs in one by one. While there is something to wait for, what arrives waits in order, and the
 * client is not read, so this is what had already arrived.
 */
export class Turnstile {
  readonly #reading: { pauseInput(): void; resumeInput(): void };
  #holds = 0;
  /** Most of the time nothing waits. */
  #inbox: (() => void)[] | null = null;
  #isClosed = false;

  constructor(reading: { pauseInput(): void; resumeInput(): void }) {
    this.#reading = reading;
  }

  /** Whether an input that comes now would run at once. */
  get isFree(): boolean {
    return !this.#isClosed && this.#holds === 0 && this.#inbox === null;
  }

  /** Runs an input when its turn has come, which may be at once; after {@link close}, never. */
  pass(input: () => void): void {
    if (this.#isClosed) return;
    if (this.#holds === 0 && this.#inbox === null) input();
    else {
      this.#inbox ??= [];
      this.#inbox.push(input);
    }
  }

  /** Lets nothing in until {@link release}; held twice, after the second. */
  hold(): void {
    this.#holds++;
    if (this.#holds === 1) this.#reading.pauseInput();
  }

  /** Lets in what has waited, in order, as far as nothing of it has to be waited for. */
  release(): void {
    if (this.#isClosed) return;
    this.#holds--;
    if (this.#holds > 0) return;
    this.#reading.resumeInput();
    while (this.#holds === 0) {
      const input = this.#inbox?.shift();
      if (this.#inbox?.length === 0) this.#inbox = null;
      if (!input) return;
      input();
    }
  }

  /** Drops what waits. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#inbox = null;
    if (this.#holds > 0) this.#reading.resumeInput();
  }
}
