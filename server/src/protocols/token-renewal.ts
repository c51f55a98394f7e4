import { toJoineryError } from "@joinery/shared";
import type { Session } from "../engine/session.ts";
import type { Admission, Renewal } from "./admission.ts";

/**
 * Tokens that a client gives while its session goes on. One is looked at at a time; of those that come meanwhile only
 * the newest counts.
 */
export class TokenRenewal {
  readonly #session: Session;
  readonly #renew: ((token: string) => Promise<Renewal>) | null;
  #isBusy = false;
  #next: string | null = null;

  constructor(session: Session, admission: Admission) {
    this.#session = session;
    this.#renew = admission.renew ? (token) => (admission.renew as Renew)(token) : null;
  }

  give(token: string): void {
    if (this.#renew === null || this.#session.isClosed) return;
    if (this.#isBusy) this.#next = token;
    else void this.#look(this.#renew, token);
  }

  async #look(renew: Renew, first: string): Promise<void> {
    this.#isBusy = true;
    for (let token: string | null = first; token !== null && !this.#session.isClosed; token = this.#take()) {
      try {
        const before = this.#session.decisions;
        const { rights } = await renew(token);
        // Who has told the session already may have told it something newer since.
        const isTold = this.#session.decisions !== before;
        if (this.#next === null && !isTold) this.#session.setRights(rights, "the token was replaced");
      } catch (thrown) {
        // Another one was given since, which may be good.
        if (this.#next === null) this.#session.close(toJoineryError(thrown));
      }
    }
    this.#isBusy = false;
  }

  #take(): string | null {
    const next = this.#next;
    this.#next = null;
    return next;
  }
}

type Renew = (token: string) => Promise<Renewal>;
