import { JoineryError } from "@joinery/shared";
import {
  decodeServerFrame,
  forEachFrame,
  type PartialFrame,
  Reassembly,
  type ServerFrame,
} from "@joinery/shared/protocol";

/** Largest frame that may come in parts; the parts take memory only as they come. */
const MAX_REASSEMBLED_BYTES = 1024 * 1024 * 1024;

export interface IncomingOptions {
  inflate(bytes: Uint8Array): Promise<Uint8Array>;
  /** The next frame; whole, and not compressed. @throws JoineryError MALFORMED_FRAME. */
  handle(frame: ServerFrame): void;
  /** What came does not fit together. */
  onBroken(thrown: unknown): void;
}

/** Puts together what comes in parts, inflates what is compressed, and keeps the order meanwhile. */
export class Incoming {
  readonly #options: IncomingOptions;
  /** A snapshot that comes in parts; survives a broken link. */
  #download: Reassembly | null = null;
  /** What came after something that is still being inflated. */
  #behind: ServerFrame[] | null = null;
  /** Greater for each session. */
  #session = 0;

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  /** What OPEN says of a download that was cut off. */
  get partial(): PartialFrame | null {
    return this.#download && { id: this.#download.id, have: this.#download.have };
  }

  /** The session is over: nothing more of it is handled. */
  end(): void {
    this.#session++;
    this.#behind = null;
  }

  /** What was cut off is of no use any more. */
  forget(): void {
    this.#download = null;
  }

  receive(frame: ServerFrame): void {
    if (this.#behind) this.#behind.push(frame);
    else if (frame.type === "fragment") this.#assemble(frame);
    else if (frame.type === "catchUp" && frame.isDeflated) this.#inflate(frame.update);
    else this.#options.handle(frame);
  }

  #assemble(fragment: Extract<ServerFrame, { type: "fragment" }>): void {
    if (!this.#download?.isOf(fragment)) this.#download = new Reassembly(fragment, MAX_REASSEMBLED_BYTES);
    const whole = this.#download.add(fragment);
    if (!whole) return;
    this.#download = null;
    forEachFrame(whole, (raw) => {
      const frame = decodeServerFrame(raw);
      if (!frame || frame.type === "fragment") throw new JoineryError("MALFORMED_FRAME", "parts of no frame");
      this.receive(frame);
    });
  }

  #inflate(bytes: Uint8Array): void {
    const session = this.#session;
    this.#behind = [];
    const goOn = (inflated: Uint8Array) => {
      if (session !== this.#session) return;
      const behind = this.#behind ?? [];
      this.#behind = null;
      this.#options.handle({ type: "catchUp", isDeflated: false, update: inflated });
      for (const frame of behind) if (session === this.#session) this.receive(frame);
    };
    this.#options
      .inflate(bytes)
      .then(goOn)
      .catch((thrown: unknown) => {
        if (session === this.#session) this.#options.onBroken(thrown);
      });
  }
}
