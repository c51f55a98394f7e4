/** Those who are in documents, and what becomes of them when what they may do changes. */

import type { JoineryError, LimitName, Limits } from "@joinery/shared";
import type { Clock } from "../engine/ports.ts";
import type { Leaver, Session } from "../engine/session.ts";
import type { Admission, AdmissionRequest, Renewal } from "../protocols/admission.ts";
import type { AccessTarget } from "./access-api.ts";
import type { AccessCause, AccessEvent } from "./events.ts";
import { matcherOf, Stay } from "./stay.ts";
import { UserQuotas } from "./user-quotas.ts";
import { Watch } from "./watch.ts";

export interface StaysOptions {
  readonly clock: Clock;
  readonly limits: Pick<Limits, "maxUserConnections" | "maxUserDocuments">;
  /** How old a decision may be, in milliseconds; 0 for no end. */
  readonly recheckMs: number;
  readonly report: (event: AccessEvent) => void;
  readonly onLimit: (limit: LimitName) => void;
}

/** Somebody who was let in, and has not opened a session yet. */
export interface Arrival {
  readonly request: AdmissionRequest;
  readonly admission: Admission;
  /** Digest of what he showed; `null` for nothing. */
  readonly token: string | null;
  /** When he showed it, in milliseconds since 1970. */
  readonly at: number;
}

/** Another token of somebody who is here. */
export interface Renewed {
  /** Digest of the token. */
  readonly token: string;
  readonly renewal: Renewal;
  /** Number of the question that was answered with it. */
  readonly question: number;
}

/** For people: why what they may do changed. */
const REASONS = { rechecked: "what you may do was decided anew", renewed: "the token was replaced" };

export class Stays {
  readonly #options: StaysOptions;
  readonly #all = new Map<Session, Stay>();
  readonly #watch: Watch;
  readonly #quotas: UserQuotas;

  readonly #onLeft = (stay: Stay): void => {
    this.#quotas.leave(stay.author, stay.connection.number);
    this.#watch.delete(stay);
    // It may have come to nothing.
    if (stay.hasBegun) this.#all.delete(stay.session);
  };

  constructor(options: StaysOptions) {
    const { clock, limits, recheckMs, onLimit } = options;
    this.#options = options;
    this.#quotas = new UserQuotas(limits, onLimit);
    this.#watch = new Watch({
      clock,
      recheckMs,
      onExpired: (stay, error) => this.end(stay, error, "expired"),
      onDecided: (stay, rights) => {
        this.#change(stay, stay.isSettled ? rights : rights.and(stay.session.rights), "rechecked");
      },
      onUndecided: (stay, error, isOver) => this.#undecided(stay, error, isOver),
    });
  }

  /** Users who are here: all but nobody in particular. */
  get users(): number {
    return this.#quotas.size;
  }

  get(session: Session): Stay | null {
    return this.#all.get(session) ?? null;
  }

  /**
   * Opens a session, and has it in mind until it ends.
   *
   * @throws JoineryError as `open` does, and TOO_MANY_CONNECTIONS, TOO_MANY_DOCUMENTS (backoff).
   */
  enter({ request, admission, token }: Arrival, open: (leaver: Leaver) => Session): Session {
    const { clock } = this.#options;
    const { connection } = request;
    this.#quotas.enter(admission.author, connection.number);
    const stay = new Stay({
      request,
      admission,
      token,
      now: clock.now(),
      nowMs: clock.monotonicMs(),
      onLeft: this.#onLeft,
    });
    try {
      stay.begin(open(stay));
    } catch (thrown) {
      stay.left();
      throw thrown;
    }
    if (stay.hasLeft) return stay.session;
    this.#all.set(stay.session, stay);
    this.#watch.add(stay);
    return stay.session;
  }

  /**
   * The client has another token, which was looked at.
   *
   * @returns What it may do, which it has been told: rights and for how long they are good change together.
   */
  renewed(stay: Stay, { token, renewal, question }: Renewed): Renewal {
    const { session } = stay;
    if (session.isClosed) return renewal;
    const { clock } = this.#options;
    const isOvertaken = stay.isOvertaken(question);
    stay.renewed(renewal, token, clock.now());
    stay.decided(question, clock.monotonicMs());
    this.#watch.add(stay);
    // What was decided since the token was given was about the one before: until it is asked again, what both allow.
    const rights = isOvertaken ? renewal.rights.and(session.rights) : renewal.rights;
    this.#change(stay, rights, "renewed");
    if (isOvertaken) void this.#watch.recheck(stay);
    return {
      ...renewal,
      // Whoever waits for this looks a moment later, when it may be less again.
      get rights() {
        return session.rights;
      },
    };
  }

  /** All that are given have to fit. Cost: linear in sessions. */
  matching(target: AccessTarget): Stay[] {
    return [...this.#all.values()].filter(matcherOf(target));
  }

  end(stay: Stay, error: JoineryError, cause: AccessCause): void {
    if (stay.session.isClosed) return;
    this.#options.report({ type: "access-ended", ...aboutOf(stay), cause, reason: error.message });
    stay.session.close(error);
  }

  /** Has it decided anew what these may do. @returns About how many it was, when all were asked; never rejects. */
  async recheck(stays: readonly Stay[]): Promise<number> {
    const decided = await Promise.all(stays.map((stay) => this.#watch.recheck(stay)));
    return decided.filter(Boolean).length;
  }

  close(): void {
    this.#watch.close();
  }

  #change(stay: Stay, rights: Session["rights"], cause: "rechecked" | "renewed"): void {
    const { session } = stay;
    if (rights === session.rights) return;
    const about = aboutOf(stay);
    const reason = REASONS[cause];
    const { actions } = rights;
    if (rights.isNone) this.#options.report({ type: "access-ended", ...about, cause, reason });
    else this.#options.report({ type: "access-changed", ...about, cause, actions });
    session.setRights(rights, reason);
  }

  #undecided(stay: Stay, error: JoineryError, isOver: boolean): void {
    if (isOver) this.end(stay, error, "rechecked");
    else this.#options.report({ type: "recheck-failed", ...aboutOf(stay), error });
  }
}

/** Whom an event is about. */
function aboutOf({ session, connection }: Stay) {
  const { id, document, author: user } = session;
  const { address, number, id: correlation } = connection;
  return { document, session: id, user, address, connection: number, correlation };
}
