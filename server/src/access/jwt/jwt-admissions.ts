/** Lets in who shows a JSON Web Token, and others as far as the anonymous policy goes. */

import { JoineryError } from "@joinery/shared";
import type { Clock } from "../../engine/ports.ts";
import type { Admission, AdmissionRequest, Admissions, Renewal } from "../../protocols/admission.ts";
import { DocumentPatterns } from "../patterns.ts";
import { type Grant, rightsOf } from "./grant.ts";
import type { ResolvedJwt } from "./jwt-options.ts";
import { type KeysEvent, RemoteKeys } from "./remote-keys.ts";
import { TokenVerifier } from "./token-verifier.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

export interface JwtDependencies {
  readonly clock: Clock;
  readonly limits: { readonly maxVerifiedTokens: number };
  /** What somebody may do without a token, by whole names, also where there are tenants. Default: nothing. */
  readonly anonymous?: DocumentPatterns;
  /** Called when keys were fetched or could not be. Default: nobody is told. */
  readonly report?: (event: KeysEvent) => void;
}

/** Makes the admissions; keys that are somewhere else are fetched when the first token comes. */
export function jwtAdmissions(options: ResolvedJwt, dependencies: JwtDependencies): Admissions {
  return new JwtAdmissions(options, dependencies);
}

class JwtAdmissions implements Admissions {
  readonly isAuthenticating = true;
  readonly ignoresRequests = true;
  readonly needsToken: boolean;
  readonly #anonymous: DocumentPatterns;
  readonly #tokens: VerifiedTokens;

  constructor(options: ResolvedJwt, { clock, limits, anonymous, report }: JwtDependencies) {
    const url = options.jwks;
    const remote = url && new RemoteKeys({ url, clock, report: report ?? (() => undefined) });
    this.#anonymous = anonymous ?? DocumentPatterns.NONE;
    this.needsToken = this.#anonymous.isNothing;
    this.#tokens = new VerifiedTokens({
      verifier: new TokenVerifier(options, clock, remote),
      clock,
      remote,
      maxVerifiedTokens: limits.maxVerifiedTokens,
    });
  }

  admit(request: AdmissionRequest): Admission | Promise<Admission> {
    const { token } = request;
    // Some clients say that they have none with an empty one.
    if (token === null || token === "") return this.#admitWithout(request);
    const found = this.#tokens.verify(token);
    return found instanceof Promise
      ? found.then((grant) => this.#admitWith(grant, token, request))
      : this.#admitWith(found, token, request);
  }

  #admitWithout({ document }: AdmissionRequest): Admission {
    const rights = this.#anonymous.rightsFor(document);
    if (rights.isNone) throw new JoineryError("UNAUTHENTICATED", "a token is needed");
    return {
      author: "",
      rights,
      renew: async () => {
        // Whose session it is cannot change; the client comes back, and is somebody then.
        throw new JoineryError("UNAUTHENTICATED", "the session began without a token: connect anew with it");
      },
    };
  }

  #admitWith(grant: Grant, first: string, { document }: AdmissionRequest): Admission {
    let token = first;
    return {
      author: grant.user,
      ...renewalOf(grant, document),
      renew: async (next) => {
        const renewed = await this.#tokens.verify(next);
        if (renewed.user !== grant.user || renewed.tenant !== grant.tenant) {
          throw new JoineryError("PERMISSION_DENIED", "the new token is somebody else's");
        }
        const renewal = renewalOf(renewed, document);
        token = next;
        return renewal;
      },
      recheck: async () => rightsOf(await this.#tokens.verifyAnew(token), document),
    };
  }
}

/** @throws JoineryError PERMISSION_DENIED (never retry) when the token does not let its user read the document. */
function renewalOf(grant: Grant, document: AdmissionRequest["document"]): Renewal {
  const rights = rightsOf(grant, document);
  if (rights.isNone) throw new JoineryError("PERMISSION_DENIED", "you may not open this document");
  const { goodUntilMs, issuedAt, tokenId } = grant;
  return {
    rights,
    ...(Number.isFinite(goodUntilMs) && { expiresAt: goodUntilMs }),
    ...(issuedAt !== null && { issuedAt }),
    ...(tokenId !== null && { tokenId }),
  };
}
