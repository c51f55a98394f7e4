/**
 * The way into one document: asks whether the client may open it, and keeps what the client sends until that is known.
 *
 *   waiting ──ask──> asking ──> in        waiting, asking ──> over: refused, too late, or the client is gone
 *
 * Where nobody has to be asked, all of it happens at once and nothing waits.
 */

import { JoineryError, type Limits, toJoineryError } from "@joinery/shared";
import type { Clock, Timer } from "../engine/ports.ts";
import type { Admission, AdmissionRequest, Admissions } from "./admission.ts";

export interface EntranceOptions<Message> {
  readonly admissions: Admissions;
  readonly clock: Pick<Clock, "setTimer">;
  readonly limits: Pick<Limits, "maxUnadmittedBytes" | "admissionTimeoutMs">;
  /** So many bytes more wait (positive), or wait no more (negative). */
  readonly onWaiting: (bytes: number) => void;
  /** Opens the session; what it throws is a refusal. Called before anything is handed on. */
  readonly admit: (admission: Admission) => void;
  /** It was refused, or took too long, where that was not known at once. */
  readonly refuse: (error: JoineryError) => void;
  /** Takes what the client sent, in order. */
  readonly handle: (message: Message, bytes: number) => void;
  /** What `handle` threw of something that had waited: nobody else is there to catch it. */
  readonly fail: (error: JoineryError) => void;
}

interface Waiting<Message> {
  readonly message: Message;
  readonly bytes: number;
}

/** What a message takes besides its bytes. */
const OVERHEAD_BYTES = 64;

export class Entrance<Message> {
  readonly #options: EntranceOptions<Message>;
  #state: "waiting" | "asking" | "in" | "over" = "waiting";
  #waiting: Waiting<Message>[] = [];
  #waitingBytes = 0;
  #deadline: Timer | null = null;

  constructor(options: EntranceOptions<Message>) {
    this.#options = options;
  }

  /** Whether somebody was asked. */
  get isAsked(): boolean {
    return this.#state !== "waiting";
  }

  /** What waits, in bytes, with what each message takes besides. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether the client was let in. */
  get isIn(): boolean {
    return this.#state === "in";
  }

  /** Whether what is given now has to wait. */
  get isWaiting(): boolean {
    return this.#state !== "in" || this.#waiting.length > 0;
  }

  /**
   * Asks, once.
   *
   * @throws JoineryError Why the client was refused, where that was known at once.
   */
  ask(request: AdmissionRequest): void {
    if (this.#state !== "waiting") return;
    this.#state = "asking";
    let answer: ReturnType<Admissions["admit"]>;
    try {
      answer = this.#options.admissions.admit(request);
      if (!("then" in answer)) {
        this.#admit(answer);
        return;
      }
    } catch (thrown) {
      this.close();
      throw thrown;
    }
    this.expire();
    answer.then(
      (admission) => this.#settle(() => this.#admit(admission)),
      (thrown: unknown) => this.#settle(() => this.#refuse(toJoineryError(thrown))),
    );
  }

  /**
   * Hands a message on, or keeps it until the client is in; after {@link close}, it is dropped.
   *
   * @param bytes What it keeps in memory while it waits.
   * @throws JoineryError MESSAGE_TOO_LARGE (never retry) if it is more than may wait; whatever `handle` throws.
   */
  give(message: Message, bytes: number): void {
    if (this.#state === "over") return;
    if (!this.isWaiting) {
      this.#options.handle(message, bytes);
      return;
    }
    const { maxUnadmittedBytes } = this.#options.limits;
    if (this.#state === "asking" && bytes > maxUnadmittedBytes) {
      const text = `a message of ${bytes} bytes came before it was known whether its sender may send any`;
      throw new JoineryError("MESSAGE_TOO_LARGE", text, { limit: "maxUnadmittedBytes" });
    }
    this.#waiting.push({ message, bytes });
    this.#waitingChanged(bytes + OVERHEAD_BYTES);
  }

  /** Who is to be asked is known, and is asked later: the client's time does not run meanwhile. */
  postpone(): void {
    this.#stopDeadline();
  }

  /** Refuses the client if it is not in by then. */
  expire(): void {
    const { clock, limits } = this.#options;
    this.#deadline ??= clock.setTimer(limits.admissionTimeoutMs, () => {
      const what = this.isAsked ? "was not let in" : "showed no token";
      const message = `${what} within ${limits.admissionTimeoutMs} ms`;
      const code = this.isAsked ? "TOO_SLOW" : "UNAUTHENTICATED";
      this.#refuse(new JoineryError(code, message, { limit: "admissionTimeoutMs" }));
    });
  }

  /** The client is gone, or was sent away. Idempotent. */
  close(): void {
    this.#state = "over";
    this.#stopDeadline();
    this.#waiting = [];
    this.#waitingChanged(-this.#waitingBytes);
  }

  #admit(admission: Admission): void {
    this.#stopDeadline();
    this.#options.admit(admission);
    // Opening may have ended it already.
    if (this.#state !== "asking") return;
    this.#state = "in";
    try {
      for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
        this.#options.handle(next.message, next.bytes);
      }
    } catch (thrown) {
      this.#options.fail(toJoineryError(thrown));
    }
  }

  #shift(): Waiting<Message> | undefined {
    const next = this.#waiting.shift();
    if (next) this.#waitingChanged(-next.bytes - OVERHEAD_BYTES);
    return next;
  }

  /** Runs what follows from an answer that was waited for, unless it came too late. */
  #settle(follow: () => void): void {
    if (this.#state !== "asking") return;
    try {
      follow();
    } catch (thrown) {
      this.#refuse(toJoineryError(thrown));
    }
  }

  #refuse(error: JoineryError): void {
    this.close();
    this.#options.refuse(error);
  }

  #stopDeadline(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  #waitingChanged(bytes: number): void {
    if (bytes === 0) return;
    this.#waitingBytes += bytes;
    this.#options.onWaiting(bytes);
  }
}
