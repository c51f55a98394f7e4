/**
 * Public keys that somebody else publishes. They are asked for when they are needed: first, when they are no longer
 * fresh, and when a token has a key that is not among them; but never twice within a pause, however that went, so that
 * tokens with made-up keys cause no flood of requests. While they cannot be had, those that were there stay good for a
 * day: an identity provider that is down stops nobody who has a token.
 *
 * `jose` has this too, but its pause counts from successes alone, and it forgets old keys before it has new ones.
 */

import { JoineryError } from "@joinery/shared";
import type { Clock } from "../../engine/ports.ts";
import { fetchKeySet } from "./fetch-key-set.ts";
import type { KeyQuery, KeyRing, VerifyingKey } from "./key-ring.ts";

const KEYS_FRESH_MS = 10 * 60_000;
const KEYS_PAUSE_MS = 30_000;
const KEYS_STALE_MS = 24 * 3_600_000;

/** For the log: what whoever runs the server wants to know of the keys. */
export type KeysEvent =
  | { readonly type: "keys-fetched"; readonly url: string; readonly keys: number; readonly ms: number }
  | {
      readonly type: "keys-unavailable";
      readonly url: string;
      /** Whether there are keys from before. */
      readonly hasOlder: boolean;
      readonly error: Error;
    };

export interface RemoteKeysOptions {
  readonly url: URL;
  readonly clock: Clock;
  readonly report: (event: KeysEvent) => void;
}

export interface FoundKeys {
  readonly keys: readonly VerifyingKey[];
  /** See {@link RemoteKeys.version}. */
  readonly version: number;
}

interface Fetched {
  readonly ring: KeyRing;
  readonly text: string;
  readonly atMs: number;
}

export class RemoteKeys {
  readonly #options: RemoteKeysOptions;
  #fetched: Fetched | null = null;
  #asking: Promise<void> | null = null;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #failure: Error | null = null;
  #version = 0;

  constructor(options: RemoteKeysOptions) {
    this.#options = options;
  }

  /** Grows when the keys change. */
  get version(): number {
    return this.#version;
  }

  /** Whether what was checked with them counts, without asking for them again. */
  get isCurrent(): boolean {
    return this.#isFresh || (this.#isGood && !this.#isPauseOver);
  }

  /**
   * Those that a token may have been signed with; none if it is known that there are none.
   *
   * Rejects with HOOK_FAILED (backoff) when that cannot be known.
   */
  async candidates(query: KeyQuery): Promise<FoundKeys> {
    // Who is known by fresh keys does not wait for those that a made-up key has asked for.
    if (!this.#isFresh && this.#mayAsk) await this.#ask();
    const known = this.#usable().candidates(query);
    if (known.length > 0) return { keys: known, version: this.#version };
    // Whoever waits for the pause to end comes back with a new token.
    if (this.#mayAsk) await this.#ask();
    const found = this.#usable().candidates(query);
    if (found.length === 0 && this.#failure !== null) throw this.#unavailable();
    return { keys: found, version: this.#version };
  }

  get #now(): number {
    return this.#options.clock.monotonicMs();
  }

  get #isFresh(): boolean {
    return this.#fetched !== null && this.#now < this.#fetched.atMs + KEYS_FRESH_MS;
  }

  get #isGood(): boolean {
    return this.#fetched !== null && this.#now < this.#fetched.atMs + KEYS_STALE_MS;
  }

  get #isPauseOver(): boolean {
    return this.#now >= this.#askedAtMs + KEYS_PAUSE_MS;
  }

  /** Whether they may be asked for again, or are being asked for, which anybody may wait for. */
  get #mayAsk(): boolean {
    return this.#asking !== null || this.#isPauseOver;
  }

  #usable(): KeyRing {
    if (this.#fetched !== null && this.#isGood) return this.#fetched.ring;
    throw this.#unavailable();
  }

  /** Resolves also when it failed. */
  #ask(): Promise<void> {
    this.#asking ??= this.#fetch().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #fetch(): Promise<void> {
    const { url, clock, report } = this.#options;
    // Without the query, where some have a key of their own.
    const place = `${url.origin}${url.pathname}`;
    const startMs = this.#now;
    this.#askedAtMs = startMs;
    try {
      const { ring, text } = await fetchKeySet(url, clock);
      if (text !== this.#fetched?.text) this.#version++;
      this.#fetched = { ring, text, atMs: this.#now };
      this.#failure = null;
      report({ type: "keys-fetched", url: place, keys: ring.keys.length, ms: this.#now - startMs });
    } catch (thrown) {
      this.#failure = reasonOf(thrown);
      report({
        type: "keys-unavailable",
        url: place,
        hasOlder: this.#fetched !== null,
        error: this.#failure,
      });
    }
    this.#askedAtMs = this.#now;
  }

  #unavailable(): JoineryError {
    const cause = this.#failure ?? undefined;
    return new JoineryError("HOOK_FAILED", "the keys that tokens are checked with cannot be had", { cause });
  }
}

/** `fetch` says "fetch failed", and why in its cause. */
function reasonOf(thrown: unknown): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  return thrown.cause instanceof Error && thrown instanceof TypeError ? thrown.cause : thrown;
}
