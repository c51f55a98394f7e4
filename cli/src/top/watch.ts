/** Asks a server how it is, again and again; through its restarts. */

import type { ServerConnection } from "../remote/connection.ts";
import { type Rates, ratesBetween, type Sample, takeSample } from "./sample.ts";

export interface Look {
  readonly sample: Sample;
  readonly rates: Rates | null;
}

export class Watch {
  readonly #connect: () => Promise<ServerConnection>;
  #connection: ServerConnection | null = null;
  #last: Sample | null = null;

  /** @param connect Finds the server: at first, and when it was lost. */
  constructor(connect: () => Promise<ServerConnection>) {
    this.#connect = connect;
  }

  /** Rejects as `ServerConnection.call`. */
  async look(): Promise<Look> {
    const sample = await this.#take();
    const rates = ratesBetween(this.#last, sample);
    this.#last = sample;
    return { sample, rates };
  }

  async #take(): Promise<Sample> {
    this.#connection ??= await this.#connect();
    try {
      return await takeSample(this.#connection);
    } catch (error) {
      this.#connection = null;
      throw error;
    }
  }
}
