import type { AwarenessEntry } from "@joinery/shared";
import type { Author } from "./ports.ts";

/** The part of a session that ownership of presence needs. */
export interface PresenceOwner {
  /** Greater for a session that was opened later. */
  readonly id: number;
  readonly author: Author;
  /** Asks its connection for a sign of life; if there is none, the session ends. Asking twice does no harm. */
  probe(): void;
}

/** How many changes of a session others are told. */
export interface PresencePace {
  readonly maxPresenceChangesPerSecond: number;
  /** For how long what was not used is saved up, in milliseconds. */
  readonly maxBurstMs: number;
}

/** What one session has of a room's presence. */
export class PresenceShare {
  /** Ids that it has here, and those that it took back and nobody was told of yet. */
  readonly ids = new Set<number>();
  /** Of the states of its ids together. */
  bytes = 0;
  /** What it announced under an id whose owner may be dead; the bytes are its own. */
  claim: AwarenessEntry | null = null;
  readonly #intervalMs: number;
  readonly #burstMs: number;
  /** The changes told so far, at a steady pace, would have taken until then. */
  #paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor({ maxPresenceChangesPerSecond, maxBurstMs }: PresencePace) {
    this.#intervalMs = 1000 / maxPresenceChangesPerSecond;
    this.#burstMs = maxBurstMs;
  }

  /** Whether one more change may be told now; then it counts as told. */
  tell(nowMs: number): boolean {
    if (this.dueInMs(nowMs) > 0) return false;
    this.#paidUntilMs = Math.max(this.#paidUntilMs, nowMs) + this.#intervalMs;
    return true;
  }

  /** How long until the next change may be told; 0 if one may be now. */
  dueInMs(nowMs: number): number {
    const savedMs = Math.max(0, this.#burstMs - this.#intervalMs);
    return Math.max(0, this.#paidUntilMs - savedMs - nowMs);
  }
}
