const SHORT = 2;
const LENGTH_IN_2_BYTES = 126;
const LENGTH_IN_8_BYTES = 127;
/** The longest header of a frame from a server, which masks nothing. */
const MAX_HEADER = 10;

/** Opcodes of RFC 6455. */
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/**
 * Finds the frames in what a server sends on a WebSocket, and skips what nobody wants to read: for clients that are there
 * to be sent things, more of them than one process could read the messages of.
 */
export class FrameScanner {
  /** Frames whose end has come. */
  frames = 0;
  readonly #wants: (opcode: number) => boolean;
  readonly #onFrame: (opcode: number, payload: Uint8Array) => void;
  readonly #header = new Uint8Array(MAX_HEADER);
  #headerBytes = 0;
  #opcode = 0;
  /** Of the payload that is still to come. */
  #left = 0;
  #payload: Uint8Array | null = null;

  /** @param onFrame Gets those that are wanted, with a payload of its own. */
  constructor(wants: (opcode: number) => boolean, onFrame: (opcode: number, payload: Uint8Array) => void) {
    this.#wants = wants;
    this.#onFrame = onFrame;
  }

  /** @throws Error for a frame that is part of a message: no server here cuts them. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) at = this.#scanHeader(chunk, at);
      else {
        const take = Math.min(this.#left, chunk.length - at);
        this.#payload?.set(chunk.subarray(at, at + take), this.#payload.length - this.#left);
        this.#left -= take;
        at += take;
        if (this.#left === 0) this.#end();
      }
    }
  }

  /** Returns where to go on. */
  #scanHeader(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at < chunk.length) {
      this.#header[this.#headerBytes++] = chunk[at++] as number;
      if (this.#headerBytes < SHORT || this.#headerBytes < this.#headerLength) continue;
      this.#begin();
      break;
    }
    return at;
  }

  get #headerLength(): number {
    const short = (this.#header[1] as number) & 0x7f;
    return SHORT + (short === LENGTH_IN_2_BYTES ? 2 : short === LENGTH_IN_8_BYTES ? 8 : 0);
  }

  #begin(): void {
    const [first] = this.#header;
    const view = new DataView(this.#header.buffer);
    const length = this.#headerLength;
    if (length === SHORT) this.#left = (this.#header[1] as number) & 0x7f;
    else this.#left = length === SHORT + 2 ? view.getUint16(SHORT) : Number(view.getBigUint64(SHORT));
    this.#headerBytes = 0;
    this.#opcode = (first as number) & 0x0f;
    if (((first as number) & 0x80) === 0 || this.#opcode === 0) throw new Error("a server cut a message");
    if (this.#wants(this.#opcode)) this.#payload = new Uint8Array(this.#left);
    if (this.#left === 0) this.#end();
  }

  #end(): void {
    this.frames++;
    const payload = this.#payload;
    this.#payload = null;
    if (payload !== null) this.#onFrame(this.#opcode, payload);
  }
}
