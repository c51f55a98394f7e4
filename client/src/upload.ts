import { clientFrames, FRAGMENT_ID_BYTES, inFragments } from "@joinery/shared/protocol";

const NOTHING = new Uint8Array(0);

/** A large frame on its way to the server, in parts; after a break it goes on where the server says it is. */
export class Upload {
  readonly #frame: Uint8Array;
  readonly #id: Uint8Array;
  #offset = 0;
  #state: "sending" | "asking" | "asked" = "sending";

  constructor(frame: Uint8Array, random: () => number) {
    this.#frame = frame;
    this.#id = Uint8Array.from({ length: FRAGMENT_ID_BYTES }, () => Math.floor(random() * 256));
  }

  get isDone(): boolean {
    return this.#offset >= this.#frame.length;
  }

  /** The next part; `null` when all have gone, or while the server was asked where it is. */
  next(fragmentBytes: number): Uint8Array | null {
    if (this.#state === "asked" || this.isDone) return null;
    if (this.#state === "asking") {
      this.#state = "asked";
      return clientFrames.fragment({ id: this.#id, total: this.#frame.length, offset: 0, bytes: NOTHING });
    }
    const [part] = inFragments(this.#frame, this.#id, fragmentBytes, this.#offset);
    this.#offset += fragmentBytes;
    return part ?? null;
  }

  /** The link broke; on the next one the server is asked how much it has. */
  interrupt(): void {
    this.#state = "asking";
    this.#offset = 0;
  }

  /** The server says how much it has. @returns Whether that lets it go on. */
  progress(id: Uint8Array, have: number): boolean {
    if (this.#state !== "asked" || !id.every((byte, i) => byte === this.#id[i])) return false;
    this.#state = "sending";
    // A frame that is there in whole still has to be handled in this session: its last byte does that.
    this.#offset = Math.min(have, this.#frame.length - 1);
    return true;
  }
}
