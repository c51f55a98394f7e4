import { type AwarenessEntry, DEFAULT_LIMITS, decodeAwareness, type Limits } from "@joinery/shared";
import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { LOCAL_PEER } from "../../../server/src/engine/peer.ts";
import { Presence } from "../../../server/src/engine/presence.ts";
import { Rights } from "../../../server/src/engine/rights.ts";
import { FakeClock } from "../../support/fake-clock.ts";

export function json(state: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(state));
}

export function entry(clientId: number, clock: number, state: unknown): AwarenessEntry {
  return { clientId, clock, state: state === null ? null : json(state) };
}

/** A session, as presence knows it. */
export class Somebody {
  static #lastId = 0;
  readonly id = ++Somebody.#lastId;
  readonly author: string;
  readonly peer = LOCAL_PEER;
  readonly rights: Rights;
  /** How often it was asked for a sign of life. */
  probes = 0;

  constructor(author = "", rights = Rights.WRITER) {
    this.author = author;
    this.rights = rights;
  }

  probe(): void {
    this.probes++;
  }
}

/** A room's presence, and a client that hears all that it tells. */
export class Stage {
  readonly clock = new FakeClock();
  readonly presence: Presence;
  readonly onlooker: Awareness;
  /** Ids that the onlooker ever saw leave. */
  readonly departures: number[] = [];

  constructor(limits: Partial<Limits> = {}) {
    this.presence = new Presence({ ...DEFAULT_LIMITS, ...limits }, this.clock);
    this.onlooker = awarenessOf(1);
    this.onlooker.on("change", ({ removed }: { removed: number[] }) => this.departures.push(...removed));
  }

  /** One flush: tells the onlooker what changed. Returns that. */
  flush(): AwarenessEntry[] {
    const changes = this.presence.takeChanges()?.update;
    if (!changes) return [];
    applyAwarenessUpdate(this.onlooker, changes, this);
    return decodeAwareness(changes);
  }

  /** What somebody who joins now is told. */
  get everybody(): AwarenessEntry[] {
    return decodeAwareness(this.presence.encodeAll({ withDeparted: false })?.update ?? Uint8Array.of(0));
  }

  /** How many ids the room remembers, departed or not. */
  get remembered(): number {
    return decodeAwareness(this.presence.encodeAll({ withDeparted: true })?.update ?? Uint8Array.of(0))
      .length;
  }

  sees(clientId: number): unknown {
    return this.onlooker.getStates().get(clientId);
  }
}

export function awarenessOf(clientId: number): Awareness {
  const doc = new Y.Doc();
  doc.clientID = clientId;
  const awareness = new Awareness(doc);
  // It renews itself by a timer of its own, on the real clock.
  clearInterval(awareness._checkInterval);
  return awareness;
}
