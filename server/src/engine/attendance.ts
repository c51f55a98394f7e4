import type { AwarenessEntry, JoineryError, LimitName, Limits } from "@joinery/shared";
import type { Participant } from "./peer.ts";
import type { Clock, Timer } from "./ports.ts";
import { Presence, type PresenceUpdate } from "./presence.ts";
import type { PresenceOwner } from "./presence-share.ts";

/** Who may write under which client id. */
export interface Owners<Session> {
  ownerOf(clientId: number): Participant | null;
  announced(session: Session, clientId: number): void;
}

/** The part of a session that attendance needs. */
export interface Attendant extends PresenceOwner {
  tellPresence(entries: readonly AwarenessEntry[]): void;
}

export interface AttendanceOptions {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly onLimit: (limit: LimitName, from: Participant) => void;
  /** A session announced presence that is somebody else's; most are echoes. */
  readonly onForeign: (entries: number) => void;
  /** A session announced something new under ids that others have. */
  readonly onSpoofed: (clientIds: readonly number[], from: Participant) => void;
  /** There is something to tell. */
  readonly onChanged: () => void;
}

/** The presence of a room's sessions, beside what they write under: an id is either way the same session's. */
export class Attendance<Session extends Attendant> {
  readonly #options: AttendanceOptions;
  readonly #presence: Presence;
  #timer: Timer | null = null;
  #version = 0;

  constructor(options: AttendanceOptions) {
    this.#options = options;
    this.#presence = new Presence(options.limits, options.clock);
  }

  /** How often there was something to tell. */
  get version(): number {
    return this.#version;
  }

  /** Everybody's presence; with those who have gone, for a client that may not have heard of it. */
  encodeAll(options: { withDeparted: boolean }): PresenceUpdate | null {
    return this.#presence.encodeAll(options);
  }

  /**
   * Takes in what a session announced, as far as it is its own.
   *
   * @returns Why nothing of it was taken; `null` if it was.
   */
  accept(session: Session, entries: readonly AwarenessEntry[], owners: Owners<Session>): JoineryError | null {
    if (this.#renews(session, entries, owners)) {
      this.#options.onChanged();
      return null;
    }
    const own: AwarenessEntry[] = [];
    const taken: number[] = [];
    for (const entry of entries) {
      const { clientId, state } = entry;
      // Who has announced it is here is known to the presence itself.
      const writer = owners.ownerOf(clientId);
      if (writer === null || writer === session || writer === this.presentUnder(clientId)) own.push(entry);
      else if (state !== null && !mayReturnAs(session, writer) && this.#presence.isNews(entry))
        taken.push(clientId);
    }
    const outcome = this.#presence.receive(session, own);
    const { changed, outdated, foreign, limits, refused } = outcome;
    this.#options.onForeign(foreign + entries.length - own.length);
    const spoofed = [...taken, ...outcome.spoofed];
    if (spoofed.length > 0) this.#options.onSpoofed(spoofed, session);
    for (const limit of limits) this.#options.onLimit(limit, session);
    if (changed) {
      for (const { clientId } of own) {
        if (this.presentUnder(clientId) === session) owners.announced(session, clientId);
      }
      this.#options.onChanged();
    }
    if (outdated.length > 0) session.tellPresence(outdated);
    return refused;
  }

  /** Whether it was a movement under an id that is the session's already, as it is most of the time. */
  #renews(session: Session, entries: readonly AwarenessEntry[], owners: Owners<Session>): boolean {
    const [entry] = entries;
    if (entry === undefined || entries.length > 1) return false;
    return owners.ownerOf(entry.clientId) === session && this.#presence.renew(session, entry);
  }

  leave(session: Session): void {
    if (this.#presence.release(session)) this.#options.onChanged();
  }

  /** The session may not be seen any more; what it writes under stays its own. */
  hide(session: Session): void {
    if (this.#presence.hide(session)) this.#options.onChanged();
  }

  /** The session that has announced this id and is here. */
  presentUnder(clientId: number): Session | null {
    // Only sessions of this room announce anything to its presence.
    return this.#presence.ownerOf(clientId) as Session | null;
  }

  takeChanges(): PresenceUpdate | null {
    const changes = this.#presence.takeChanges();
    if (changes) this.#version++;
    return changes;
  }

  /** Who changes too often is told of at a pace. */
  tellLater(): void {
    const { dueInMs } = this.#presence;
    this.close();
    if (dueInMs === null) return;
    const { clock, onChanged } = this.#options;
    this.#timer = clock.setTimer(Math.max(1, dueInMs), onChanged);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** Who lost the connection comes back while the old one is still there. */
function mayReturnAs(session: Participant, owner: Participant): boolean {
  return session.id > owner.id && session.author === owner.author;
}
