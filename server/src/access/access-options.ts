/** The option `access`: who may do what. */

import type { RightsSpec } from "../engine/rights.ts";
import { checkNumber, refuseUnknown } from "../option-checks.ts";
import { type JwtOptions, parsePolicy, type ResolvedJwt, resolveJwt } from "./jwt/jwt-options.ts";
import { DocumentPatterns, type DocumentRights } from "./patterns.ts";

export interface AccessOptions {
  /** Lets in who shows a JSON Web Token. Default: nobody looks at tokens, unless hooks do. */
  readonly jwt?: JwtOptions;
  /**
   * What somebody may do who shows no token: rights for all documents, or patterns and rights. Default: nothing where
   * `jwt` is given, else whatever hooks say.
   */
  readonly anonymous?: RightsSpec | DocumentRights;
  /**
   * How old a decision of tokens and hooks may become, in milliseconds, before they are asked again; 0 for any age.
   * Default 300,000.
   */
  readonly recheckMs?: number;
  /**
   * How long a revocation is remembered, in milliseconds: at least as long as tokens live, or one that was revoked is good
   * again. Default 2,592,000,000, which is 30 days.
   */
  readonly revocationMs?: number;
}

/** Options with every default filled in and every value checked. */
export interface ResolvedAccess {
  readonly jwt: ResolvedJwt | null;
  /** `null` where nothing was said, and there is no `jwt`. */
  readonly anonymous: DocumentPatterns | null;
  readonly recheckMs: number;
  readonly revocationMs: number;
}

const DAY_MS = 86_400_000;

/** Total by type: an option that is not here does not compile. */
const KNOWN: { readonly [name in keyof Required<AccessOptions>]: true } = {
  jwt: true,
  anonymous: true,
  recheckMs: true,
  revocationMs: true,
};

/** @throws JoineryError INVALID_OPTION (never retry), naming the option and what it may be. */
export function resolveAccess(options: AccessOptions = {}): ResolvedAccess {
  refuseUnknown(options, Object.keys(KNOWN), "access.");
  const { anonymous, recheckMs = 300_000, revocationMs = 30 * DAY_MS } = options;
  const jwt = options.jwt === undefined ? null : resolveJwt(options.jwt);
  const nobody = jwt === null ? null : DocumentPatterns.NONE;
  return {
    jwt,
    anonymous: anonymous === undefined ? nobody : parsePolicy("access.anonymous", anonymous),
    recheckMs: checkNumber("access.recheckMs", recheckMs, 0, DAY_MS, "ms"),
    revocationMs: checkNumber("access.revocationMs", revocationMs, 1_000, 3_650 * DAY_MS, "ms"),
  };
}
