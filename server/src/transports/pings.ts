import type { WebSocket } from "ws";

/**
 * The pings of one connection, in both directions. At most one of ours and one answer are on their way: those of a
 * peer that does not read would pile up without end.
 */
export class Pings {
  readonly #webSocket: WebSocket;
  #isPinging = false;
  #isAnswering = false;
  /** What to answer next. */
  #unanswered: Buffer | null = null;

  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket;
  }

  ping(): void {
    if (this.#isPinging || !this.#isOpen) return;
    this.#isPinging = true;
    this.#webSocket.ping(undefined, undefined, () => {
      this.#isPinging = false;
    });
  }

  /** Of those that come while an answer is on its way only the last one gets one, as RFC 6455, 5.5.3 allows. */
  answer(data: Buffer): void {
    if (!this.#isOpen) return;
    if (this.#isAnswering) {
      this.#unanswered = data;
      return;
    }
    this.#isAnswering = true;
    this.#webSocket.pong(data, undefined, () => {
      this.#isAnswering = false;
      const next = this.#unanswered;
      this.#unanswered = null;
      if (next !== null) this.answer(next);
    });
  }

  get #isOpen(): boolean {
    return this.#webSocket.readyState === this.#webSocket.OPEN;
  }
}
