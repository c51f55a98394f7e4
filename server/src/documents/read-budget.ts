import { JoineryError, type LimitName, type Limits } from "@joinery/shared";

export interface ReadBudgetOptions {
  readonly limits: Pick<Limits, "maxReads" | "maxReadBytes">;
  readonly onLimit: (limit: LimitName) => void;
}

/**
 * What reading documents may take all together: so many reads that are worked on at once, and so many bytes that they keep
 * until whoever asked has them, who may be slow. Whatever is large is read from the storage one after the other.
 */
export class ReadBudget {
  readonly #options: ReadBudgetOptions;
  #reads = 0;
  #bytes = 0;
  #loading: Promise<unknown> = Promise.resolve();

  constructor(options: ReadBudgetOptions) {
    this.#options = options;
  }

  /**
   * @param signal Aborted when nobody waits any more: what it then asks for is not begun, and throws the signal's reason.
   * @throws JoineryError SERVER_FULL (backoff) when as many reads as may be are worked on.
   */
  begin(signal?: AbortSignal): Read {
    if (this.#reads >= this.#options.limits.maxReads) throw this.#full("maxReads", "reads are under way");
    this.#reads++;
    let held = 0;
    let isReady = false;
    let isOver = false;
    const ready = (): void => {
      if (!isReady) this.#reads--;
      isReady = true;
    };
    const hold = (bytes: number): void => {
      signal?.throwIfAborted();
      // One alone may have all: how large it is was decided when it was written.
      const others = this.#bytes - held;
      if (isOver || (others > 0 && others + bytes > this.#options.limits.maxReadBytes))
        throw this.#full("maxReadBytes", "bytes are kept for whoever reads");
      this.#bytes = others + bytes;
      held = bytes;
    };
    const end = (): void => {
      if (isOver) return;
      isOver = true;
      ready();
      this.#bytes -= held;
    };
    const load = <T>(work: () => Promise<T>): Promise<T> =>
      this.#load(async () => {
        signal?.throwIfAborted();
        return await work();
      });
    return { load, hold, ready, end };
  }

  async #load<T>(work: () => Promise<T>): Promise<T> {
    const loaded = this.#loading.then(work);
    // What one rejects with is not for the next.
    this.#loading = loaded.catch(() => undefined);
    return await loaded;
  }

  #full(limit: "maxReads" | "maxReadBytes", what: string): JoineryError {
    this.#options.onLimit(limit);
    return new JoineryError("SERVER_FULL", `${this.#options.limits[limit]} ${what}`, { limit });
  }
}

/** One read that is under way. */
export interface Read {
  /** Reads something from the storage when all those before it have. */
  load<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Keeps so many bytes, instead of those before.
   *
   * @throws JoineryError SERVER_FULL (backoff) when there is no room for them beside those of others.
   */
  hold(bytes: number): void;
  /** Nothing is worked on any more; what is kept is. Idempotent. */
  ready(): void;
  /** Nothing is kept any more. Idempotent. */
  end(): void;
}
