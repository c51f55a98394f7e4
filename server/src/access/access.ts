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
import type { Clock, Random } from "../engine/ports.ts";
import type { Action } from "../engine/rights.ts";
import type { Session } from "../engine/session.ts";
import type { Admission, AdmissionRequest, Admissions, Principal, Renewal } from "../protocols/admission.ts";
import type {
  AccessDoor,
  AccessTarget,
  Ban,
  BanOptions,
  DoorRequest,
  SessionInfo,
  Ticket,
} from "./access-api.ts";
import type { AccessStore, Revocation } from "./access-store.ts";
import { Banned } from "./bans.ts";
import { tokenDigestOf } from "./digest.ts";
import type { AccessEvent } from "./events.ts";
import { Standing } from "./standing.ts";
import type { Stay } from "./stay.ts";
import { type Arrival, Stays } from "./stays.ts";
import { isTicket, Tickets } from "./tickets.ts";

export interface AccessContext {
  /** Those who say who somebody is and what he may do. How he enters is not asked of them. */
  readonly admissions: Admissions;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  /** How old a decision may be before it is made anew, in milliseconds; 0 for no end. */
  readonly recheckMs: number;
  /** How long a revocation is remembered, in milliseconds: at least as long as tokens live. */
  readonly revocationMs: number;
  /** `null`: bans and revocations end with the process. */
  readonly store: AccessStore | null;
  readonly report: (event: AccessEvent) => void;
  readonly onLimit: (limit: LimitName) => void;
}

/** Stands for the server as a whole where a document is asked about: no document has this name. */
const WHOLE_SERVER = "" as DocumentName;

export class Access implements Admissions, AccessDoor {
  readonly #context: AccessContext;
  readonly #standing: Standing;
  readonly #stays: Stays;
  readonly #tickets: Tickets;

  constructor(context: AccessContext) {
    this.#context = context;
    this.#standing = new Standing(context);
    this.#stays = new Stays(context);
    this.#tickets = new Tickets(context);
  }

  get needsToken(): boolean {
    return this.#context.admissions.needsToken;
  }

  get isAuthenticating(): boolean {
    return this.#context.admissions.isAuthenticating;
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
    const at = this.#context.clock.now();
    const refuse = (thrown: unknown): never => {
      throw this.#refused(request, thrown);
    };
    let shown: AdmissionRequest;
    let admitted: Admission | Promise<Admission>;
    try {
      shown = this.#shown(request);
      admitted = this.#context.admissions.admit(shown);
    } catch (thrown) {
      return refuse(thrown);
    }
    if (!("then" in admitted)) return this.#letIn(shown, admitted, at);
    return admitted.then((admission) => this.#letIn(shown, admission, at), refuse);
  }

  /** With the token that a ticket stands for in its place. */
  #shown(request: AdmissionRequest): AdmissionRequest {
    const { connection, document, token } = request;
    this.#standing.demandWelcome(connection.address, document);
    return token === null ? request : { ...request, token: this.#tokenOf(request, token) };
  }

  #tokenOf({ connection, document }: AdmissionRequest, shown: string): string {
    return isTicket(shown) ? this.#tickets.redeem(shown, connection, document) : shown;
  }

  #letIn(request: AdmissionRequest, admission: Admission, at: number): Admission {
    const { author, rights, guest, renew } = admission;
    const { token } = request;
    const arrival: Arrival = { request, admission, token: token === null ? null : tokenDigestOf(token), at };
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
        return session;
      },
    };
  }

  #enter(arrival: Arrival, open: (onLeft: () => void) => Session): Session {
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
    const at = this.#context.clock.now();
    const question = stay?.ask() ?? 0;
    try {
      const given = this.#tokenOf(request, shown);
      const renewal = (await admission.renew?.(given)) ?? admission;
      const token = tokenDigestOf(given);
      this.#demandGood({ ...arrival, token, at }, renewal);
      return stay === null ? renewal : this.#stays.renewed(stay, { token, renewal, question });
    } catch (thrown) {
      throw this.#refused(request, thrown, admission.author);
    }
  }

  /** @throws JoineryError UNAUTHENTICATED (after-auth), PERMISSION_DENIED (never). */
  #demandGood({ request, admission, token, at }: Arrival, renewal: Renewal): void {
    const { connection, document } = request;
    const { tokenId = null, issuedAt = at, expiresAt = Infinity } = renewal;
    const shown = { token, tokenId, issuedAt, user: admission.author, document };
    this.#standing.demandGood(shown, connection.address);
    if (expiresAt > this.#context.clock.now()) return;
    throw new JoineryError("UNAUTHENTICATED", "your token has expired");
  }

  /** @param user Verified; `null` where it is not known. */
  #refused(
    { connection, document, dialect }: AdmissionRequest,
    thrown: unknown,
    user: string | null = null,
  ): JoineryError {
    const error = toJoineryError(thrown);
    const { address, number, id: correlation } = connection;
    const about = { document, user, address, connection: number, correlation };
    this.#context.report({ type: "access-refused", ...about, dialect, error });
    return error;
  }

  // Doors without a session

  async authorize(request: DoorRequest, document: DocumentName | null, action: Action): Promise<Principal> {
    const admission = await this.#askAtDoor(request, document ?? WHOLE_SERVER);
    if (document === null && !admission.rights.has(action)) {
      throw new JoineryError("PERMISSION_DENIED", `you may not ${action} on this server as a whole`);
    }
    admission.rights.demand(action);
    return admission;
  }

  async #askAtDoor({ connection, token }: DoorRequest, document: DocumentName): Promise<Admission> {
    await this.#standing.loading;
    const { headers } = connection;
    const agent = headers["user-agent"];
    const request: AdmissionRequest = {
      connection,
      document,
      dialect: "http",
      token,
      agent: typeof agent === "string" ? agent : null,
      requestToken: () => undefined,
    };
    const at = this.#context.clock.now();
    const shown = this.#shown(request);
    const admission = await this.#context.admissions.admit(shown);
    const digest = shown.token === null ? null : tokenDigestOf(shown.token);
    this.#demandGood({ request: shown, admission, token: digest, at }, admission);
    return admission;
  }

  async createTicket(request: DoorRequest, document: DocumentName | null): Promise<Ticket> {
    const { token } = request;
    if (token === null || isTicket(token)) {
      throw new JoineryError("UNAUTHENTICATED", "a ticket stands for a token: show one");
    }
    if (document !== null) await this.authorize(request, document, "read");
    else await this.#authenticate(request);
    return this.#tickets.make(token, document);
  }

  /** Whether what is shown is good at all: what it is good for, a document will tell. */
  async #authenticate(request: DoorRequest): Promise<void> {
    try {
      await this.#askAtDoor(request, WHOLE_SERVER);
    } catch (thrown) {
      if (thrown instanceof Banned || toJoineryError(thrown).code !== "PERMISSION_DENIED") throw thrown;
    }
  }

  // Who manages

  async revoke(target: AccessTarget, reason = "what was shown was revoked"): Promise<number> {
    const { user, token, document } = target;
    const named = { ...(user !== undefined && { user }), ...(document !== undefined && { document }) };
    demandNamed({ user, token, document });
    const stays = this.#stays.matching({ ...named, ...(token !== undefined && { token }) });
    const revocations =
      token === undefined ? [named, ...undatedOf(stays, named)] : [{ ...named, token: tokenDigestOf(token) }];
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

  #tellOfBan(type: "banned" | "unbanned", { id, user, address, document, reason, until }: Ban): void {
    const about = { user: user ?? null, address: address ?? null, document: document ?? null };
    this.#context.report({ type, ban: id, ...about, reason, until });
  }
}

/** Tokens of which nobody knows when they were issued are revoked one by one. */
function undatedOf(
  stays: readonly Stay[],
  named: Pick<Revocation, "user" | "document">,
): Omit<Revocation, "at" | "until">[] {
  const tokens = new Set(stays.flatMap(({ isUndated, token }) => (isUndated ? (token ?? []) : [])));
  return [...tokens].map((token) => ({ ...named, token }));
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
