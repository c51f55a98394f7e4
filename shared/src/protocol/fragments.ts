import * as encoding from "lib0/encoding";
import { equalBytes } from "../byte-reader.ts";
import { JoineryError } from "../errors.ts";
import { lengthPrefix } from "../length-prefixed.ts";
import { DOCUMENT_FRAMES } from "./frame-types.ts";
import { type Fragment, fragment } from "./two-way-frames.ts";

/** What a message of one FRAGMENT has at most besides the part, a SELECT before it included. */
export const MAX_FRAGMENT_OVERHEAD_BYTES = 64;

/**
 * Cuts a frame into FRAGMENT frames.
 *
 * @param fragmentBytes At least 1: what of the frame goes into each.
 * @param from Bytes that the other side has of it already.
 */
export function* inFragments(
  frame: Uint8Array,
  id: Uint8Array,
  fragmentBytes: number,
  from = 0,
): Iterable<Uint8Array> {
  for (const { offset, bytes } of partsOf(frame, fragmentBytes, from)) {
    yield fragment({ id, total: frame.length, offset, bytes });
  }
}

/** The same, where each goes in two parts: what stands before the bytes of the frame, and a view of these. */
export function* inUncopiedFragments(
  frame: Uint8Array,
  id: Uint8Array,
  fragmentBytes: number,
  from = 0,
): Iterable<{ readonly head: Uint8Array; readonly bytes: Uint8Array }> {
  for (const { offset, bytes } of partsOf(frame, fragmentBytes, from)) {
    yield { head: fragmentHead({ id, total: frame.length, offset }, bytes.length), bytes };
  }
}

function* partsOf(frame: Uint8Array, fragmentBytes: number, from: number) {
  if (!(fragmentBytes >= 1)) throw new RangeError(`no size: ${fragmentBytes}`);
  for (let offset = from; offset < frame.length; offset += fragmentBytes) {
    yield { offset, bytes: frame.subarray(offset, offset + fragmentBytes) };
  }
}

/** What stands in a FRAGMENT before the bytes. Not by the frames' writer, which every page would load with it. */
function fragmentHead({ id, total, offset }: Omit<Fragment, "type" | "bytes">, bytes: number): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeUint8Array(encoder, id);
  encoding.writeVarUint(encoder, total);
  encoding.writeVarUint(encoder, offset);
  const head = encoding.toUint8Array(encoder);
  return Uint8Array.of(...lengthPrefix([DOCUMENT_FRAMES.fragment], head.length + bytes), ...head);
}

/** A large frame that arrives in parts, in order. What was announced is reserved only as it comes. */
export class Reassembly {
  readonly id: Uint8Array;
  readonly total: number;
  #bytes: Uint8Array;
  #have = 0;

  /** @throws JoineryError MESSAGE_TOO_LARGE (never retry) when the frame is larger than `maxBytes`. */
  constructor({ id, total }: Fragment, maxBytes: number) {
    if (total > maxBytes) {
      throw new JoineryError("MESSAGE_TOO_LARGE", `a frame of ${total} bytes is larger than ${maxBytes}`);
    }
    this.id = new Uint8Array(id);
    this.total = total;
    this.#bytes = new Uint8Array(0);
  }

  get have(): number {
    return this.#have;
  }

  /**
   * Bytes of memory that it takes: at most twice what has come, and all of it is the frame in the end. While it grows,
   * which no other code sees, it takes once more what was there.
   */
  get reservedBytes(): number {
    return this.#bytes.length;
  }

  /** Whether a fragment is of this frame. */
  isOf({ id, total }: Fragment): boolean {
    return total === this.total && equalBytes(id, this.id);
  }

  /**
   * Takes the next part; what of it is here already changes nothing.
   *
   * @returns The frame, once: when this part made it whole.
   * @throws JoineryError MALFORMED_FRAME (never retry) when parts are missing in between, or it is of another frame.
   * Cost: copies the part, and all before it each time that they have doubled.
   */
  add(part: Fragment): Uint8Array | null {
    const { offset, bytes } = part;
    const end = offset + bytes.length;
    if (!this.isOf(part) || end > this.total) throw malformed("is of another frame");
    if (offset > this.#have) throw malformed(`starts at ${offset}, ${this.#have} are here`);
    if (end <= this.#have) return null;
    this.#reserve(end);
    this.#bytes.set(bytes, offset);
    this.#have = end;
    return end === this.total ? this.#bytes : null;
  }

  #reserve(end: number): void {
    if (end <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.min(this.total, Math.max(end, 2 * this.#bytes.length)));
    grown.set(this.#bytes.subarray(0, this.#have));
    this.#bytes = grown;
  }
}

function malformed(reason: string): JoineryError {
  return new JoineryError("MALFORMED_FRAME", `FRAGMENT frame: ${reason}`);
}
