import * as encoding from "lib0/encoding";
import { lengthPrefixed } from "../length-prefixed.ts";
import { type BranchId, FRAGMENT_ID_BYTES, type LineageId } from "./frame-types.ts";

/** Writes the payload of one frame, and then the frame. What no frame can say is a RangeError: a programmer's error. */
export class FrameWriter {
  readonly #type: number;
  readonly #encoder = encoding.createEncoder();

  constructor(type: number) {
    this.#type = type;
  }

  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no integer: ${value}`);
    encoding.writeVarUint(this.#encoder, value);
    return this;
  }

  /** A length and UTF-8. */
  string(value: string): this {
    encoding.writeVarString(this.#encoder, value);
    return this;
  }

  /** A length and bytes. */
  bytes(value: Uint8Array): this {
    encoding.writeVarUint8Array(this.#encoder, value);
    return this;
  }

  fragmentId(value: Uint8Array): this {
    if (value.length !== FRAGMENT_ID_BYTES) throw new RangeError(`no id: ${value}`);
    encoding.writeUint8Array(this.#encoder, value);
    return this;
  }

  lineage(value: LineageId): this {
    return this.#hex(value, 32);
  }

  branch(value: BranchId): this {
    return this.#hex(value, 16);
  }

  #hex(value: string, digits: number): this {
    if (value.length !== digits || /[^0-9a-f]/.test(value)) throw new RangeError(`no id: ${value}`);
    for (const byte of value.match(/../g) ?? []) {
      encoding.writeUint8(this.#encoder, Number.parseInt(byte, 16));
    }
    return this;
  }

  /** The frame. @param rest What the payload ends with; copied once. */
  end(rest?: Uint8Array): Uint8Array {
    const head = encoding.toUint8Array(this.#encoder);
    return makeFrame(this.#type, head, rest);
  }
}

/** A frame, made in one piece. @param head What the payload begins with. Default: it is empty. */
export function makeFrame(type: number, head: Uint8Array = new Uint8Array(0), rest?: Uint8Array): Uint8Array {
  return lengthPrefixed([type], head, rest);
}
