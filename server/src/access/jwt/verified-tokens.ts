/**
 * Tokens that were checked, so that the two hundred documents that a page has open check one once. They are known by
 * their hash: what is not here cannot be read from a memory dump.
 */

import type { Clock } from "../../engine/ports.ts";
import { digestOf } from "../digest.ts";
import type { Grant } from "./grant.ts";
import { refusedToken } from "./refusals.ts";
import type { RemoteKeys } from "./remote-keys.ts";
import { MAX_TOKEN_LENGTH, type TokenVerifier, type Verified } from "./token-verifier.ts";

export interface VerifiedTokensOptions {
  readonly verifier: TokenVerifier;
  readonly clock: Clock;
  readonly remote: RemoteKeys | null;
  readonly maxVerifiedTokens: number;
}

export class VerifiedTokens {
  readonly #options: VerifiedTokensOptions;
  /** By hash; what was used last is at the end. */
  readonly #verified = new Map<string, Verified>();
  /** By hash: those who come with the same token at the same time wait for one check. */
  readonly #checking = new Map<string, Promise<Grant>>();

  constructor(options: VerifiedTokensOptions) {
    this.#options = options;
  }

  /**
   * @returns At once if the token was checked before and its keys did not change since.
   * @throws JoineryError UNAUTHENTICATED (after-auth), HOOK_FAILED (backoff); or rejects with them.
   */
  verify(token: string): Grant | Promise<Grant> {
    refuseTooLong(token);
    const hash = digestOf(token);
    return this.#find(hash) ?? this.#checking.get(hash) ?? this.#check(token, hash);
  }

  /** As {@link verify}, but whatever was found before. */
  async verifyAnew(token: string): Promise<Grant> {
    refuseTooLong(token);
    return (await this.#options.verifier.verify(token)).grant;
  }

  #find(hash: string): Grant | null {
    const verified = this.#verified.get(hash);
    if (!verified) return null;
    this.#verified.delete(hash);
    if (this.#options.clock.now() >= verified.grant.goodUntilMs) throw refusedToken("has expired");
    if (!this.#areKeysGood(verified)) return null;
    this.#verified.set(hash, verified);
    return verified.grant;
  }

  /** Whether the keys that it was checked with are still those that there are, and need not be asked for. */
  #areKeysGood({ keysVersion }: Verified): boolean {
    const { remote } = this.#options;
    if (remote === null || keysVersion === null) return true;
    return keysVersion === remote.version && remote.isCurrent;
  }

  #check(token: string, hash: string): Promise<Grant> {
    const checking = this.#options.verifier
      .verify(token)
      .then((verified) => {
        this.#keep(hash, verified);
        return verified.grant;
      })
      .finally(() => this.#checking.delete(hash));
    this.#checking.set(hash, checking);
    return checking;
  }

  #keep(hash: string, verified: Verified): void {
    this.#verified.set(hash, verified);
    for (const oldest of this.#verified.keys()) {
      if (this.#verified.size <= this.#options.maxVerifiedTokens) break;
      this.#verified.delete(oldest);
    }
  }
}

/** Before anything is done with it. */
function refuseTooLong(token: string): void {
  if (token.length > MAX_TOKEN_LENGTH) throw refusedToken(`is longer than ${MAX_TOKEN_LENGTH} characters`);
}
