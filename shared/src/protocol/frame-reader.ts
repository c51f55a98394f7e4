import { ByteReader } from "../byte-reader.ts";
import {
  type BranchId,
  CONNECTION_FRAMES,
  DOCUMENT_FRAMES,
  FIRST_OPTIONAL_FRAME,
  FRAGMENT_ID_BYTES,
  type LineageId,
} from "./frame-types.ts";

/** Reads the payload of one frame. @throws JoineryError MALFORMED_FRAME (never retry), naming the frame and the byte. */
export class FrameReader extends ByteReader {
  constructor(payload: Uint8Array, what: string) {
    super(payload, `${what} frame`, "MALFORMED_FRAME");
  }

  lineage(): LineageId {
    return this.#hex(16);
  }

  branch(): BranchId {
    return this.#hex(8);
  }

  #hex(bytes: number): string {
    let digits = "";
    for (let i = 0; i < bytes; i++) digits += this.byte().toString(16).padStart(2, "0");
    return digits;
  }

  /** As a view. */
  fragmentId(): Uint8Array {
    return this.raw(FRAGMENT_ID_BYTES);
  }

  /** All that is left, as a view. */
  rest(): Uint8Array {
    return this.raw(this.remaining);
  }

  /** A number of which only those below `end` mean something. */
  oneOf(end: number, what: string): number {
    const value = this.varUint();
    if (value >= end) this.fail(`${what} ${value} is unknown`);
    return value;
  }

  /** The number of one of a list. */
  choice<Choice>(list: readonly Choice[], what: string): Choice {
    return list[this.oneOf(list.length, what)] as Choice;
  }

  flag(): boolean {
    return this.oneOf(2, "flag") === 1;
  }
}

/** One frame as it lies in a message. */
export interface RawFrame {
  readonly type: number;
  /** A view into the message. */
  readonly payload: Uint8Array;
}

/** By type: their names. */
const KNOWN: ReadonlyMap<number, string> = new Map(
  Object.entries({ ...CONNECTION_FRAMES, ...DOCUMENT_FRAMES }).map(([name, type]) => [type, name]),
);

/**
 * Most frames that a message of a client may have. A frame may be two bytes, so without it one message would be eight
 * million frames, each with an answer. As many as a client with a thousand documents has to say at once, ten times.
 */
export const MAX_CLIENT_FRAMES = 10_000;

/**
 * Calls back for each frame of a message, in order; optional ones that are unknown are left out.
 *
 * @param maxFrames A message with more is refused when it comes to that; those left out count.
 * @throws JoineryError MALFORMED_FRAME (never retry). What came before has been called back for.
 * Cost: linear in frames, not in bytes.
 */
export function forEachFrame(
  message: Uint8Array,
  callback: (frame: RawFrame) => void,
  maxFrames = Number.POSITIVE_INFINITY,
): void {
  const reader = new ByteReader(message, "message", "MALFORMED_FRAME");
  if (reader.remaining === 0) reader.fail("has no frame");
  for (let frames = 1; reader.remaining > 0; frames++) {
    if (frames > maxFrames) reader.fail(`has more than ${maxFrames} frames`);
    const type = reader.varUint();
    const payload = reader.varBytes();
    if (KNOWN.has(type)) callback({ type, payload });
    else if (type < FIRST_OPTIONAL_FRAME) reader.fail(`frame of type ${type} is unknown`);
  }
}

type FieldsOf<Frame, Name> = Frame extends { readonly type: infer Type }
  ? Name extends Type
    ? Omit<Frame, "type">
    : never
  : never;

/** Of the frames that one side sends, how the payload of each is read, to its end: its fields, in their order. */
export type Payloads<Frame extends { readonly type: string }> = {
  readonly [Name in Frame["type"]]: (reader: FrameReader) => FieldsOf<Frame, Name>;
};

/** @returns `null` for a frame that is none of them. @throws JoineryError MALFORMED_FRAME (never retry). */
export function readFrame<Frame extends { readonly type: string }>(
  payloads: Payloads<Frame>,
  frame: RawFrame,
): Frame | null {
  // reason: of a name that is none of theirs there is no function.
  const type = KNOWN.get(frame.type) as Frame["type"];
  const read = payloads[type];
  if (!read) return null;
  const reader = new FrameReader(frame.payload, type);
  // reason: the fields of each type are read by the function under its name.
  const decoded = { type, ...read(reader) } as unknown as Frame;
  reader.end();
  return decoded;
}

/**
 * Reads what the parts of a fragmented frame made: one frame about an open document, and no fragment itself.
 *
 * @throws JoineryError MALFORMED_FRAME (never retry).
 */
export function readReassembled(bytes: Uint8Array): RawFrame {
  const reader = new ByteReader(bytes, "fragmented frame", "MALFORMED_FRAME");
  const type = reader.varUint();
  if (!isFragmented(type)) reader.fail(`frame of type ${type} is unknown`);
  return { type, payload: reader.lastBytes() };
}

/** Frames travel in fragments on a channel, which OPEN begins: it has the lowest type of a document's frames. */
function isFragmented(type: number): boolean {
  const { open, fragment, progress } = DOCUMENT_FRAMES;
  return KNOWN.has(type) && type > open && type !== fragment && type !== progress;
}
