/**
 * Documents of many megabytes, made byte by byte: Yjs would take minutes for them. Each comes as updates that follow one
 * another, and as one update of some of them.
 */

import * as encoding from "lib0/encoding";

const CLIENT = 0xfedcba98;

// What a struct's first byte says: its content, and that it stands between two others.
const STRING = 4;
const FORMAT = 6;
const TYPE = 7;
const ANY = 8;
const HAS_KEY = 0x20;
const HAS_RIGHT = 0x40;
const HAS_LEFT = 0x80;

const MAP = 1;
const XML_ELEMENT = 3;
const XML_TEXT = 6;

/** Structs of one client, which stand one behind the other in an update. */
interface Batch {
  readonly clock: number;
  readonly structs: number;
  readonly bytes: Uint8Array;
}

export class LargeDocument {
  readonly #batches: Batch[] = [];
  #clock = 0;
  bytes = 0;

  /** Updates in order. */
  *updates(): Generator<Uint8Array> {
    for (let i = 0; i < this.#batches.length; i++) yield this.update(i, i + 1);
  }

  get count(): number {
    return this.#batches.length;
  }

  /** One update of some of them, from one up to another. */
  update(from: number, to: number): Uint8Array {
    const batches = this.#batches.slice(from, to);
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, 1);
    encoding.writeVarUint(
      encoder,
      batches.reduce((sum, { structs }) => sum + structs, 0),
    );
    encoding.writeVarUint(encoder, CLIENT);
    encoding.writeVarUint(encoder, batches[0]?.clock ?? 0);
    for (const { bytes } of batches) encoding.writeUint8Array(encoder, bytes);
    encoding.writeVarUint(encoder, 0);
    return encoding.toUint8Array(encoder);
  }

  /** @param write Writes a struct behind the others, that begins with a tick; returns how many ticks it has. */
  add(structs: number, write: (encoder: encoding.Encoder, clock: number) => number): void {
    const clock = this.#clock;
    const encoder = encoding.createEncoder();
    for (let i = 0; i < structs; i++) this.#clock += write(encoder, this.#clock);
    const bytes = encoding.toUint8Array(encoder);
    this.bytes += bytes.length;
    this.#batches.push({ clock, structs, bytes });
  }
}

function writeId(encoder: encoding.Encoder, clock: number): void {
  encoding.writeVarUint(encoder, CLIENT);
  encoding.writeVarUint(encoder, clock);
}

function writeRoot(encoder: encoding.Encoder, name: string): void {
  encoding.writeVarUint(encoder, 1);
  encoding.writeVarString(encoder, name);
}

const LINE = "Prose as people paste it: long lines, some with “quotes” and letters like é.\n";

/** Pasted text: few structs, and long ones. */
export function pastedProse(bytes: number, batchBytes: number): LargeDocument {
  const document = new LargeDocument();
  const text = LINE.repeat(Math.max(1, Math.round(batchBytes / 82)));
  while (document.bytes < bytes) {
    document.add(1, (encoder, clock) => {
      encoding.writeUint8(encoder, clock === 0 ? STRING : STRING | HAS_LEFT);
      if (clock === 0) writeRoot(encoder, "prose");
      else writeId(encoder, clock - 1);
      encoding.writeVarString(encoder, text);
      return text.length;
    });
  }
  return document;
}

const WORD = "words ";

/** Words that were typed into the middle of other ones: each cuts one in two, and is a struct. */
export function words(bytes: number, batchBytes: number): LargeDocument {
  const document = new LargeDocument();
  let next = 0;
  while (document.bytes < bytes) {
    document.add(Math.max(1, Math.round(batchBytes / 24)), (encoder, clock) => {
      encoding.writeUint8(encoder, clock === 0 ? STRING : STRING | HAS_LEFT | HAS_RIGHT);
      if (clock === 0) writeRoot(encoder, "words");
      else {
        const into = WORD.length * next++ + 2;
        writeId(encoder, into);
        writeId(encoder, into + 1);
      }
      encoding.writeVarString(encoder, WORD);
      return WORD.length;
    });
  }
  return document;
}

const PROPERTIES = 8;

/** What a whiteboard has, elements with properties; a list of values; and paragraphs with formatted text. */
export function elements(bytes: number, batchBytes: number): LargeDocument {
  const document = new LargeDocument();
  let number = 0;
  let lastItem = -1;
  let lastParagraph = -1;
  const shape: ((encoder: encoding.Encoder, clock: number, first: number) => number)[] = [
    (encoder) => {
      encoding.writeUint8(encoder, TYPE | HAS_KEY);
      writeRoot(encoder, "elements");
      encoding.writeVarString(encoder, `element ${number++}`);
      encoding.writeVarUint(encoder, MAP);
      return 1;
    },
    ...Array.from(
      { length: PROPERTIES },
      (_, key) => (encoder: encoding.Encoder, _: number, first: number) => {
        encoding.writeUint8(encoder, ANY | HAS_KEY);
        encoding.writeVarUint(encoder, 0);
        writeId(encoder, first);
        encoding.writeVarString(encoder, `property ${key}`);
        encoding.writeVarUint(encoder, 1);
        encoding.writeAny(encoder, (number + key) / 7);
        return 1;
      },
    ),
    (encoder, clock) => {
      encoding.writeUint8(encoder, lastItem < 0 ? ANY : ANY | HAS_LEFT);
      if (lastItem < 0) writeRoot(encoder, "list");
      else writeId(encoder, lastItem);
      encoding.writeVarUint(encoder, 3);
      for (const value of [number, `item ${number}`, true]) encoding.writeAny(encoder, value);
      lastItem = clock + 2;
      return 3;
    },
    (encoder, clock) => {
      encoding.writeUint8(encoder, lastParagraph < 0 ? TYPE : TYPE | HAS_LEFT);
      if (lastParagraph < 0) writeRoot(encoder, "page");
      else writeId(encoder, lastParagraph);
      encoding.writeVarUint(encoder, XML_ELEMENT);
      encoding.writeVarString(encoder, "paragraph");
      lastParagraph = clock;
      return 1;
    },
    (encoder) => {
      encoding.writeUint8(encoder, TYPE);
      encoding.writeVarUint(encoder, 0);
      writeId(encoder, lastParagraph);
      encoding.writeVarUint(encoder, XML_TEXT);
      return 1;
    },
    (encoder, clock) => {
      encoding.writeUint8(encoder, FORMAT);
      encoding.writeVarUint(encoder, 0);
      writeId(encoder, clock - 1);
      encoding.writeVarString(encoder, "bold");
      encoding.writeVarString(encoder, "true");
      return 1;
    },
    (encoder, clock) => {
      encoding.writeUint8(encoder, STRING | HAS_LEFT);
      writeId(encoder, clock - 1);
      encoding.writeVarString(encoder, LINE);
      return LINE.length;
    },
  ];
  while (document.bytes < bytes) {
    let first = 0;
    let step = 0;
    document.add(shape.length * Math.max(1, Math.round(batchBytes / 480)), (encoder, clock) => {
      if (step === 0) first = clock;
      const write = shape[step] as (typeof shape)[number];
      step = (step + 1) % shape.length;
      return write(encoder, clock, first);
    });
  }
  return document;
}
