/**
 * Decodes what structs hold, when it is asked for. Of a struct that was cut, each part has some of its ticks: parts of a
 * long one are found from where the one before ended, since they are read in order.
 */

import * as decoding from "lib0/decoding";
import { decodeUtf8 } from "lib0/string";
import { StructHead } from "./struct-head.ts";
import type { Structs } from "./structs.ts";
import { spanOf, type TickMark } from "./utf8-ticks.ts";

/** What Yjs knows contents by. */
export const ContentRef = {
  JSON: 2,
  BINARY: 3,
  STRING: 4,
  EMBED: 5,
  FORMAT: 6,
  TYPE: 7,
  ANY: 8,
  SUBDOCUMENT: 9,
} as const;

/** What Yjs knows shared types by. */
export const TypeRef = {
  MAP: 1,
  TEXT: 2,
  XML_ELEMENT: 3,
  XML_FRAGMENT: 4,
  XML_HOOK: 5,
  XML_TEXT: 6,
} as const;

/** Parts of shorter contents are found from their beginning. */
const LONG_BYTES = 256;

/** What Yjs leaves of a character of two units that something was put into. */
const HALF = "\ufffd";

export class StructContents {
  readonly #structs: Structs;
  readonly #head: StructHead;
  /** Of long structs, by their numbers. */
  readonly #marks = new Map<number, TickMark>();

  constructor(structs: Structs) {
    this.#structs = structs;
    this.#head = new StructHead(structs.updates);
  }

  /** What type a shared type is, as Yjs knows it, and its name, if it is one that has a name. */
  typeOf(struct: number): { readonly ref: number; readonly name: string } {
    const decoder = this.#decoderOf(struct);
    const ref = decoding.readVarUint(decoder);
    const isNamed = ref === TypeRef.XML_ELEMENT || ref === TypeRef.XML_HOOK;
    return { ref, name: isNamed ? decoding.readVarString(decoder) : "" };
  }

  /** @returns A view. */
  bytesOf(struct: number): Uint8Array {
    return decoding.readVarUint8Array(this.#decoderOf(struct));
  }

  embedOf(struct: number): unknown {
    return JSON.parse(decoding.readVarString(this.#decoderOf(struct)));
  }

  formatOf(struct: number): { readonly name: string; readonly value: unknown } {
    const decoder = this.#decoderOf(struct);
    const name = decoding.readVarString(decoder);
    return { name, value: JSON.parse(decoding.readVarString(decoder)) };
  }

  /** A reference to another document, with the options that Yjs keeps of it. */
  subdocumentOf(struct: number): { readonly guid: string; readonly options: unknown } {
    const decoder = this.#decoderOf(struct);
    const guid = decoding.readVarString(decoder);
    const { gc = true, autoLoad = false, meta = null } = Object(decoding.readAny(decoder));
    const options = {
      ...(!gc && { gc: false }),
      ...(autoLoad && { autoLoad: true }),
      ...(meta !== null && { meta }),
    };
    return { guid, options };
  }

  /** The values of a struct that has any. */
  *valuesOf(struct: number): Generator<unknown> {
    const decoder = this.#decoderOf(struct);
    const start = decoder.pos;
    const count = decoding.readVarUint(decoder);
    const isJson = this.#head.ref === ContentRef.JSON;
    const whole = this.#structs.wholeOf(struct);
    const from = this.#structs.clockOf(struct) - this.#structs.clockOf(whole);
    const end = Math.min(count, from + this.#structs.lengthOf(struct));
    const mark = this.#markBefore(whole, from);
    if (mark.offset > 0) decoder.pos = start + mark.offset;
    for (let tick = mark.tick; tick < end; tick++) {
      if (tick === from) this.#keepMark(whole, { tick, offset: decoder.pos - start });
      const value = isJson ? parsedJson(decoding.readVarString(decoder)) : decoding.readAny(decoder);
      if (tick >= from) yield value;
    }
  }

  /** The text of a struct that has some. @param max So many UTF-16 units from its beginning, at most. */
  textOf(struct: number, max = Number.POSITIVE_INFINITY): string {
    const structs = this.#structs;
    const bytes = this.bytesOf(struct);
    const whole = structs.wholeOf(struct);
    const from = structs.clockOf(struct) - structs.clockOf(whole);
    const length = structs.lengthOf(struct);
    const isWhole = from === 0 && (struct + 1 === structs.count || !structs.isCutOff(struct + 1));
    if (isWhole && max >= length) return decodeUtf8(bytes);
    const mark = this.#markBefore(whole, from);
    const text = textBetween(bytes, mark, from, from + Math.min(length, max));
    if (bytes.length > LONG_BYTES && max >= length) this.#keepMark(whole, mark);
    return text;
  }

  /** A mark of a struct at or before one of its ticks, which may be moved. */
  #markBefore(whole: number, tick: number): TickMark {
    const known = this.#marks.get(whole);
    return known !== undefined && known.tick <= tick ? { ...known } : { tick: 0, offset: 0 };
  }

  #keepMark(whole: number, mark: TickMark): void {
    if (mark.tick > 0) this.#marks.set(whole, mark);
  }

  #decoderOf(struct: number): decoding.Decoder {
    const head = this.#head;
    head.read(this.#structs.positionOf(struct));
    const reader = this.#structs.updates.readerAt(head.contentPosition);
    const decoder = decoding.createDecoder(reader.bytes);
    decoder.pos = reader.position;
    return decoder;
  }
}

function textBetween(utf8: Uint8Array, mark: TickMark, from: number, to: number): string {
  const { bytes, isFirstHalf, isLastHalf } = spanOf(utf8, mark, from, to);
  return (isFirstHalf ? HALF : "") + decodeUtf8(bytes) + (isLastHalf ? HALF : "");
}

/** Yjs writes undefined as this word. */
function parsedJson(text: string): unknown {
  return text === "undefined" ? undefined : JSON.parse(text);
}
