import { clientFrames, FRAGMENT_ID_BYTES } from "@joinery/shared/protocol";
import type { Environment } from "./ports.ts";

/** A large frame on its way to the server, in parts; after a break it goes on where the server says it is. */
export class Upload {
  /** Under which the server acknowledges it; 0 for a frame that has none. */
  readonly number: number;
  readonly #frame: Uint8Array;
  readonly #id: Uint8Array;
  #offset = 0;
  /** What the server has of it, as far as it said. */
  #have = 0;
  #state: "sending" | "asking" | "asked" = "sending";
  #losses = 0;

  constructor(frame: Uint8Array, number: number, environment: Environment) {
    this.#frame = frame;
    this.number = number;
    this.#id = Uint8Array.from({ length: FRAGMENT_ID_BYTES }, () => Math.floor(environment.random() * 256));
  }

  /** Whether the server was asked how much it has, and did not say. */
  get isAsked(): boolean {
    return this.#state === "asked";
  }

  /** How often the server let go of what had arrived of it. */
  get losses(): number {
    return this.#losses;
  }

  /** The next part, or none of it to ask; `null` when the server has to say something first. */
  next(fragmentBytes: number): Uint8Array | null {
    const { length: total } = this.#frame;
    const isAsking = this.#state === "asking";
    if (this.isAsked || (!isAsking && this.#offset >= total)) return null;
    if (isAsking) this.#state = "asked";
    const offset = isAsking ? 0 : this.#offset;
    const bytes = this.#frame.subarray(offset, isAsking ? 0 : offset + fragmentBytes);
    this.#offset += bytes.length;
    return clientFrames.fragment({ id: this.#id, total, offset, bytes });
  }

  /** Nobody knows how much has arrived: the server is asked, before anything else is sent. */
  interrupt(): void {
    this.#state = "asking";
  }

  /** The server says how much it has. @returns Whether that is all, so that the server has handled it. */
  progress(id: Uint8Array, have: number): boolean {
    if (String(id) !== String(this.#id)) return false;
    const { length } = this.#frame;
    const isSending = this.#state === "sending";
    // What the server says of parts that were under way when it let go is the same, and no loss.
    const isLoss = have < this.#have;
    if (isLoss) this.#losses++;
    if (!isSending || isLoss) {
      // A frame that is there in whole still has to be handled in this session: its last byte does that.
      this.#offset = Math.min(have, length - 1);
      this.#state = "sending";
    }
    this.#have = have;
    return isSending && have >= length;
  }
}
