/** How tokens are checked, and what their claims mean. */

import type { JsonWebKey } from "node:crypto";
import { JoineryError } from "@joinery/shared";
import { checkNumber, checkText, invalid, refuseUnknown } from "../../option-checks.ts";
import { DocumentPatterns, type DocumentRights } from "../patterns.ts";
import { JWT_ALGORITHMS, type JwtAlgorithm, PUBLIC_KEY_ALGORITHMS, type VerifyingKey } from "./key-ring.ts";
import { type JsonWebKeySet, readPublicKeys, readSecret } from "./read-keys.ts";

/** A public key: PEM (SPKI), a JWK, or a JWK Set. */
export type PublicKey = string | JsonWebKey | JsonWebKeySet;

/** At least one of `secret`, `publicKey` and `jwks` is needed; a token is good if one of the keys fits. */
export interface JwtOptions {
  /** Shared with who makes the tokens (HS256): at least 32 bytes. `joinery token --new-secret` makes one. */
  readonly secret?: string | Uint8Array;
  /** Public keys of who makes the tokens (RS256, ES256, EdDSA), several while one takes over from another. */
  readonly publicKey?: PublicKey | readonly PublicKey[];
  /**
   * Where the public keys are published, as a JWK Set: `https:`, or `http:` on this machine. They are asked for every
   * 10 minutes, when a token has a key that is not known, and at most every 30 s; while that fails, the keys that were
   * there are good for 24 hours.
   */
  readonly jwks?: string;
  /** Of those that the keys are for, the algorithms that are accepted. Default: all. */
  readonly algorithms?: readonly JwtAlgorithm[];
  /** What the claim `iss` has to be; of a list, one. Default: anything. */
  readonly issuer?: string | readonly string[];
  /** What the claim `aud` has to name; of a list, one. Default: anything. */
  readonly audience?: string | readonly string[];
  /** How far the clocks may be apart, in seconds: a token is good so much longer. Default 5. */
  readonly clockToleranceS?: number;
  /** How old a token may become by its claim `iat`, in seconds, whatever it says of its end. Default: any age. */
  readonly maxTokenAgeS?: number;
  /** Whether a token without the claim `exp` is good, for ever. Default false. */
  readonly allowWithoutExpiry?: boolean;
  /** The claim that names the user, with 1 to 256 characters. Default `sub`. */
  readonly userClaim?: string;
  /** The claim with the patterns of documents and the rights. Default `documents`. */
  readonly documentsClaim?: string;
  /** What somebody may do whose token has no such claim. Default: nothing. */
  readonly documents?: DocumentRights;
  /**
   * The claim that names the tenant, without which a token is refused. Its documents are `<tenant>/…`; patterns are of
   * what comes behind that. Default: there are no tenants.
   */
  readonly tenantClaim?: string;
}

/** Options with every default filled in, every value checked and every key read. */
export interface ResolvedJwt {
  readonly keys: readonly VerifyingKey[];
  readonly jwks: URL | null;
  /** At least one. */
  readonly algorithms: readonly JwtAlgorithm[];
  /** Empty for any. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly clockToleranceS: number;
  readonly maxTokenAgeS: number | null;
  readonly allowWithoutExpiry: boolean;
  readonly userClaim: string;
  readonly documentsClaim: string;
  readonly documents: DocumentPatterns | null;
  readonly tenantClaim: string | null;
}

/** Total by type: an option that is not here does not compile. */
const KNOWN: { readonly [name in keyof Required<JwtOptions>]: true } = {
  secret: true,
  publicKey: true,
  jwks: true,
  algorithms: true,
  issuer: true,
  audience: true,
  clockToleranceS: true,
  maxTokenAgeS: true,
  allowWithoutExpiry: true,
  userClaim: true,
  documentsClaim: true,
  documents: true,
  tenantClaim: true,
};

const PREFIX = "access.jwt";
const MAX_AGE_S = 10 * 365 * 86_400;
const LOOPBACK_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** @throws JoineryError INVALID_OPTION (never retry), naming the option and what it may be; never a key. */
export function resolveJwt(options: JwtOptions): ResolvedJwt {
  refuseUnknown(options, Object.keys(KNOWN), `${PREFIX}.`);
  const keys = readKeys(options);
  const jwks = options.jwks === undefined ? null : checkKeysUrl(options.jwks);
  const { maxTokenAgeS, documents, tenantClaim } = options;
  return {
    keys,
    jwks,
    algorithms: resolveAlgorithms(options.algorithms, keys, jwks),
    issuers: checkTexts("issuer", options.issuer),
    audiences: checkTexts("audience", options.audience),
    clockToleranceS: checkNumber(`${PREFIX}.clockToleranceS`, options.clockToleranceS ?? 5, 0, 300, "s"),
    maxTokenAgeS:
      maxTokenAgeS === undefined
        ? null
        : checkNumber(`${PREFIX}.maxTokenAgeS`, maxTokenAgeS, 1, MAX_AGE_S, "s"),
    allowWithoutExpiry: checkFlag("allowWithoutExpiry", options.allowWithoutExpiry ?? false),
    userClaim: checkText(`${PREFIX}.userClaim`, options.userClaim ?? "sub"),
    documentsClaim: checkText(`${PREFIX}.documentsClaim`, options.documentsClaim ?? "documents"),
    documents: documents === undefined ? null : parsePolicy(`${PREFIX}.documents`, documents),
    tenantClaim: tenantClaim === undefined ? null : checkText(`${PREFIX}.tenantClaim`, tenantClaim),
  };
}

/**
 * Reads rights for all documents, or patterns and rights.
 *
 * @throws JoineryError INVALID_OPTION (never retry), naming the option.
 */
export function parsePolicy(name: string, value: unknown): DocumentPatterns {
  try {
    return DocumentPatterns.parse(value);
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    throw new JoineryError("INVALID_OPTION", `option "${name}" ${error.message}`, { cause: error });
  }
}

function readKeys({ secret, publicKey, jwks }: JwtOptions): readonly VerifyingKey[] {
  if (secret === undefined && publicKey === undefined && jwks === undefined) {
    throw new JoineryError("INVALID_OPTION", `option "${PREFIX}" needs "secret", "publicKey" or "jwks"`);
  }
  return [
    ...(secret === undefined ? [] : [readSecret(secret, `${PREFIX}.secret`)]),
    ...(publicKey === undefined ? [] : readPublicKeys(publicKey, `${PREFIX}.publicKey`)),
  ];
}

/** Whoever can change what comes from there can make tokens: so it comes over TLS, or does not leave the machine. */
function checkKeysUrl(text: unknown): URL {
  const name = `${PREFIX}.jwks`;
  const url = typeof text === "string" ? URL.parse(text) : null;
  const isSafe =
    url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK_HOSTS.includes(url.hostname));
  if (url === null || !isSafe)
    throw invalid(name, text, 'an address with "https:", or "http:" on this machine');
  // Not shown: there is a password in it.
  if (url.username !== "" || url.password !== "") {
    throw new JoineryError("INVALID_OPTION", `option "${name}" must not have a user or a password in it`);
  }
  return url;
}

function resolveAlgorithms(
  wanted: readonly JwtAlgorithm[] | undefined,
  keys: readonly VerifyingKey[],
  jwks: URL | null,
): readonly JwtAlgorithm[] {
  const name = `${PREFIX}.algorithms`;
  const possible = new Set([
    ...keys.flatMap(({ algorithms }) => algorithms),
    ...(jwks ? PUBLIC_KEY_ALGORITHMS : []),
  ]);
  if (wanted === undefined) return [...possible];
  if (!Array.isArray(wanted) || wanted.length === 0) throw invalid(name, wanted, "a list of algorithms");
  for (const one of wanted) {
    if (!JWT_ALGORITHMS.includes(one)) throw invalid(name, one, `some of ${JWT_ALGORITHMS.join(", ")}`);
  }
  const accepted = wanted.filter((one) => possible.has(one));
  if (accepted.length > 0) return accepted;
  throw new JoineryError(
    "INVALID_OPTION",
    `option "${name}" has none that the keys are for: ${[...possible].join(", ")}`,
  );
}

function checkTexts(option: string, value: unknown): readonly string[] {
  if (value === undefined) return [];
  const name = `${PREFIX}.${option}`;
  if (!Array.isArray(value)) return [checkText(name, value)];
  if (value.length === 0) throw invalid(name, value, "a text, or a list of texts that is not empty");
  return value.map((one) => checkText(name, one));
}

function checkFlag(option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw invalid(`${PREFIX}.${option}`, value, "true or false");
}
