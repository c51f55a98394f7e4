/**
 * What goes to a client as one message. In parts, where it is large and its bytes are somewhere already: those of a
 * document need not be there once more for each dialect.
 */
export type Frame = Uint8Array | FrameInParts;

export class FrameInParts {
  readonly head: Uint8Array;
  /** Shared with whoever else has it. */
  readonly body: Uint8Array;
  #whole: Uint8Array | null = null;

  constructor(head: Uint8Array, body: Uint8Array) {
    this.head = head;
    this.body = body;
  }

  get length(): number {
    return this.head.length + this.body.length;
  }

  /** In one piece, for who cannot write parts. Cost: copies it, the first time. */
  get whole(): Uint8Array {
    if (this.#whole === null) {
      this.#whole = new Uint8Array(this.length);
      this.#whole.set(this.head);
      this.#whole.set(this.body, this.head.length);
    }
    return this.#whole;
  }
}

/** What takes frames, be it only in one piece. */
interface FrameOutbox {
  send(frames: readonly Uint8Array[]): void;
  sendParts?(frames: readonly Frame[]): void;
}

/** Sends frames in parts where the outbox takes them, else put together. */
export function sendFrames(outbox: FrameOutbox, frames: readonly Frame[]): void {
  if (outbox.sendParts) outbox.sendParts(frames);
  else outbox.send(frames.every(isWhole) ? frames : frames.map(wholeFrame));
}

/** A frame in one piece. */
export function wholeFrame(frame: Frame): Uint8Array {
  return isWhole(frame) ? frame : frame.whole;
}

function isWhole(frame: Frame): frame is Uint8Array {
  return frame instanceof Uint8Array;
}
