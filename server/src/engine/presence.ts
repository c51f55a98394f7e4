/**
 * Who is here: the awareness entries of one room, as bytes. The newest clock of an id wins. An id belongs to the
 * session that announced it first; when that session ends, its ids are gone for everybody.
 *
 * y-websocket clients echo every entry that they hear, so an entry for somebody else's id is not an error: it is
 * dropped and counted. A person who reconnects before the server noticed that the old connection died announces
 * the same id on a new one: a newer session of the same author takes an id over with a newer clock, if it owns none
 * yet; one that does is another window, which has an id of its own and echoes.
 */

import {
  type AwarenessEntry,
  encodeAwareness,
  equalBytes,
  isAwarenessState,
  JoineryError,
} from "@joinery/shared";
import type { Author } from "./ports.ts";

/** The part of a session that ownership needs. */
export interface PresenceOwner {
  /** Greater for a session that was opened later. */
  readonly id: number;
  readonly author: Author;
}

interface Entry {
  clock: number;
  state: Uint8Array | null;
  owner: PresenceOwner | null;
}

export interface PresenceLimits {
  readonly maxPresenceBytes: number;
  readonly maxPresenceEntries: number;
  readonly maxPresenceTombstones: number;
}

/** What became of the entries that one session sent. */
export interface PresenceOutcome {
  readonly changed: boolean;
  /**
   * Entries that the sender must hear, because it announced an id below a clock that others have already seen:
   * told that it is gone, y-protocols announces itself again with a newer clock.
   */
  readonly outdated: readonly AwarenessEntry[];
  /** Entries for ids of other sessions. */
  readonly foreign: number;
  readonly refused: JoineryError | null;
}

export class Presence {
  readonly #limits: PresenceLimits;
  readonly #entries = new Map<number, Entry>();
  readonly #owned = new Map<PresenceOwner, Set<number>>();
  /** Ids whose state is `null`, oldest first. */
  readonly #tombstones = new Set<number>();
  readonly #changed = new Set<number>();
  #version = 0;
  #everybody: Uint8Array | null = null;

  constructor(limits: PresenceLimits) {
    this.#limits = limits;
  }

  /** Number of ids that are here. */
  get size(): number {
    return this.#entries.size - this.#tombstones.size;
  }

  /** Changes whenever an entry does. */
  get version(): number {
    return this.#version;
  }

  /** Takes in what a session announced. Each entry is judged by itself. */
  receive(owner: PresenceOwner, entries: readonly AwarenessEntry[]): PresenceOutcome {
    let changed = false;
    let foreign = 0;
    let refused: JoineryError | null = null;
    const outdated: AwarenessEntry[] = [];
    for (const entry of entries) {
      const known = this.#entries.get(entry.clientId);
      if (known?.owner && known.owner !== owner && !this.#mayTakeOver(known, owner, entry)) {
        foreign++;
      } else if (known?.owner === null && entry.clock <= known.clock) {
        if (entry.state !== null)
          outdated.push({ clientId: entry.clientId, clock: known.clock, state: null });
      } else if (isNews(known, entry)) {
        const error = this.#check(owner, known, entry);
        if (error) refused = error;
        else {
          this.#set(owner, entry);
          changed = true;
        }
      }
    }
    return { changed, outdated, foreign, refused };
  }

  /** Removes everything that the owner announced. Returns whether that was anything. */
  release(owner: PresenceOwner): boolean {
    const ids = this.#owned.get(owner);
    if (!ids) return false;
    this.#owned.delete(owner);
    // The clock stays: y-protocols takes a `null` with the clock that it knows as a removal.
    for (const id of ids) this.#bury(id, (this.#entries.get(id) as Entry).clock);
    return ids.size > 0;
  }

  /** What changed since the last call, as one awareness update; `null` when nothing did. */
  takeChanges(): Uint8Array | null {
    if (this.#changed.size === 0) return null;
    const entries: AwarenessEntry[] = [];
    for (const clientId of this.#changed) {
      const entry = this.#entries.get(clientId);
      if (entry) entries.push({ clientId, clock: entry.clock, state: entry.state });
    }
    this.#changed.clear();
    return encodeAwareness(entries);
  }

  /**
   * Everybody who is here, as one awareness update; `null` when nobody is. Made once for all who ask.
   *
   * @param withDeparted Also tells of those who have gone: for a client that saw them and may not have heard.
   */
  encodeAll({ withDeparted }: { withDeparted: boolean }): Uint8Array | null {
    if (withDeparted) return this.#entries.size === 0 ? null : this.#encode(() => true);
    if (this.size === 0) return null;
    this.#everybody ??= this.#encode(({ state }) => state !== null);
    return this.#everybody;
  }

  #encode(isWanted: (entry: Entry) => boolean): Uint8Array {
    const entries: AwarenessEntry[] = [];
    for (const [clientId, entry] of this.#entries) {
      if (isWanted(entry)) entries.push({ clientId, clock: entry.clock, state: entry.state });
    }
    return encodeAwareness(entries);
  }

  #check(
    owner: PresenceOwner,
    known: Entry | undefined,
    { clientId, state }: AwarenessEntry,
  ): JoineryError | null {
    const { maxPresenceBytes, maxPresenceEntries } = this.#limits;
    if (state === null) return null;
    if (state.length > maxPresenceBytes) {
      return new JoineryError(
        "PRESENCE_TOO_LARGE",
        `presence of client ${clientId} has ${state.length} bytes, the limit is ${maxPresenceBytes}`,
      );
    }
    const owned = this.#owned.get(owner);
    if (owned && owned.size >= maxPresenceEntries && !owned.has(clientId)) {
      return new JoineryError(
        "PRESENCE_TOO_LARGE",
        `a session may announce at most ${maxPresenceEntries} ids`,
      );
    }
    // Clients renew their state every 15 s unchanged: what was checked once need not be parsed again.
    if (known?.state && equalBytes(known.state, state)) return null;
    if (!isAwarenessState(state)) {
      return new JoineryError("MALFORMED_UPDATE", `presence of client ${clientId} is not a JSON object`);
    }
    return null;
  }

  #mayTakeOver(known: Entry, owner: PresenceOwner, { clock, state }: AwarenessEntry): boolean {
    const previous = known.owner as PresenceOwner;
    const isNewer = state !== null && clock > known.clock && owner.id > previous.id;
    return isNewer && owner.author === previous.author && !this.#owned.has(owner);
  }

  #set(owner: PresenceOwner, { clientId, clock, state }: AwarenessEntry): void {
    const previous = this.#entries.get(clientId)?.owner;
    if (previous && previous !== owner) this.#owned.get(previous)?.delete(clientId);
    if (state === null) {
      this.#owned.get(owner)?.delete(clientId);
      this.#bury(clientId, clock);
      return;
    }
    const owned = this.#owned.get(owner);
    if (owned) owned.add(clientId);
    else this.#owned.set(owner, new Set([clientId]));
    this.#tombstones.delete(clientId);
    // A copy: the state is a view into a frame that may be much larger. `slice` would not be one of a Buffer.
    this.#entries.set(clientId, { clock, state: new Uint8Array(state), owner });
    this.#touch(clientId);
  }

  #bury(clientId: number, clock: number): void {
    this.#entries.set(clientId, { clock, state: null, owner: null });
    this.#tombstones.add(clientId);
    this.#touch(clientId);
    for (const oldest of this.#tombstones) {
      if (this.#tombstones.size <= this.#limits.maxPresenceTombstones) break;
      // Those that nobody has heard of yet must stay until the next flush.
      if (this.#changed.has(oldest)) break;
      this.#tombstones.delete(oldest);
      this.#entries.delete(oldest);
    }
  }

  #touch(clientId: number): void {
    this.#changed.add(clientId);
    this.#version++;
    this.#everybody = null;
  }
}

function isNews(known: Entry | undefined, { clock, state }: AwarenessEntry): boolean {
  if (known === undefined) return state !== null;
  if (clock > known.clock) return true;
  return clock === known.clock && state === null && known.state !== null;
}
