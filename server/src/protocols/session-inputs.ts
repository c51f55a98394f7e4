import type { Session } from "../engine/session.ts";
import type { Deliveries, Waiter } from "./turn.ts";

export interface SessionInputsLink {
  readonly deliveries: Deliveries;
  /** Bytes that wait for a session (positive), or wait no more (negative). */
  waitingChanged(bytes: number): void;
}

interface WaitingInput {
  readonly bytes: number;
  readonly input: (session: Session) => void;
}

/** What an input takes besides its bytes. */
const OVERHEAD_BYTES = 64;

/**
 * What a client sends to one of the documents of its connection. While the session is not there, or lets nothing in
 * because its room is loading or busy, it waits here, so that the connection's other documents go on.
 */
export class SessionInputs implements Waiter {
  readonly #link: SessionInputsLink;
  #session: Session | null = null;
  #pauses = 0;
  /** Most of the time nothing waits. */
  #waiting: WaitingInput[] | null = null;
  #isEnded = false;

  constructor(link: SessionInputsLink) {
    this.#link = link;
  }

  /** `null` until there is one. */
  get session(): Session | null {
    return this.#session;
  }

  /** Whether what is given now has to wait. */
  get isWaiting(): boolean {
    return this.#session === null || this.#pauses > 0 || this.#waiting !== null;
  }

  /** The session is there. */
  start(session: Session): void {
    this.#session = session;
    this.#deliverIfReady();
  }

  /**
   * Gives an input to the session, when that lets it in.
   *
   * @param bytes What it keeps in memory while it waits.
   */
  give(bytes: number, input: (session: Session) => void): void {
    if (this.#isEnded) return;
    if (this.#session && !this.isWaiting) {
      input(this.#session);
      return;
    }
    const waiting = { bytes: bytes + OVERHEAD_BYTES, input };
    this.#waiting ??= [];
    this.#waiting.push(waiting);
    this.#link.waitingChanged(waiting.bytes);
  }

  pause(): void {
    this.#pauses++;
  }

  resume(): void {
    this.#pauses--;
    // Not now: whoever resumes has more to do before it is ready for what comes.
    this.#deliverIfReady();
  }

  /** Gives the session what has waited, as long as it lets it in. */
  deliver(turn: { readonly isOver: boolean }): boolean {
    while (this.#pauses === 0 && this.#session) {
      const next = this.#waiting?.shift();
      if (this.#waiting?.length === 0) this.#waiting = null;
      if (!next) break;
      this.#link.waitingChanged(-next.bytes);
      next.input(this.#session);
      if (turn.isOver) return this.#waiting === null;
    }
    return true;
  }

  /** Drops what waits and what comes. */
  end(): void {
    this.#isEnded = true;
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const { bytes } of waiting) this.#link.waitingChanged(-bytes);
  }

  #deliverIfReady(): void {
    if (this.#session && this.#pauses === 0 && this.#waiting !== null) this.#link.deliveries.add(this);
  }
}
