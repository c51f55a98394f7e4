import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { addressKey } from "../address-key.ts";
import type { Clock } from "../engine/ports.ts";
import type { Ban } from "./access-api.ts";
import { isFull } from "./capacity.ts";

/** Who asks to come in. */
export interface Comer {
  /** Empty where it is nobody in particular, or not known yet. */
  readonly user: string;
  readonly address: string;
  readonly document: string;
}

/** Whom a ban is about; absent fits everybody. Of an address, what it is told apart by. */
interface Target {
  readonly user?: string | undefined;
  readonly address?: string | undefined;
  readonly document?: string | undefined;
}

/** Refuses somebody who is banned, with the reason and until when. */
export class Banned extends JoineryError {
  constructor({ reason, until }: Pick<Ban, "reason" | "until">) {
    const end = until === null ? "" : ` until ${new Date(until).toISOString()}`;
    super("PERMISSION_DENIED", `you are banned${end}: ${reason}`);
  }
}

/** Who may not come in. Cost of a question: a few look-ups. */
export class Bans {
  readonly #clock: Pick<Clock, "now">;
  readonly #limits: Pick<Limits, "maxBans">;
  readonly #onLimit: (limit: LimitName) => void;
  /** By id, the oldest first. */
  readonly #all = new Map<string, Ban>();
  /** By whom they are about. */
  readonly #byTarget = new Map<string, Set<Ban>>();

  constructor(options: {
    readonly clock: Pick<Clock, "now">;
    readonly limits: Pick<Limits, "maxBans">;
    readonly onLimit: (limit: LimitName) => void;
  }) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#onLimit = options.onLimit;
  }

  /** Those that hold, the oldest first. */
  get all(): readonly Ban[] {
    const now = this.#clock.now();
    for (const [id, ban] of this.#all) if (!holds(ban, now)) this.delete(id);
    return [...this.#all.values()];
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  add(ban: Ban): void {
    const { maxBans } = this.#limits;
    if (isFull(this.all, maxBans, ban)) {
      this.#onLimit("maxBans");
      throw new JoineryError(
        "SERVER_FULL",
        `there are as many bans as may be: ${maxBans}, or for documents less`,
      );
    }
    this.restore(ban);
  }

  /** Adds one that was kept, however many there are: who was banned stays so when the limit is made smaller. */
  restore(ban: Ban): void {
    const key = targetOf(ban);
    const others = this.#byTarget.get(key) ?? new Set();
    this.#byTarget.set(key, others.add(ban));
    this.#all.set(ban.id, ban);
  }

  get(id: string): Ban | null {
    return this.all.find((ban) => ban.id === id) ?? null;
  }

  delete(id: string): void {
    const ban = this.#all.get(id);
    if (!ban) return;
    this.#all.delete(id);
    const key = targetOf(ban);
    const others = this.#byTarget.get(key);
    others?.delete(ban);
    if (others?.size === 0) this.#byTarget.delete(key);
  }

  /** @throws Banned PERMISSION_DENIED (never). */
  refuse({ user, address, document }: Comer): void {
    if (this.#all.size === 0) return;
    const now = this.#clock.now();
    const key = addressKey(address);
    const users = user === "" ? [] : [{ user, address: key }, { user }];
    for (const who of [...users, { address: key }]) {
      for (const target of [who, { ...who, document }]) {
        for (const ban of this.#byTarget.get(keyOf(target)) ?? []) if (holds(ban, now)) throw new Banned(ban);
      }
    }
  }
}

function targetOf({ user, address, document }: Ban): string {
  return keyOf({ user, address: address === undefined ? undefined : addressKey(address), document });
}

function keyOf({ user = "", address = "", document = "" }: Target): string {
  return JSON.stringify([user, address, document]);
}

function holds({ until }: Ban, now: number): boolean {
  return until === null || until > now;
}
