import { addressKey } from "../address-key.ts";
import type { Author } from "../engine/ports.ts";
import type { Session } from "../engine/session.ts";
import type { Admission, AdmissionRequest, ConnectionRequest, Renewal } from "../protocols/admission.ts";
import type { AccessTarget, SessionInfo } from "./access-api.ts";
import { tokenDigestOf } from "./digest.ts";

/**
 * How long before its end a client is asked for a new token: a tenth of its life, but at least so many milliseconds, and at
 * most so many. It is looked at once a second, and the client has to ask its application.
 */
const NOTICE = { part: 0.1, leastMs: 3_000, mostMs: 30_000 };

/** Whether somebody is meant by a target. Looked at for many, so what is the same for all is done once. */
export function matcherOf({
  user,
  token,
  document,
  session,
  address,
}: AccessTarget): (stay: Stay) => boolean {
  const digest = token === undefined ? null : tokenDigestOf(token);
  const key = address === undefined ? null : addressKey(address);
  return (stay) => {
    if (user !== undefined && user !== stay.session.author) return false;
    if (document !== undefined && document !== stay.session.document) return false;
    if (session !== undefined && session !== stay.session.id) return false;
    if (key !== null && key !== addressKey(stay.connection.address)) return false;
    return token === undefined || stay.token === digest || stay.tokenId === token;
  };
}

/** One client in a document: what it showed, how long that is good, and when it was last looked at. */
export class Stay {
  readonly connection: ConnectionRequest;
  readonly since: number;
  readonly #dialect: string;
  /** `null` where nothing has an end, so nobody is asked for more. */
  readonly #requestToken: (() => void) | null;
  readonly #onLeft: (stay: Stay) => void;
  readonly #admission: Admission;
  #session: Session | null = null;
  #hasLeft = false;
  #renewal: Renewal;
  #token: string | null;
  /** Questions what the client may do are numbered: an answer does not count once a later one was answered. */
  #lastAsked = 0;
  #lastAnswered = 0;
  #decidedAtMs: number;
  #isSettled = true;
  #noticeAt: number | null = null;

  /** @param options.onLeft Called once, when the session has ended; the same function for all. */
  constructor(options: {
    readonly request: AdmissionRequest;
    readonly admission: Admission;
    readonly token: string | null;
    readonly now: number;
    readonly nowMs: number;
    readonly onLeft: (stay: Stay) => void;
  }) {
    const { request, admission, token, now, nowMs, onLeft } = options;
    const hasEnd = admission.expiresAt !== undefined || admission.renew !== undefined;
    this.connection = request.connection;
    this.since = now;
    this.#dialect = request.dialect;
    this.#requestToken = hasEnd ? () => request.requestToken() : null;
    this.#onLeft = onLeft;
    this.#admission = admission;
    this.#renewal = admission;
    this.#token = token;
    this.#decidedAtMs = nowMs;
    this.#planNotice(now);
  }

  /** The client is in. */
  begin(session: Session): void {
    this.#session = session;
  }

  /** The client's, which has begun. */
  get session(): Session {
    if (this.#session === null) throw new Error("the session has not begun");
    return this.#session;
  }

  /** Whom the client was taken for when it was let in. */
  get author(): Author {
    return this.#admission.author;
  }

  get hasBegun(): boolean {
    return this.#session !== null;
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** The session has ended, or came to nothing. Idempotent. */
  left(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#onLeft(this);
  }

  requestToken(): void {
    this.#requestToken?.();
  }

  /** Digest of the token; `null` for none. */
  get token(): string | null {
    return this.#token;
  }

  /** What its issuer calls it; `null` where it has no name. */
  get tokenId(): string | null {
    return this.#renewal.tokenId ?? null;
  }

  /** Whether the token says that it was issued by then. Some say nothing of it, and some clocks are ahead. */
  isIssuedBy(now: number): boolean {
    const { issuedAt } = this.#renewal;
    return issuedAt !== undefined && issuedAt <= now;
  }

  get expiresAt(): number | null {
    return this.#renewal.expiresAt ?? null;
  }

  /** When it was last decided what the client may do, on the clock that never goes back. */
  get decidedAtMs(): number {
    return this.#decidedAtMs;
  }

  /** Decides anew; `null` where there is nobody to ask. */
  get recheck(): (() => ReturnType<NonNullable<Admission["recheck"]>>) | null {
    const { recheck } = this.#admission;
    return recheck ? () => recheck.call(this.#admission) : null;
  }

  get info(): SessionInfo {
    const { session, since, expiresAt } = this;
    const { address, number: connection, id: correlation } = this.connection;
    return {
      session: session.id,
      document: session.document,
      user: session.author,
      rights: session.rights,
      dialect: this.#dialect,
      address,
      connection,
      correlation,
      since,
      expiresAt,
    };
  }

  /** It is being asked what the client may do. @returns The number of the question. */
  ask(): number {
    return ++this.#lastAsked;
  }

  /** As {@link ask}, with a token that the client gave. */
  askWithToken(): number {
    this.#isSettled = false;
    return this.ask();
  }

  /**
   * Whether the last token that the client gave was taken. Until then, what is decided anew may be about that one: it may
   * take rights away, and give none.
   */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether a later question was answered already. */
  isOvertaken(question: number): boolean {
    return question < this.#lastAnswered;
  }

  decided(question: number, nowMs: number): void {
    this.#lastAnswered = Math.max(this.#lastAnswered, question);
    this.#decidedAtMs = nowMs;
  }

  /** The client gave another token. */
  renewed(renewal: Renewal, token: string, now: number): void {
    this.#renewal = renewal;
    this.#token = token;
    this.#isSettled = true;
    this.#planNotice(now);
  }

  /** Whether the client is to be asked for a new token now: once for each that it has. */
  takeNotice(now: number): boolean {
    if (this.#noticeAt === null || now < this.#noticeAt) return false;
    this.#noticeAt = null;
    return true;
  }

  #planNotice(now: number): void {
    const { expiresAt } = this;
    this.#noticeAt = expiresAt === null ? null : expiresAt - noticeMs(expiresAt - now);
  }
}

function noticeMs(lifeMs: number): number {
  const ms = Math.min(NOTICE.mostMs, Math.max(NOTICE.leastMs, lifeMs * NOTICE.part));
  // Of one that lives for seconds there must be some left in which it is good.
  return Math.min(ms, lifeMs / 2);
}
