/**
 * What is not good any more, though nothing in it says so. A token is refused by its digest or its name; those of a
 * user, or for a document, by when they were issued, or first shown where that is not known. Times of tokens are whole
 * seconds: one that was issued in the second of the revocation is refused, and its client gets a newer one.
 */

import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import type { Clock } from "../engine/ports.ts";
import type { Revocation } from "./access-store.ts";
import { isFull } from "./capacity.ts";
import { tokenDigestOf } from "./digest.ts";

/** What somebody shows, and for which document. */
export interface Shown {
  /** Digest of the token; `null` for none. */
  readonly token: string | null;
  /** What the issuer calls it; `null` where it has no name. */
  readonly tokenId: string | null;
  /** In milliseconds since 1970; when it was shown, where nobody knows. */
  readonly issuedAt: number;
  readonly user: string;
  readonly document: string;
}

/** What a revocation is of. Absent fits everything. */
interface Revoked {
  readonly token?: string | undefined;
  readonly user?: string | undefined;
  readonly document?: string | undefined;
}

export class Revocations {
  readonly #clock: Pick<Clock, "now">;
  readonly #limits: Pick<Limits, "maxRevocations">;
  readonly #onLimit: (limit: LimitName) => void;
  /** By what they are of. */
  readonly #all = new Map<string, Revocation>();

  constructor(options: {
    readonly clock: Pick<Clock, "now">;
    readonly limits: Pick<Limits, "maxRevocations">;
    readonly onLimit: (limit: LimitName) => void;
  }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#onLimit = options.onLimit;
  }

  /** All that are remembered. */
  get all(): readonly Revocation[] {
    this.#forget();
    return [...this.#all.values()];
  }

  /** @throws JoineryError SERVER_FULL (backoff): no other one is forgotten for it. */
  add(revocation: Revocation): void {
    const { maxRevocations } = this.#limits;
    this.#forget();
    if (!this.#all.has(keyOf(revocation)) && isFull(this.#all.values(), maxRevocations, revocation)) {
      this.#onLimit("maxRevocations");
      const message = `as many revocations are remembered as may be: ${maxRevocations}, or for documents less`;
      throw new JoineryError("SERVER_FULL", message);
    }
    this.restore(revocation);
  }

  /** Adds one that was kept, however many there are: what was revoked stays so when the limit is made smaller. */
  restore(revocation: Revocation): void {
    const key = keyOf(revocation);
    const { at = 0, until = 0 } = this.#all.get(key) ?? {};
    // Clocks are set back: what was refused before is not good again because of that.
    const merged = { at: Math.max(at, revocation.at), until: Math.max(until, revocation.until) };
    this.#all.set(key, { ...revocation, ...merged });
  }

  /** Whether what somebody shows was revoked. Cost: a few look-ups. */
  covers({ token, tokenId, issuedAt, user, document }: Shown): boolean {
    if (this.#all.size === 0) return false;
    const isOld = (revoked: Revoked) => {
      const found = this.#find(revoked);
      return found !== null && issuedAt <= found.at;
    };
    if (isOld({ document }) || (user !== "" && (isOld({ user }) || isOld({ user, document })))) return true;
    const digests = [token ?? [], tokenId === null ? [] : tokenDigestOf(tokenId)].flat();
    return digests.some((digest) => this.#coversToken(digest, user, document));
  }

  #coversToken(token: string, user: string, document: string): boolean {
    const targets: Revoked[] = [{ token }, { token, user }, { token, document }, { token, user, document }];
    return targets.some((target) => this.#find(target) !== null);
  }

  #find(revoked: Revoked): Revocation | null {
    const found = this.#all.get(keyOf(revoked));
    return found && found.until > this.#clock.now() ? found : null;
  }

  #forget(): void {
    const now = this.#clock.now();
    for (const [key, { until }] of this.#all) if (until <= now) this.#all.delete(key);
  }
}

function keyOf({ token = "", user = "", document = "" }: Revoked): string {
  return JSON.stringify([token, user, document]);
}
