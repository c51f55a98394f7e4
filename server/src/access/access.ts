/**
 * Who may do what: the one place that every door asks. A dialect asks before it opens a document (`admit`), HTTP before
 * it answers (`authorize`); what is decided is kept with the session, and the engine holds every frame to it
 * (`engine/rights.ts`). It is decided anew by a new token, by `recheck`, and by its age; expiry, `revoke`, `kick` and `ban`
 * end it.
 */

import {
  type DocumentName,
  JoineryError,
  type LimitName,
  type Limits,
  toJoineryError,
} from "@joinery/shared";
import { AddressRates } from "../address-rates.ts";
import type { Clock, Random } from "../engine/ports.ts";
import { type Action, Rights } from "../engine/rights.ts";
import type { Leaver, Session } from "../engine/session.ts";
import type { Admission, AdmissionRequest, Admissions, Principal, Renewal } from "../protocols/admission.ts";
import {
  type AccessDoor,
  type AccessTarget,
  admissionAtDoor,
  type Ban,
  type BanOptions,
  DeniedAtDoor,
  type DoorRequest,
  type SessionInfo,
  type Ticket,
} from "./access-api.ts";
import type { AccessStore, Revocation } from "./access-store.ts";
import { Banned } from "./bans.ts";
import { tokenDigestOf } from "./digest.ts";
import type { AccessEvent } from "./events.ts";
import { Standing } from "./standing.ts";
import type { Stay } from "./stay.ts";
import { type Arrival, Stays } from "./stays.ts";
import { isTicket, type ShownToken, Tickets } from "./tickets.ts";

export interface AccessContext {
  /** Those who say who somebody is and what he may do. How he enters is not asked of them. */
  readonly admissions: Admissions;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** Digest of the key by which whoever runs the server may do everything; `null` for no such key. */
  readonly operatorKey: string | null;
  /** How old a decision may be before it is made anew, in milliseconds; 0 for no end. */
  readonly recheckMs: number;
  /** How long a revocation is remembered, in milliseconds: at least as long as tokens live. */
  readonly revocationMs: number;
  /** `null`: bans and revocations end with the process. */
  readonly store: AccessStore | null;
  readonly report: (event: AccessEvent) => void;
  readonly onLimit: (limit: LimitName) => void;
}

/** What somebody shows, before anybody is asked. */
type Showing = Omit<Arrival, "admission">;
type Revoked = Pick<Revocation, "user" | "document">;

/** Whoever may read the data folder: it is kept there. */
const OPERATOR: Principal = { author: "operator", rights: Rights.MANAGER };

/** Stands for the server as a whole where a document is asked about: no document has this name. */
const WHOLE_SERVER = "" as DocumentName;

/** As the middle of a refusal. */
const VERBS: Readonly<Record<Action, string>> = {
  read: "read",
  write: "write to",
  presence: "be seen in",
  signal: "send signals to",
  history: "see the history of",
  manage: "manage",
};

export class Access implements Admissions, AccessDoor {
  readonly #context: AccessContext;
  readonly #standing: Standing;
  readonly #stays: Stays;
  readonly #tickets: Tickets;
  /** Tokens that turned out not to be good. */
  readonly #refusals: AddressRates;
  /** Rechecks so far: who was let in before the last one, and comes in after it, has to be asked about too. */
  #rechecks = 0;

  constructor(context: AccessContext) {
    this.#context = context;
    this.#standing = new Standing(context);
    this.#stays = new Stays(context);
    this.#tickets = new Tickets(context);
    const { clock, limits, onLimit } = context;
    this.#refusals = new AddressRates({
      clock,
      perSecond: limits.maxAddressRefusedTokensPerSecond,
      burstMs: limits.maxBurstMs,
      maxAddresses: limits.maxAddresses,
      onForgotten: () => onLimit("maxAddresses"),
    });
  }

  get needsToken(): boolean {
    return this.#context.admissions.needsToken;
  }

  get isAuthenticating(): boolean {
    return this.#context.admissions.isAuthenticating;
  }

  get ignoresRequests(): boolean {
    return this.#context.admissions.ignoresRequests === true;
  }

  /** Users who are in documents: all but nobody in particular. */
  get users(): number {
    return this.#stays.users;
  }

  /** Tickets that are neither used nor forgotten. */
  get tickets(): number {
    return this.#tickets.size;
  }

  /** Reads who was banned and what was revoked: nobody is let in before that. Rejects as the store does. */
  load(): Promise<void> {
    return this.#standing.load();
  }

  close(): void {
    this.#stays.close();
  }

  // Sessions

  admit(request: AdmissionRequest): Admission | Promise<Admission> {
    const { loading } = this.#standing;
    if (loading !== null) return loading.then(() => this.admit(request));
    const refuse = (thrown: unknown): never => {
      throw this.#refused(request, thrown);
    };
    const rechecks = this.#rechecks;
    let showing: Showing;
    let admitted: Admission | Promise<Admission>;
    try {
      showing = this.#showing(request);
      admitted = this.#ask(showing);
    } catch (thrown) {
      return refuse(thrown);
    }
    if (!("then" in admitted)) return this.#letIn({ ...showing, admission: admitted }, rechecks);
    return admitted.then((admission) => this.#letIn({ ...showing, admission }, rechecks), refuse);
  }

  /** Who shows the operator's key is nobody whom an application knows. */
  #ask({ request, token }: Showing): Admission | Promise<Admission> {
    return this.#isOperators(token) ? OPERATOR : this.#context.admissions.admit(request);
  }

  /** @param token Digest of what is shown. Whoever has that key could lift every ban, and is held to none. */
  #isOperators(token: string | null): boolean {
    return token !== null && token === this.#context.operatorKey;
  }

  /** With the token that a ticket stands for in its place. */
  #showing(request: AdmissionRequest): Showing {
    const { connection, document, token: shown } = request;
    const digest = shown === null ? null : tokenDigestOf(shown);
    const now = this.#context.clock.now();
    if (this.#isOperators(digest)) return { request, token: digest, at: now };
    this.#standing.demandWelcome(connection.address, document);
    if (shown === null) return { request, token: null, at: now };
    const { token, at } = this.#tokenOf(request, shown);
    return { request: { ...request, token }, token: token === shown ? digest : tokenDigestOf(token), at };
  }

  /** The token that is shown or stood for, and since when it is known. */
  #tokenOf({ connection, document }: AdmissionRequest, shown: string): ShownToken {
    this.#demandPatience(connection.address);
    if (isTicket(shown)) return this.#tickets.redeem(shown, connection, document);
    return { token: shown, at: this.#context.clock.now() };
  }

  /** @throws JoineryError TOO_MANY_CONNECTIONS (backoff) where too many tokens came from that were not good. */
  #demandPatience(address: string): void {
    if (this.#refusals.has(address)) return;
    const limit = "maxAddressRefusedTokensPerSecond";
    this.#context.onLimit(limit);
    const message = "too many tokens that are not good came from this address: come back later";
    throw new JoineryError("TOO_MANY_CONNECTIONS", message, { limit });
  }

  #letIn(arrival: Arrival, rechecks: number): Admission {
    const { request, admission } = arrival;
    const { author, rights, guest, renew } = admission;
    try {
      this.#demandGood(arrival, admission);
      if (rights.isNone) throw new JoineryError("PERMISSION_DENIED", "you may not open this document");
    } catch (thrown) {
      throw this.#refused(request, thrown, author);
    }
    let stay: Stay | null = null;
    return {
      author,
      rights,
      ...(guest && { guest }),
      ...(renew && { renew: (next: string) => this.#renew(arrival, stay, next) }),
      enter: (open) => {
        const session = this.#enter(arrival, open);
        stay = this.#stays.get(session);
        // What was decided may be what was true before.
        if (stay !== null && rechecks !== this.#rechecks) void this.#stays.recheck([stay]);
        return session;
      },
    };
  }

  #enter(arrival: Arrival, open: (leaver: Leaver) => Session): Session {
    try {
      // It may have been revoked since.
      this.#demandGood(arrival, arrival.admission);
      return this.#stays.enter(arrival, open);
    } catch (thrown) {
      throw this.#refused(arrival.request, thrown, arrival.admission.author);
    }
  }

  async #renew(arrival: Arrival, stay: Stay | null, shown: string): Promise<Renewal> {
    const { request, admission } = arrival;
    const question = stay?.askWithToken() ?? 0;
    try {
      const given = this.#tokenOf(request, shown);
      const renewal = (await admission.renew?.(given.token)) ?? admission;
      const token = tokenDigestOf(given.token);
      this.#demandGood({ ...arrival, token, at: given.at }, renewal);
      return stay === null ? renewal : this.#stays.renewed(stay, { token, renewal, question });
    } catch (thrown) {
      throw this.#refused({ ...request, token: shown }, thrown, admission.author);
    }
  }

  /** @throws JoineryError UNAUTHENTICATED (after-auth), PERMISSION_DENIED (never). */
  #demandGood({ request, admission, token, at }: Arrival, renewal: Renewal): void {
    const { connection, document } = request;
    const { tokenId = null, issuedAt = at, expiresAt = Infinity } = renewal;
    const shown = { token, tokenId, issuedAt, user: admission.author, document };
    if (this.#isOperators(token)) this.#standing.demandUnrevoked(shown);
    else this.#standing.demandGood(shown, connection.address);
    if (expiresAt > this.#context.clock.now()) return;
    throw new JoineryError("UNAUTHENTICATED", "your token has expired");
  }

  /** @param user Verified; `null` where it is not known. */
  #refused(
    { connection, document, dialect, token }: AdmissionRequest,
    thrown: unknown,
    user: string | null = null,
  ): JoineryError {
    const error = this.#counted(thrown, connection.address, token);
    const { address, number, id: correlation } = connection;
    const about = { document, user, address, connection: number, correlation };
    this.#context.report({ type: "access-refused", ...about, dialect, error });
    return error;
  }

  /** Has it in mind where a token turned out not to be good. */
  #counted(thrown: unknown, address: string, token: string | null): JoineryError {
    const error = toJoineryError(thrown);
    if (error.code === "UNAUTHENTICATED" && token !== null) this.#refusals.take(address);
    return error;
  }

  // Doors without a session

  async authorize(request: DoorRequest, document: DocumentName | null, action: Action): Promise<Principal> {
    const admission =
      document === null ? await this.#askAboutAll(request) : await this.#askAtDoor(request, document);
    if (admission?.rights.has(action)) return admission;
    const what = document === null ? "this server as a whole" : "this document";
    throw new DeniedAtDoor(admission?.author ?? "", `you may not ${VERBS[action]} ${what}`);
  }

  /** @returns `null` where whoever was asked refuses a document that there is not: he would say so of one. */
  async #askAboutAll(request: DoorRequest): Promise<Admission | null> {
    try {
      return await this.#askAtDoor(request, WHOLE_SERVER);
    } catch (thrown) {
      if (thrown instanceof Banned || toJoineryError(thrown).code !== "PERMISSION_DENIED") throw thrown;
      return null;
    }
  }

  async #askAtDoor(asked: DoorRequest, document: DocumentName): Promise<Admission> {
    await this.#standing.loading;
    const request = admissionAtDoor(asked, document);
    try {
      const showing = this.#showing(request);
      const admission = await this.#ask(showing);
      this.#demandGood({ ...showing, admission }, admission);
      return admission;
    } catch (thrown) {
      throw this.#counted(thrown, asked.connection.address, asked.token);
    }
  }

  async createTicket(request: DoorRequest, document: DocumentName | null): Promise<Ticket> {
    const { token } = request;
    if (token === null || isTicket(token)) {
      throw new JoineryError("UNAUTHENTICATED", "a ticket stands for a token: show one");
    }
    if (document !== null) await this.authorize(request, document, "read");
    // Whether it is good at all: what it is good for, a document will tell.
    else await this.#askAboutAll(request);
    return this.#tickets.make(token, document);
  }

  // Who manages

  async revoke(target: AccessTarget, reason = "what was shown was revoked"): Promise<number> {
    const { user, token, document } = target;
    const named = { ...(user !== undefined && { user }), ...(document !== undefined && { document }) };
    demandNamed({ user, token, document });
    const stays = this.#stays.matching({ ...named, ...(token !== undefined && { token }) });
    const revocations =
      token === undefined
        ? [named, ...this.#undatedOf(stays, named)]
        : [{ ...named, token: tokenDigestOf(token) }];
    const error = new JoineryError("UNAUTHENTICATED", `${reason}: show a new token`);
    const revoking = this.#standing.revoke(revocations);
    for (const stay of stays) this.#stays.end(stay, error, "revoked");
    this.#context.report({
      type: "access-revoked",
      user: user ?? null,
      document: document ?? null,
      isOneToken: token !== undefined,
      sessions: stays.length,
    });
    await revoking;
    return stays.length;
  }

  async recheck(target: AccessTarget = {}): Promise<number> {
    this.#rechecks++;
    return await this.#stays.recheck(this.#stays.matching(target));
  }

  kick(target: AccessTarget, reason: string): number {
    demandNamed(target);
    const stays = this.#stays.matching(target);
    const error = new JoineryError("PERMISSION_DENIED", `you were sent away: ${reason}`);
    for (const stay of stays) this.#stays.end(stay, error, "kicked");
    return stays.length;
  }

  async ban(target: Pick<AccessTarget, "user" | "address" | "document">, options: BanOptions): Promise<Ban> {
    const { user, address, document } = target;
    demandNamed({ user, address }, document);
    const ban = this.#standing.newBan(target, options);
    const stays = this.#stays.matching(target);
    try {
      this.#standing.addBan(ban);
      this.#tellOfBan("banned", ban);
    } finally {
      for (const stay of stays) this.#stays.end(stay, new Banned(ban), "banned");
    }
    await this.#standing.save();
    return ban;
  }

  async unban(id: string): Promise<boolean> {
    const ban = this.#standing.ban(id);
    if (ban === null) return false;
    this.#standing.deleteBan(id);
    this.#tellOfBan("unbanned", ban);
    await this.#standing.save();
    return true;
  }

  bans(): readonly Ban[] {
    return this.#standing.bans;
  }

  sessions(target: AccessTarget = {}): readonly SessionInfo[] {
    return this.#stays.matching(target).map(({ info }) => info);
  }

  /** Tokens of which nobody knows that they were issued before now are revoked one by one. */
  #undatedOf(stays: readonly Stay[], named: Revoked): (Revoked & { readonly token: string })[] {
    const now = this.#context.clock.now();
    const undated = stays.flatMap((stay) => (stay.isIssuedBy(now) ? [] : (stay.token ?? [])));
    return [...new Set(undated)].map((token) => ({ ...named, token }));
  }

  #tellOfBan(type: "banned" | "unbanned", { id, user, address, document, reason, until }: Ban): void {
    const about = { user: user ?? null, address: address ?? null, document: document ?? null };
    this.#context.report({ type, ban: id, ...about, reason, until });
  }
}

/** An empty user would be everybody who is nobody in particular. */
function demandNamed(
  target: { readonly [name in keyof AccessTarget]?: AccessTarget[name] | undefined },
  document?: string,
): void {
  const named = Object.values(target).filter((value) => value !== undefined);
  if (named.length > 0 && ![...named, document].includes("")) return;
  const message = "nobody is named: give a user, a document, or what else it takes, and none that is empty";
  throw new JoineryError("INVALID_OPTION", message);
}
