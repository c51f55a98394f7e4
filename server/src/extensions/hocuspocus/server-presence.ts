/**
 * Presence that extensions set themselves, as of a robot that writes along: clients are told of it by a session of the
 * server's own, for as long as anybody is there to be told.
 */

import { type AwarenessEntry, type DocumentName, encodeAwareness } from "@joinery/shared";
import type { Awareness } from "y-protocols/awareness";
import type { Clock, Timer } from "../../engine/ports.ts";
import type { Rooms } from "../../engine/rooms.ts";
import type { Session } from "../../engine/session.ts";
import { openOwnSession } from "./own-session.ts";

export interface ServerPresenceOptions {
  readonly rooms: Rooms;
  readonly clock: Clock;
  readonly document: DocumentName;
  /** What extensions read and write; `null` where there is none any more. */
  readonly awareness: () => Awareness | null;
}

/** Clients forget who says nothing for 30 s. */
const RENEW_MS = 15_000;

export class ServerPresence {
  readonly #options: ServerPresenceOptions;
  /** Ids that are the server's own. */
  readonly #ids = new Set<number>();
  #session: Session | null = null;
  #renewal: Timer | null = null;
  /** One for all ids: it only has to grow. */
  #clock = 0;

  constructor(options: ServerPresenceOptions) {
    this.#options = options;
  }

  /** Extensions have set, changed or removed what these ids show. */
  changed(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.#stateOf(id)) this.#ids.add(id);
      else this.#ids.delete(id);
    }
    if (this.#session !== null) this.#announce(ids);
  }

  /** Is there while anybody is there to whom something is to be shown. @param isWatched Whether anybody is. */
  appear(isWatched: boolean): void {
    if (!isWatched || this.#ids.size === 0) this.close();
    else if (this.#session === null) this.#open();
  }

  close(): void {
    this.#renewal?.cancel();
    this.#renewal = null;
    const session = this.#session;
    this.#session = null;
    session?.left();
  }

  #open(): void {
    const { rooms, document } = this.#options;
    try {
      this.#session = openOwnSession({ rooms, document, guest: this, onClosed: () => this.close() });
    } catch {
      // The server stops: nobody is left to be told.
      return;
    }
    // Those who left last were told that it is gone, with a newer clock.
    this.#clock++;
    this.#renew();
  }

  #renew(): void {
    this.#announce([...this.#ids]);
    const { clock } = this.#options;
    this.#renewal = clock.setTimer(RENEW_MS, () => this.#renew());
  }

  #announce(ids: readonly number[]): void {
    this.#clock++;
    const entries: AwarenessEntry[] = ids.map((clientId) => {
      const state = this.#stateOf(clientId);
      const json = state ? new TextEncoder().encode(JSON.stringify(state)) : null;
      return { clientId, clock: this.#clock, state: json };
    });
    this.#session?.presence(encodeAwareness(entries));
  }

  #stateOf(id: number): object | undefined {
    return this.#options.awareness()?.getStates().get(id);
  }
}
