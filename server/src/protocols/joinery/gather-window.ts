import { LazySet } from "../../engine/lazy-map.ts";

/** How many documents a client hears of is counted over so long. */
const PERIOD_MS = 1000;
/** Who hears of no more documents gets each batch at once: there is little to save. */
const FEW_DOCUMENTS = 5;
/** A window grows by this with each further one. */
const MS_A_DOCUMENT = 2;
/** So that who hears of 35 documents or more gets at most 17 messages a second. */
const MAX_WINDOW_MS = 60;

/**
 * How long a connection gathers what its documents have for the client. Each document has a window of its own
 * (`engine/flush-window.ts`); of many that are busy at the same time, every batch would be a message. So then at most
 * one message goes in a window of the connection.
 */
export class GatherWindow {
  /** Channels on which the client hears something in this period; as many as it has open. Most connections have one. */
  #first: number | null = null;
  readonly #others = new LazySet<number>();
  #heardBefore = 0;
  #periodEndMs = Number.NEGATIVE_INFINITY;
  #handedOverMs = Number.NEGATIVE_INFINITY;

  get windowMs(): number {
    const documents = Math.max(this.#heard, this.#heardBefore);
    return Math.min(MAX_WINDOW_MS, Math.max(0, documents - FEW_DOCUMENTS) * MS_A_DOCUMENT);
  }

  /** A document has something for the client. */
  heard(channel: number, nowMs: number): void {
    if (nowMs >= this.#periodEndMs) {
      this.#heardBefore = nowMs < this.#periodEndMs + PERIOD_MS ? this.#heard : 0;
      this.#first = null;
      this.#others.clear();
      this.#periodEndMs = nowMs + PERIOD_MS;
    }
    this.#first ??= channel;
    if (channel !== this.#first) this.#others.add(channel);
  }

  /** How many it hears. */
  get #heard(): number {
    return this.#first === null ? 0 : 1 + this.#others.size;
  }

  /** Milliseconds from `nowMs` (monotonic) until it may go; 0 for at the end of this turn. */
  delayMs(nowMs: number): number {
    return Math.max(0, this.#handedOverMs + this.windowMs - nowMs);
  }

  /** All that waited was handed over. */
  handedOver(nowMs: number): void {
    this.#handedOverMs = nowMs;
  }
}
