import type { Limits } from "@joinery/shared";
import { LazyMap } from "./lazy-map.ts";

/** Who can be asked for what the server misses. */
interface Asked {
  ask(): void;
}

/** What has to be here before somebody is asked again. */
interface Awaited {
  /** Of each client, the clock that has to be reached; any of them is enough. */
  readonly thereIs: ReadonlyMap<number, number>;
  /** Whether that is all: else whatever comes may be what is waited for. */
  readonly isAll: boolean;
}

export interface LaterQuestionsOptions<Writer> {
  readonly limits: Pick<Limits, "maxMissingClients">;
  /** How far the document is of a client's edits. */
  readonly clockOf: (client: number) => number;
  /** More was missing than is kept in mind. */
  readonly onLimit: (writer: Writer) => void;
}

/**
 * Those who deleted what is not here yet, or could not say all for want of it: they are asked again when it is. Each is
 * looked at in every window, so only a little is remembered of each.
 */
export class LaterQuestions<Writer extends Asked> {
  readonly #options: LaterQuestionsOptions<Writer>;
  readonly #awaited = new LazyMap<Writer, Awaited>();
  /** Whether something came that one of these may wait for: not all of it ends a window. */
  #hasNews = false;

  constructor(options: LaterQuestionsOptions<Writer>) {
    this.#options = options;
  }

  /** Whether something came since {@link askAll}, while somebody waited. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Remembers what has to be here before a writer is asked. */
  add(writer: Writer, thereIs: ReadonlyMap<number, number>): void {
    if (thereIs.size === 0) return;
    const { maxMissingClients } = this.#options.limits;
    const known = this.#awaited.get(writer);
    const all = new Map([...(known?.thereIs ?? []), ...thereIs]);
    const isTooMuch = all.size > maxMissingClients;
    if (isTooMuch) this.#options.onLimit(writer);
    this.#awaited.set(writer, {
      thereIs: isTooMuch ? new Map([...all].slice(-maxMissingClients)) : all,
      isAll: !isTooMuch && known?.isAll !== false,
    });
  }

  /** Something was added to the document. @returns Whether somebody may wait for it. */
  newsCame(): boolean {
    if (this.#awaited.size > 0) this.#hasNews = true;
    return this.#awaited.size > 0;
  }

  /** Asks those of whom it is known that what they wait for is here. */
  askReady(): void {
    for (const writer of this.#awaited.keys()) this.#askIfThereIs(writer, false);
  }

  /** Asks those too of whom something is forgotten, if anything came. */
  askAll(): void {
    if (this.#hasNews) for (const writer of this.#awaited.keys()) this.#askIfThereIs(writer, true);
    this.#hasNews = false;
  }

  forget(writer: Writer): void {
    this.#awaited.delete(writer);
  }

  clear(): void {
    this.#awaited.clear();
  }

  /** @param maybe Whether to ask as well where what is waited for is forgotten. */
  #askIfThereIs(writer: Writer, maybe: boolean): void {
    const { thereIs, isAll } = this.#awaited.get(writer) as Awaited;
    const isThere = ([client, clock]: [number, number]) => this.#options.clockOf(client) >= clock;
    if (!(maybe && !isAll) && ![...thereIs].some(isThere)) return;
    // Its answer says again what is missing still.
    this.#awaited.delete(writer);
    writer.ask();
  }
}
