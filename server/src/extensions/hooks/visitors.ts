/** Who is let in: what `authenticate` and `authorize` say, and what is kept of it with the session. */

import { JoineryError } from "@joinery/shared";
import type { Permission } from "../../engine/session.ts";
import type { Admission, AdmissionRequest, Admissions } from "../../protocols/admission.ts";
import type { HookCalls } from "./calls.ts";
import { AccessDenied, type Authentication, type HookName, type Hooks } from "./hooks.ts";

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

interface Verdict {
  readonly user: string;
  readonly permission: Permission;
  readonly context: unknown;
}

export class HookAdmissions implements Admissions {
  readonly needsToken: boolean;
  readonly #hooks: Hooks;
  readonly #calls: () => HookCalls;

  constructor(hooks: Hooks, calls: () => HookCalls) {
    this.needsToken = hooks.authenticate !== undefined;
    this.#hooks = hooks;
    this.#calls = calls;
  }

  async admit(request: AdmissionRequest): Promise<Admission> {
    const { user, permission, context } = await this.#decide(request);
    const guest = new HookGuest(user, context);
    return { author: user, permission, guest, renew: (token) => this.#renew({ ...request, token }, guest) };
  }

  async #renew(request: AdmissionRequest, guest: HookGuest): Promise<Permission> {
    const { user, permission, context } = await this.#decide(request);
    if (user !== guest.user) throw new AccessDenied("the new token is somebody else's");
    guest.context = context;
    return permission;
  }

  async #decide(request: AdmissionRequest): Promise<Verdict> {
    const { user = "", permission = "write", context } = await this.#authenticate(request);
    const authorized = await this.#authorize(request.document, user, context);
    if (authorized === null) throw new AccessDenied("you may not open this document");
    return { user, permission: permission === "read" ? "read" : authorized, context };
  }

  async #authenticate({
    token,
    document,
    dialect,
    agent,
    connection,
  }: AdmissionRequest): Promise<Authentication<unknown>> {
    const hooks = this.#hooks;
    if (!hooks.authenticate) return {};
    const { id, address, url, headers } = connection;
    const request = { token, document, dialect, agent, connection: { id, address, url, headers } };
    const found = await this.#ask("authenticate", document, async () => {
      const answer: unknown = await hooks.authenticate?.(request);
      return checked(answer);
    });
    return found;
  }

  async #authorize(document: string, user: string, context: unknown): Promise<Permission | null> {
    const hooks = this.#hooks;
    if (!hooks.authorize) return "write";
    return await this.#ask("authorize", document, async () => {
      const answer = await hooks.authorize?.({ document, user, context });
      if (answer === "read" || answer === "write" || answer === null) return answer;
      throw new TypeError(`authorize returned ${String(answer)}, it must be "read", "write" or null`);
    });
  }

  /** Errors that are not meant for clients tell them nothing: they may be about anything. */
  async #ask<T>(hook: HookName, document: string, call: () => Promise<T>): Promise<T> {
    try {
      return await this.#calls().ask(hook, document, call);
    } catch (thrown) {
      if (thrown instanceof JoineryError) throw thrown;
      throw new AccessDenied("permission denied", { cause: thrown });
    }
  }
}

/** What came from JavaScript, if it is what it must be: a misspelt permission must not be one to write. */
function checked(answer: unknown): Authentication<unknown> {
  if (typeof answer !== "object" || answer === null) {
    throw new TypeError(
      "authenticate returned nothing; it must return an object, which may be empty, or throw",
    );
  }
  const { user, permission } = answer as Record<string, unknown>;
  if (user !== undefined && typeof user !== "string")
    throw new TypeError("authenticate: user must be a text");
  if (permission !== undefined && permission !== "read" && permission !== "write") {
    throw new TypeError(`authenticate: permission is ${String(permission)}, it must be "read" or "write"`);
  }
  return answer;
}
