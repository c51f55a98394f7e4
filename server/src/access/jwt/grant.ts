/**
 * What the claims of a token give whoever has it. The signature is checked already; that a claim was signed does not make
 * it what it must be.
 */

import { type DocumentName, JoineryError, parseDocumentName } from "@joinery/shared";
import type { JWTPayload } from "jose";
import { Rights } from "../../engine/rights.ts";
import { DocumentPatterns } from "../patterns.ts";
import type { ResolvedJwt } from "./jwt-options.ts";
import { refusedClaim, refusedToken } from "./refusals.ts";

export interface Grant {
  readonly user: string;
  /** First part of the names of all documents that it is about; `null` where there are no tenants. */
  readonly tenant: string | null;
  /** `null` where the token names no documents. */
  readonly patterns: DocumentPatterns | null;
  /** Until when the token is good, with the tolerance, in milliseconds since 1970; infinite for ever. */
  readonly goodUntilMs: number;
  readonly issuedAt: number | null;
  readonly tokenId: string | null;
}

const MAX_USER_LENGTH = 256;

/** Controls, halves of surrogate pairs, and what changes the direction of text: a name would look like another. */
const UNFIT = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u;

/** In seconds that is in the year 5138: whoever gives more means milliseconds, and the token would be good for ever. */
const MAX_SECONDS = 1e11;

/** @throws JoineryError UNAUTHENTICATED (after-auth), naming the claim that is not what it must be. */
export function grantOf(claims: JWTPayload, options: ResolvedJwt, nowMs: number): Grant {
  const issuedAt = readSeconds(claims, "iat");
  const { clockToleranceS, maxTokenAgeS, tenantClaim } = options;
  if (issuedAt !== null && issuedAt * 1000 > nowMs + clockToleranceS * 1000) {
    throw refusedToken('says that it was issued in the future, by its claim "iat"');
  }
  const expiry = readSeconds(claims, "exp") ?? Number.POSITIVE_INFINITY;
  const oldest =
    maxTokenAgeS === null || issuedAt === null ? Number.POSITIVE_INFINITY : issuedAt + maxTokenAgeS;
  return {
    user: readName(claims, options.userClaim),
    tenant: tenantClaim === null ? null : readTenant(claims, tenantClaim),
    patterns: readPatterns(claims, options),
    goodUntilMs: (Math.min(expiry, oldest) + clockToleranceS) * 1000,
    issuedAt: issuedAt === null ? null : issuedAt * 1000,
    tokenId: Object.hasOwn(claims, "jti") ? readName(claims, "jti") : null,
  };
}

/**
 * What the token lets its user do with a document.
 *
 * @param document Empty for the server as a whole.
 * @throws JoineryError PERMISSION_DENIED (never retry) when it names no documents at all.
 */
export function rightsOf({ tenant, patterns }: Grant, document: DocumentName | ""): Rights {
  if (patterns === null) throw new JoineryError("PERMISSION_DENIED", "the token names no documents");
  if (tenant === null) return patterns.rightsFor(document);
  const prefix = `${tenant}/`;
  return document.startsWith(prefix) ? patterns.rightsFor(document.slice(prefix.length)) : Rights.NONE;
}

function readName(claims: JWTPayload, claim: string): string {
  const value = claimOf(claims, claim);
  const isName = typeof value === "string" && value !== "" && value.length <= MAX_USER_LENGTH;
  if (isName && !UNFIT.test(value)) return value;
  throw refusedToken(
    `needs the claim "${claim}" as a text of 1 to ${MAX_USER_LENGTH} characters, none of which controls text`,
  );
}

function readTenant(claims: JWTPayload, claim: string): string {
  const value = claimOf(claims, claim);
  if (typeof value === "string" && !/[/*]/.test(value) && isDocumentName(value)) return value;
  throw refusedToken(`needs the claim "${claim}" as one part of a document's name, without slash or star`);
}

function isDocumentName(text: string): boolean {
  try {
    parseDocumentName(text);
    return true;
  } catch (error) {
    if (error instanceof JoineryError) return false;
    throw error;
  }
}

function readPatterns(
  claims: JWTPayload,
  { documentsClaim, documents }: ResolvedJwt,
): DocumentPatterns | null {
  if (!Object.hasOwn(claims, documentsClaim)) return documents;
  const value = claims[documentsClaim];
  // Rights for everything are a pattern in a token: `{"**":"read"}`.
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refusedClaim(documentsClaim, "must be an object of patterns and rights");
  }
  try {
    return DocumentPatterns.parse(value);
  } catch (error) {
    if (error instanceof JoineryError) throw refusedClaim(documentsClaim, error.message);
    throw error;
  }
}

function readSeconds(claims: JWTPayload, claim: string): number | null {
  const value = claimOf(claims, claim);
  if (value === undefined) return null;
  if (typeof value === "number" && value >= 0 && value < MAX_SECONDS) return value;
  throw refusedToken(`needs the claim "${claim}" in seconds since 1970`);
}

function claimOf(claims: JWTPayload, claim: string): unknown {
  return Object.hasOwn(claims, claim) ? claims[claim] : undefined;
}
