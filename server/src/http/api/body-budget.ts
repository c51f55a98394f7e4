import type { ServerResponse } from "node:http";
import { JoineryError, type Limits } from "@joinery/shared";

/** The memory that the bodies of all requests take together, from their first byte to the answer. */
export class BodyBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxApiPendingBytes }: Pick<Limits, "maxApiPendingBytes">) {
    this.#maxBytes = maxApiPendingBytes;
  }

  /** Of all bodies that are held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes up the body of a request, until that is answered.
   *
   * @returns What is told of every piece. It throws JoineryError SERVER_FULL (backoff).
   */
  open(outgoing: ServerResponse): (bytes: number) => void {
    let taken = 0;
    outgoing.once("close", () => {
      this.#bytes -= taken;
    });
    return (bytes) => {
      if (this.#bytes + bytes > this.#maxBytes) {
        throw new JoineryError("SERVER_FULL", "the server reads as much as it can hold", {
          limit: "maxApiPendingBytes",
        });
      }
      this.#bytes += bytes;
      taken += bytes;
    };
  }
}
