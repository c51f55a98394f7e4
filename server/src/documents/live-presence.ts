/** Presence as people read it: who is here, and who came and went. */

import { type AwarenessEntry, decodeAwareness, type Limits } from "@joinery/shared";
import type { PresenceUsers } from "../engine/ports.ts";
import type { PresenceUpdate } from "../engine/presence.ts";
import type { LiveEvent, Present } from "./live-api.ts";

export type PresenceEvent = Extract<LiveEvent, { readonly type: "presence" }>;
type PresenceLimits = Pick<Limits, "maxPresenceIds" | "maxPresenceTombstones">;

const UTF8 = new TextDecoder();

/** Who is in what a room says of everybody; nobody, where it says nothing. Cost: parses each state. */
export function presentIn(everybody: PresenceUpdate | null, limits: PresenceLimits): Present[] {
  if (everybody === null) return [];
  const entries = decodeAwareness(everybody.update, maxEntriesOf(limits));
  return entries.flatMap((entry) => presentOf(entry, everybody.users) ?? []);
}

/** What a room tells of presence, one change after the other. */
export class PresenceChanges {
  readonly #limits: PresenceLimits;
  readonly #here: Set<number>;

  /** @param here Client ids of those who are here. */
  constructor(here: Iterable<number>, limits: PresenceLimits) {
    this.#here = new Set(here);
    this.#limits = limits;
  }

  /** Who came, changed and went by an update; `null` for nobody. */
  take({ update, users }: PresenceUpdate): PresenceEvent | null {
    const joined: Present[] = [];
    const changed: Present[] = [];
    const left: number[] = [];
    for (const entry of decodeAwareness(update, maxEntriesOf(this.#limits))) {
      const present = presentOf(entry, users);
      if (present === null) {
        if (this.#here.delete(entry.clientId)) left.push(entry.clientId);
        continue;
      }
      (this.#here.has(entry.clientId) ? changed : joined).push(present);
      this.#here.add(entry.clientId);
    }
    const isEmpty = joined.length + changed.length + left.length === 0;
    return isEmpty ? null : { type: "presence", isAll: false, joined, changed, left };
  }
}

/** @returns `null` for one that has gone. */
function presentOf({ clientId, state }: AwarenessEntry, users: PresenceUsers): Present | null {
  if (state === null) return null;
  // The room takes nothing that is no JSON object.
  return { clientId, user: users.get(clientId) ?? "", state: JSON.parse(UTF8.decode(state)) };
}

function maxEntriesOf({ maxPresenceIds, maxPresenceTombstones }: PresenceLimits): number {
  return maxPresenceIds + maxPresenceTombstones;
}
