import { lastAtMost } from "./ascending.ts";

/** A list or a map of a shared type: even for the list, the next odd number for its map. */
export type Place = number;

/** The ticks of one client, in runs that stand in the same place. */
export class Runs {
  /** Clock of each run's first tick, ascending; a run goes on to the next one's. */
  readonly starts: number[] = [];
  readonly places: Place[] = [];
  /** Clocks of items that are types, ascending, and the place of the list in each. Most clients have none. */
  types: { readonly clocks: number[]; readonly places: Place[] } | null = null;

  get length(): number {
    return this.starts.length;
  }

  /** Starts a run. */
  push(clock: number, place: Place): void {
    this.starts.push(clock);
    this.places.push(place);
  }

  /** Where a tick stands; `undefined` if it is not there. */
  placeAt(clock: number): Place | undefined {
    const last = this.starts.length - 1;
    if (last >= 0 && clock >= (this.starts[last] as number)) return this.places[last];
    return this.places[lastAtMost(this.starts, clock)];
  }

  addType(clock: number, place: Place): void {
    this.types ??= { clocks: [], places: [] };
    this.types.clocks.push(clock);
    this.types.places.push(place);
  }

  /** The place of the list in the type that a tick is; `undefined` if it is none. */
  typeAt(clock: number): Place | undefined {
    if (!this.types) return undefined;
    const { clocks, places } = this.types;
    const i = lastAtMost(clocks, clock);
    return i >= 0 && clocks[i] === clock ? places[i] : undefined;
  }

  /** Forgets all but so many runs and types. */
  truncate(runs: number, types: number): void {
    this.starts.length = runs;
    this.places.length = runs;
    if (this.types) {
      this.types.clocks.length = types;
      this.types.places.length = types;
    }
  }
}
