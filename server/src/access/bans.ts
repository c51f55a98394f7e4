import { JoineryError, type LimitName, type Limits } from "@joinery/shared";
import { addressKey } from "../address-key.ts";
import type { Clock } from "../engine/ports.ts";
import type { Ban } from "./access-api.ts";

/** Who asks to come in. */
export interface Comer {
  /** Empty where it is nobody in particular, or not known yet. */
  readonly user: string;
  readonly address: string;
  readonly document: string;
}

interface Entry {
  readonly ban: Ban;
  /** What its address is told apart by; `null` for any. */
  readonly addressKey: string | null;
}

/** Refuses somebody who is banned, with the reason and until when. */
export class Banned extends JoineryError {
  constructor({ reason, until }: Pick<Ban, "reason" | "until">) {
    const end = until === null ? "" : ` until ${new Date(until).toISOString()}`;
    super("PERMISSION_DENIED", `you are banned${end}: ${reason}`);
  }
}

/** Who may not come in. Cost of a question: linear in bans, a microsecond for ten. */
export class Bans {
  readonly #clock: Pick<Clock, "now">;
  readonly #limits: Pick<Limits, "maxBans">;
  readonly #onLimit: (limit: LimitName) => void;
  readonly #all = new Map<string, Entry>();

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
    for (const [id, { ban }] of this.#all) if (!holds(ban, now)) this.#all.delete(id);
    return [...this.#all.values()].map(({ ban }) => ban);
  }

  /** @throws JoineryError SERVER_FULL (backoff). */
  add(ban: Ban): void {
    const { maxBans } = this.#limits;
    if (this.#all.size >= maxBans && this.all.length >= maxBans) {
      this.#onLimit("maxBans");
      throw new JoineryError("SERVER_FULL", `there are ${maxBans} bans, the limit`);
    }
    this.restore(ban);
  }

  /** Adds one that was kept, however many there are: who was banned stays so when the limit is made smaller. */
  restore(ban: Ban): void {
    this.#all.set(ban.id, { ban, addressKey: ban.address === undefined ? null : addressKey(ban.address) });
  }

  get(id: string): Ban | null {
    return this.all.find((ban) => ban.id === id) ?? null;
  }

  delete(id: string): void {
    this.#all.delete(id);
  }

  /** @throws Banned PERMISSION_DENIED (never). */
  refuse({ user, address, document }: Comer): void {
    if (this.#all.size === 0) return;
    const now = this.#clock.now();
    const key = addressKey(address);
    for (const { ban, addressKey: banned } of this.#all.values()) {
      const isUser = ban.user === undefined || ban.user === user;
      const isDocument = ban.document === undefined || ban.document === document;
      if (isUser && isDocument && (banned === null || banned === key) && holds(ban, now)) {
        throw new Banned(ban);
      }
    }
  }
}

function holds({ until }: Ban, now: number): boolean {
  return until === null || until > now;
}
