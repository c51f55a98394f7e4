import type { JoineryError } from "@joinery/shared";

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: JoineryError) => void;
}

/** Those who wait until a part of one document's log is on disk: one entry each, as long as a write takes. */
export class DurableWaiters {
  #waiters: Waiter[] = [];

  /** Resolves when everything up to `seq` is on disk; rejects when the room ends before. */
  wait(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, resolve, reject });
    });
  }

  durable(seq: number): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.seq > seq);
    for (const waiter of waiters) if (waiter.seq <= seq) waiter.resolve();
  }

  end(error: JoineryError): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
