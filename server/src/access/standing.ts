/** What was said against somebody before he came: bans and revocations, and where they outlive the process. */

import { JoineryError, type LimitName, type Limits, toJoineryError } from "@joinery/shared";
import { toBase64UrlEncoded } from "lib0/buffer";
import type { Clock, Random } from "../engine/ports.ts";
import type { AccessTarget, Ban, BanOptions } from "./access-api.ts";
import type { AccessStore, Revocation } from "./access-store.ts";
import { Bans } from "./bans.ts";
import { Revocations, type Shown } from "./revocations.ts";

export interface StandingOptions {
  readonly clock: Pick<Clock, "now">;
  readonly random: Random;
  readonly limits: Pick<Limits, "maxBans" | "maxRevocations">;
  /** How long a revocation is remembered, in milliseconds. */
  readonly revocationMs: number;
  /** `null`: nothing outlives the process. */
  readonly store: AccessStore | null;
  readonly onLimit: (limit: LimitName) => void;
}

const BAN_ID_BYTES = 9;
/** The last moment that a date can be, in milliseconds since 1970. */
const END_OF_TIME = 8.64e15;

export class Standing {
  readonly #options: StandingOptions;
  readonly #bans: Bans;
  readonly #revocations: Revocations;
  readonly #loaded = Promise.withResolvers<void>();
  #isLoaded: boolean;
  /** The last write, and the one that begins when it has ended, which all that changes until then waits for. */
  #saving: Promise<void> = Promise.resolve();
  #nextSaving: Promise<void> | null = null;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#bans = new Bans(options);
    this.#revocations = new Revocations(options);
    this.#isLoaded = options.store === null;
    // Whoever waits to be let in is told.
    this.#loaded.promise.catch(() => undefined);
  }

  /** Resolves when it is known what was said before; `null` when it is. */
  get loading(): Promise<void> | null {
    return this.#isLoaded ? null : this.#loaded.promise;
  }

  /** Reads what is kept. Rejects as the store does: then nobody is let in. */
  async load(): Promise<void> {
    try {
      const records = await this.#options.store?.load();
      for (const ban of records?.bans ?? []) this.#bans.restore(ban);
      for (const revocation of records?.revocations ?? []) this.#revocations.restore(revocation);
    } catch (thrown) {
      this.#loaded.reject(toJoineryError(thrown));
      throw thrown;
    }
    this.#isLoaded = true;
    this.#loaded.resolve();
  }

  /**
   * @throws JoineryError PERMISSION_DENIED (never) for whom a ban is about, UNAUTHENTICATED (after-auth) where what is
   * shown was revoked.
   */
  demandGood(shown: Shown, address: string): void {
    this.#bans.refuse({ user: shown.user, document: shown.document, address });
    this.demandUnrevoked(shown);
  }

  /** @throws JoineryError UNAUTHENTICATED (after-auth) where what is shown was revoked. */
  demandUnrevoked(shown: Shown): void {
    if (!this.#revocations.covers(shown)) return;
    throw new JoineryError("UNAUTHENTICATED", "the token was revoked: get a new one");
  }

  /** What is so of all that come from there, whoever they are. @throws JoineryError PERMISSION_DENIED (never). */
  demandWelcome(address: string, document: string): void {
    this.#bans.refuse({ user: "", document, address });
  }

  get bans(): readonly Ban[] {
    return this.#bans.all;
  }

  ban(id: string): Ban | null {
    return this.#bans.get(id);
  }

  /** Holds nobody off yet. @throws JoineryError INVALID_OPTION (never) when there is no such duration. */
  newBan(
    { user, address, document }: Pick<AccessTarget, "user" | "address" | "document">,
    { reason, durationMs }: BanOptions,
  ): Ban {
    const { clock, random } = this.#options;
    const since = clock.now();
    if (durationMs !== undefined && !(durationMs > 0 && since + durationMs <= END_OF_TIME)) {
      const message = `durationMs is ${durationMs}, it must be more than 0; leave it away for a ban for good`;
      throw new JoineryError("INVALID_OPTION", message);
    }
    return {
      id: toBase64UrlEncoded(random.bytes(BAN_ID_BYTES)),
      ...(user !== undefined && { user }),
      ...(address !== undefined && { address }),
      ...(document !== undefined && { document }),
      reason,
      since,
      until: durationMs === undefined ? null : since + durationMs,
    };
  }

  /** Holds at once; {@link save} keeps it. @throws JoineryError SERVER_FULL (backoff). */
  addBan(ban: Ban): void {
    this.#bans.add(ban);
  }

  /** It does not hold any more; {@link save} forgets it for good. */
  deleteBan(id: string): void {
    this.#bans.delete(id);
  }

  /** Hold at once, and it resolves when they are kept. Rejects with SERVER_FULL, and as the store does. */
  async revoke(what: readonly Omit<Revocation, "at" | "until">[]): Promise<void> {
    const at = this.#options.clock.now();
    const until = at + this.#options.revocationMs;
    try {
      for (const one of what) this.#revocations.add({ ...one, at, until });
    } finally {
      await this.save();
    }
  }

  /** Resolves when all that holds now is kept. Rejects as the store does; what is written next has all of it again. */
  async save(): Promise<void> {
    const { store } = this.#options;
    if (store === null) return;
    // What is not read yet would be lost.
    await this.loading;
    const save = () => {
      this.#nextSaving = null;
      return store.save({ bans: this.#bans.all, revocations: this.#revocations.all });
    };
    // A write that failed was told to who asked for it.
    this.#nextSaving ??= this.#saving = this.#saving.then(save, save);
    await this.#nextSaving;
  }
}
