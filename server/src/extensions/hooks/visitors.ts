/** Who is let in: what `authenticate` and `authorize` say, and what is kept of it with the session. */

import { JoineryError } from "@joinery/shared";
import { isRightsSpec, Rights } from "../../engine/rights.ts";
import type { Admission, AdmissionRequest, Admissions, Renewal } from "../../protocols/admission.ts";
import type { HookCalls } from "./calls.ts";
import { AccessDenied, type HookName, type Hooks } from "./hooks.ts";
import { Identities } from "./identities.ts";
import { type Identity, identityOf, NOBODY, RIGHTS_SPEC } from "./identity.ts";
import { shownConnection } from "./shown-connection.ts";

/** What is known of a client that was let in. */
export class HookGuest {
  readonly user: string;
  /** A new token may bring another. */
  context: unknown;

  constructor(user: string, context: unknown) {
    this.user = user;
    this.context = context;
  }
}

export class HookAdmissions implements Admissions {
  readonly needsToken: boolean;
  readonly isAuthenticating: boolean;
  readonly #hooks: Hooks;
  readonly #calls: () => HookCalls;
  readonly #identities: Identities;

  constructor(hooks: Hooks, calls: () => HookCalls) {
    this.needsToken = hooks.authenticate !== undefined;
    this.isAuthenticating = this.needsToken;
    this.#hooks = hooks;
    this.#calls = calls;
    this.#identities = new Identities({
      ask: (request) => this.#authenticate(request),
      now: () => calls().clock.now(),
    });
  }

  async admit(request: AdmissionRequest): Promise<Admission> {
    let identity = await this.#identify(request);
    const { user, context } = identity;
    const renewal = await this.#decide(request, identity);
    const guest = new HookGuest(user, context);
    const renew = async (token: string): Promise<Renewal> => {
      const next = await this.#identify({ ...request, token }, identity);
      if (next.user !== user) throw new AccessDenied("the new token is somebody else's");
      const renewed = await this.#decide(request, next);
      identity = next;
      guest.context = next.context;
      return renewed;
    };
    const recheck = () => this.#authorize(request, identity);
    return { ...renewal, author: user, guest, renew, ...(this.#hooks.authorize && { recheck }) };
  }

  async #identify(request: AdmissionRequest, old: Identity | null = null): Promise<Identity> {
    return this.#hooks.authenticate ? await this.#identities.of(request, old) : NOBODY;
  }

  async #decide(request: AdmissionRequest, identity: Identity): Promise<Renewal> {
    const rights = await this.#authorize(request, identity);
    if (rights.isNone) throw new AccessDenied("you may not open this document");
    const { user, context, ...shown } = identity;
    return { ...shown, rights };
  }

  async #authenticate(request: AdmissionRequest): Promise<Identity> {
    const { token, dialect, agent } = request;
    const connection = shownConnection(request.connection);
    return await this.#ask("authenticate", null, async () => {
      const answer: unknown = await this.#hooks.authenticate?.({ token, dialect, agent, connection });
      return identityOf(answer, this.#calls().clock.now());
    });
  }

  /** The stricter of what both hooks say. */
  async #authorize(request: AdmissionRequest, identity: Identity): Promise<Rights> {
    const hooks = this.#hooks;
    const { document } = request;
    const { rights, context } = identity;
    // Where hooks do not say who somebody is, a token may.
    const user = identity.user || (request.user ?? "");
    if (!hooks.authorize) return rights ?? Rights.WRITER;
    const authorized = await this.#ask("authorize", document, async () => {
      const answer: unknown = await hooks.authorize?.({ document, user, context });
      if (answer === null) return Rights.NONE;
      if (isRightsSpec(answer)) return Rights.from(answer);
      throw new TypeError(`authorize returned ${String(answer)}, it must be ${RIGHTS_SPEC}, or null`);
    });
    return authorized.and(rights ?? Rights.MANAGER);
  }

  /** Errors that are not meant for clients tell them nothing: they may be about anything. */
  async #ask<T>(hook: HookName, document: string | null, call: () => Promise<T>): Promise<T> {
    try {
      return await this.#calls().ask(hook, document, call);
    } catch (thrown) {
      if (thrown instanceof JoineryError) throw thrown;
      throw new AccessDenied("permission denied", { cause: thrown });
    }
  }
}
