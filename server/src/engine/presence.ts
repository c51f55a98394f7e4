/**
 * Who is here: the awareness entries of one room, as bytes. The newest clock of an id wins. An id belongs to the
 * session that announced it first; when that session ends, its ids are gone for everybody.
 *
 * y-websocket clients echo every entry that they hear, so an entry for somebody else's id is not an error: it is
 * dropped and counted. A person who reconnects before the server noticed that the old connection died announces
 * the same id on a new one: a newer session of the same author takes an id over with a newer clock, if it owns none
 * yet; one that does is another window, which has an id of its own and echoes. Where authors are anonymous, anybody
 * could do that: there the old connection is asked for a sign of life, and only if it has none, the new one has the id.
 *
 * What a session sends is taken as a whole or not at all. A hostile one costs, at most, `maxPresenceEntries` ids of
 * about 200 bytes, states of `maxPresenceBytes` together, one claim of as much, and while the room lives its share
 * of `maxPresenceTombstones` departed ids; nothing is kept of the others' ids that it names.
 */

import {
  type AwarenessEntry,
  encodeAwareness,
  isAwarenessState,
  type LimitName,
  type Limits,
} from "@joinery/shared";
import { LazyMap, LazySet } from "./lazy-map.ts";
import type { Author, Clock, PresenceUsers } from "./ports.ts";
import { refusalOf } from "./presence-check.ts";
import { PresenceClaims } from "./presence-claims.ts";
import type { PresenceOutcome } from "./presence-outcome.ts";
import { type PresenceOwner, PresenceShare } from "./presence-share.ts";

export type { PresenceOwner } from "./presence-share.ts";

interface Entry {
  clock: number;
  /** `null` when it departed. */
  state: Uint8Array | null;
  /** Of a departed id, who took it back, as long as nobody was told. */
  owner: PresenceOwner | null;
  /** Of the last owner. */
  author: Author;
  /** Whether anybody may have heard of it. */
  isTold: boolean;
}

export type PresenceLimits = Pick<
  Limits,
  | "maxPresenceBytes"
  | "maxPresenceEntries"
  | "maxPresenceIds"
  | "maxPresenceClockStep"
  | "maxPresenceChangesPerSecond"
  | "maxPresenceTombstones"
  | "presenceTombstoneMs"
  | "maxBurstMs"
>;

/** Some entries, as they are sent. */
export interface PresenceUpdate {
  /** Awareness update. */
  readonly update: Uint8Array;
  /** Of those who are here and somebody in particular. */
  readonly users: PresenceUsers;
}

type Verdict = "known" | "outdated" | "foreign" | "claim" | "news";

/**
 * The greatest clock that an id is first seen with: one more a change, that is two years of sixty a second. Clocks
 * must not be exhausted, for y-protocols takes a change only with a greater one, so none may begin near 2^53.
 */
const MAX_FIRST_CLOCK = 2 ** 32;

export class Presence {
  readonly #limits: PresenceLimits;
  readonly #clock: Pick<Clock, "monotonicMs"> | null;
  readonly #entries = new LazyMap<number, Entry>();
  readonly #shares = new LazyMap<PresenceOwner, PresenceShare>();
  readonly #claims = new PresenceClaims();
  /** Ids whose state is `null` and since when, oldest first: those that were told, then the others. */
  readonly #tombstones = new LazyMap<number, number>();
  /** Ids that others are still to be told of. */
  readonly #changed = new LazySet<number>();
  #everybody: PresenceUpdate | null = null;

  /** @param clock Without one, departed ids do not age, and changes are told at any rate. */
  constructor(limits: PresenceLimits, clock: Pick<Clock, "monotonicMs"> | null = null) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Number of ids that are here. */
  get size(): number {
    return this.#entries.size - this.#tombstones.size;
  }

  /** Who has announced this id and is here. */
  ownerOf(clientId: number): PresenceOwner | null {
    const entry = this.#entries.get(clientId);
    return entry?.state ? entry.owner : null;
  }

  /** Whether nobody can have heard this here. */
  isNews({ clientId, clock }: AwarenessEntry): boolean {
    return clock > (this.#entries.get(clientId)?.clock ?? -1);
  }

  /**
   * Takes in what a session announced: all of it that is news and its own, or nothing if some of that is refused.
   *
   * @param entries Each id once.
   */
  receive(owner: PresenceOwner, entries: readonly AwarenessEntry[]): PresenceOutcome {
    this.#forget();
    const news: AwarenessEntry[] = [];
    const outdated: AwarenessEntry[] = [];
    const spoofed: number[] = [];
    let claim: AwarenessEntry | null = null;
    let foreign = 0;
    for (const entry of entries) {
      const known = this.#entries.get(entry.clientId);
      if (entry.state === null) this.#claims.takeBack(owner, entry);
      const verdict = this.#judge(owner, known, entry);
      if (verdict === "news") news.push(entry);
      else if (verdict === "outdated")
        outdated.push({ ...entry, clock: (known as Entry).clock, state: null });
      else if (verdict !== "known") foreign++;
      if (verdict === "claim") claim = entry;
      if (verdict === "foreign" && this.#isSpoofed(owner, known as Entry, entry))
        spoofed.push(entry.clientId);
    }
    // Who has an id of its own too is another window, and echoes.
    const wanted = news.length === 0 && claim ? [claim] : news;
    const refusal = refusalOf(wanted, {
      owner,
      share: this.#shares.get(owner),
      known: (id) => this.#entries.get(id),
      limits: this.#limits,
    });
    if (refusal) {
      const { error, limit } = refusal;
      const limits = limit ? [limit] : [];
      return { changed: false, outdated: [], foreign, spoofed, limits, refused: error };
    }
    let surplus = 0;
    for (const entry of news) if (!this.#set(owner, entry)) surplus++;
    if (news.length === 0 && claim) this.#claim(owner, claim);
    const limits: LimitName[] = surplus > 0 ? ["maxPresenceIds"] : [];
    return { changed: news.length > surplus, outdated, foreign, spoofed, limits, refused: null };
  }

  /**
   * What most that comes is, done with less: somebody who is here shows something else under the same id.
   *
   * @returns Whether it was that; if not, nothing was done, and it is for {@link receive}.
   */
  renew(owner: PresenceOwner, { clientId, clock, state }: AwarenessEntry): boolean {
    const known = this.#entries.get(clientId);
    if (known?.owner !== owner || known.state === null || state === null) return false;
    const { maxPresenceClockStep, maxPresenceBytes } = this.#limits;
    const step = clock - known.clock;
    if (step <= 0 || step > maxPresenceClockStep || !owner.rights.has("presence")) return false;
    const share = this.#shareOf(owner);
    const bytes = share.bytes + state.length - known.state.length;
    if (bytes > maxPresenceBytes || !isAwarenessState(state)) return false;
    this.#claims.drop(owner);
    share.bytes = bytes;
    known.clock = clock;
    // Nobody else holds it.
    if (known.state.length === state.length) known.state.set(state);
    else known.state = new Uint8Array(state);
    this.#touch(clientId);
    return true;
  }

  /**
   * Removes everything that the owner announced; who claimed one of its ids has it now. Returns whether there is
   * anything to tell.
   */
  release(owner: PresenceOwner): boolean {
    return this.#withdraw(owner, (clientId, entry) => this.#handOver(clientId, entry));
  }

  /** As {@link release} of somebody who is still there: nobody else has the ids now. */
  hide(owner: PresenceOwner): boolean {
    return this.#withdraw(owner, () => false);
  }

  #withdraw(owner: PresenceOwner, handOver: (clientId: number, entry: Entry) => boolean): boolean {
    this.#claims.drop(owner);
    const share = this.#shares.get(owner);
    if (!share) return false;
    this.#shares.delete(owner);
    for (const clientId of share.ids) {
      const entry = this.#entries.get(clientId) as Entry;
      entry.owner = null;
      // The clock stays: y-protocols takes a `null` with the clock that it knows as a removal.
      if (entry.state !== null && !handOver(clientId, entry)) this.#bury(clientId, entry, entry.clock);
    }
    return this.#changed.size > 0;
  }

  /**
   * What changed since the last call; `null` when nothing did. A session that changes
   * faster than it may is told of at its pace, with its newest state: see {@link dueInMs}.
   */
  takeChanges(): PresenceUpdate | null {
    const nowMs = this.#nowMs;
    const entries: AwarenessEntry[] = [];
    for (const clientId of this.#changed) {
      const entry = this.#entries.get(clientId) as Entry;
      const share = entry.owner && this.#shares.get(entry.owner);
      if (entry.state === null) {
        share?.ids.delete(clientId);
        entry.owner = null;
      } else if (this.#clock && share && !share.tell(nowMs)) continue;
      this.#changed.delete(clientId);
      entry.isTold = true;
      entries.push({ clientId, clock: entry.clock, state: entry.state });
    }
    this.#forget();
    return entries.length === 0 ? null : this.#toUpdate(entries);
  }

  /**
   * In how many milliseconds {@link takeChanges} has something of what it held back, to ask after it was called;
   * `null` when it held back nothing.
   */
  get dueInMs(): number | null {
    const nowMs = this.#nowMs;
    let dueInMs: number | null = null;
    for (const clientId of this.#changed) {
      const { owner, state } = this.#entries.get(clientId) as Entry;
      const share = owner && state && this.#shares.get(owner);
      dueInMs = Math.min(dueInMs ?? Number.POSITIVE_INFINITY, share ? share.dueInMs(nowMs) : 0);
    }
    return dueInMs;
  }

  /**
   * Everybody who is here; `null` when nobody is. Made once for all who ask.
   *
   * @param withDeparted Also tells of those who have gone: for a client that saw them and may not have heard.
   */
  encodeAll({ withDeparted }: { withDeparted: boolean }): PresenceUpdate | null {
    this.#forget();
    if (withDeparted) return this.#entries.size === 0 ? null : this.#encode(() => true);
    if (this.size === 0) return null;
    this.#everybody ??= this.#encode(({ state }) => state !== null);
    return this.#everybody;
  }

  #encode(isWanted: (entry: Entry) => boolean): PresenceUpdate {
    const entries: AwarenessEntry[] = [];
    for (const [clientId, entry] of this.#entries) {
      if (!isWanted(entry)) continue;
      entry.isTold = true;
      entries.push({ clientId, clock: entry.clock, state: entry.state });
    }
    return this.#toUpdate(entries);
  }

  #toUpdate(entries: readonly AwarenessEntry[]): PresenceUpdate {
    const users = new Map<number, Author>();
    for (const { clientId, state } of entries) {
      const author = state && this.#entries.get(clientId)?.author;
      if (author) users.set(clientId, author);
    }
    return { update: encodeAwareness(entries), users };
  }

  // What may come in

  #judge(owner: PresenceOwner, known: Entry | undefined, entry: AwarenessEntry): Verdict {
    // Somebody who is gone, or never was here, is no news, whoever says so.
    if (known === undefined) return entry.state === null ? "known" : "news";
    if (known.state === null) return this.#judgeReturn(owner, known, entry);
    if (known.owner !== owner) return this.#judgeTakeover(owner, known, entry);
    if (entry.clock > known.clock) return "news";
    return entry.clock === known.clock && entry.state === null ? "news" : "known";
  }

  #judgeReturn(owner: PresenceOwner, known: Entry, { clock, state }: AwarenessEntry): Verdict {
    if (state === null) return "known";
    // Who lost the connection finds the id free on returning, not taken by somebody else meanwhile.
    if (known.author !== owner.author) return "foreign";
    return clock > known.clock ? "news" : "outdated";
  }

  #judgeTakeover(owner: PresenceOwner, known: Entry, { clock, state }: AwarenessEntry): Verdict {
    const isNewer = state !== null && clock > known.clock;
    if (!isNewer || !this.#mayReturnAs(owner, known.owner as PresenceOwner)) return "foreign";
    return owner.author === "" ? "claim" : "news";
  }

  /** Whether it may be who lost the connection, come back while the old one is still there. */
  #mayReturnAs(owner: PresenceOwner, previous: PresenceOwner): boolean {
    const ownsNone = (this.#shares.get(owner)?.ids.size ?? 0) === 0;
    return ownsNone && owner.id > previous.id && owner.author === previous.author;
  }

  /**
   * Whether an entry for an id that somebody else has is none that clients echo: its clock is one that nobody was told. A
   * user may have one id in two windows; nobody in particular is never known to be the same as another.
   */
  #isSpoofed(owner: PresenceOwner, known: Entry, { clock }: AwarenessEntry): boolean {
    if (known.state === null || clock <= known.clock) return false;
    if (owner.author !== "" && owner.author === known.author) return false;
    return !this.#mayReturnAs(owner, known.owner as PresenceOwner);
  }

  /**
   * The clock that others are told. One that jumps counts as one step: whoever could push an id's clock to the
   * end would keep its owner from ever being seen again, and who was pushed is not to be kept out.
   */
  #plausible(known: Entry | undefined, clock: number): number {
    if (known === undefined) return Math.min(clock, MAX_FIRST_CLOCK);
    return clock - known.clock > this.#limits.maxPresenceClockStep ? known.clock + 1 : clock;
  }

  // What changes

  /** Returns whether there was room for it. */
  #set(owner: PresenceOwner, { clientId, clock: announced, state }: AwarenessEntry): boolean {
    const known = this.#entries.get(clientId);
    const clock = this.#plausible(known, announced);
    if (state === null) {
      this.#bury(clientId, known as Entry, clock);
      return true;
    }
    if (!known?.state && this.size >= this.#limits.maxPresenceIds) return false;
    const share = this.#shareOf(owner);
    // It is another window after all.
    this.#claims.drop(owner);
    if (known) this.#disown(clientId, known);
    share.ids.add(clientId);
    share.bytes += state.length;
    this.#tombstones.delete(clientId);
    const isTold = known?.isTold ?? false;
    // A copy: the state is a view into a frame that may be much larger. `slice` would not be one of a Buffer.
    const entry = { clock, state: new Uint8Array(state), owner, author: owner.author, isTold };
    this.#entries.set(clientId, entry);
    this.#touch(clientId);
    return true;
  }

  /** Takes an id that somebody may have from them, with its bytes. */
  #disown(clientId: number, entry: Entry): void {
    const share = entry.owner && this.#shares.get(entry.owner);
    if (!share) return;
    share.ids.delete(clientId);
    share.bytes -= entry.state?.length ?? 0;
  }

  #bury(clientId: number, entry: Entry, clock: number): void {
    const share = entry.owner && this.#shares.get(entry.owner);
    if (share) share.bytes -= entry.state?.length ?? 0;
    this.#touch(clientId);
    if (entry.isTold) {
      // It still counts as its owner's, so that nobody can make more of these than there is time to tell.
      entry.clock = clock;
      entry.state = null;
      this.#tombstones.set(clientId, this.#nowMs);
      return;
    }
    share?.ids.delete(clientId);
    this.#entries.delete(clientId);
    this.#changed.delete(clientId);
  }

  /** Keeps what a session announced under somebody else's id, and asks whether that one is still there. */
  #claim(owner: PresenceOwner, entry: AwarenessEntry): void {
    this.#claims.add(owner, entry);
    // At its pace: each question is a message to somebody else.
    if (!this.#clock || this.#shareOf(owner).tell(this.#nowMs)) this.ownerOf(entry.clientId)?.probe();
  }

  /** Gives a dead session's id to who claimed it, so that nobody sees them gone in between. */
  #handOver(clientId: number, { clock }: Entry): boolean {
    const claim = this.#claims.of(clientId);
    return claim !== null && claim.entry.clock > clock && this.#set(claim.owner, claim.entry);
  }

  #shareOf(owner: PresenceOwner): PresenceShare {
    let share = this.#shares.get(owner);
    if (!share) {
      share = new PresenceShare(this.#limits);
      this.#shares.set(owner, share);
    }
    return share;
  }

  /** Lets go of who departed long ago, and of the oldest where there are too many. */
  #forget(): void {
    const { maxPresenceTombstones, presenceTombstoneMs } = this.#limits;
    const beforeMs = this.#nowMs - presenceTombstoneMs;
    for (const [clientId, departedAtMs] of this.#tombstones) {
      const isExcess = this.#tombstones.size > maxPresenceTombstones;
      if (!isExcess && departedAtMs > beforeMs) break;
      // Nobody was told of this one yet, nor of those after it.
      if (this.#changed.has(clientId)) break;
      this.#tombstones.delete(clientId);
      this.#entries.delete(clientId);
    }
  }

  #touch(clientId: number): void {
    this.#changed.add(clientId);
    this.#everybody = null;
  }

  get #nowMs(): number {
    return this.#clock?.monotonicMs() ?? 0;
  }
}
