/** Keys that tokens are checked with, and the algorithms that each of them is for. */

import type { KeyObject } from "node:crypto";

/** Signatures that are accepted. `EdDSA` and `Ed25519` are two names of one. */
export const JWT_ALGORITHMS = ["HS256", "RS256", "ES256", "EdDSA", "Ed25519"] as const;

export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** Of these, those that a public key can be for. */
export const PUBLIC_KEY_ALGORITHMS: readonly JwtAlgorithm[] = ["RS256", "ES256", "EdDSA", "Ed25519"];

export interface VerifyingKey {
  readonly key: KeyObject;
  /**
   * Follows from the kind of key and never from the token: a public key that is taken for a secret would let anybody
   * who has it sign (RFC 8725, section 2.1).
   */
  readonly algorithms: readonly JwtAlgorithm[];
  /** What tokens call it (`kid`); `null` for a key without a name, which may have any. */
  readonly id: string | null;
}

/** Immutable. */
export class KeyRing {
  readonly keys: readonly VerifyingKey[];

  constructor(keys: readonly VerifyingKey[]) {
    this.keys = keys;
  }

  /** Those that a token with this header may have been signed with; all of the kind where it names none. */
  candidates({ algorithm, id }: KeyQuery): readonly VerifyingKey[] {
    return this.keys.filter((key) => {
      return key.algorithms.includes(algorithm) && (id === null || key.id === null || key.id === id);
    });
  }
}

/** What a token says of the key that it was signed with; nothing of it is verified. */
export interface KeyQuery {
  readonly algorithm: JwtAlgorithm;
  readonly id: string | null;
}
