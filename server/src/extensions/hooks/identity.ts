/** Who a client is, as `authenticate` says it. It comes from JavaScript: a misspelt word must not let anybody write. */

import { isRightsSpec, Rights } from "../../engine/rights.ts";
import type { Renewal } from "../../protocols/admission.ts";
import { TokenRejected } from "./hooks.ts";

export interface Identity extends Omit<Renewal, "rights"> {
  readonly user: string;
  /** `null`: nothing was said of it. */
  readonly rights: Rights | null;
  readonly context: unknown;
}

/** Where nobody is asked. */
export const NOBODY: Identity = { user: "", rights: null, context: undefined };

/** The year 1973; in seconds, the year 5138. */
const FIRST_MS = 1e11;

/**
 * @param now In milliseconds since 1970.
 * @throws JoineryError UNAUTHENTICATED (after-auth) when it has expired. @throws TypeError when it is not what it must be.
 */
export function identityOf(answer: unknown, now: number): Identity {
  if (typeof answer !== "object" || answer === null) {
    throw new TypeError(
      "authenticate returned nothing; it must return an object, which may be empty, or throw",
    );
  }
  const { user = "", permission, context, tokenId, ...times } = answer as Record<string, unknown>;
  if (typeof user !== "string") throw new TypeError("authenticate: user must be a text");
  if (permission !== undefined && !isRightsSpec(permission)) {
    throw new TypeError(`authenticate: permission is ${String(permission)}, it must be ${RIGHTS_SPEC}`);
  }
  if (tokenId !== undefined && (typeof tokenId !== "string" || tokenId === "")) {
    throw new TypeError("authenticate: tokenId must be a text that is not empty");
  }
  const expiresAt = timeOf("expiresAt", times.expiresAt);
  const issuedAt = timeOf("issuedAt", times.issuedAt);
  if (expiresAt !== undefined && expiresAt <= now) throw new TokenRejected("the token has expired");
  return {
    user,
    rights: permission === undefined ? null : Rights.from(permission),
    context,
    ...(expiresAt !== undefined && { expiresAt }),
    ...(issuedAt !== undefined && { issuedAt }),
    ...(tokenId !== undefined && { tokenId }),
  };
}

/** For people: what a permission may be. */
export const RIGHTS_SPEC = '"none", "read", "write", "manage", or a list of actions';

/** Tokens count in seconds: what looks like them is a mistake, and would have passed long ago. */
function timeOf(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const time = value instanceof Date ? value.getTime() : value;
  if (typeof time === "number" && Number.isFinite(time) && time >= FIRST_MS) return time;
  throw new TypeError(
    `authenticate: ${name} is ${String(value)}, it must be a Date, or a number in milliseconds`,
  );
}
