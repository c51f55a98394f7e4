import { FRAGMENT_ID_BYTES, inUncopiedFragments, type PartialFrame } from "@joinery/shared/protocol";
import { type Frame, FrameInParts } from "../../engine/frame.ts";

interface Fragmented {
  readonly id: Uint8Array;
  readonly fragments: readonly Frame[];
}

/**
 * Large frames, cut into fragments: each once, and the same bytes for all who are sent it, for as long as the frame
 * itself lives, whose bytes they are views of. Its id is made of what is in it, so that somebody who was cut off goes on
 * where he was, be it on another process.
 */
export class LargeFrames {
  readonly #fragmentBytes: number;
  readonly #known = new WeakMap<Uint8Array, Fragmented>();

  constructor(fragmentBytes: number) {
    this.#fragmentBytes = fragmentBytes;
  }

  /** Larger frames go in fragments. */
  isLarge(frame: Uint8Array): boolean {
    return frame.length > this.#fragmentBytes;
  }

  /**
   * @param partial What the client has of some frame; if it is of this one, only the rest is sent.
   * @returns Fragments, and whether the client goes on from what it has.
   * Cost: the first time, one pass over the frame.
   */
  cut(
    frame: Uint8Array,
    partial: PartialFrame | null,
  ): { readonly fragments: readonly Frame[]; readonly isResumed: boolean } {
    const { id, fragments } = this.#fragmentsOf(frame);
    const isResumed =
      partial !== null && partial.have < frame.length && id.every((byte, i) => byte === partial.id[i]);
    if (!isResumed) return { fragments, isResumed };
    const { have } = partial;
    if (have % this.#fragmentBytes === 0) {
      return { fragments: fragments.slice(have / this.#fragmentBytes), isResumed };
    }
    return { fragments: this.#inParts(frame, id, have), isResumed };
  }

  #fragmentsOf(frame: Uint8Array): Fragmented {
    let known = this.#known.get(frame);
    if (!known) {
      const id = digestOf(frame);
      known = { id, fragments: this.#inParts(frame, id, 0) };
      this.#known.set(frame, known);
    }
    return known;
  }

  #inParts(frame: Uint8Array, id: Uint8Array, from: number): Frame[] {
    const fragments = inUncopiedFragments(frame, id, this.#fragmentBytes, from);
    return Array.from(fragments, ({ head, bytes }) => new FrameInParts(head, bytes));
  }
}

/** Two 32-bit hashes (FNV-1a over words, then mixed): enough to tell frames of one document apart. */
function digestOf(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let a = 0x811c9dc5 ^ frame.length;
  let b = 0x9747b28c ^ frame.length;
  const words = frame.length >>> 2;
  for (let i = 0; i < words; i++) {
    const word = view.getUint32(i * 4, true);
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul((b ^ (b >>> 15)) + word, 0x85ebca6b);
  }
  for (let i = words * 4; i < frame.length; i++) {
    a = Math.imul(a ^ (frame[i] as number), 0x01000193);
    b = Math.imul((b ^ (b >>> 15)) + (frame[i] as number), 0x85ebca6b);
  }
  const id = new Uint8Array(FRAGMENT_ID_BYTES);
  const idView = new DataView(id.buffer);
  idView.setUint32(0, a ^ (a >>> 13));
  idView.setUint32(4, b ^ (b >>> 16));
  return id;
}
