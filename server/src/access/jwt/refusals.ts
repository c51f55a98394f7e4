/**
 * Why a token is refused, for people. A message names the claim and what was expected, and has nothing of the token in
 * it: it goes to clients and to the log.
 */

import { JoineryError } from "@joinery/shared";
import { errors } from "jose";
import type { ResolvedJwt } from "./jwt-options.ts";

/** @param what Begins with a verb: the token is what does it. */
export function refusedToken(what: string): JoineryError {
  return new JoineryError("UNAUTHENTICATED", `the token ${what}`);
}

/** @param what Begins with a verb: the claim is what does it. */
export function refusedClaim(claim: string, what: string): JoineryError {
  return new JoineryError("UNAUTHENTICATED", `the token's claim "${claim}" ${what}`);
}

/** Gives what `jose` threw a place in the table of errors; what is no fault of the token stays itself. */
export function refusalOf(thrown: unknown, options: ResolvedJwt): unknown {
  if (thrown instanceof errors.JWTExpired) {
    if (thrown.claim === "exp") return refusedToken("has expired");
    return refusedToken(`is older than ${options.maxTokenAgeS} s, by its claim "iat"`);
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) return refusedToken(claimFault(thrown, options));
  if (thrown instanceof errors.JOSEError) return refusedToken("is not a JSON Web Token that can be checked");
  return thrown;
}

function claimFault({ claim, reason }: errors.JWTClaimValidationFailed, options: ResolvedJwt): string {
  if (reason === "missing") return `has no claim "${claim}"`;
  if (reason === "invalid") return `needs the claim "${claim}" as a number`;
  if (claim === "iss") return `needs the claim "iss" as ${oneOf(options.issuers)}`;
  if (claim === "aud") return `needs a claim "aud" with ${oneOf(options.audiences)}`;
  if (claim === "nbf") return 'is not good yet, by its claim "nbf"';
  return `says that it was issued in the future, by its claim "${claim}"`;
}

function oneOf(texts: readonly string[]): string {
  return texts.map((text) => JSON.stringify(text)).join(" or ");
}
