/**
 * The way into a session: what its client sends is let in one by one, each when the guard has nothing against it. A refusal
 * goes to its sender alone.
 */

import { JoineryError, toJoineryError } from "@joinery/shared";
import type { Guard, SessionInput } from "./guard.ts";
import type { CloseDetails } from "./ports.ts";
import { Turnstile } from "./turnstile.ts";

/** Of what is no edit that the dialect numbers. */
export const NOT_AN_EDIT: CloseDetails = { number: 0, remote: null };

/** What a checkpoint needs of its session. */
export interface CheckedSession {
  readonly isClosed: boolean;
  /** An edit or a question was refused. */
  refuse(error: JoineryError, details: CloseDetails): void;
  /** Something else was. */
  notice(error: JoineryError): void;
}

export interface CheckpointOptions<Session> {
  readonly session: Session;
  readonly reading: { pauseInput(): void; resumeInput(): void };
  /** `null` where nobody looks at what comes. */
  readonly guard: Guard<Session> | null;
}

export class Checkpoint<Session extends CheckedSession> extends Turnstile {
  readonly #session: Session;
  readonly #guard: Guard<Session> | null;

  constructor({ session, reading, guard }: CheckpointOptions<Session>) {
    super(reading);
    this.#session = session;
    this.#guard = guard;
  }

  get hasGuard(): boolean {
    return this.#guard !== null;
  }

  /** Lets an input in, as the guard has it. What comes after it waits for that. */
  look<Input extends SessionInput>(
    input: Input,
    letIn: (input: Input) => void,
    details: CloseDetails = NOT_AN_EDIT,
  ): void {
    const guard = this.#guard;
    const looked = guard && ask(guard, this.#session, input);
    if (looked === null) {
      letIn(input);
      guard?.after(this.#session, input);
      return;
    }
    let allowed: Input | null = null;
    const isNoticed = input.kind === "presence" || input.kind === "signal";
    const settled = looked.then(
      (instead) => {
        allowed = instead;
        if (instead === null && !isNoticed) throw notTaken();
      },
      (thrown: unknown) => {
        if (!isNoticed) throw thrown;
        this.#session.notice(toJoineryError(thrown));
      },
    );
    const onDone = () => {
      if (allowed === null) return;
      letIn(allowed);
      guard?.after(this.#session, allowed);
    };
    this.waitFor(settled, onDone, details);
  }

  /** Lets nothing in before this is settled. A rejection is the client's refusal. */
  waitFor(promise: Promise<void>, onDone: () => void, details: CloseDetails = NOT_AN_EDIT): void {
    this.hold();
    const settle = (outcome: () => void) => {
      if (this.#session.isClosed) return;
      this.attempt(outcome, details);
      this.release();
    };
    promise.then(
      () => settle(onDone),
      (error: unknown) => {
        settle(() => {
          throw error;
        });
      },
    );
  }

  /**
   * Runs an input. A refusal goes to its sender alone; so does a mistake of ours, because inputs that have waited run
   * where nobody would catch it.
   */
  attempt(input: () => void, details: CloseDetails = NOT_AN_EDIT): void {
    try {
      input();
    } catch (thrown) {
      this.#session.refuse(toJoineryError(thrown), details);
    }
  }

  attemptOrNotice(input: () => void): void {
    try {
      input();
    } catch (thrown) {
      this.#session.notice(toJoineryError(thrown));
    }
  }
}

function ask<Session, Input extends SessionInput>(
  guard: Guard<Session>,
  session: Session,
  input: Input,
): Promise<Input | null> | null {
  try {
    return guard.before(session, input);
  } catch (thrown) {
    return Promise.reject(thrown);
  }
}

function notTaken(): JoineryError {
  return new JoineryError("PERMISSION_DENIED", "this was not taken in");
}
