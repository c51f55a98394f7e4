/** Entries of several tables and logs as one: of each key the newest, in the order of keys. */

import { compareBytes } from "../keys.ts";
import type { Entries, Entry } from "./table-file.ts";

/** Where entries come from. */
export interface EntrySource {
  /** No key is below this one, and none above that one. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  /** Entries whose keys are not below one, in order, some at a time. */
  from(key: Uint8Array): AsyncGenerator<Entries>;
}

/** A source that is being read. */
class Reading {
  readonly #parts: AsyncGenerator<Entries>;
  #entries: Entries = [];
  #at = 0;

  constructor(source: EntrySource, from: Uint8Array) {
    this.#parts = source.from(from);
  }

  /** Where it stands; `null` when there is more to be read first, or nothing any more. */
  get entry(): Entry | null {
    return this.#entries[this.#at] ?? null;
  }

  skip(): void {
    this.#at++;
  }

  /** @returns Whether there is more. */
  async read(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#parts.next();
      this.#entries = done ? [] : value;
      this.#at = 0;
      if (done) return false;
      if (value.length > 0) return true;
    }
  }

  async close(): Promise<void> {
    await this.#parts.return(undefined);
  }
}

/** Goes through the keys of sources from one on. */
export class MergedEntries {
  readonly #from: Uint8Array;
  /** Not read yet, by their smallest key, the lowest last. */
  readonly #waiting: EntrySource[];
  #readings: Reading[] = [];
  /** The key that was given last: what else there is of it is of no interest. */
  #last: Uint8Array | null = null;

  constructor(sources: readonly EntrySource[], from: Uint8Array) {
    this.#from = from;
    this.#waiting = sources
      .filter(({ largest }) => compareBytes(largest, from) >= 0)
      .sort((a, b) => compareBytes(b.smallest, a.smallest));
  }

  /** The next key's newest entry; `null` at the end. */
  async next(): Promise<Entry | null> {
    // Not earlier: what comes next may be large.
    if (this.#last !== null) await this.#skip(this.#last);
    let newest = await this.#first();
    if (newest === null) return null;
    for (const reading of this.#readings) {
      const { entry } = reading;
      if (entry !== null && entry.sequence > newest.sequence && compareBytes(entry.key, newest.key) === 0)
        newest = entry;
    }
    this.#last = newest.key;
    return newest;
  }

  async close(): Promise<void> {
    const readings = this.#readings;
    this.#readings = [];
    for (const reading of readings) await reading.close();
  }

  /** An entry with the lowest key. */
  async #first(): Promise<Entry | null> {
    let first = this.#lowest();
    for (let next = this.#waiting.at(-1); next !== undefined; next = this.#waiting.at(-1)) {
      if (first !== null && compareBytes(next.smallest, first.key) > 0) break;
      this.#waiting.pop();
      const reading = new Reading(next, this.#from);
      this.#readings.push(reading);
      if (!(await reading.read())) await this.#end(reading);
      first = this.#lowest();
    }
    return first;
  }

  #lowest(): Entry | null {
    let lowest: Entry | null = null;
    for (const { entry } of this.#readings)
      if (entry !== null && (lowest === null || compareBytes(entry.key, lowest.key) < 0)) lowest = entry;
    return lowest;
  }

  async #skip(key: Uint8Array): Promise<void> {
    for (const reading of [...this.#readings]) {
      for (;;) {
        const { entry } = reading;
        if (entry !== null && compareBytes(entry.key, key) > 0) break;
        if (entry !== null) reading.skip();
        if (reading.entry === null && !(await reading.read())) {
          await this.#end(reading);
          break;
        }
      }
    }
  }

  async #end(reading: Reading): Promise<void> {
    this.#readings = this.#readings.filter((other) => other !== reading);
    await reading.close();
  }
}
