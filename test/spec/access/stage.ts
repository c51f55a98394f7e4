/** Access around an application that a test writes, and clients that go through it into the real engine. */

import { DEFAULT_LIMITS, type JoineryError, type Limits } from "@joinery/shared";
import { Access } from "../../../server/src/access/access.ts";
import type { AccessStore } from "../../../server/src/access/access-store.ts";
import { tokenDigestOf } from "../../../server/src/access/digest.ts";
import type { AccessEvent } from "../../../server/src/access/events.ts";
import type { Outbox } from "../../../server/src/engine/ports.ts";
import { Rights, type RightsSpec } from "../../../server/src/engine/rights.ts";
import type { Session } from "../../../server/src/engine/session.ts";
import { SYSTEM_RANDOM } from "../../../server/src/node/clock.ts";
import {
  type Admission,
  type AdmissionRequest,
  type Admissions,
  type ConnectionRequest,
  NO_REQUEST,
  type Renewal,
} from "../../../server/src/protocols/admission.ts";
import { openSession } from "../../../server/src/protocols/driver.ts";
import { TokenRenewal } from "../../../server/src/protocols/token-renewal.ts";
import { sayingDialect, World } from "../../support/world.ts";

/** What the application knows of a token. */
export interface Grant extends Omit<Partial<Renewal>, "rights"> {
  readonly user: string;
  readonly rights: RightsSpec;
}

/** Answers from what it knows when it is asked, at once or when it is let go on. */
export class Application implements Admissions {
  needsToken = true;
  isAuthenticating = true;
  canRecheck = true;
  /** What questions fail with. */
  failure: Error | null = null;
  /** Whether admissions are answered at once, without a promise. */
  isSync = false;
  readonly grants = new Map<string, Grant>();
  readonly admitted: AdmissionRequest[] = [];
  rechecks = 0;
  /** Questions that are not answered yet, and most of them at once. */
  asked = 0;
  maxAsked = 0;
  readonly #held: (() => void)[] = [];
  #isHolding = false;

  /** What is asked from now on waits for {@link release}. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Lets the oldest questions be answered; all of them if no number is given, and those that come from now on. */
  release(count?: number): void {
    if (count === undefined) this.#isHolding = false;
    for (const letGo of this.#held.splice(0, count ?? this.#held.length)) letGo();
  }

  /** Lets the newest question be answered before those that were asked before. */
  releaseLast(): void {
    this.#held.pop()?.();
  }

  admit(request: AdmissionRequest): Admission | Promise<Admission> {
    this.admitted.push(request);
    let token = request.token;
    const admit = (): Admission => {
      const { user, ...renewal } = this.#grantOf(token);
      const renew = (next: string) =>
        this.#answer(() => {
          const { user: _, ...renewed } = this.#grantOf(next);
          token = next;
          return { ...renewed, rights: Rights.from(renewed.rights) };
        });
      const recheck = () => {
        this.rechecks++;
        return this.#answer(() => Rights.from(this.#grantOf(token).rights));
      };
      const { canRecheck } = this;
      return {
        ...renewal,
        author: user,
        rights: Rights.from(renewal.rights),
        renew,
        ...(canRecheck && { recheck }),
      };
    };
    return this.isSync ? admit() : this.#answer(admit);
  }

  #grantOf(token: string | null): Grant {
    if (this.failure) throw this.failure;
    const grant = this.grants.get(token ?? "");
    if (!grant) throw new RangeError("no such token");
    return grant;
  }

  async #answer<T>(decide: () => T): Promise<T> {
    let answer: { readonly value: T } | { readonly thrown: unknown };
    try {
      answer = { value: decide() };
    } catch (thrown) {
      answer = { thrown };
    }
    this.maxAsked = Math.max(this.maxAsked, ++this.asked);
    if (this.#isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
    this.asked--;
    if ("thrown" in answer) throw answer.thrown;
    return answer.value;
  }
}

/** Whoever has it may do everything. */
export const OPERATOR_KEY = "the-operator's-key";

export interface StageOptions {
  readonly limits?: Partial<Limits>;
  readonly recheckMs?: number;
  readonly revocationMs?: number;
  readonly store?: AccessStore;
}

export class AccessStage {
  readonly world = new World();
  readonly clock = this.world.clock;
  readonly application = new Application();
  readonly events: AccessEvent[] = [];
  readonly hits: string[] = [];
  readonly access: Access;
  /** Added to the time that tokens are held against. */
  skewMs = 0;
  #sleptMs = 0;
  #connections = 0;

  constructor({ limits, recheckMs = 0, revocationMs = 86_400_000, store }: StageOptions = {}) {
    const { clock } = this;
    this.access = new Access({
      operatorKey: tokenDigestOf(OPERATOR_KEY),
      admissions: this.application,
      clock: {
        now: () => this.now(),
        monotonicMs: () => clock.monotonicMs() + this.#sleptMs,
        setTimer: (delayMs, run) => clock.setTimer(delayMs, run),
        endOfTurn: (run) => clock.endOfTurn(run),
      },
      random: SYSTEM_RANDOM,
      limits: { ...DEFAULT_LIMITS, ...limits },
      recheckMs,
      revocationMs,
      store: store ?? null,
      report: (event) => this.events.push(event),
      onLimit: (limit) => this.hits.push(limit),
    });
  }

  now(): number {
    return this.clock.now() + this.skewMs + this.#sleptMs;
  }

  /** The machine stands still for so long: when it goes on, no timer has run. */
  sleep(ms: number): void {
    this.#sleptMs += ms;
  }

  /** A token that the application knows. */
  token(token: string, user: string, rights: RightsSpec = "write", more: Partial<Renewal> = {}): string {
    this.application.grants.set(token, { ...more, user, rights });
    return token;
  }

  connection(address = "192.0.2.1"): ConnectionRequest {
    const number = ++this.#connections;
    return { ...NO_REQUEST, id: `correlation-${number}`, number, address };
  }

  /** Comes in with a token, or does not: see {@link Visitor.refused}. */
  async visit(token: string | null, options: VisitOptions = {}): Promise<Visitor> {
    const visitor = this.arrive(token, options);
    await this.settle();
    return visitor;
  }

  /** As {@link visit}, without waiting for an answer. */
  arrive(token: string | null, options: VisitOptions = {}): Visitor {
    const { document = "notes", connection = this.connection() } = options;
    return new Visitor(this, { token, document, connection });
  }

  settle(): Promise<void> {
    return this.world.settle();
  }

  advance(ms: number): Promise<void> {
    return this.world.advance(ms);
  }

  eventsOf<T extends AccessEvent["type"]>(type: T): Extract<AccessEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<AccessEvent, { type: T }> => event.type === type);
  }
}

export interface VisitOptions {
  readonly document?: string;
  readonly connection?: ConnectionRequest;
}

/** One client in one document, as a dialect has it. */
export class Visitor implements Outbox {
  readonly bufferedBytes = 0;
  readonly remainingBytes = 0;
  /** Why it is not in. */
  refused: JoineryError | null = null;
  /** Why its session ended. */
  closed: JoineryError | null = null;
  /** How often it was asked for a new token. */
  notices = 0;
  /** What it was told that it may do, after the first. */
  readonly permissions: string[] = [];
  #session: Session | null = null;
  #renewal: TokenRenewal | null = null;

  constructor(stage: AccessStage, { token, document, connection }: Required<VisitOptions> & Shown) {
    const request: AdmissionRequest = {
      connection,
      document: stage.world.name(document),
      dialect: "test",
      token,
      agent: null,
      requestToken: () => void this.notices++,
    };
    const { access, world } = stage;
    const permission = (told: string) => {
      this.permissions.push(told);
      return null;
    };
    const context = {
      rooms: world.rooms,
      outbox: this,
      admissions: access,
      request: connection,
      path: document,
    };
    const open = (admission: Admission) => {
      const dialect = { ...sayingDialect(), permission };
      this.#session = openSession(context, { document: request.document, dialect, outbox: this }, admission);
      this.#renewal = new TokenRenewal(this.#session, admission);
    };
    const refused = (thrown: unknown) => {
      this.refused = thrown as JoineryError;
    };
    try {
      const admitted = access.admit(request);
      if ("then" in admitted) admitted.then(open).catch(refused);
      else open(admitted);
    } catch (thrown) {
      refused(thrown);
    }
  }

  get session(): Session {
    if (this.#session) return this.#session;
    throw this.refused ?? new Error("nobody has answered yet");
  }

  get isIn(): boolean {
    return this.#session !== null && !this.#session.isClosed;
  }

  get rights(): Rights {
    return this.session.rights;
  }

  /** Gives another token. */
  show(token: string): void {
    this.#renewal?.give(token);
  }

  leave(): void {
    this.session.left();
  }

  send(): void {
    // What it is sent, it does not look at.
  }

  pauseInput(): void {
    // It sends nothing.
  }

  resumeInput(): void {
    // It sends nothing.
  }

  probe(): void {
    // It is asked for no sign of life.
  }

  close(error: JoineryError): void {
    this.closed ??= error;
  }
}

interface Shown {
  readonly token: string | null;
}
