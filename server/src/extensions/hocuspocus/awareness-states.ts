import { type AwarenessEntry, isAwarenessState } from "@joinery/shared";
import type { Awareness } from "y-protocols/awareness";

/** States of awareness, as extensions read and change them. */
type AwarenessStates = Map<number, Record<string, unknown>>;

/** What a client announced, of which extensions may change what is a state. */
export class ShownStates {
  readonly states: AwarenessStates = new Map();
  readonly #entries: readonly AwarenessEntry[];
  /** That somebody is gone, and what the engine will refuse. */
  readonly #rest: AwarenessEntry[] = [];

  /** Cost: parses the states. */
  constructor(entries: readonly AwarenessEntry[]) {
    this.#entries = entries;
    for (const entry of entries) {
      const { clientId, state } = entry;
      if (state === null || !isAwarenessState(state)) this.#rest.push(entry);
      else this.states.set(clientId, JSON.parse(new TextDecoder().decode(state)));
    }
  }

  /**
   * What is announced now: states that were removed are not in it, those that were added come with the next clock of
   * their id.
   */
  entries({ meta }: Awareness): AwarenessEntry[] {
    const clocks = new Map(this.#entries.map(({ clientId, clock }) => [clientId, clock]));
    const said = [...this.states].map(([clientId, state]) => {
      const clock = clocks.get(clientId) ?? (meta.get(clientId)?.clock ?? 0) + 1;
      return { clientId, clock, state: new TextEncoder().encode(JSON.stringify(state)) };
    });
    return [...this.#rest.filter(({ clientId }) => !this.states.has(clientId)), ...said];
  }
}
