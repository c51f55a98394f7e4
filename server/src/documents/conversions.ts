import { JoineryError, type LimitName, type Limits } from "@joinery/shared";

/** Makes Yjs v1 of updates in Yjs' second format, one at a time. */
interface Converter {
  /** Rejects with MALFORMED_UPDATE and UPDATE_TOO_COSTLY (never). */
  convert(update: Uint8Array): Promise<Uint8Array>;
  /** Lets go of what it needs for that, which is taken up anew with the next update; one that it is at rejects. */
  close(): Promise<void>;
}

export interface ConversionsOptions {
  readonly converter: Converter;
  readonly limits: Pick<Limits, "maxConversions">;
  readonly onLimit: (limit: LimitName) => void;
}

const NOTHING = (): void => undefined;

/** Converts updates one after the other, as they come; when there are none, nothing is kept for it. */
export class Conversions {
  readonly #options: ConversionsOptions;
  /** Of the one before; nothing is kept of what came of it. */
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  constructor(options: ConversionsOptions) {
    this.#options = options;
  }

  /** As {@link Converter.convert}; rejects with SERVER_FULL and SERVER_DRAINING (backoff) too. */
  async convert(update: Uint8Array): Promise<Uint8Array> {
    const { converter, limits, onLimit } = this.#options;
    const limit = "maxConversions";
    if (this.#waiting >= limits[limit]) {
      onLimit(limit);
      throw new JoineryError("SERVER_FULL", `${limits[limit]} updates wait to be converted, the limit`, {
        limit,
      });
    }
    this.#waiting++;
    const converted = this.#last.then(() => {
      if (this.#isClosed) throw new JoineryError("SERVER_DRAINING", "nothing is converted any more");
      return converter.convert(update);
    });
    this.#last = converted.then(NOTHING, NOTHING);
    try {
      return await converted;
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) await converter.close();
    }
  }

  /** Converts nothing more; what waits is told so. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#options.converter.close();
  }
}
