/** From the text of a token to what it grants: the signature first, then the claims. */

import type { JoineryError } from "@joinery/shared";
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../../engine/ports.ts";
import { type Grant, grantOf } from "./grant.ts";
import type { ResolvedJwt } from "./jwt-options.ts";
import { JWT_ALGORITHMS, type JwtAlgorithm, type KeyQuery, KeyRing, type VerifyingKey } from "./key-ring.ts";
import { refusalOf, refusedToken } from "./refusals.ts";
import type { RemoteKeys } from "./remote-keys.ts";

/** As large as the headers of a request may be; nothing is done with a longer one. */
export const MAX_TOKEN_LENGTH = 8192;

export interface Verified {
  readonly grant: Grant;
  /** Which of the keys that are somewhere else it was checked with; `null` for own ones, which never change. */
  readonly keysVersion: number | null;
}

const MAX_KEY_ID_LENGTH = 256;

export class TokenVerifier {
  readonly #options: ResolvedJwt;
  readonly #clock: Pick<Clock, "now">;
  readonly #ring: KeyRing;
  readonly #remote: RemoteKeys | null;

  constructor(options: ResolvedJwt, clock: Pick<Clock, "now">, remote: RemoteKeys | null) {
    this.#options = options;
    this.#clock = clock;
    this.#ring = new KeyRing(options.keys);
    this.#remote = remote;
  }

  /**
   * Checks a token of at most {@link MAX_TOKEN_LENGTH} characters, from its first to its last.
   *
   * Rejects with UNAUTHENTICATED (after-auth), HOOK_FAILED (backoff). Cost: some 0.1 ms, and a request for the keys if
   * they are somewhere else and not here.
   */
  async verify(token: string): Promise<Verified> {
    const query = this.#queryOf(token);
    const own = await this.#verifyWith(this.#ring.candidates(query), query.algorithm, token);
    if (own !== null) return { grant: this.#grantOf(own), keysVersion: null };
    if (this.#remote === null) throw signedElsewhere();
    const { keys, version } = await this.#remote.candidates(query);
    const claims = await this.#verifyWith(keys, query.algorithm, token);
    if (claims === null) throw signedElsewhere();
    return { grant: this.#grantOf(claims), keysVersion: version };
  }

  #grantOf(claims: JWTPayload): Grant {
    return grantOf(claims, this.#options, this.#clock.now());
  }

  #queryOf(token: string): KeyQuery {
    if (!isCanonical(token)) throw refusedToken("is not a JSON Web Token");
    let header: { alg?: unknown; kid?: unknown };
    try {
      header = decodeProtectedHeader(token);
    } catch {
      // Whatever it is: there is no more to say of it than that.
      throw refusedToken("is not a JSON Web Token");
    }
    const { alg, kid = null } = header;
    if (!this.#isAccepted(alg)) {
      throw refusedToken(`needs one of the algorithms ${this.#options.algorithms.join(", ")}`);
    }
    if (kid !== null && (typeof kid !== "string" || kid.length > MAX_KEY_ID_LENGTH)) {
      throw refusedToken(`needs "kid" in its header as a text of at most ${MAX_KEY_ID_LENGTH} characters`);
    }
    return { algorithm: alg, id: kid };
  }

  #isAccepted(algorithm: unknown): algorithm is JwtAlgorithm {
    return (
      JWT_ALGORITHMS.includes(algorithm as JwtAlgorithm) &&
      this.#options.algorithms.includes(algorithm as JwtAlgorithm)
    );
  }

  /** @returns `null` if it was signed with none of these. */
  async #verifyWith(
    keys: readonly VerifyingKey[],
    algorithm: JwtAlgorithm,
    token: string,
  ): Promise<JWTPayload | null> {
    const { issuers, audiences, clockToleranceS, maxTokenAgeS, allowWithoutExpiry } = this.#options;
    for (const { key } of keys) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [algorithm],
          clockTolerance: clockToleranceS,
          currentDate: new Date(this.#clock.now()),
          requiredClaims: allowWithoutExpiry ? [] : ["exp"],
          ...(issuers.length > 0 && { issuer: [...issuers] }),
          ...(audiences.length > 0 && { audience: [...audiences] }),
          ...(maxTokenAgeS !== null && { maxTokenAge: maxTokenAgeS }),
        });
        return payload;
      } catch (thrown) {
        if (!(thrown instanceof errors.JWSSignatureVerificationFailed))
          throw refusalOf(thrown, this.#options);
      }
    }
    return null;
  }
}

function signedElsewhere(): JoineryError {
  return refusedToken("was not signed with a key that is known here");
}

/**
 * Whether no other text is the same token. Base64url has bits at the end that mean nothing, and decoders ignore what is
 * not of its alphabet: a token that was revoked would come back with another spelling.
 */
function isCanonical(token: string): boolean {
  const parts = token.split(".");
  return (
    parts.length === 3 &&
    parts.every((part) => part !== "" && Buffer.from(part, "base64url").toString("base64url") === part)
  );
}
